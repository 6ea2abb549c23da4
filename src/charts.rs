//! A run over time as a drawing: the time bar of the page, and the charts below it.

use crate::picture::Look;
use sim_core::history::History;
use sim_core::scenario::Scenario;
use sim_core::series::{BUCKETS, Series};
use stage::Theme;
use stage::chart::{self, Chart, Grid};
use stage::geom::{Rect, Size};
use stage::svg::document;
use stage::timeline::{self, Bar, INSET};
use stage::words::ENGLISH;
use std::rc::Rc;
use std::sync::Arc;

/// The height of the time bar.
const BAR: f64 = 92.0;
/// A chart that is lower than this cannot be read.
const LOWEST: f64 = 60.0;

/// Runs a scenario to its end, and draws it over time; another one faintly behind it, if one is given.
///
/// # Errors
/// The drawing is too low for the charts.
pub fn draw(scenario: Arc<Scenario>, behind: Option<Arc<Scenario>>, size: Size, look: Look) -> Result<String, String> {
    let title = format!("{}, over time", scenario.title.en);
    let history = run(scenario);
    let end = history.end();
    let series = Series::of(&history, BUCKETS);
    let charts = Chart::all(&series, end, &ENGLISH);
    let area = Rect::new(INSET, BAR + INSET, size.w - 2.0 * INSET, size.h - BAR - 2.0 * INSET);
    let grid = Grid::new(area, charts.len());
    let lowest = BAR + 2.0 * INSET + LOWEST * grid.rows as f64;
    if size.h < lowest {
        return Err(format!("at this width the charts need a height of {lowest} or more"));
    }
    let original = behind.map(run).map_or(Vec::new(), |other| Chart::all(&Series::of(&other, BUCKETS), other.end(), &ENGLISH));
    let found = timeline::scan(history.trace(), history.world().interventions());
    let bar = Bar { end, known: end, events: found.events, series: Some(Rc::new(series)) };
    let bar = timeline::layout(&bar, None, Size::new(size.w, BAR), &ENGLISH);
    let charts = chart::layout(&charts, &original, end, &grid);
    let theme = if look == Look::Dark { Theme::Dark } else { Theme::Light };
    Ok(document(&[&bar, &charts], size, theme, &title))
}

fn run(scenario: Arc<Scenario>) -> History {
    let mut history = History::new(scenario);
    history.run_to_end();
    history
}
