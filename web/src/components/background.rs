//! What stands behind the thing that is chosen: the settings that it was given, and what has happened to it.

use super::deeds;
use super::events::line;
use super::inspector::Props;
use crate::engine::News;
use crate::i18n::S;
use crate::sim::Scope;
use sim_core::view::View;
use stage::Pick;
use yew::prelude::*;

/// More lines than anybody reads.
const LISTED: usize = 40;

/// Settings and history of what is chosen, where it has any.
pub fn background(view: &View, props: &Props) -> Html {
    let Some(thing) = props.state.selected.filter(|_| props.state.message.is_none()).and_then(|pick| thing(view, pick)) else {
        return Html::default();
    };
    let given = props.state.facts().map(|facts| facts.given.as_slice()).unwrap_or_default();
    let settings = given.iter().filter(|g| Some(g.scope) == thing.scope && g.owner == thing.owner);
    let told = props.snapshot.outcome.as_ref().map(|outcome| outcome.told.clone()).unwrap_or_default();
    let events: Vec<&News> = told.iter().filter(|news| mentions(&news.text, &thing.called)).take(LISTED).collect();
    html! {
        <>
            if thing.scope.is_some() {
                <h3>{ S.its_settings }</h3>
                <dl class="facts" data-testid="its-settings">
                    { for settings.map(|g| html! { <div><dt class="mono">{ &g.property }</dt><dd class="mono">{ &g.value }</dd></div> }) }
                </dl>
                <p class="soft">{ S.rest_is_default }</p>
            }
            if !events.is_empty() {
                <h3>{ S.its_history }</h3>
                <ol class="lines" data-testid="history">{ for events.iter().map(|news| line(news, props.snapshot.now, &props.send)) }</ol>
            }
        </>
    }
}

/// Whose settings they are, and what the words of events call it.
struct Thing {
    scope: Option<Scope>,
    owner: String,
    called: String,
}

fn thing(view: &View, pick: Pick) -> Option<Thing> {
    let of = |scope, owner: &str, called: String| Some(Thing { scope, owner: owner.to_owned(), called });
    match pick {
        Pick::Broker(id) => of(Some(Scope::Broker), "", format!("broker {}", id.0)),
        Pick::Controller(id) => of(None, "", format!("controller {}", id.0)),
        Pick::Replica(_, id) | Pick::Cell { partition: id, .. } => {
            let partition = view.partitions.get(id.ix())?;
            of(Some(Scope::Topic), deeds::topic_of(partition), partition.name.clone())
        }
        Pick::Producer(id) => {
            let name = &view.producers.get(id.ix())?.name;
            of(Some(Scope::Producer), name, name.clone())
        }
        Pick::Consumer(id) => {
            let c = view.consumers.get(id.ix())?;
            of(Some(Scope::Consumer), &c.group_name, format!("{} member {}", c.group_name, c.member + 1))
        }
        Pick::Store(_) | Pick::Packet(_) | Pick::Link(..) | Pick::Legend => None,
    }
}

/// Is this thing named there, and not one whose name only begins or ends like its?
fn mentions(text: &str, name: &str) -> bool {
    let edge = |c: Option<char>| c.is_none_or(|c| !c.is_ascii_alphanumeric() && c != '-');
    text.match_indices(name).any(|(at, _)| edge(text[..at].chars().next_back()) && edge(text[at + name.len()..].chars().next()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_within_a_name_is_another_one() {
        assert!(mentions("broker 1 crashes; its page cache survives", "broker 1"));
        assert!(!mentions("broker 10 crashes", "broker 1"));
        assert!(!mentions("the ISR of big-payments-0 shrinks", "payments-0"));
        assert!(mentions("broker 2 is elected leader of payments-0", "payments-0"));
    }
}
