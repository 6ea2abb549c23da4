//! Where everything goes. [`places`] decides the boxes; the other modules draw into them.

pub mod brokers;
pub mod focus;
pub mod legend;
pub mod links;
pub mod moments;
pub mod nodes;
pub mod packets;
pub mod places;
pub mod strip;
pub mod tiles;
pub mod tip;
