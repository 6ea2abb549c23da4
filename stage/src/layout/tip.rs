//! A few words beside what is pointed at: the whole of a name that was cut, and what the marks there say.

use crate::geom::{Point, Rect, Size};
use crate::layout::nodes::leaderless;
use crate::layout::packets::{kind, word};
use crate::paint::{Role, TextStyle};
use crate::scene::{Pen, Pick};
use crate::text::{Face, fit_middle, grouped, width};
use crate::theme::Token;
use crate::words::{Words, fill};
use sim_core::ids::*;
use sim_core::view::{PacketView, PartitionView, ReplicaView, View};

/// Height of a line.
const LINE: f64 = 16.0;
const SIZE: f64 = 11.0;

/// The lines for a pick; none where the picture says it all.
pub fn lines(view: &View, pick: Pick, words: &Words) -> Vec<String> {
    let lines = match pick {
        Pick::Replica(broker, p) => of_replica(view, broker, p, words).map(|(_, _, lines)| lines),
        Pick::Cell { broker, partition, base, count, .. } => {
            of_replica(view, broker, partition, words).map(|(_, replica, mut lines)| {
                let last = base.plus(count.saturating_sub(1));
                let offsets = if last > base { format!("{base}–{last}") } else { base.to_string() };
                let committed = base.plus(count) <= replica.high_watermark;
                let state = if committed { words.legend_committed } else { words.legend_appended };
                let kept = if base.plus(count) <= replica.flushed { words.legend_disk } else { words.page_cache };
                lines.push(format!("{}: {state}, {kept}", fill(words.offsets, offsets)));
                lines
            })
        }
        Pick::Packet(id) => view.packets.iter().find(|p| p.id == id).map(|p| of_packet(view, p, words)),
        Pick::Producer(_) | Pick::Consumer(_) => of_client(view, pick, words),
        Pick::Controller(id) => Some(of_controller(view, id, words)),
        Pick::Link(a, b) => Some(vec![format!("{} – {}", name(view, a, words), name(view, b, words))]),
        Pick::Broker(_) | Pick::Store(_) | Pick::Legend => None,
    };
    lines.unwrap_or_default()
}

type OfReplica<'a> = (&'a PartitionView, &'a ReplicaView, Vec<String>);

fn of_replica<'a>(view: &'a View, broker: BrokerId, partition: PartitionId, words: &Words) -> Option<OfReplica<'a>> {
    let at = view.partitions.get(partition.ix())?;
    let replicas =
        || view.brokers.iter().flat_map(|b| b.replicas.iter().map(move |r| (b.id, r))).filter(|(_, r)| r.partition == partition);
    let (_, replica) = replicas().find(|(b, _)| *b == broker)?;
    let role = match (at.leader == Some(broker), at.isr.contains(broker)) {
        (true, _) => words.leader,
        (false, true) => words.in_isr,
        (false, false) => words.out_of_isr,
    };
    let mut lines = vec![
        at.name.clone(),
        format!("{} {}: {role}", words.broker, broker.0),
        format!("ISR {} / {}, min {}", at.isr.len(), at.replicas.len(), at.min_isr),
        format!("{} {}, {} {}", words.high_watermark, replica.high_watermark, words.log_end, replica.log_end),
    ];
    let behind = replicas().map(|(_, r)| r.log_end.0).max().unwrap_or(0) - replica.log_end.0;
    if behind > 0 {
        lines.push(fill(words.behind, grouped(behind.unsigned_abs())));
    }
    Some((at, replica, lines))
}

fn of_controller(view: &View, id: ControllerId, words: &Words) -> Vec<String> {
    let mut lines = vec![name(view, NodeId::Controller(id), words)];
    if view.controllers.iter().any(|c| c.id == id && c.active) {
        lines[0] += &format!(", {}", words.active);
        lines.extend(leaderless(view, words));
    }
    lines
}

fn of_packet(view: &View, packet: &PacketView, words: &Words) -> Vec<String> {
    let what = if packet.response { words.legend_response } else { "" };
    let mut first = format!("{} {what}", word(kind(packet.api), words));
    if packet.records > 0 {
        first += &format!(" ({})", grouped(packet.records.into()));
    }
    vec![first, format!("{} → {}", name(view, packet.from, words), name(view, packet.to, words))]
}

fn name(view: &View, node: NodeId, words: &Words) -> String {
    match node {
        NodeId::Broker(b) => format!("{} {}", words.broker, b.0),
        NodeId::Controller(c) => fill(words.controller_n, c.0),
        NodeId::Producer(p) => view.producers.get(p.ix()).map_or_else(String::new, |p| p.name.clone()),
        NodeId::Consumer(c) => {
            view.consumers.get(c.ix()).map_or_else(String::new, |c| format!("{} {}", c.group_name, c.member + 1))
        }
        NodeId::Store(s) => s.to_string(),
    }
}

fn of_client(view: &View, pick: Pick, words: &Words) -> Option<Vec<String>> {
    const MOST: usize = 8;
    match pick {
        Pick::Producer(id) => Some(vec![view.producers.get(id.ix())?.name.clone()]),
        Pick::Consumer(id) => {
            let consumer = view.consumers.get(id.ix())?;
            let mut lines = vec![format!("{}, {} {}", consumer.group_name, words.member, consumer.member + 1)];
            let names = consumer.partitions.iter().filter_map(|a| view.partitions.get(a.partition.ix()));
            lines.extend(names.take(MOST).map(|p| format!("← {}", p.name)));
            let more = consumer.partitions.len().saturating_sub(MOST);
            lines.extend((more > 0).then(|| fill(words.more, more)));
            Some(lines)
        }
        _ => None,
    }
}

/// Draws the lines above what is pointed at, or below it where there is no room.
pub fn draw(pen: &mut Pen, lines: &[String], near: Rect, size: Size) {
    let most = size.w - 24.0;
    let lines: Vec<String> = lines.iter().map(|line| fit_middle(line, Face::Mono, SIZE, most)).collect();
    let w = lines.iter().map(|line| width(line, Face::Mono, SIZE)).fold(0.0, f64::max) + 16.0;
    let h = lines.len() as f64 * LINE + 8.0;
    let above = near.y - h - 6.0;
    let y = if above >= 2.0 { above } else { (near.bottom() + 6.0).min(size.h - h - 2.0) };
    let x = near.center().x - w / 2.0;
    let rect = Rect::new(x.min(size.w - w - 2.0).max(2.0), y, w, h);
    pen.rect(Role::Tip, rect, 5.0, Some(Token::Ink), None);
    for (i, line) in lines.into_iter().enumerate() {
        let at = Point::new(rect.x + 8.0, rect.y + 4.0 + (i as f64 + 0.5) * LINE);
        let style = TextStyle::mono(SIZE, Token::Ground);
        pen.text(at, line, if i == 0 { style.bold() } else { style });
    }
}
