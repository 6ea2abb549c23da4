//! What is wrong with a scenario, and where.

use std::fmt;

/// Why a scenario cannot be run. One pointer wide, since each step of a reader may hand it on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScenarioError(Box<Wrong>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Wrong {
    /// The file, or the override (`set producer.config.acks=2`).
    file: String,
    /// The line from 1; 0 where lines have no meaning.
    line: u32,
    /// The column from 1, in characters; 0 where columns have no meaning.
    column: u32,
    /// What is wrong.
    message: String,
    /// How to mend it, where that can be said.
    help: Option<String>,
}

impl ScenarioError {
    /// An error without a place in a file.
    pub fn without_place(file: impl Into<String>, message: impl Into<String>) -> ScenarioError {
        ScenarioError::at(file.into(), 0, 0, message.into())
    }

    #[inline(never)]
    pub(super) fn at(file: String, line: u32, column: u32, message: String) -> ScenarioError {
        ScenarioError(Box::new(Wrong { file, line, column, message, help: None }))
    }

    /// The same error with a way to mend it.
    #[must_use]
    pub fn help(self, help: impl Into<String>) -> ScenarioError {
        self.maybe_help(Some(help.into()))
    }

    /// The same error with a way to mend it, if there is one.
    #[must_use]
    #[inline(never)]
    pub(super) fn maybe_help(mut self, help: Option<String>) -> ScenarioError {
        self.0.help = help.or(self.0.help);
        self
    }
}

/// `file:12:5: message`, and the help on a line of its own.
impl fmt::Display for ScenarioError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Wrong { file, line, column, message, help } = &*self.0;
        if *line == 0 {
            write!(f, "{file}: {message}")?;
        } else {
            write!(f, "{file}:{line}:{column}: {message}")?;
        }
        match help {
            Some(help) => write!(f, "\n  help: {help}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for ScenarioError {}
