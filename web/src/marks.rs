//! Places in a trace, and in time.

use sim_core::ids::{MessageId, Offset, PartitionId};
use sim_core::time::SimTime;
use sim_core::trace::{TraceEvent, What};
use stage::timeline::{Bar, BarEvent, EventKind};

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
    use sim_core::trace::TraceId;

    fn event(at: u64, what: What) -> TraceEvent {
        TraceEvent { at: SimTime(at), cause: TraceId::START, what }
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
