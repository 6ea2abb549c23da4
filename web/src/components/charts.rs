//! The run over time: the charts on their canvas, and what they say of an instant.

use super::controls::{icon_button, on};
use super::icons::Icon;
use super::{Msg, Snapshot};
use crate::i18n::{S, charts_at};
use crate::picture::{ChartNodes, charts_of};
use crate::state::Action;
use sim_core::time::SimTime;
use stage::chart::{Chart, Grid};
use stage::geom::{Point, Rect};
use web_sys::HtmlElement;
use yew::prelude::*;

/// What is shown.
pub struct Props<'a> {
    /// The run.
    pub snapshot: &'a Snapshot,
    /// The canvas and what lies over it.
    pub nodes: &'a ChartNodes,
    /// Where wishes go.
    pub send: &'a Callback<Msg>,
}

/// Where the charts are on their canvas.
pub fn grid(width: f64, height: f64, charts: usize) -> Grid {
    // In one column, so that one line can stand in all of them.
    Grid { area: Rect::new(0.0, 0.0, width, height), columns: 1, rows: charts }
}

/// The charts, in place of the inspector.
pub fn charts(props: &Props) -> Html {
    let close = on(props.send, Msg::Act(Action::Charts(false)));
    html! {
        <section class="card inspector charts" aria-labelledby="charts-title" data-testid="charts">
            <div class="head">
                <h2 id="charts-title">{ S.charts }</h2>
                { icon_button("quiet square", Icon::Close, S.close, "charts-close", None, close) }
            </div>
            <div class="scroll" tabindex="0">
                if let Some(outcome) = &props.snapshot.outcome { { plots(props, &charts_of(&outcome.bar), props.snapshot) } }
                else { <p class="soft">{ S.loading }{ "…" }</p> }
                <p class="soft hint">{ S.charts_hint }</p>
            </div>
        </section>
    }
}

/// The canvas, with a line at the present and a tip under the pointer: neither is painted on it, so that moving them costs nothing.
fn plots(props: &Props, charts: &[Chart], snapshot: &Snapshot) -> Html {
    let (nodes, end, number) = (props.nodes, snapshot.end, charts.len());
    let under = move |e: &MouseEvent| -> Option<(usize, SimTime, Point)> {
        let canvas = e.target_dyn_into::<HtmlElement>()?;
        let at = Point::new(f64::from(e.offset_x()), f64::from(e.offset_y()));
        let (chart, instant) = grid(canvas.client_width().into(), canvas.client_height().into(), number).hit(number, end, at)?;
        Some((chart, instant, at))
    };
    let send = props.send.clone();
    let seek = Callback::from(move |e: MouseEvent| {
        if let Some((_, instant, _)) = under(&e) {
            send.emit(Msg::Seek(instant));
        }
    });
    let bar = snapshot.outcome.as_ref().map(|o| o.bar.clone());
    let tip = nodes.tip.clone();
    let over = Callback::from(move |e: MouseEvent| {
        let (Some((chart, instant, at)), Some(bar), Some(tip)) = (under(&e), &bar, tip.cast::<HtmlElement>()) else { return };
        tip.set_text_content(Some(&charts_at(&charts_of(bar)[chart..=chart], instant)));
        _ = tip.set_attribute("style", &format!("--x:{:.0}px;--y:{:.0}px", at.x, at.y));
    });
    let tip = nodes.tip.clone();
    let out = Callback::from(move |_: MouseEvent| {
        tip.cast::<HtmlElement>().map(|tip| tip.set_attribute("style", "display:none"));
    });
    html! {
        <div class="plots" style={format!("height:{:.0}px", Grid::comfortable_height(number))}>
            <canvas ref={nodes.canvas.clone()} role="img" aria-label={charts_at(charts, snapshot.now)} data-testid="charts-canvas"
                onclick={seek} onmousemove={over} onmouseleave={out}></canvas>
            <div class="cursor" ref={nodes.cursor.clone()} aria-hidden="true"></div>
            <div class="tip" ref={nodes.tip.clone()} style="display:none" aria-hidden="true"></div>
        </div>
    }
}
