//! What the page shows, besides the run itself: a pure reducer, tested without a browser.

use crate::draft::Draft;
use crate::playback::Speed;
use crate::sim::Facts;
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

impl Menu {
    /// Where the thing is: the page finds out.
    pub fn beside(on: Pick) -> Menu {
        Menu { on, x: -1.0, y: -1.0 }
    }
}

/// One course of events: the original, or what became of another one with something done to it, or with other settings.
#[derive(Clone, Debug, PartialEq)]
pub struct Course {
    /// What people call it; the original has no name of its own.
    pub name: String,
    /// Which one it left; none: the original.
    pub parent: Option<usize>,
    /// When it left: with other settings, at the beginning.
    pub at: SimTime,
    /// What is run.
    pub start: Start,
    /// What is known of it.
    pub facts: Rc<Facts>,
}

/// How the last act of a course is taken back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Undo {
    /// The course that it left is shown again, at the instant of the act; none: at the present one, since an act was taken out.
    Back(usize, Option<SimTime>),
    /// What a link has brought is one course with several acts: there is to be another one without this act, which left this course.
    Without(usize, usize),
}

/// More courses than anybody keeps apart; each holds its whole run.
pub const MOST_COURSES: usize = 16;

/// The longest name of a course, in characters.
const LONGEST_NAME: usize = 60;

/// What can be open over the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sheet {
    /// The list of keys.
    Keys,
    /// The settings.
    Settings,
    /// A scenario of one's own, and replay files.
    File,
}

/// The state of the page.
#[derive(Clone, Debug, PartialEq)]
pub struct State {
    /// What is run.
    pub start: Start,
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
    /// The courses of events, the original first, each after the one that it left.
    pub courses: Vec<Course>,
    /// The course that is shown.
    pub branch: usize,
    /// The course that is shown beside it.
    pub beside: Option<usize>,
    /// Courses that were left by "undo": "redo" shows the last of them again.
    pub undone: Vec<usize>,
    /// The settings that are being chosen.
    pub draft: Draft,
    /// What is open over the page.
    pub sheet: Option<Sheet>,
    /// What went wrong with the last wish, as a sentence.
    pub notice: Option<String>,
    /// Time passes more slowly where something happens.
    pub careful: bool,
    /// The charts stand where the inspector does.
    pub charts: bool,
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
    /// There is another course of events, and it is shown.
    Branched(Course),
    /// Show a course.
    Branch(usize),
    /// Back to the course that the shown one left.
    Undo,
    /// And forth again.
    Redo,
    /// Show another course beside the one that is shown, or none.
    Beside(Option<usize>),
    /// Call a course this.
    Rename(usize, String),
    /// Forget a course. What left it stays, as if it had left the one before.
    Close(usize),
    /// Other settings are being chosen.
    Draft(Draft),
    /// Open something over the page, or close it.
    Sheet(Option<Sheet>),
    /// A wish could not be fulfilled; or the person has read that.
    Notice(Option<String>),
    /// Another theme.
    Theme(Theme),
    /// Slow down where something happens, or not.
    Careful(bool),
    /// Show the charts, or what is chosen.
    Charts(bool),
}

impl State {
    /// The state before anything is known.
    pub fn new(start: Start, playing: bool) -> State {
        State {
            start,
            phase: Phase::Loading,
            playing,
            speed: Speed::DEFAULT,
            selected: None,
            hovered: None,
            legend: true,
            message: None,
            menu: None,
            courses: Vec::new(),
            branch: 0,
            beside: None,
            undone: Vec::new(),
            draft: Draft::default(),
            sheet: None,
            notice: None,
            careful: false,
            charts: false,
        }
    }

