//! What the page shows, besides the run itself: a pure reducer, tested without a browser.

use crate::playback::Speed;
use crate::sim::{Facts, Intervention};
use crate::start::Start;
use sim_core::ids::{MessageId, NodeId};
use stage::{Pick, Theme};
use std::rc::Rc;

/// How far the run is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Phase {
    /// The run is being computed; what is known can be played already.
    Loading,
    /// All of it is known.
    Ready,
    /// There is nothing to show, and this is why.
    Failed(String),
}

/// The menu on a broker, a producer or a consumer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Menu {
    /// On which.
    pub node: NodeId,
    /// Where, from the stage's upper left corner.
    pub x: f64,
    /// Where, from the stage's upper left corner.
    pub y: f64,
}

/// What the settings' controls say, before they are applied.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Draft {
    /// `acks`.
    pub acks: String,
    /// `min.insync.replicas`.
    pub min_isr: String,
    /// The seed.
    pub seed: String,
}

/// The state of the page.
#[derive(Clone, Debug, PartialEq)]
pub struct State {
    /// What is run.
    pub start: Start,
    /// What is known of the scenario that is run.
    pub facts: Option<Rc<Facts>>,
    /// How far the run is.
    pub phase: Phase,
    /// Time passes.
    pub playing: bool,
    /// How fast.
    pub speed: Speed,
    /// What is chosen on the stage.
    pub selected: Option<Pick>,
    /// What is under the pointer, or focused.
    pub hovered: Option<Pick>,
    /// The marks of the stage are explained below it.
    pub legend: bool,
    /// The message that is followed.
    pub message: Option<MessageId>,
    /// The menu that is open.
    pub menu: Option<Menu>,
    /// What each branch is called; the original first.
    pub branches: Vec<String>,
    /// The branch that is shown.
    pub branch: usize,
    /// The settings' controls.
    pub draft: Draft,
    /// The list of keys is open.
    pub help: bool,
    /// Time passes more slowly where something happens.
    pub careful: bool,
}

/// What can happen to the state.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Run this.
    Run(Start),
    /// The run that begins is of this scenario.
    Planned(Rc<Facts>),
    /// The run cannot begin.
    Failed(String),
    /// All of the shown branch is known.
    Known,
    /// Play or pause.
    TogglePlay,
    /// Stop.
    Pause,
    /// Another speed.
    Speed(Speed),
    /// Choose a thing on the stage, or nothing.
    Select(Option<Pick>),
    /// The pointer or the focus is on this.
    Hover(Option<Pick>),
    /// Follow a message, or none.
    Follow(Option<MessageId>),
    /// Open the menu of a broker, a producer or a consumer.
    OpenMenu(Menu),
    /// Close it.
    CloseMenu,
    /// An intervention made a branch of this name.
    Forked(String),
    /// Show a branch.
    Branch(usize),
    /// Edit the settings' controls.
    Edit(Draft),
    /// Another theme.
    Theme(Theme),
    /// What was done to the shown run.
    Acts(Vec<Intervention>),
    /// Open or close the list of keys.
    Help(bool),
    /// Slow down where something happens, or not.
    Careful(bool),
}

impl State {
    /// The state before anything is known.
    pub fn new(start: Start, playing: bool) -> State {
        State {
            start,
            facts: None,
            phase: Phase::Loading,
            playing,
            speed: Speed::DEFAULT,
            selected: None,
            hovered: None,
            legend: true,
            message: None,
            menu: None,
            branches: Vec::new(),
            branch: 0,
            draft: Draft::default(),
            help: false,
            careful: false,
        }
    }

