//! What a person can do to a broker, a producer or a consumer, and what each is called: in one place for the menu on the stage, the
//! inspector, and the names of branches.

use super::Msg;
use super::controls::on;
use super::icons::{Icon, icon};
use crate::i18n::S;
use crate::sim::{self, Target};
use sim_core::ids::{NodeId, StoreId};
use sim_core::scenario::DiskDeed;
use sim_core::session::MAX_TOTAL;
use sim_core::time::SimDuration;
use sim_core::view::{PartitionView, ProcessState, View};
use stage::layout::brokers::{is_down, state_word};
use stage::words::fill;
use yew::prelude::*;

/// What can be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed {
    /// Its process dies.
    Crash,
    /// Its machine loses power.
    PowerCut,
    /// It ends in good order.
    Shutdown,
    /// It starts again.
    Restart,
    /// Its process stands still.
    Pause,
    /// Its process goes on.
    Resume,
    /// Its disk is replaced by an empty one.
    WipeDisk,
    /// Its disk does not work any more.
    FailDisk,
    /// Its disk takes longer.
    SlowDisk,
    /// Its disk is as it was made.
    MendDisk,
}

/// What a slow disk adds to each append.
const SLOW: SimDuration = SimDuration::from_millis(300);

impl Deed {
    /// The deed as an intervention.
    pub fn action(self, node: NodeId) -> sim::Action {
        let target = Target::Node(node);
        match self {
            Deed::Crash => sim::Action::Crash { target },
            Deed::PowerCut => sim::Action::PowerCut { target, keeps: sim::Keeps::Drawn },
            Deed::Shutdown => sim::Action::Shutdown { target },
            Deed::Restart => sim::Action::Restart { target },
            Deed::Pause => sim::Action::Pause { target },
            Deed::Resume => sim::Action::Resume { target },
            Deed::WipeDisk => sim::Action::Disk { target, deed: DiskDeed::Wipe },
            Deed::FailDisk => sim::Action::Disk { target, deed: DiskDeed::Fail },
            Deed::SlowDisk => sim::Action::Disk { target, deed: DiskDeed::Slow(SLOW) },
            Deed::MendDisk => sim::Action::Disk { target, deed: DiskDeed::Mend },
        }
    }

    /// Its name.
    pub fn name(self, node: NodeId) -> &'static str {
        match self {
            Deed::Crash => S.crash,
            Deed::PowerCut => S.power_cut,
            Deed::Shutdown if is_broker(node) || is_controller(node) => S.shutdown,
            Deed::Shutdown => S.close_client,
            Deed::Restart => S.restart,
            Deed::Pause => S.pause_process,
            Deed::Resume => S.resume_process,
            Deed::WipeDisk => S.wipe_disk,
            Deed::FailDisk => S.fail_disk,
            Deed::SlowDisk => S.slow_disk,
            Deed::MendDisk => S.mend_disk,
        }
    }

    fn hint(self, node: NodeId) -> &'static str {
        match self {
            Deed::Crash if is_broker(node) || is_controller(node) => S.crash_hint,
            Deed::Crash => S.crash_client_hint,
            Deed::PowerCut if is_controller(node) => S.power_cut_controller_hint,
            Deed::PowerCut => S.power_cut_hint,
            Deed::Shutdown if is_controller(node) => S.shutdown_controller_hint,
            Deed::Shutdown if is_broker(node) => S.shutdown_hint,
            Deed::Shutdown => S.close_client_hint,
            Deed::Restart => S.restart_hint,
            Deed::Pause => S.pause_process_hint,
            Deed::Resume => S.resume_process_hint,
            Deed::WipeDisk => S.wipe_disk_hint,
            Deed::FailDisk => S.fail_disk_hint,
            Deed::SlowDisk => S.slow_disk_hint,
            Deed::MendDisk => S.mend_disk_hint,
        }
    }

    fn sign(self) -> Icon {
        match self {
            Deed::Crash => Icon::Crash,
            Deed::PowerCut => Icon::Power,
            Deed::Shutdown => Icon::Shutdown,
            Deed::Restart => Icon::Restart,
            Deed::Pause => Icon::Pause,
            Deed::Resume => Icon::Play,
            Deed::WipeDisk | Deed::FailDisk | Deed::SlowDisk | Deed::MendDisk => Icon::Disk,
        }
    }

    /// Its name in tests.
    fn test(self) -> &'static str {
        match self {
            Deed::Crash => "crash",
            Deed::PowerCut => "power-cut",
            Deed::Shutdown => "shutdown",
            Deed::Restart => "restart",
            Deed::Pause => "pause",
            Deed::Resume => "resume",
            Deed::WipeDisk => "wipe-disk",
            Deed::FailDisk => "fail-disk",
            Deed::SlowDisk => "slow-disk",
            Deed::MendDisk => "mend-disk",
        }
    }

    fn is_possible(self, state: ProcessState) -> bool {
        let up = !is_down(state) && state != ProcessState::Done;
        match self {
            Deed::WipeDisk | Deed::MendDisk => true,
            Deed::Crash | Deed::PowerCut | Deed::FailDisk | Deed::SlowDisk => up,
            Deed::Shutdown => up && state != ProcessState::ShuttingDown,
            Deed::Restart => is_down(state),
            Deed::Pause => !is_down(state) && state != ProcessState::Paused,
            Deed::Resume => state == ProcessState::Paused,
        }
    }
}

fn is_broker(node: NodeId) -> bool {
    matches!(node, NodeId::Broker(_))
}

fn is_controller(node: NodeId) -> bool {
    matches!(node, NodeId::Controller(_))
}