    /// The state after an action.
    #[must_use]
    pub fn reduce(mut self, action: Action) -> State {
        match action {
            Action::Run(start) => {
                let (speed, careful, charts, legend) = (self.speed, self.careful, self.charts, self.legend);
                self = State { speed, careful, charts, legend, ..State::new(start, self.playing) };
            }
            Action::Planned(facts) => {
                if self.start.text.is_none() {
                    self.start.scenario = Some(facts.name.clone());
                }
                let start = Start { acts: Vec::new(), ..self.start.anew() };
                self.courses = vec![Course { name: String::new(), parent: None, at: SimTime::ZERO, start, facts }];
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
                self.charts &= message.is_none();
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
            Action::Branched(course) => {
                self.courses.push(course);
                self.undone.clear();
                self.show(self.courses.len() - 1);
            }
            Action::Branch(branch) => {
                if branch < self.courses.len() && branch != self.branch {
                    self.undone.clear();
                    self.show(branch);
                }
            }
            Action::Undo => {
                if let Some(Undo::Back(parent, _)) = self.undo() {
                    self.undone.push(self.branch);
                    self.show(parent);
                }
            }
            Action::Redo => {
                if let Some(branch) = self.undone.pop() {
                    self.show(branch);
                }
            }
            Action::Beside(other) => self.beside = other.filter(|o| *o < self.courses.len() && *o != self.branch),
            Action::Rename(branch, name) => {
                if let Some(course) = self.courses.get_mut(branch).filter(|_| branch > 0) {
                    course.name = name.chars().take(LONGEST_NAME).collect();
                }
            }
            Action::Close(branch) => self.close(branch),
            Action::Draft(draft) => self.draft = draft,
            Action::Sheet(sheet) => {
                self.sheet = sheet;
                self.menu = None;
            }
            Action::Notice(notice) => self.notice = notice,
            Action::Theme(theme) => self.start.theme = Some(theme),
            Action::Careful(careful) => self.careful = careful,
            Action::Charts(open) => self.charts = open,
        }
        self
    }

    fn select(&mut self, pick: Option<Pick>) {
        // What is chosen is to be seen.
        self.charts &= pick.is_none();
        self.selected = pick;
        self.message = match pick {
            Some(Pick::Cell { message, .. }) => message,
            _ => None,
        };
        self.menu = None;
    }

    /// The course to compare with: the one beside, else the original.
    pub fn other(&self) -> Option<usize> {
        self.beside.or((self.branch > 0).then_some(0))
    }

    /// Shows a course; where it stood beside another, they change places.
    fn show(&mut self, branch: usize) {
        if self.beside == Some(branch) {
            self.beside = Some(self.branch);
        }
        self.branch = branch;
        self.start = Start { theme: self.start.theme, ..self.courses[branch].start.clone() };
        self.phase = Phase::Loading;
        self.draft = Draft::default();
        self.menu = None;
    }

    fn close(&mut self, branch: usize) {
        if branch == 0 || branch >= self.courses.len() {
            return;
        }
        self.undone.clear();
        let parent = self.courses[branch].parent;
        if self.branch == branch {
            self.beside = self.beside.filter(|b| Some(*b) != parent);
            self.show(parent.unwrap_or(0));
        }
        let moved = |i: usize| i - usize::from(i > branch);
        self.courses.remove(branch);
        for course in &mut self.courses {
            course.parent = course.parent.map(|p| if p == branch { parent.unwrap_or(0) } else { moved(p) });
        }
        self.branch = moved(self.branch);
        self.beside = self.beside.filter(|b| *b != branch).map(moved);
    }

    /// How the last act of the shown course is taken back; none: there is none, or the course differs by settings only.
    pub fn undo(&self) -> Option<Undo> {
        let course = self.courses.get(self.branch)?;
        let parent = course.parent?;
        let (own, before) = (course.start.acts.len(), self.courses[parent].start.acts.len());
        match own.checked_sub(before) {
            None => Some(Undo::Back(parent, None)),
            Some(0) => None,
            Some(1) => Some(Undo::Back(parent, Some(course.at))),
            Some(_) => Some(Undo::Without(own - 1, parent)),
        }
    }

    /// What is known of the shown course.
    pub fn facts(&self) -> Option<&Rc<Facts>> {
        self.courses.get(self.branch).map(|course| &course.facts)
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
        Pick::Replica(..) | Pick::Cell { .. } | Pick::Packet(_) | Pick::Link(..) | Pick::Legend => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim;
    use sim_core::ids::{BrokerId, ControllerId, Offset, PacketId, PartitionId};
    use sim_core::time::SimTime;

    fn facts() -> Rc<Facts> {
        Rc::new(Facts {
            name: "payments-acks-1".into(),
            title: "t".into(),
            about: "a".into(),
            mechanisms: vec![],
            seed: 7,
            end: SimTime(60_000_000),
            given: vec![],
        })
    }

    fn planned() -> State {
        State::new(Start::default(), true).reduce(Action::Planned(facts()))
    }

    fn course(name: &str, parent: usize) -> Action {
        let start = Start { set: vec![("producer.config.acks".into(), name.into())], ..Start::default() };
        Action::Branched(Course { name: name.into(), parent: Some(parent), at: SimTime::ZERO, start, facts: facts() })
    }

    fn names(state: &State) -> Vec<(&str, Option<usize>)> {
        state.courses.iter().map(|c| (c.name.as_str(), c.parent)).collect()
    }

    #[test]
    fn a_branch_is_shown_when_it_is_made_and_the_original_can_be_returned_to() {
        let state = planned().reduce(Action::Known).reduce(course("all", 0));
        assert_eq!((state.branch, &state.phase), (1, &Phase::Loading));
        assert_eq!(state.start.set[0].1, "all");
        let state = state.reduce(Action::Known).reduce(Action::Branch(0));
        assert_eq!((state.branch, state.start.set.len()), (0, 0));
        let before = state.clone();
        assert_eq!(state.reduce(Action::Branch(9)), before);
    }

    /// A course with so many acts that left another one.
    fn acted(acts: usize, parent: usize) -> Action {
        let at = SimTime(9_000_000);
        let action = sim::Action::Pause { target: sim::Target::Brokers };
        let start = Start { acts: vec![sim::Intervention { at, action }; acts], ..Start::default() };
        Action::Branched(Course { name: "acts".into(), parent: Some(parent), at, start, facts: facts() })
    }

    #[test]
    fn undo_goes_back_act_by_act_and_redo_forth_again() {
        let state = planned().reduce(acted(1, 0)).reduce(acted(2, 1));
        assert_eq!(state.undo(), Some(Undo::Back(1, Some(SimTime(9_000_000)))));
        let once = state.clone().reduce(Action::Undo);
        let twice = once.clone().reduce(Action::Undo);
        assert_eq!((state.branch, once.branch, twice.branch), (2, 1, 0));
        assert_eq!((once.start.acts.len(), twice.start.acts.len()), (1, 0), "it is gone from the address");
        assert_eq!(twice.clone().reduce(Action::Undo), twice, "nothing is left to undo");
        let again = twice.reduce(Action::Redo);
        assert_eq!((again.branch, &again.phase), (1, &Phase::Loading));
        assert_eq!(again.reduce(Action::Redo).branch, 2);
        // Another act, or another course, and what was undone is not to be redone any more.
        for other in [acted(2, 1), Action::Branch(2), Action::Close(2)] {
            let state = once.clone().reduce(other);
            assert_eq!(state.clone().reduce(Action::Redo), state);
        }
    }

    #[test]
    fn what_is_no_single_act_is_undone_as_what_it_is() {
        assert_eq!(planned().undo(), None);
        assert_eq!(planned().reduce(course("all", 0)).undo(), None, "other settings are no act");
        let linked = planned().reduce(acted(3, 0));
        assert_eq!(linked.undo(), Some(Undo::Without(2, 0)));
        assert_eq!(linked.clone().reduce(Action::Undo), linked, "that takes another run");
        let less = linked.reduce(acted(2, 1));
        assert_eq!(less.undo(), Some(Undo::Back(1, None)), "an act that was taken out");
    }

    #[test]
    fn what_left_a_closed_branch_stays() {
        let state = planned().reduce(course("a", 0)).reduce(course("b", 1)).reduce(course("c", 2));
        let state = state.reduce(Action::Beside(Some(2))).reduce(Action::Close(2));
        assert_eq!(names(&state), [("", None), ("a", Some(0)), ("c", Some(1))]);
        assert_eq!((state.branch, state.beside), (2, None));
        let state = state.reduce(Action::Close(2));
        assert_eq!((state.branch, state.start.set[0].1.as_str()), (1, "a"), "its parent is shown");
        let before = state.clone();
        assert_eq!(state.reduce(Action::Close(0)), before, "the original stays");
    }

    #[test]
    fn two_courses_side_by_side_change_places() {
        let state = planned().reduce(course("a", 0)).reduce(Action::Beside(Some(1)));
        assert_eq!(state.beside, None, "not beside itself");
        let state = state.reduce(Action::Beside(Some(0))).reduce(Action::Branch(0));
        assert_eq!((state.branch, state.beside), (0, Some(1)));
        let state = state.reduce(Action::Rename(1, "x".repeat(100))).reduce(Action::Rename(0, "y".into()));
        assert_eq!((state.courses[1].name.len(), state.courses[0].name.as_str()), (LONGEST_NAME, ""));
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
    fn charts_stand_there_until_something_is_chosen() {
        let state = planned().reduce(Action::Charts(true));
        assert!(state.clone().reduce(Action::Select(None)).charts && state.clone().reduce(Action::Known).charts);
        assert!(!state.clone().reduce(Action::Select(Some(Pick::Broker(BrokerId(1))))).charts);
        assert!(!state.clone().reduce(Action::Follow(Some(MessageId(3)))).charts);
        assert!(state.clone().reduce(Action::Run(Start::default())).charts, "another run is looked at in the same way");
        assert!(!state.reduce(Action::Charts(false)).charts);
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
