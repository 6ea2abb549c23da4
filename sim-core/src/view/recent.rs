//! What happened a moment ago, read off the trace: for the marks that stay a moment where something happened.

use crate::history::History;
use crate::ids::*;
use crate::time::{SimDuration, SimTime};
use crate::trace::{Api, DropReason, TraceEvent, TraceId, Wall, What};
use crate::view::View;
use crate::world::World;

/// Nothing older counts as recent.
const LOOK_BACK: SimDuration = SimDuration(500_000);
/// Nor does what has more events than this after it, so that a look costs little in the busiest run.
const MAX_EVENTS: usize = 16_384;
/// The most happenings of a view; the newest count.
const MAX_HAPPENINGS: usize = 64;

/// Something that happened a moment ago.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Happening {
    /// When.
    pub at: SimTime,
    /// What.
    pub what: Happened,
}

/// What can be seen happening, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Happened {
    /// A packet was lost for good.
    Dropped {
        /// From.
        from: NodeId,
        /// To.
        to: NodeId,
        /// What it asked for or answered.
        api: Api,
        /// It had come to its receiver. False: it was lost on its way.
        arrived: bool,
    },
    /// A process crashed.
    Crashed {
        /// Whose.
        node: NodeId,
    },
    /// Records went from the end of a log.
    LogCut {
        /// Whose.
        broker: BrokerId,
        /// The partition.
        partition: PartitionId,
        /// The log end before.
        from: Offset,
        /// The log end after.
        to: Offset,
        /// They were not on the disk (D-3). False: they were cut off.
        power: bool,
    },
    /// A partition has another leader, or none.
    Elected {
        /// The partition.
        partition: PartitionId,
        /// The leader before.
        old: Option<BrokerId>,
        /// The leader now.
        new: Option<BrokerId>,
        /// It was not known to have every committed record (C-15).
        unclean: bool,
    },
    /// A duplicate was recognised: by the broker's sequence check (L-11), or by what the handler asked.
    Absorbed {
        /// Who had sent or handled it again.
        from: NodeId,
        /// What recognised it.
        wall: NodeId,
    },
    /// A message was done once more.
    DoneAgain {
        /// By whom, or in which store.
        place: NodeId,
    },
}

impl Happened {
    /// How long it counts as recent: half a second at most. Of what comes by the hundred only the newest is worth a mark.
    pub fn stays(&self) -> SimDuration {
        match self {
            Happened::Dropped { .. } | Happened::Absorbed { .. } => SimDuration(60_000),
            Happened::Crashed { .. } | Happened::DoneAgain { .. } => SimDuration(200_000),
            Happened::LogCut { .. } | Happened::Elected { .. } => LOOK_BACK,
        }
    }
}

impl History {
    /// The picture of the present, with what happened a moment ago, and where a message is that is watched.
    pub fn view(&self, watched: Option<MessageId>) -> View {
        let past = &self.trace()[..self.present_len()];
        let mut view = View { recent: recent(past, self.world()), ..self.world().view() };
        if let Some(message) = watched {
            self.world().mark_holders(&mut view, message);
        }
        view
    }
}

/// What happened in the last moment of `past`, newest first.
fn recent(past: &[TraceEvent], world: &World) -> Vec<Happening> {
    let mut found: Vec<Happening> = Vec::new();
    // Repeated effects that came after the one that is looked at, by whose business they are.
    let mut later: Vec<(GroupId, MessageId)> = Vec::new();
    let window = past.iter().rev().take(MAX_EVENTS);
    for event in window.take_while(|event| event.at + LOOK_BACK >= world.now()) {
        let what = match event.what {
            What::Effect { consumer, message, .. } => {
                let doing = (world.layout.business_of(consumer), message);
                let count = world.ledger().group(doing.0).effect(message).count;
                let since = later.iter().filter(|done| **done == doing).count() as u32;
                later.extend((count > 1).then_some(doing));
                (count > since + 1).then(|| Happened::DoneAgain { place: place_of(past, event.cause, consumer) })
            }
            What::Dropped { packet, reason } => dropped(past, event.cause, reason, packet),
            ref what => plain(what, world),
        };
        let what = what.filter(|what| event.at + what.stays() >= world.now());
        found.extend(what.map(|what| Happening { at: event.at, what }));
        if found.len() == MAX_HAPPENINGS {
            break;
        }
    }
    found
}

/// What one event tells by itself.
fn plain(what: &What, world: &World) -> Option<Happened> {
    Some(match *what {
        What::Crashed { node, .. } => Happened::Crashed { node },
        What::Truncated { broker, partition, from, to, .. } if to < from => {
            Happened::LogCut { broker, partition, from, to, power: false }
        }
        What::TailLost { broker, partition, from, to, .. } => Happened::LogCut { broker, partition, from, to, power: true },
        // The very first leader, of epoch 0, is no change.
        What::LeaderElected { partition, old, new, epoch, unclean, .. } if epoch.0 > 0 => {
            Happened::Elected { partition, old, new, unclean }
        }
        What::Deduplicated { broker, batch, .. } => {
            let message = world.ledger().messages_of(batch).next()?;
            let from = NodeId::Producer(world.ledger().message(message).producer);
            Happened::Absorbed { from, wall: NodeId::Broker(broker) }
        }
        What::Absorbed { consumer, by, .. } => {
            let store = if by == Wall::Redis { StoreId::Redis } else { StoreId::Database };
            Happened::Absorbed { from: NodeId::Consumer(consumer), wall: NodeId::Store(store) }
        }
        _ => return None,
    })
}

