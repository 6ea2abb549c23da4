//! What of a trace is painted on the time bar and listed beside the stage.

use crate::sim::{Action, Intervention};
use sim_core::ids::{MessageId, NodeId, Offset, PartitionId};
use sim_core::time::{SimDuration, SimTime};
use sim_core::trace::{TraceEvent, TraceId, Verdict, What};
use stage::timeline::{Bar, BarEvent, EventKind};
use std::collections::BTreeSet;

/// What a scan of a whole trace finds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Found {
    /// For the time bar, in time order.
    pub events: Vec<BarEvent>,
    /// Lost messages.
    pub lost: Vec<MessageId>,
    /// Messages with more than one effect.
    pub duplicated: Vec<MessageId>,
    /// Events worth a look, in time order.
    pub told: Vec<(SimTime, TraceId, EventKind)>,
}

/// Scans a trace. What an intervention does to a link leaves no other row than that it happened: `planned` says what it was.
pub fn scan(trace: &[TraceEvent], planned: &[Intervention]) -> Found {
    let (mut lost, mut duplicated) = (BTreeSet::new(), BTreeSet::new());
    for event in trace {
        if let What::Judged { message, verdict, .. } = event.what {
            match verdict {
                Verdict::Lost => _ = lost.insert(message),
                Verdict::Duplicated => _ = duplicated.insert(message),
                _ => {}
            }
        }
    }
    let mut told = recoveries(trace);
    let mut events: Vec<BarEvent> = told.iter().map(|&(at, _, kind)| BarEvent { at, kind }).collect();
    for (place, event) in trace.iter().enumerate() {
        let kind = match event.what {
            What::Intervened { index } => planned.get(index as usize).and_then(|i| link_change(&i.action)),
            ref what => kind_of(what),
        };
        events.extend(kind.map(|kind| BarEvent { at: event.at, kind }));
        told.extend(kind.map(|kind| (event.at, TraceId(place as u64), kind)));
        if let What::Intended { message, .. } = event.what {
            if lost.contains(&message) {
                events.push(BarEvent { at: event.at, kind: EventKind::Lost });
            }
            if duplicated.contains(&message) {
                events.push(BarEvent { at: event.at, kind: EventKind::Duplicated });
            }
        }
    }
    events.sort_unstable();
    told.sort_unstable_by_key(|&(at, event, _)| (at, event));
    Found { events, lost: lost.into_iter().collect(), duplicated: duplicated.into_iter().collect(), told }
}

fn kind_of(what: &What) -> Option<EventKind> {
    Some(match what {
        What::Crashed { .. } | What::ShuttingDown { .. } | What::LinkCut { cut: true, .. } | What::ConnectionBroken { .. } => {
            EventKind::Fault
        }
        What::Paused { paused: true, .. } | What::PacketCopied { .. } => EventKind::Fault,
        What::LinkCut { cut: false, .. } | What::Paused { paused: false, .. } => EventKind::Recovery,
        What::LeaderElected { new: None, .. } => EventKind::Leaderless,
        What::LeaderElected { unclean: true, .. } => EventKind::Unclean,
        // The very first leader, of epoch 0, is no change.
        What::LeaderElected { epoch, .. } if epoch.0 > 0 => EventKind::Election,
        What::IsrChanged { old, new, .. } if new.len() < old.len() => EventKind::IsrShrink,
        What::IsrChanged { old, new, .. } if new.len() > old.len() => EventKind::IsrExpand,
        What::DiskFailed { failed: true, .. } => EventKind::Fault,
        What::DiskFailed { failed: false, .. } => EventKind::Recovery,
        What::Truncated { .. } | What::TailLost { .. } => EventKind::LogCut,
        _ => return None,
    })
}

/// A link gets worse, or is as it was.
fn link_change(action: &Action) -> Option<EventKind> {
    let worse = match action {
        Action::Delay { latency, .. } => latency.is_some(),
        Action::Loss { per_mille, .. } => *per_mille > 0,
        Action::SlowApi { extra, .. } | Action::Slow { extra, .. } => *extra > SimDuration::ZERO,
        Action::DelayPacket { .. } => true,
        _ => return None,
    };
    Some(if worse { EventKind::Fault } else { EventKind::Recovery })
}

/// Recoveries: a process that starts again after the run has begun.
fn recoveries(trace: &[TraceEvent]) -> Vec<(SimTime, TraceId, EventKind)> {
    let mut down: BTreeSet<NodeId> = BTreeSet::new();
    let mut out = Vec::new();
    for (place, event) in trace.iter().enumerate() {
        match event.what {
            What::Crashed { node, .. } | What::Stopped { node } => _ = down.insert(node),
            What::Started { node } if down.remove(&node) => {
                out.push((event.at, TraceId(place as u64), EventKind::Recovery));
            }
            _ => {}
        }
    }
    out
}