    /// The state after an action.
    #[must_use]
    pub fn reduce(mut self, action: Action) -> State {
        match action {
            Action::Run(start) => {
                let (speed, careful, legend) = (self.speed, self.careful, self.legend);
                self = State { speed, careful, legend, ..State::new(start, self.playing) };
            }
            Action::Planned(facts) => {
                self.draft = draft(&facts);
                self.start.scenario = Some(facts.name.clone());
                self.facts = Some(facts);
                self.branches = vec![String::new()];
            }
            Action::Failed(why) => {
                self.phase = Phase::Failed(why);
                self.playing = false;
            }
            Action::Known => self.phase = Phase::Ready,
            Action::TogglePlay => {
                self.playing = !self.playing && !matches!(self.phase, Phase::Failed(_));
                self.menu = None;
            }
            Action::Pause => self.playing = false,
            Action::Speed(speed) => self.speed = speed.clamped(),
            Action::Select(Some(Pick::Legend)) => self.legend = !self.legend,
            Action::Select(pick) => self.select(pick),
            Action::Hover(pick) => self.hovered = pick,
            Action::Follow(message) => {
                self.message = message;
                self.selected = None;
                self.menu = None;
            }
            Action::OpenMenu(menu) => {
                self.select(Some(pick_of(menu.node)));
                self.menu = Some(menu);
            }
            Action::CloseMenu => self.menu = None,
            Action::Forked(name) => {
                self.branches.push(name);
                self.branch = self.branches.len() - 1;
                self.phase = Phase::Loading;
                self.menu = None;
            }
            Action::Branch(branch) => {
                if branch < self.branches.len() && branch != self.branch {
                    self.branch = branch;
                    self.phase = Phase::Loading;
                    self.menu = None;
                }
            }
            Action::Edit(draft) => self.draft = draft,
            Action::Theme(theme) => self.start.theme = Some(theme),
            Action::Acts(acts) => self.start.acts = acts,
            Action::Help(open) => self.help = open,
            Action::Careful(careful) => self.careful = careful,
        }
        self
    }

    fn select(&mut self, pick: Option<Pick>) {
        self.selected = pick;
        self.message = match pick {
            Some(Pick::Cell { message, .. }) => message,
            _ => None,
        };
        self.menu = None;
    }

    /// The run that the settings' controls ask for; none when the seed is not a number.
    pub fn wanted(&self) -> Option<Start> {
        let facts = self.facts.as_ref()?;
        let mut start = self.start.anew();
        let seed: u64 = self.draft.seed.trim().parse().ok()?;
        start.seed = (start.seed.is_some() || seed != facts.seed).then_some(seed);
        for (path, now, wanted) in [
            ("producer.config.acks", facts.acks.clone(), &self.draft.acks),
            ("topic.config.min.insync.replicas", facts.min_isr.map(|n| n.to_string()), &self.draft.min_isr),
        ] {
            if now.is_some_and(|now| now != *wanted) {
                start.set.retain(|(p, _)| p != path);
                start.set.push((path.to_string(), wanted.clone()));
            }
        }
        Some(start)
    }
}

/// A node, as the stage calls it.
pub fn pick_of(node: NodeId) -> Pick {
    match node {
        NodeId::Broker(id) => Pick::Broker(id),
        NodeId::Producer(id) => Pick::Producer(id),
        NodeId::Consumer(id) => Pick::Consumer(id),
        NodeId::Controller(id) => Pick::Controller(id),
        NodeId::Store(id) => Pick::Store(id),
    }
}

/// What of the stage has a menu.
pub fn node_of(pick: Pick) -> Option<NodeId> {
    match pick {
        Pick::Broker(id) => Some(NodeId::Broker(id)),
        Pick::Producer(id) => Some(NodeId::Producer(id)),
        Pick::Consumer(id) => Some(NodeId::Consumer(id)),
        Pick::Controller(id) => Some(NodeId::Controller(id)),
        Pick::Store(id) => Some(NodeId::Store(id)),
        Pick::Replica(..) | Pick::Cell { .. } | Pick::Packet(_) | Pick::Legend => None,
    }
}

