//! Where a message is besides the logs.

use crate::ids::*;
use crate::view::View;
use crate::world::World;

impl World {
    /// Marks in the picture of now who has a message: its producer until that is told what became of it, the packets that it is in, and
    /// the consumers that have it in hand.
    pub(crate) fn mark_holders(&self, view: &mut View, message: MessageId) {
        let ledger = self.ledger();
        if message.0 < ledger.intended() && ledger.message(message).outcome.is_none() {
            view.holders.push(NodeId::Producer(ledger.message(message).producer));
        }
        let has = self.consumers.iter().filter(|consumer| consumer.in_hand().any(|m| m == message));
        view.holders.extend(has.map(|consumer| NodeId::Consumer(consumer.id)));
        for (packet, ..) in self.packets() {
            if packet.body.carries(message)
                && let Ok(at) = view.packets.binary_search_by_key(&packet.id, |p| p.id)
            {
                view.packets[at].watched = true;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::History;
    use crate::session::Session;
    use crate::trace::{Api, What};
    use std::sync::Arc;

    /// From its producer to a follower and to a consumer's hands.
    #[test]
    fn a_message_is_followed_on_its_way() {
        let message = MessageId(0);
        let mut history = History::new(Arc::new(Session::library("life-of-a-message").plan().unwrap()));
        history.run_to_end();
        let start =
            history.trace().iter().position(|e| matches!(e.what, What::Intended { message: m, .. } if m == message)).unwrap();
        let end = history.trace().iter().position(|e| matches!(e.what, What::Effect { message: m, .. } if m == message)).unwrap();
        let mut instants: Vec<_> = history.trace()[start..end].iter().map(|e| e.at).collect();
        instants.dedup();
        let (mut apis, mut holders) = (Vec::new(), Vec::new());
        for at in instants {
            history.seek(at);
            let view = history.view(Some(message));
            apis.extend(view.packets.iter().filter(|p| p.watched).map(|p| (p.api, p.response)));
            holders.extend(view.holders);
            assert!(history.view(None).packets.iter().all(|p| !p.watched));
        }
        apis.dedup();
        holders.dedup();
        for way in [(Api::Produce, false), (Api::ReplicaFetch, true), (Api::Fetch, true)] {
            assert!(apis.contains(&way), "{way:?} {apis:?}");
        }
        assert!(matches!(holders.first(), Some(NodeId::Producer(_))), "{holders:?}");
        assert!(matches!(holders.last(), Some(NodeId::Consumer(_))), "{holders:?}");
    }
}
