//! The canvas back end of the painter.

use stage::geom::{Curve, Point, Rect, Size};
use stage::paint::{Anchor, Mark, Painter, Stroke, TextStyle, paint};
use stage::{Theme, Token};
use wasm_bindgen::JsCast;
use web_sys::{CanvasRenderingContext2d, HtmlCanvasElement};

/// Draws on a canvas. Remembers the last colours and widths: setting them is what costs.
struct CanvasPainter<'a> {
    context: &'a CanvasRenderingContext2d,
    theme: Theme,
    fill: Option<Token>,
    stroke: Option<Stroke>,
    font: Option<TextStyle>,
}

/// Fits the canvas to its place on the page, at the screen's resolution. Returns its size, and whether that changed.
pub fn fit(canvas: &HtmlCanvasElement) -> (Size, bool) {
    let ratio = gloo::utils::window().device_pixel_ratio().clamp(1.0, 3.0);
    let (w, h) = (f64::from(canvas.client_width()), f64::from(canvas.client_height()));
    let (px, py) = ((w * ratio).round() as u32, (h * ratio).round() as u32);
    let changed = canvas.width() != px || canvas.height() != py;
    if changed {
        canvas.set_width(px);
        canvas.set_height(py);
    }
    (Size::new(w, h), changed)
}

/// Clears the canvas and draws the marks.
pub fn draw(canvas: &HtmlCanvasElement, layers: &[&[Mark]], theme: Theme) {
    let Some(context) = canvas.get_context("2d").ok().flatten().and_then(|c| c.dyn_into::<CanvasRenderingContext2d>().ok())
    else {
        return;
    };
    let ratio = gloo::utils::window().device_pixel_ratio().clamp(1.0, 3.0);
    _ = context.set_transform(ratio, 0.0, 0.0, ratio, 0.0, 0.0);
    context.clear_rect(0.0, 0.0, f64::from(canvas.width()), f64::from(canvas.height()));
    context.set_text_baseline("middle");
    context.set_line_join("round");
    context.set_line_cap("butt");
    let mut painter = CanvasPainter { context: &context, theme, fill: None, stroke: None, font: None };
    context.set_line_dash(&js_sys::Array::new()).ok();
    for layer in layers {
        paint(layer, &mut painter);
    }
}

impl CanvasPainter<'_> {
    fn finish(&mut self, fill: Option<Token>, stroke: Option<Stroke>) {
        if let Some(token) = fill {
            self.use_fill(token);
            self.context.fill();
        }
        if let Some(stroke) = stroke {
            self.use_stroke(stroke);
            self.context.stroke();
        }
    }

    fn use_fill(&mut self, token: Token) {
        if self.fill != Some(token) {
            self.context.set_fill_style_str(self.theme.color(token));
            self.fill = Some(token);
        }
    }

    fn use_stroke(&mut self, stroke: Stroke) {
        if self.stroke == Some(stroke) {
            return;
        }
        self.context.set_stroke_style_str(self.theme.color(stroke.color));
        self.context.set_line_width(stroke.width);
        if self.stroke.and_then(|s| s.dash) != stroke.dash {
            let dashes = js_sys::Array::new();
            if let Some(dash) = stroke.dash {
                dashes.push(&dash.into());
                dashes.push(&dash.into());
            }
            _ = self.context.set_line_dash(&dashes);
        }
        self.stroke = Some(stroke);
    }
}

impl Painter for CanvasPainter<'_> {
    fn rect(&mut self, r: Rect, radius: f64, fill: Option<Token>, stroke: Option<Stroke>) {
        if radius <= 2.0 && stroke.is_none() {
            if let Some(token) = fill {
                self.use_fill(token);
                self.context.fill_rect(r.x, r.y, r.w, r.h);
            }
            return;
        }
        self.context.begin_path();
        if radius <= 2.0 {
            self.context.rect(r.x, r.y, r.w, r.h);
        } else {
            _ = self.context.round_rect_with_f64(r.x, r.y, r.w, r.h, radius);
        }
        self.finish(fill, stroke);
    }

    fn circle(&mut self, c: Point, radius: f64, fill: Option<Token>, stroke: Option<Stroke>) {
        self.context.begin_path();
        _ = self.context.arc(c.x, c.y, radius, 0.0, std::f64::consts::TAU);
        self.finish(fill, stroke);
    }

    fn path(&mut self, points: &[Point], closed: bool, fill: Option<Token>, stroke: Option<Stroke>) {
        let Some((first, rest)) = points.split_first() else { return };
        self.context.begin_path();
        self.context.move_to(first.x, first.y);
        for p in rest {
            self.context.line_to(p.x, p.y);
        }
        if closed {
            self.context.close_path();
        }
        self.finish(fill, stroke);
    }

    fn curve(&mut self, c: &Curve, stroke: Stroke) {
        self.context.begin_path();
        self.context.move_to(c.from.x, c.from.y);
        self.context.bezier_curve_to(c.leave.x, c.leave.y, c.reach.x, c.reach.y, c.to.x, c.to.y);
        self.finish(None, Some(stroke));
    }

    fn lines(&mut self, lines: &[(Point, Point)], stroke: Stroke) {
        self.context.begin_path();
        for (a, b) in lines {
            self.context.move_to(a.x, a.y);
            self.context.line_to(b.x, b.y);
        }
        self.finish(None, Some(stroke));
    }

    fn text(&mut self, at: Point, text: &str, style: &TextStyle) {
        self.use_fill(style.color);
        if self.font != Some(*style) {
            self.context.set_font(&style.css_font());
            self.context.set_text_align(match style.anchor {
                Anchor::Start => "left",
                Anchor::Middle => "center",
                Anchor::End => "right",
            });
            self.font = Some(*style);
        }
        _ = self.context.fill_text(text, at.x, at.y);
    }
}
