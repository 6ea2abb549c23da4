//! Shapes with a meaning, and the trait that a back end implements to draw them.

use crate::geom::{Curve, Point, Rect};
use crate::text::Face;
use crate::theme::Token;

/// How a line is drawn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stroke {
    /// Its colour.
    pub color: Token,
    /// Its width.
    pub width: f64,
    /// Dashed, with dashes and gaps of this length.
    pub dash: Option<f64>,
}

impl Stroke {
    /// An unbroken line.
    pub const fn solid(color: Token, width: f64) -> Stroke {
        Stroke { color, width, dash: None }
    }

    /// A dashed line.
    pub const fn dashed(color: Token, width: f64, dash: f64) -> Stroke {
        Stroke { color, width, dash: Some(dash) }
    }
}

/// Which point of a text its position names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Anchor {
    /// The left end.
    Start,
    /// The middle.
    Middle,
    /// The right end.
    End,
}

/// How a text is set.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TextStyle {
    /// The face.
    pub face: Face,
    /// The size in pixels.
    pub size: f64,
    /// Bold.
    pub bold: bool,
    /// The colour.
    pub color: Token,
    /// What the position names.
    pub anchor: Anchor,
}

impl TextStyle {
    /// Words.
    pub const fn sans(size: f64, color: Token) -> TextStyle {
        TextStyle { face: Face::Sans, size, bold: false, color, anchor: Anchor::Start }
    }

    /// Numbers and identifiers.
    pub const fn mono(size: f64, color: Token) -> TextStyle {
        TextStyle { face: Face::Mono, size, bold: false, color, anchor: Anchor::Start }
    }

    /// The same, bold.
    #[must_use]
    pub const fn bold(self) -> TextStyle {
        TextStyle { bold: true, ..self }
    }

    /// The same, with another anchor.
    #[must_use]
    pub const fn anchored(self, anchor: Anchor) -> TextStyle {
        TextStyle { anchor, ..self }
    }
}

/// One thing to draw.
#[derive(Clone, Debug, PartialEq)]
pub enum Shape {
    /// A rectangle, its corners rounded by `radius`.
    Rect {
        /// Where.
        rect: Rect,
        /// Radius of its corners.
        radius: f64,
        /// Its inside.
        fill: Option<Token>,
        /// Its edge.
        stroke: Option<Stroke>,
    },
    /// A circle.
    Circle {
        /// Its middle.
        center: Point,
        /// Its radius.
        radius: f64,
        /// Its inside.
        fill: Option<Token>,
        /// Its edge.
        stroke: Option<Stroke>,
    },
    /// A polygon or an open line through points.
    Path {
        /// The points.
        points: Vec<Point>,
        /// Joined to its start.
        closed: bool,
        /// Its inside.
        fill: Option<Token>,
        /// Its edge.
        stroke: Option<Stroke>,
    },
    /// A curve.
    Curve {
        /// Which.
        curve: Curve,
        /// Its line.
        stroke: Stroke,
    },
    /// Parallel diagonal lines that fill a rectangle.
    Hatch {
        /// Where.
        rect: Rect,
        /// Distance between two lines.
        step: f64,
        /// The lines.
        stroke: Stroke,
    },
    /// A text; `at` is on its vertical middle.
    Text {
        /// Where.
        at: Point,
        /// What.
        text: String,
        /// How.
        style: TextStyle,
    },
}

/// What a shape stands for: a class in the SVG, and what tests look for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum Role {
    Panel,
    PanelDown,
    Label,
    Link,
    CutLink,
    CellCommitted,
    CellAppended,
    CellDown,
    CellDivergent,
    OnDisk,
    Watched,
    HighWatermark,
    LogEnd,
    LogStart,
    Crown,
    InIsr,
    OutOfIsr,
    Offline,
    Lag,
    UnderMin,
    Veil,
    Way,
    Tip,
    EpochStart,
    Request,
    Response,
    Broken,
    Error,
    Ended,
    Gone,
    Elected,
    Absorbed,
    DoneAgain,
    Selected,
    Decoration,
    Timeline,
    UnderMinIsr,
    Chart,
}

impl Role {
    /// Its class in the SVG.
    pub fn class(self) -> &'static str {
        match self {
            Role::Panel => "panel",
            Role::PanelDown => "panel down",
            Role::Label => "label",
            Role::Link => "link",
            Role::CutLink => "link cut",
            Role::CellCommitted => "cell committed",
            Role::CellAppended => "cell appended",
            Role::CellDown => "cell down",
            Role::CellDivergent => "cell divergent",
            Role::OnDisk => "on-disk",
            Role::Watched => "watched",
            Role::HighWatermark => "hw",
            Role::LogEnd => "leo",
            Role::LogStart => "log-start",
            Role::Crown => "crown",
            Role::InIsr => "in-isr",
            Role::OutOfIsr => "out-of-isr",
            Role::Offline => "offline",
            Role::Lag => "lag",
            Role::UnderMin => "under-min",
            Role::Veil => "veil",
            Role::Way => "way",
            Role::Tip => "tip",
            Role::EpochStart => "epoch-start",
            Role::Request => "request",
            Role::Response => "response",
            Role::Broken => "broken",
            Role::Error => "error",
            Role::Ended => "moment ended",
            Role::Gone => "moment gone",
            Role::Elected => "moment elected",
            Role::Absorbed => "moment absorbed",
            Role::DoneAgain => "moment done-again",
            Role::Selected => "selected",
            Role::Decoration => "decoration",
            Role::Timeline => "timeline",
            Role::UnderMinIsr => "under-min-isr",
            Role::Chart => "chart",
        }
    }
}

