//! The parts of the page. They show a [`Snapshot`] and send [`Msg`]s; none of them keeps anything of the run.

pub mod app;
pub mod background;
pub mod branches;
pub mod charts;
pub mod compare;
pub mod controls;
pub mod deeds;
pub mod events;
pub mod file;
pub mod header;
pub mod icons;
pub mod inspector;
pub mod life;
pub mod news;
pub mod outcome;
pub mod settings;
pub mod sheet;
pub mod stage_view;
pub mod time_bar;

use self::stage_view::Pointing;
use crate::engine::{Difference, News, Outcome, Told};
use crate::sim::{self, Direction, Tally};
use crate::start::Start;
use crate::state::Action;
use sim_core::time::SimTime;
use sim_core::view::View;
use std::rc::Rc;

/// What the parts ask for.
#[derive(Clone, Debug)]
pub enum Msg {
    /// A change of the page's state.
    Act(Action),
    /// Run this, and forget what was run before.
    Run(Start),
    /// Run this beside what was run before: the same storm with other settings.
    Vary(Start),
    /// The next picture is due.
    Frame(f64),
    /// Show this instant.
    Seek(SimTime),
    /// One event on, or back.
    Step(bool),
    /// To the next, or previous, event worth a look.
    Jump(bool),
    /// Do this, now.
    Intervene(sim::Action),
    /// Another course of events without this one of the shown one's acts.
    Without(usize),
    /// A finger, or the button for menus, on the stage.
    Touch(f64, f64, Pointing),
    /// The key for menus, on something of the list behind the stage.
    MenuKey,
    /// A key was pressed that no control took.
    Key(String),
    /// Put a text on the clipboard.
    Copy(String),
    /// Put a link to this run, at this instant, on the clipboard and into the address.
    Share,
    /// Save the run as a replay file.
    Save,
    /// Run what this replay file holds.
    Replay(String),
}

/// A shared value that is equal to itself only: cheap to compare.
#[derive(Debug)]
pub struct Shared<T>(pub Rc<T>);

impl<T> Clone for Shared<T> {
    fn clone(&self) -> Self {
        Shared(Rc::clone(&self.0))
    }
}

impl<T> PartialEq for Shared<T> {
    fn eq(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }
}

/// What the parts show: renewed a few times a second while time passes, and at once when anything else changes.
#[derive(Clone, PartialEq)]
pub struct Snapshot {
    /// The instant.
    pub now: SimTime,
    /// The length of the run.
    pub end: SimTime,
    /// As much as is known of it.
    pub known: SimTime,
    /// The counts at the instant.
    pub tally: Tally,
    /// What came of the run, once known.
    pub outcome: Option<Outcome>,
    /// What came of the run to compare with, and what it is called: the one beside, else the original.
    pub other: Option<(String, Tally)>,
    /// Where the shown run and the one beside part, once both are known; none of the two: nowhere.
    pub apart: Option<Option<Difference>>,
    /// What happened last.
    pub news: Option<News>,
    /// The link that is chosen, each way.
    pub link: Option<[Direction; 2]>,
    /// The life of the message that is followed.
    pub life: Option<Shared<Told>>,
    /// The cluster.
    pub view: Shared<View>,
}
