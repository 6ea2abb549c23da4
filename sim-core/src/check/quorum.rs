//! The metadata log itself. INV-29 (MetadataLogMatching): what any node takes for committed is a prefix of what is committed. C-18: one
//! leader for each epoch of the quorum, and a leader has everything that was ever committed. Always, whatever fails.

use super::Finding;
use crate::controller::image::Image;
use crate::ids::*;
use crate::trace::{TraceEvent, What};
use crate::world::World;
use std::collections::BTreeMap;

/// What this family remembers.
#[derive(Clone, Debug)]
pub(super) struct Quorum {
    leaders: BTreeMap<QuorumEpoch, ControllerId>,
    /// By broker: what it must know, having read as much as it has.
    must_know: Vec<Image>,
}

impl Quorum {
    pub fn new(world: &World) -> Quorum {
        Quorum { leaders: BTreeMap::new(), must_know: world.brokers.iter().map(|b| b.image.clone()).collect() }
    }

    pub fn check(&mut self, world: &World, events: &[TraceEvent]) -> Option<Finding> {
        if let Some(offset) = world.committed_metadata().conflict {
            return Some(("INV-29", format!("two controllers took different metadata records for committed at offset {offset}")));
        }
        let brokers = world.brokers.iter().zip(&mut self.must_know);
        if let Some(found) = brokers.filter(|(b, known)| b.image.offset != known.offset).find_map(|(b, k)| prefix(world, b.id, k))
        {
            return Some(found);
        }
        events.iter().find_map(|event| match event.what {
            What::ControllerElected { controller, epoch } => {
                let first = *self.leaders.entry(epoch).or_insert(controller);
                let both = || ("C-18", format!("{first} and {controller} were both elected in epoch {epoch} of the quorum"));
                (first != controller).then(both).or_else(|| complete(world, controller))
            }
            _ => None,
        })
    }
}

/// INV-29: a broker has read on.
fn prefix(world: &World, broker: BrokerId, known: &mut Image) -> Option<Finding> {
    let image = &world.brokers[broker.slot()].image;
    while known.offset < image.offset {
        let Some(&(_, record, _)) = world.committed_metadata().record(known.offset) else {
            return Some(("INV-29", format!("{broker} has read metadata up to {}, which is not committed", image.offset)));
        };
        known.apply(record);
    }
    (known != image)
        .then(|| ("INV-29", format!("{broker} has read other metadata than what is committed before {}", image.offset)))
}

/// C-18: committed metadata is never lost.
fn complete(world: &World, controller: ControllerId) -> Option<Finding> {
    let log = &world.controllers[controller.slot()].quorum.log;
    let committed = world.committed_metadata();
    let first = world.layout.broker_ids().count() as i64 + 1;
    let lacks = (first..committed.image.offset).find(|&offset| {
        let (epoch, record, _) = *committed.record(offset).expect("it is committed");
        log.entry(offset).is_none_or(|e| (e.epoch, e.record) != (epoch, record))
    });
    lacks.map(|offset| ("C-18", format!("{controller} was elected without the committed metadata record at offset {offset}")))
}
