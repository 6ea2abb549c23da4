//! The seam to the simulation: the few calls that the page makes. Nothing else of the page names the core's run-time types.

mod fake;

pub use fake::*;