/// Worth a jump of its own: losses of single messages are not, there are thousands.
pub fn is_notable(kind: EventKind) -> bool {
    !matches!(kind, EventKind::Lost | EventKind::Duplicated)
}

/// The nearest event worth a look after (or before) an instant.
pub fn notable(bar: &Bar, from: SimTime, forward: bool) -> Option<BarEvent> {
    let worth = bar.events.iter().filter(|e| is_notable(e.kind)).copied();
    if forward { worth.filter(|e| e.at > from).min() } else { worth.filter(|e| e.at < from).max() }
}

/// Where a message lies: the partition it was queued for, and its offset in the first log that took its batch.
pub fn place_of(trace: &[TraceEvent], wanted: MessageId) -> Option<(PartitionId, Offset)> {
    let start = trace.iter().position(|e| matches!(e.what, What::Queued { message, .. } if message == wanted))?;
    let What::Queued { batch: mine, partition: part, .. } = trace[start].what else { return None };
    // The batch was begun by an earlier message: count who came before within it.
    let before = trace[..start].iter().rev().take(50_000);
    let ahead = before.filter(|e| matches!(e.what, What::Queued { batch, .. } if batch == mine)).count();
    trace[start..].iter().find_map(|e| match e.what {
        What::Appended { batch: Some(batch), base, partition, .. } if batch == mine && partition == part => {
            Some((part, base.plus(u32::try_from(ahead).ok()?)))
        }
        _ => None,
    })
}

/// `12.345 s`: for readouts.
pub fn clock(at: SimTime) -> String {
    let us = at.0 % 1_000_000;
    format!("{}.{:03} {:03}", at.0 / 1_000_000, us / 1_000, us % 1_000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use sim_core::ids::*;
    use sim_core::set::BrokerSet;

    fn event(at: u64, what: What) -> TraceEvent {
        TraceEvent { at: SimTime(at), cause: TraceId::START, what }
    }

    #[test]
    fn losses_stand_where_their_messages_were_sent() {
        let message = MessageId(4);
        let trace = [
            event(0, What::RunStarted { seed: 1 }),
            event(5, What::Intended { message, producer: ProducerId(0), key: None }),
            event(9, What::Crashed { node: NodeId::Broker(BrokerId(1)), power: true }),
            event(12, What::Started { node: NodeId::Broker(BrokerId(1)) }),
            event(90, What::Judged { group: GroupId(0), message, verdict: Verdict::Lost }),
            event(90, What::Judged { group: GroupId(1), message, verdict: Verdict::Lost }),
        ];
        let found = scan(&trace, &[]);
        assert_eq!(found.lost, [message]);
        let lost = BarEvent { at: SimTime(5), kind: EventKind::Lost };
        let fault = BarEvent { at: SimTime(9), kind: EventKind::Fault };
        let recovery = BarEvent { at: SimTime(12), kind: EventKind::Recovery };
        assert_eq!(found.events, [lost, fault, recovery]);
    }

    #[test]
    fn the_first_leader_of_a_partition_is_no_event() {
        let (partition, isr) = (PartitionId(0), BrokerSet::of(BrokerId(1)));
        let elected = |old: Option<BrokerId>, new, unclean| {
            let epoch = LeaderEpoch(i32::from(old.is_some()));
            What::LeaderElected { partition, old, new, epoch, isr, unclean }
        };
        let b = Some(BrokerId(1));
        assert_eq!(kind_of(&elected(None, b, false)), None);
        assert_eq!(kind_of(&elected(b, None, false)), Some(EventKind::Leaderless));
        assert_eq!(kind_of(&elected(b, b, true)), Some(EventKind::Unclean));
        assert_eq!(kind_of(&elected(b, b, false)), Some(EventKind::Election));
    }

    #[test]
    fn a_message_is_found_inside_its_batch() {
        let (batch, partition) = (BatchId(3), PartitionId(1));
        let queued = |m| What::Queued { message: MessageId(m), batch, partition };
        let appended = What::Appended {
            broker: BrokerId(1),
            partition,
            batch: Some(batch),
            epoch: LeaderEpoch(0),
            base: Offset(40),
            count: 3,
            leader: true,
        };
        let trace = [event(1, queued(7)), event(2, queued(8)), event(3, queued(9)), event(4, appended)];
        assert_eq!(place_of(&trace, MessageId(9)), Some((partition, Offset(42))));
        assert_eq!(place_of(&trace, MessageId(7)), Some((partition, Offset(40))));
        assert_eq!(place_of(&trace, MessageId(1)), None);
    }

    #[test]
    fn clocks_line_up() {
        assert_eq!(clock(SimTime(12_345_678)), "12.345 678");
        assert_eq!(clock(SimTime(5)), "0.000 005");
    }
}
