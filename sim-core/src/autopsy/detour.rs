//! Records that a group sent on instead of doing their business: to a topic for retries or dead letters, or to one with more partitions
//! (S-15).

use super::Autopsy;
use super::redelivery::Handled;
use crate::ids::*;
use crate::layout::Layout;
use crate::mechanism::{self, Mechanism};
use crate::scenario::{ForwardSpec, Forwarded};
use crate::tally::Copies;

impl Autopsy {
    /// What the groups that do this business sent the message on for, and which of them.
    fn detours<'a>(
        &'a self,
        layout: &'a Layout,
        group: GroupId,
        id: MessageId,
    ) -> impl Iterator<Item = (GroupId, ForwardSpec)> + 'a {
        let by = self.sent_on.get(&id).map_or(&[][..], Vec::as_slice);
        let readers = by.iter().map(|consumer| layout.consumers[consumer.ix()].group);
        let own = readers.filter(move |&reader| layout.business(reader) == group);
        own.filter_map(|reader| layout.scenario.groups[reader.ix()].forward.map(|forward| (reader, forward)))
    }

    /// A group sent it on, and it is not where it was sent to.
    pub(super) fn lost_on_a_detour(
        &self,
        layout: &Layout,
        group: GroupId,
        id: MessageId,
        copies: &Copies,
    ) -> Option<&'static Mechanism> {
        let outputs = self.forwarded.get(&id).map_or(&[][..], Vec::as_slice);
        let feeds = |producer: ProducerId| layout.scenario.producers[producer.ix()].feeder.map(|(feeder, _)| feeder);
        let (reader, forward) = self.detours(layout, group, id).find(|(_, forward)| !copies.is_in(forward.topic, id))?;
        let output =
            outputs.iter().rfind(|(producer, batch)| feeds(*producer) == Some(reader) && !self.placed(*batch).is_empty());
        if let Some(&(producer, batch)) = output {
            return self.loss_of(layout, producer, self.placed(batch));
        }
        let is_read = layout.doing_business_of(group).any(|g| layout.scenario.groups[g.ix()].topics.contains(&forward.topic));
        (!forward.waits).then_some(if is_read { &mechanism::LOSS_C14 } else { &mechanism::LOSS_C13 })
    }

    /// The business was done with the record itself, and with what it was sent on as.
    pub(super) fn done_on_both_ways(
        &self,
        layout: &Layout,
        group: GroupId,
        id: MessageId,
        done: &[Handled],
    ) -> Option<&'static Mechanism> {
        let reader = |h: &Handled| layout.consumers[h.consumer.ix()].group;
        let (_, forward) = self.detours(layout, group, id).next()?;
        let once = |group: GroupId| done.iter().filter(|h| reader(h) == group).count() == 1;
        let each_once = done.iter().all(|h| once(reader(h)));
        each_once.then_some(if forward.what == Forwarded::All { &mechanism::DUP_22 } else { &mechanism::DUP_25 })
    }

    /// It came late because it was sent on.
    pub(super) fn late_by_a_detour(&self, layout: &Layout, group: GroupId, id: MessageId) -> Option<&'static Mechanism> {
        let (_, forward) = self.detours(layout, group, id).next()?;
        Some(if forward.what == Forwarded::All { &mechanism::ORDER_5 } else { &mechanism::ORDER_10 })
    }
}