/// Clients have nothing on a disk: to them a power cut is a crash.
fn deeds(node: NodeId) -> &'static [Deed] {
    match node {
        NodeId::Broker(_) => &[
            Deed::Crash,
            Deed::PowerCut,
            Deed::Shutdown,
            Deed::Restart,
            Deed::Pause,
            Deed::Resume,
            Deed::WipeDisk,
            Deed::FailDisk,
            Deed::SlowDisk,
            Deed::MendDisk,
        ],
        NodeId::Producer(_) | NodeId::Consumer(_) => &[Deed::Crash, Deed::Shutdown, Deed::Restart, Deed::Pause, Deed::Resume],
        NodeId::Controller(_) | NodeId::Store(_) => {
            &[Deed::Crash, Deed::PowerCut, Deed::Shutdown, Deed::Restart, Deed::Pause, Deed::Resume]
        }
    }
}

/// The buttons: what each says beside its name is a second line in a menu, and a tip elsewhere.
pub fn buttons(node: NodeId, state: ProcessState, menu: bool, send: &Callback<Msg>) -> Html {
    let test = if menu { format!("{}-menu", kind(node)) } else { "do".to_string() };
    let button = |deed: &Deed| {
        let deed = *deed;
        let act = on(send, Msg::Break(deed, node));
        let (name, hint) = (deed.name(node), deed.hint(node));
        html! {
            <button type="button" role={menu.then_some("menuitem")} title={(!menu).then_some(hint)} disabled={!deed.is_possible(state)}
                onclick={act} data-testid={format!("{test}-{}", deed.test())}>
                { icon(deed.sign()) }
                if menu { <span>{ name }<small>{ hint }</small></span> } else { { name } }
            </button>
        }
    };
    deeds(node).iter().map(button).collect()
}

/// The button that gives a partition's topic one partition more.
pub fn grow_button(partition: &PartitionView, view: &View, send: &Callback<Msg>) -> Html {
    let Some(topic) = partition.topic else { return Html::default() };
    let has = view.partitions.iter().filter(|p| p.exists && p.topic == Some(topic)).count();
    let grow = on(send, Msg::Grow(topic));
    html! {
        <div class="deeds">
            <button type="button" title={S.add_partition_hint} disabled={has >= usize::from(MAX_TOTAL)} onclick={grow} data-testid="do-add-partition">
                { icon(Icon::Plus) }{ S.add_partition }
            </button>
        </div>
    }
}

/// The topic of a partition: its name without the number.
pub fn topic_of(partition: &PartitionView) -> &str {
    partition.name.rsplit_once('-').map_or(partition.name.as_str(), |(topic, _)| topic)
}

/// `broker`, `producer`, `consumer`: for the names in tests.
pub fn kind(node: NodeId) -> &'static str {
    match node {
        NodeId::Broker(_) => "broker",
        NodeId::Producer(_) => "producer",
        NodeId::Consumer(_) => "consumer",
        NodeId::Controller(_) => "controller",
        NodeId::Store(_) => "store",
    }
}

/// A node as people call it: `Broker 1`, `gateway`, `ledger, member 1`.
pub fn name(view: &View, node: NodeId) -> String {
    let named = match node {
        NodeId::Broker(id) => Some(fill(S.menu_of, id.0)),
        NodeId::Producer(id) => view.producers.get(id.ix()).map(|p| p.name.clone()),
        NodeId::Consumer(id) => {
            view.consumers.get(id.ix()).map(|c| format!("{}, {} {}", c.group_name, S.stage.member, c.member + 1))
        }
        NodeId::Controller(id) => Some(fill(S.controller_of, id.0)),
        NodeId::Store(StoreId::Redis) => Some(S.stage.redis.to_string()),
        NodeId::Store(StoreId::Database) => Some(S.stage.database.to_string()),
        NodeId::Store(StoreId::Service) => Some(S.stage.service.to_string()),
    };
    named.unwrap_or_else(|| node.to_string())
}

/// How a node is.
pub fn state_of(view: &View, node: NodeId) -> ProcessState {
    let state = match node {
        NodeId::Broker(id) => view.brokers.iter().find(|b| b.id == id).map(|b| b.state),
        NodeId::Producer(id) => view.producers.get(id.ix()).map(|p| p.state),
        NodeId::Consumer(id) => view.consumers.get(id.ix()).map(|c| c.state),
        NodeId::Controller(id) => view.controllers.iter().find(|c| c.id == id).map(|c| c.state),
        NodeId::Store(id) => view.stores.iter().find(|s| s.id == id).map(|s| s.state),
    };
    state.unwrap_or(ProcessState::Running)
}

/// A state, as a word.
pub fn state_text(state: ProcessState) -> &'static str {
    state_word(state, S.stage).unwrap_or(S.running)
}

#[cfg(test)]
mod tests {
    use super::*;
    use sim_core::ids::{BrokerId, ConsumerId, ControllerId};

    #[test]
    fn what_is_down_can_only_be_restarted() {
        for node in [NodeId::Broker(BrokerId(1)), NodeId::Consumer(ConsumerId(0))] {
            for deed in deeds(node) {
                let at_any_time = matches!(deed, Deed::WipeDisk | Deed::MendDisk);
                assert_eq!(deed.is_possible(ProcessState::Crashed), *deed == Deed::Restart || at_any_time);
                assert_eq!(deed.is_possible(ProcessState::Running), !matches!(deed, Deed::Restart | Deed::Resume));
                assert_eq!(deed.is_possible(ProcessState::Paused), !matches!(deed, Deed::Restart | Deed::Pause));
            }
        }
        let controller = NodeId::Controller(ControllerId(1));
        assert_eq!(Deed::Crash.action(controller), sim::Action::Crash { target: Target::Node(controller) });
        assert_eq!(deeds(controller).len(), 6);
    }
}
