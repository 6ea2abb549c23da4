//! The simulation, pure: no I/O, no wall clock, no threads, no ambient randomness, no floats in anything that is stored, compared
//! or hashed. The same scenario, seed and interventions give the same trace, bit for bit, on every platform.
//!
//! Read `docs/architecture.md` for the map and the invariants.

pub mod config;
pub mod error_code;
pub mod ids;
pub mod nearest;
pub mod scenario;
pub mod session;
pub mod set;
pub mod time;
pub mod trace;
pub mod view;
