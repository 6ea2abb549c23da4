//! What of a trace is painted on the time bar, and told beside the stage.

use super::{BarEvent, EventKind};
use sim_core::ids::{MessageId, NodeId};
use sim_core::rows::Set;
use sim_core::scenario::{Action, Intervention};
use sim_core::sort;
use sim_core::time::{SimDuration, SimTime};
use sim_core::trace::{TraceEvent, TraceId, Verdict, What};

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
    let (mut lost, mut duplicated) = (Set::new(), Set::new());
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
    // In order already, but for the few recoveries.
    sort::plainly(&mut events);
    sort::by_key(&mut told, |&(at, event, _)| (at, event));
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
    let mut down: Set<NodeId> = Set::new();
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
}