/// A shape and what it stands for.
#[derive(Clone, Debug, PartialEq)]
pub struct Mark {
    /// What it stands for.
    pub role: Role,
    /// What is drawn.
    pub shape: Shape,
}

/// A back end. Colours come as tokens; the back end holds the theme.
pub trait Painter {
    /// A rectangle.
    fn rect(&mut self, rect: Rect, radius: f64, fill: Option<Token>, stroke: Option<Stroke>);
    /// A circle.
    fn circle(&mut self, center: Point, radius: f64, fill: Option<Token>, stroke: Option<Stroke>);
    /// A polygon (`closed`) or a line through points.
    fn path(&mut self, points: &[Point], closed: bool, fill: Option<Token>, stroke: Option<Stroke>);
    /// A curve.
    fn curve(&mut self, curve: &Curve, stroke: Stroke);
    /// Separate lines, all alike.
    fn lines(&mut self, lines: &[(Point, Point)], stroke: Stroke);
    /// A text; `at` is on its vertical middle.
    fn text(&mut self, at: Point, text: &str, style: &TextStyle);
    /// The next shapes stand for this. Back ends without names ignore it.
    fn role(&mut self, _role: Role) {}
}

/// Draws all marks, in order.
pub fn paint(marks: &[Mark], painter: &mut dyn Painter) {
    for mark in marks {
        painter.role(mark.role);
        match &mark.shape {
            Shape::Rect { rect, radius, fill, stroke } => painter.rect(*rect, *radius, *fill, *stroke),
            Shape::Circle { center, radius, fill, stroke } => painter.circle(*center, *radius, *fill, *stroke),
            Shape::Path { points, closed, fill, stroke } => painter.path(points, *closed, *fill, *stroke),
            Shape::Curve { curve, stroke } => painter.curve(curve, *stroke),
            Shape::Hatch { rect, step, stroke } => painter.lines(&hatching(*rect, *step), *stroke),
            Shape::Text { at, text, style } => painter.text(*at, text, style),
        }
    }
}

/// The rising diagonals inside a rectangle, cut at its edges, on a grid common to the whole picture.
pub fn hatching(rect: Rect, step: f64) -> Vec<(Point, Point)> {
    let mut lines = Vec::new();
    // Along one line x + y is constant.
    let mut sum = ((rect.x + rect.y) / step).ceil() * step;
    while sum < rect.right() + rect.bottom() {
        let low_x = rect.x.max(sum - rect.bottom());
        let high_x = rect.right().min(sum - rect.y);
        if high_x > low_x {
            lines.push((Point::new(low_x, sum - low_x), Point::new(high_x, sum - high_x)));
        }
        sum += step;
    }
    lines
}

/// What a back end needs besides the marks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fonts {
    /// CSS family list of the sans face.
    pub sans: &'static str,
    /// CSS family list of the mono face.
    pub mono: &'static str,
}

/// The families, the same as the stylesheet's.
pub const FONTS: Fonts = Fonts {
    sans: "\"Inter\", \"Segoe UI\", system-ui, -apple-system, \"Helvetica Neue\", \"Noto Sans\", \"DejaVu Sans\", sans-serif",
    mono: "ui-monospace, \"SF Mono\", \"Cascadia Mono\", \"JetBrains Mono\", Menlo, Consolas, \"DejaVu Sans Mono\", monospace",
};

impl TextStyle {
    /// The CSS shorthand `font` of this style.
    pub fn css_font(&self) -> String {
        let family = match self.face {
            Face::Sans => FONTS.sans,
            Face::Mono => FONTS.mono,
        };
        format!("{}{}px {family}", if self.bold { "600 " } else { "" }, self.size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hatching_stays_inside() {
        let rect = Rect::new(13.0, 7.0, 22.0, 15.0);
        let lines = hatching(rect, 4.0);
        assert!(lines.len() > 5);
        for (a, b) in lines {
            for p in [a, b] {
                assert!(p.x >= rect.x - 0.01 && p.x <= rect.right() + 0.01, "{p:?}");
                assert!(p.y >= rect.y - 0.01 && p.y <= rect.bottom() + 0.01, "{p:?}");
            }
        }
    }
}
