//! Scenario files: TOML to [`Scenario`], with errors that say what, where and how to mend.
