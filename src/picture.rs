//! A picture of one instant of a run, as the page draws it: for documentation.

use clap::ValueEnum;
use sim_core::history::History;
use sim_core::ids::{MessageId, Offset, PartitionId};
use sim_core::scenario::Scenario;
use sim_core::time::{SimDuration, SimTime};
use sim_core::trace::{TraceEvent, What};
use stage::geom::Size;
use stage::svg::document;
use stage::{LayoutOptions, Scene, Theme};
use std::sync::Arc;

/// The sides of a picture, in pixels.
const SIDES: std::ops::RangeInclusive<u32> = 320..=4_096;

/// Dark ink on paper, or the other way round.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Look {
    /// Dark ink on paper.
    #[default]
    Light,
    /// Light ink on a dark ground.
    Dark,
}

/// What is drawn, and how.
#[derive(Clone, Copy, Debug)]
pub struct Shot {
    /// The instant.
    pub at: SimTime,
    /// The size.
    pub size: Size,
    /// Its colours.
    pub look: Look,
    /// A message to mark.
    pub message: Option<MessageId>,
}

/// `12.4s`.
///
/// # Errors
/// What is wrong with it.
pub fn instant(text: &str) -> Result<SimTime, String> {
    SimDuration::parse(text).map(|span| SimTime::ZERO + span)
}

/// `1200x700`.
///
/// # Errors
/// What is wrong with it.
pub fn size(text: &str) -> Result<Size, String> {
    let side = |text: &str| text.trim().parse::<u32>().ok().filter(|n| SIDES.contains(n)).map(f64::from);
    let sides = text.split_once('x').and_then(|(w, h)| Some(Size { w: side(w)?, h: side(h)? }));
    let (low, high) = (SIDES.start(), SIDES.end());
    sides.ok_or_else(|| format!("`{text}` is not a size; write width x height, each from {low} to {high}, such as 1200x700"))
}

/// Runs a scenario up to the instant, and draws it.
///
/// # Errors
/// The run is over by then, or has no such message.
pub fn draw(scenario: Arc<Scenario>, shot: Shot) -> Result<String, String> {
    let title = format!("{}, at {} s", scenario.title.en, seconds(shot.at));
    let mut history = History::new(scenario);
    if shot.at > history.end() {
        return Err(format!("the run ends at {} s: there is nothing to see at {} s", seconds(history.end()), seconds(shot.at)));
    }
    history.seek(shot.at);
    let watched = shot.message.map(|message| place_of(&history, message)).transpose()?.flatten();
    let options = LayoutOptions { watched, ..LayoutOptions::default() };
    let scene = Scene::layout(&history.view(shot.message), shot.size, &options);
    let theme = if shot.look == Look::Dark { Theme::Dark } else { Theme::Light };
    Ok(document(&[&scene.base, &scene.packets], shot.size, theme, &title))
}

/// Where a message lies by then, in the log of its leader.
fn place_of(history: &History, message: MessageId) -> Result<Option<(PartitionId, Offset)>, String> {
    let ledger = history.world().ledger();
    if message.0 >= ledger.intended() {
        return Err(format!("there is no message {} by then: {} were sent", message.0, ledger.intended()));
    }
    let Some(batch) = ledger.message(message).batch else { return Ok(None) };
    let rank = ledger.messages_of(batch).position(|m| m == message).unwrap_or(0) as u32;
    let appended = |event: &TraceEvent| match event.what {
        What::Appended { batch: Some(b), leader: true, partition, base, .. } if b == batch => Some((partition, base.plus(rank))),
        _ => None,
    };
    Ok(history.trace().iter().take_while(|event| event.at <= history.now()).find_map(appended))
}

fn seconds(at: SimTime) -> String {
    format!("{}.{:03}", at.0 / 1_000_000, at.0 % 1_000_000 / 1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_bounded() {
        assert_eq!(size("1200x700").map(|s| (s.w, s.h)), Ok((1200.0, 700.0)));
        for bad in ["", "1200", "1200x", "x", "12x700", "1200x5000", "-1x700", "1e3x700"] {
            assert!(size(bad).unwrap_err().contains("is not a size"), "{bad}");
        }
    }
}