/// A packet's last event is caused by the one that tells who sent it.
fn dropped(past: &[TraceEvent], cause: TraceId, reason: DropReason, packet: PacketId) -> Option<Happened> {
    let sent = past.get(cause.0 as usize)?;
    let (What::Sent { from, to, api, .. } | What::PacketCopied { from, to, api, .. }) = sent.what else { return None };
    let on_its_way = |event: &TraceEvent| matches!(event.what, What::TransmissionLost { packet: p, .. } if p == packet);
    let arrived = match reason {
        DropReason::ReceiverDown => true,
        DropReason::Closed => !past.iter().rev().take(MAX_EVENTS / 8).any(on_its_way),
        DropReason::Cut | DropReason::Loss | DropReason::Intervention => false,
        // Nothing is lost with it.
        DropReason::AnsweredBefore => return None,
    };
    Some(Happened::Dropped { from, to, api, arrived })
}

/// Where an effect came about: in the database if its commit brought it, else in the consumer.
fn place_of(past: &[TraceEvent], cause: TraceId, consumer: ConsumerId) -> NodeId {
    let event = |id: TraceId| past.get(id.0 as usize);
    let delivered = event(cause).filter(|event| matches!(event.what, What::Delivered { .. }));
    match delivered.and_then(|delivered| event(delivered.cause)).map(|sent| sent.what) {
        Some(What::Sent { to: to @ NodeId::Store(_), .. }) => to,
        _ => NodeId::Consumer(consumer),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::Session;
    use std::sync::Arc;

    /// Everything that is recent at some instant of a scenario, looked at just after each event of this kind.
    fn seen(name: &str, kind: impl Fn(&What) -> bool) -> Vec<Happening> {
        let mut history = History::new(Arc::new(Session::library(name).plan().unwrap()));
        history.run_to_end();
        let mut at: Vec<SimTime> = history.trace().iter().filter(|event| kind(&event.what)).map(|event| event.at).collect();
        at.dedup();
        at.truncate(20);
        at.into_iter()
            .flat_map(|at| {
                history.seek(at);
                history.view(None).recent
            })
            .collect()
    }

    #[test]
    fn a_power_cut_is_a_crash_cut_logs_lost_packets_and_elections() {
        let seen = seen("power-cut", |what| matches!(what, What::TailLost { .. } | What::LeaderElected { .. }));
        let is = |test: fn(&Happened) -> bool| assert!(seen.iter().any(|h| test(&h.what)), "{seen:?}");
        is(|h| matches!(h, Happened::Crashed { node: NodeId::Broker(_) }));
        is(|h| matches!(h, Happened::LogCut { power: true, from, to, .. } if to < from));
        is(|h| matches!(h, Happened::Elected { old: Some(a), new: Some(b), .. } if a != b));
    }

    #[test]
    fn only_what_is_done_once_more_is_done_again() {
        let mut history = History::new(Arc::new(Session::library("points-rebalance").plan().unwrap()));
        history.run_to_end();
        let effects: Vec<(SimTime, MessageId)> = history
            .trace()
            .iter()
            .filter_map(|e| if let What::Effect { message, .. } = e.what { Some((e.at, message)) } else { None })
            .collect();
        let (mut again, mut once) = (0, 0);
        for (i, (at, message)) in effects.iter().enumerate() {
            let repeated = effects[..i].iter().any(|(_, m)| m == message);
            // The instants at which nothing else is done, or there would be no telling.
            if effects.iter().filter(|(t, _)| t == at).count() > 1 || (once > 50 && !repeated) || again > 50 {
                continue;
            }
            history.seek(*at);
            let now = history.view(None).recent.iter().any(|h| h.at == *at && matches!(h.what, Happened::DoneAgain { .. }));
            assert_eq!(now, repeated, "{at} {message:?}");
            (again, once) = (again + usize::from(repeated), once + usize::from(!repeated));
        }
        assert!(again > 10 && once > 10, "{again} {once}");
    }

    #[test]
    fn a_duplicate_is_absorbed_where_it_was_recognised() {
        let walls = |name: &str| -> Vec<NodeId> {
            let seen = seen(name, |what| matches!(what, What::Absorbed { .. } | What::Deduplicated { .. }));
            seen.iter().filter_map(|h| if let Happened::Absorbed { wall, .. } = h.what { Some(wall) } else { None }).collect()
        };
        assert!(walls("reliable-producer").iter().any(|wall| matches!(wall, NodeId::Broker(_))));
        let both = walls("two-walls");
        assert!(both.contains(&NodeId::Store(StoreId::Redis)) || both.contains(&NodeId::Store(StoreId::Database)), "{both:?}");
    }

    #[test]
    fn a_moment_passes() {
        let mut history = History::new(Arc::new(Session::library("power-cut").plan().unwrap()));
        history.run_to_end();
        let crash = history.trace().iter().find(|e| matches!(e.what, What::Crashed { .. })).unwrap().at;
        let crashed = |h: &Happening| matches!(h.what, Happened::Crashed { .. });
        let stays = Happened::Crashed { node: NodeId::Broker(BrokerId(1)) }.stays().0;
        for (later, there) in [(0, true), (stays, true), (stays + 1, false)] {
            history.seek(SimTime(crash.0 + later));
            assert_eq!(history.view(None).recent.iter().any(crashed), there, "{later}");
        }
    }
}
