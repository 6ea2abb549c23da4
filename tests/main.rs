//! The program as a whole. One binary, so that it is linked once.

mod classic_groups;
mod cli;
mod cluster;
mod commits;
mod compaction;
mod consumer_positions;
mod controllers;
mod determinism;
mod disk;
mod docs;
mod golden_traces;
mod growth;
mod history;
mod known_bugs;
mod library;
mod log_start;
mod mechanisms;
mod model_table;
mod modern_groups;
mod outcome_table;
mod producers;
mod swarm;
mod swarm_run;
mod transactions;
mod vectors;
mod vectors_run;
