//! brokerscope, headless: the command line and what it is made of. The simulation itself is [`sim_core`]; everything that touches
//! files, the terminal or the clock is here.

pub mod charts;
pub mod cli;
pub mod crash_points;
pub mod picture;
pub mod run;
pub mod sim;
pub mod table;

pub use sim_core;
