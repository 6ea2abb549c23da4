//! The simulation, pure: no I/O, no wall clock, no threads, no ambient randomness, no floats in anything that is stored, compared
//! or hashed. The same scenario, seed and interventions give the same trace, bit for bit, on every platform.
//!
//! Read `docs/architecture.md` for the map and the invariants.

pub mod agenda;
pub mod anomalies;
pub mod application;
pub mod autopsy;
pub mod broker;
pub mod bug;
pub mod check;
pub mod chunks;
pub mod config;
pub mod consumer;
pub mod controller;
pub mod crash_points;
pub mod effects;
pub mod error_code;
pub mod explain;
mod fault;
pub mod group;
pub mod history;
pub mod ids;
pub mod layout;
pub mod ledger;
pub mod log;
pub mod mechanism;
pub mod nearest;
pub mod net;
pub mod partitioner;
pub mod placement;
pub mod producer;
mod queue;
pub mod record;
pub mod replica;
pub mod rng;
pub mod rows;
pub mod scenario;
pub mod series;
pub mod session;
pub mod set;
pub mod sort;
mod sparse;
pub mod summary;
pub mod tally;
pub mod time;
pub mod trace;
pub mod transaction;
pub mod view;
pub mod wire;
pub mod words;
pub mod world;
