//! What is wrong with a scenario, and where.

use std::fmt;

/// Why a scenario cannot be run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScenarioError {
    /// The file, or the override (`set producer.config.acks=2`).
    pub file: String,
    /// The line from 1; 0 where lines have no meaning.
    pub line: u32,
    /// The column from 1, in characters; 0 where columns have no meaning.
    pub column: u32,
    /// What is wrong.
    pub message: String,
    /// How to mend it, where that can be said.
    pub help: Option<String>,
}

impl ScenarioError {
    /// An error without a place in a file.
    pub fn without_place(file: impl Into<String>, message: impl Into<String>) -> ScenarioError {
        ScenarioError { file: file.into(), line: 0, column: 0, message: message.into(), help: None }
    }

    /// The same error with a way to mend it.
    #[must_use]
    pub fn help(self, help: impl Into<String>) -> ScenarioError {
        ScenarioError { help: Some(help.into()), ..self }
    }

    /// The same error with a way to mend it, if there is one.
    #[must_use]
    pub(super) fn maybe_help(self, help: Option<String>) -> ScenarioError {
        ScenarioError { help: help.or(self.help), ..self }
    }
}

/// `file:12:5: message`, and the help on a line of its own.
impl fmt::Display for ScenarioError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.line == 0 {
            write!(f, "{}: {}", self.file, self.message)?;
        } else {
            write!(f, "{}:{}:{}: {}", self.file, self.line, self.column, self.message)?;
        }
        match &self.help {
            Some(help) => write!(f, "\n  help: {help}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for ScenarioError {}
