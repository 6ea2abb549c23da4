//! The picture: pure geometry from a [`View`](sim_core::view::View), and a painter trait with an SVG back end. Nothing here
//! knows the web, nothing decides anything about Kafka. In reading order:
//!
//! - [`geom`], [`text`], [`theme`], [`paint`]: points, text widths, the one table of colours, shapes and the painter trait;
//! - [`words`]: every word of the picture;
//! - [`scene`]: what a picture is: marks in two layers (the cluster, the packets) and regions that can be pointed at;
//! - [`layout`]: where everything goes;
//! - [`timeline`], [`chart`]: the painted time bar; charts over time;
//! - [`svg`]: the back end for documents. The canvas back end lives with the page.

pub mod chart;
pub mod geom;
pub mod layout;
pub mod paint;
pub mod sample;
pub mod scene;
pub mod svg;
pub mod text;
pub mod theme;
pub mod timeline;
pub mod words;

pub use geom::{Point, Rect, Size};
pub use scene::{LayoutOptions, Pick, Scene};
pub use theme::{Theme, Token};
