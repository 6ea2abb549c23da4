//! What the page shows, besides the run itself: a pure reducer, tested without a browser.

use crate::playback::Speed;
use crate::sim::{Facts, Intervention};
use crate::start::Start;
use sim_core::ids::{MessageId, NodeId};
use sim_core::time::SimTime;
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

/// The menu on something on the stage.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Menu {
    /// On what.
    pub on: Pick,
    /// Where, from the stage's upper left corner.
    pub x: f64,
    /// Where, from the stage's upper left corner.
    pub y: f64,
}

/// A course of events.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Branch {
    /// What it is called; the original has no name.
    pub name: String,
    /// Which one it was made from, and at which instant: what "undo" goes back to. None for the original, and for what a link brought.
    pub from: Option<(usize, SimTime)>,
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
    /// The message that is followed.
    pub message: Option<MessageId>,
    /// The menu that is open.
    pub menu: Option<Menu>,
    /// The branches; the original first.
    pub branches: Vec<Branch>,
    /// The branch that is shown.
    pub branch: usize,
    /// Branches that were left by "undo": "redo" shows the last of them again.
    pub undone: Vec<usize>,
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
    /// Open the menu of something on the stage.
    OpenMenu(Menu),
    /// Close it.
    CloseMenu,
    /// There is another branch, and it is shown.
    Forked(Branch),
    /// Back to the branch that the shown one was made from.
    Undo,
    /// And forth again.
    Redo,
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
            message: None,
            menu: None,
            branches: Vec::new(),
            branch: 0,
            undone: Vec::new(),
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
                let (speed, careful) = (self.speed, self.careful);
                self = State { speed, careful, ..State::new(start, self.playing) };
            }
            Action::Planned(facts) => {
                self.draft = draft(&facts);
                self.start.scenario = Some(facts.name.clone());
                self.facts = Some(facts);
                self.branches = vec![Branch::default()];
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
            Action::Select(pick) => self.select(pick),
            Action::Hover(pick) => self.hovered = pick,
            Action::Follow(message) => {
                self.message = message;
                self.selected = None;
                self.menu = None;
            }
            Action::OpenMenu(menu) => {
                self.select(Some(menu.on));
                self.menu = Some(menu);
                // A packet would be gone before anything is chosen.
                self.playing &= !matches!(menu.on, Pick::Packet(_));
            }
            Action::CloseMenu => self.menu = None,
            Action::Forked(branch) => {
                self.branches.push(branch);
                self.undone.clear();
                self.show(self.branches.len() - 1);
            }
            Action::Branch(branch) => {
                if branch < self.branches.len() && branch != self.branch {
                    self.undone.clear();
                    self.show(branch);
                }
            }
            Action::Undo => {
                if let Some((parent, _)) = self.branches.get(self.branch).and_then(|shown| shown.from) {
                    self.undone.push(self.branch);
                    self.show(parent);
                }
            }
            Action::Redo => {
                if let Some(branch) = self.undone.pop() {
                    self.show(branch);
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

    fn show(&mut self, branch: usize) {
        self.branch = branch;
        self.phase = Phase::Loading;
        self.menu = None;
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

/// The node that it is, if it is one.
pub fn node_of(pick: Pick) -> Option<NodeId> {
    match pick {
        Pick::Broker(id) => Some(NodeId::Broker(id)),
        Pick::Producer(id) => Some(NodeId::Producer(id)),
        Pick::Consumer(id) => Some(NodeId::Consumer(id)),
        Pick::Controller(id) => Some(NodeId::Controller(id)),
        Pick::Store(id) => Some(NodeId::Store(id)),
        Pick::Replica(..) | Pick::Cell { .. } | Pick::Packet(_) | Pick::Link(..) => None,
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
    use sim_core::ids::{BrokerId, ControllerId, Offset, PacketId, PartitionId};

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
        let state = planned().reduce(Action::Known).reduce(Action::Forked(parted("crash", 0)));
        assert_eq!((state.branch, &state.phase), (1, &Phase::Loading));
        let state = state.reduce(Action::Known).reduce(Action::Branch(0));
        assert_eq!(state.branch, 0);
        let before = state.clone();
        assert_eq!(state.reduce(Action::Branch(9)), before);
    }

    fn parted(name: &str, parent: usize) -> Branch {
        Branch { name: name.into(), from: Some((parent, SimTime(9_000_000))) }
    }

    #[test]
    fn undo_goes_back_act_by_act_and_redo_forth_again() {
        let state = planned().reduce(Action::Forked(parted("crash", 0))).reduce(Action::Forked(parted("pause", 1)));
        let shown = |state: &State| state.branch;
        let once = state.clone().reduce(Action::Undo);
        let twice = once.clone().reduce(Action::Undo);
        assert_eq!((shown(&state), shown(&once), shown(&twice)), (2, 1, 0));
        assert_eq!(twice.clone().reduce(Action::Undo), twice, "nothing is left to undo");
        let again = twice.clone().reduce(Action::Redo);
        assert_eq!((shown(&again), shown(&again.clone().reduce(Action::Redo))), (1, 2));
        assert_eq!(again.phase, Phase::Loading);
        // Another act, or another branch, and what was undone is not to be redone any more; its branch stays.
        for other in [Action::Forked(parted("cut", 1)), Action::Branch(2)] {
            let state = once.clone().reduce(other);
            assert_eq!(state.clone().reduce(Action::Redo), state);
            assert_eq!(state.branches[2].name, "pause");
        }
        let linked = planned().reduce(Action::Forked(Branch { name: "as in the link".into(), from: None }));
        assert_eq!(linked.clone().reduce(Action::Undo), linked);
    }

    #[test]
    fn choosing_a_cell_follows_its_message_and_choosing_another_thing_stops() {
        let cell =
            Pick::Cell { broker: BrokerId(1), partition: PartitionId(0), base: Offset(3), count: 1, message: Some(MessageId(9)) };
        let state = planned().reduce(Action::Select(Some(cell)));
        assert_eq!(state.message, Some(MessageId(9)));
        let state = state.reduce(Action::OpenMenu(Menu { on: Pick::Broker(BrokerId(2)), x: 1.0, y: 1.0 }));
        assert_eq!((state.message, state.selected), (None, Some(Pick::Broker(BrokerId(2)))));
        assert!(state.reduce(Action::Select(None)).menu.is_none());
    }

    #[test]
    fn what_has_a_menu_is_chosen_with_it() {
        let link = Pick::Link(NodeId::Broker(BrokerId(1)), NodeId::Broker(BrokerId(2)));
        for on in [Pick::Broker(BrokerId(1)), Pick::Controller(ControllerId(3)), Pick::Packet(PacketId(7)), link] {
            let menu = Menu { on, x: 1.0, y: 1.0 };
            let state = planned().reduce(Action::OpenMenu(menu));
            assert_eq!((state.selected, state.menu), (Some(on), Some(menu)));
            // Packets do not wait for a choice: time does.
            assert_eq!(state.playing, !matches!(on, Pick::Packet(_)));
            assert_eq!(node_of(on).map(pick_of).unwrap_or(on), on);
        }
    }

    #[test]
    fn a_failed_run_does_not_play() {
        let state = planned().reduce(Action::Failed("no".into())).reduce(Action::TogglePlay);
        assert!(!state.playing);
        let state = state.reduce(Action::Run(Start::default()));
        assert_eq!(state.phase, Phase::Loading);
    }

    #[test]
    fn speed_stays_on_its_slider() {
        assert_eq!(planned().reduce(Action::Speed(Speed(99))).speed, Speed::FASTEST);
    }
}