fn draft(facts: &Facts) -> Draft {
    Draft {
        acks: facts.acks.clone().unwrap_or_default(),
        min_isr: facts.min_isr.map(|n| n.to_string()).unwrap_or_default(),
        seed: facts.seed.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sim_core::ids::{BrokerId, ConsumerId, ControllerId, Offset, PacketId, PartitionId};
    use sim_core::time::SimTime;

    fn facts() -> Rc<Facts> {
        Rc::new(Facts {
            name: "payments-acks-1".into(),
            title: "t".into(),
            about: "a".into(),
            mechanisms: vec![],
            seed: 7,
            end: SimTime(60_000_000),
            acks: Some("1".into()),
            min_isr: Some(1),
        })
    }

    fn planned() -> State {
        State::new(Start::default(), true).reduce(Action::Planned(facts()))
    }

    #[test]
    fn settings_become_overrides_only_when_they_change() {
        let state = planned();
        assert_eq!(state.wanted().unwrap().set, []);
        let draft = Draft { acks: "all".into(), ..state.draft.clone() };
        let state = state.reduce(Action::Edit(draft));
        let wanted = state.wanted().unwrap();
        assert_eq!(wanted.set, [("producer.config.acks".to_string(), "all".to_string())]);
        assert_eq!(wanted.seed, None);
        let bad = Draft { seed: "x".into(), ..state.draft.clone() };
        assert_eq!(state.reduce(Action::Edit(bad)).wanted(), None);
    }

    #[test]
    fn a_setting_that_is_set_again_stands_once() {
        let mut state = planned();
        state.start.set = vec![("producer.config.acks".into(), "0".into())];
        let draft = Draft { acks: "all".into(), seed: "8".into(), ..state.draft.clone() };
        let wanted = state.reduce(Action::Edit(draft)).wanted().unwrap();
        assert_eq!(wanted.set, [("producer.config.acks".to_string(), "all".to_string())]);
        assert_eq!(wanted.seed, Some(8));
    }

    #[test]
    fn a_branch_is_shown_when_it_is_made_and_the_original_can_be_returned_to() {
        let state = planned().reduce(Action::Known).reduce(Action::Forked("crash".into()));
        assert_eq!((state.branch, &state.phase), (1, &Phase::Loading));
        let state = state.reduce(Action::Known).reduce(Action::Branch(0));
        assert_eq!(state.branch, 0);
        let before = state.clone();
        assert_eq!(state.reduce(Action::Branch(9)), before);
    }

    #[test]
    fn choosing_a_cell_follows_its_message_and_choosing_another_thing_stops() {
        let cell =
            Pick::Cell { broker: BrokerId(1), partition: PartitionId(0), base: Offset(3), count: 1, message: Some(MessageId(9)) };
        let state = planned().reduce(Action::Select(Some(cell)));
        assert_eq!(state.message, Some(MessageId(9)));
        let state = state.reduce(Action::OpenMenu(Menu { node: NodeId::Broker(BrokerId(2)), x: 1.0, y: 1.0 }));
        assert_eq!((state.message, state.selected), (None, Some(Pick::Broker(BrokerId(2)))));
        assert!(state.reduce(Action::Select(None)).menu.is_none());
    }

    #[test]
    fn what_has_a_menu_is_chosen_with_it() {
        for pick in [Pick::Broker(BrokerId(1)), Pick::Consumer(ConsumerId(2)), Pick::Controller(ControllerId(3))] {
            let menu = Menu { node: node_of(pick).unwrap(), x: 1.0, y: 1.0 };
            let state = planned().reduce(Action::OpenMenu(menu));
            assert_eq!((state.selected, state.menu), (Some(pick), Some(menu)));
        }
        assert_eq!(node_of(Pick::Packet(PacketId(1))), None);
    }

    #[test]
    fn a_failed_run_does_not_play() {
        let state = planned().reduce(Action::Failed("no".into())).reduce(Action::TogglePlay);
        assert!(!state.playing);
        let state = state.reduce(Action::Run(Start::default()));
        assert_eq!(state.phase, Phase::Loading);
    }

    #[test]
    fn the_legend_is_opened_and_closed_and_nothing_else_changes() {
        let chosen = planned().reduce(Action::Select(Some(Pick::Broker(BrokerId(2)))));
        let closed = chosen.clone().reduce(Action::Select(Some(Pick::Legend)));
        assert_eq!((closed.legend, closed.selected), (false, chosen.selected));
        let other = closed.clone().reduce(Action::Run(Start::default()));
        assert!(!other.legend, "another run leaves it closed");
        assert_eq!(closed.reduce(Action::Select(Some(Pick::Legend))), chosen);
    }

    #[test]
    fn speed_stays_on_its_slider() {
        assert_eq!(planned().reduce(Action::Speed(Speed(99))).speed, Speed::FASTEST);
    }
}
