//! What came of the messages: the counts now and at the end.

use super::controls::on;
use super::{Msg, Snapshot};
use crate::i18n::S;
use crate::sim::{GroupTally, Tally};
use crate::state::Action;
use sim_core::ids::MessageId;
use stage::text::grouped;
use stage::words::fill;
use yew::prelude::*;

/// One line of the table: its name, its test name, its class, how it is read from a tally.
type Row = (&'static str, &'static str, &'static str, fn(&Tally) -> u64);

fn sum(tally: &Tally, of: fn(&GroupTally) -> u64) -> u64 {
    tally.groups.iter().map(of).sum()
}

const ROWS: [Row; 8] = [
    (S.intended, "intended", "", |t| u64::from(t.intended)),
    (S.acked, "acked", "", |t| u64::from(t.acked)),
    (S.rejected, "rejected", "warn", |t| u64::from(t.rejected)),
    (S.unknown, "unknown", "warn", |t| u64::from(t.unknown)),
    (S.ok, "ok", "good", |t| sum(t, |g| u64::from(g.ok))),
    (S.lost, "lost", "danger", |t| sum(t, |g| u64::from(g.lost))),
    (S.duplicated, "duplicated", "twice", |t| sum(t, |g| u64::from(g.duplicated))),
    (S.pending, "pending", "", |t| sum(t, |g| u64::from(g.pending))),
];

/// The table of counts, with a sentence.
pub fn outcome_table(snap: &Snapshot, charts: bool, send: &Callback<Msg>) -> Html {
    let toggle = on(send, Msg::Act(Action::Charts(!charts)));
    let end = snap.outcome.as_ref().map(|o| &o.tally);
    let several = snap.tally.groups.len() > 1;
    html! {
        <section class="card outcome" aria-labelledby="outcome-title" data-testid="outcome" data-at={snap.now.0.to_string()}>
            <div class="head">
                <h2 id="outcome-title">{ S.outcome }</h2>
                <button type="button" class="chip" aria-pressed={charts.to_string()} title={S.charts_button} onclick={toggle} data-testid="charts-toggle">{ S.charts }</button>
            </div>
            { sentence(end) }
            <table>
                <thead><tr>
                    <td></td><th scope="col">{ S.now }</th><th scope="col">{ S.at_end }</th>
                    if let Some((name, _)) = &snap.other { <th scope="col" class="other" title={name.clone()}>{ name }</th> }
                </tr></thead>
                <tbody>
                    { for ROWS.iter().map(|row| line(row, &snap.tally, end, snap.other.as_ref().map(|(_, tally)| tally))) }
                </tbody>
            </table>
            if several { { groups(&snap.tally, end) } }
        </section>
    }
}

fn sentence(end: Option<&Tally>) -> Html {
    let Some(end) = end else { return html! { <p class="verdict">{ S.loading }{ "…" }</p> } };
    let (lost, doubled) = (sum(end, |g| u64::from(g.lost)), sum(end, |g| u64::from(g.duplicated)));
    let (class, text) = match (lost, doubled) {
        (0, 0) => ("verdict good", S.verdict_fine.to_string()),
        (0, 1) => ("verdict twice", S.verdict_duplicated_one.to_string()),
        (0, n) => ("verdict twice", fill(S.verdict_duplicated, grouped(n))),
        (1, _) => ("verdict danger", S.verdict_lost_one.to_string()),
        (n, _) => ("verdict danger", fill(S.verdict_lost, grouped(n))),
    };
    html! { <p class={class} role="status" data-testid="verdict">{ text }</p> }
}

fn line((name, test, class, read): &Row, now: &Tally, end: Option<&Tally>, other: Option<&Tally>) -> Html {
    let (now, end, other) = (read(now), end.map(read), other.map(read));
    let loud = |n: u64| if n > 0 { *class } else { "" };
    html! {
        <tr>
            <th scope="row">{ name }</th>
            <td class={loud(now)} data-testid={format!("count-{test}")}>{ grouped(now) }</td>
            <td class={loud(end.unwrap_or(0))} data-testid={format!("end-{test}")}>{ end.map_or("…".into(), grouped) }</td>
            if let Some(n) = other { <td class={loud(n)} data-testid={format!("other-{test}")}>{ grouped(n) }</td> }
        </tr>
    }
}

/// Lost and doubled by group, when there are several.
fn groups(now: &Tally, end: Option<&Tally>) -> Html {
    let pick = |t: &GroupTally| (t.ok, t.lost, t.duplicated);
    html! {
        <table class="groups">
            <thead><tr><th scope="col">{ S.group }</th><th scope="col">{ S.ok }</th><th scope="col">{ S.lost }</th><th scope="col">{ S.duplicated }</th></tr></thead>
            <tbody>
                { for end.unwrap_or(now).groups.iter().map(|g| {
                    let (ok, lost, twice) = pick(g);
                    html! {
                        <tr>
                            <th scope="row">{ &g.name }</th>
                            <td>{ grouped(u64::from(ok)) }</td>
                            <td class={if lost > 0 { "danger" } else { "" }} data-testid={format!("count-lost-{}", g.name)}>{ grouped(u64::from(lost)) }</td>
                            <td class={if twice > 0 { "twice" } else { "" }}>{ grouped(u64::from(twice)) }</td>
                        </tr>
                    }
                }) }
            </tbody>
        </table>
    }
}

const LISTED: usize = 24;

/// The first messages of a kind; a click follows one.
pub fn message_list(messages: &[MessageId], title: &'static str, testid: &'static str, send: &Callback<Msg>) -> Html {
    let total = messages.len();
    if total == 0 {
        return Html::default();
    }
    html! {
        <div class="messages" data-testid={testid}>
            <h3>{ title } <span class="count">{ grouped(total as u64) }</span></h3>
            <ul>
                { for messages.iter().take(LISTED).map(|m| {
                    let id = *m;
                    let follow = on(send, Msg::Act(Action::Follow(Some(id))));
                    html! { <li><button type="button" class="chip mono" onclick={follow} data-testid="message-chip">{ id.to_string() }</button></li> }
                }) }
                if total > LISTED { <li class="rest">{ fill(S.and_more, grouped((total - LISTED) as u64)) }</li> }
            </ul>
        </div>
    }
}
