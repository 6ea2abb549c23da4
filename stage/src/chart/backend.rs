//! plotters draws here. What it draws becomes marks of the stage, so that every back end of the stage can paint it.

use crate::geom::{Point, Rect, Size};
use crate::paint::{Anchor, Mark, Role, Shape, Stroke, TextStyle};
use crate::text::{Face, width};
use crate::theme::Token;
use plotters::style::RGBAColor;
use plotters_backend::text_anchor::{HPos, VPos};
use plotters_backend::{
    BackendColor, BackendCoord, BackendStyle, BackendTextStyle, DrawingBackend, DrawingErrorKind, FontFamily,
};
use std::convert::Infallible;

/// plotters counts in whole pixels. It is given finer ones, so that a line stands where it belongs on every screen.
pub(super) const FINE: f64 = 8.0;

/// A length for plotters.
pub(super) fn fine(length: f64) -> i32 {
    (length * FINE).round() as i32
}

/// A colour for plotters: a token's number in place of a red, which only this back end reads.
pub(super) fn ink(token: Token) -> RGBAColor {
    RGBAColor(token as u8, 0, 0, 1.0)
}

fn token(color: BackendColor) -> Token {
    Token::ALL[usize::from(color.rgb.0)]
}

fn point((x, y): BackendCoord) -> Point {
    Point::new(f64::from(x) / FINE, f64::from(y) / FINE)
}

/// Collects marks.
pub(super) struct Backend<'a> {
    marks: &'a mut Vec<Mark>,
    size: Size,
}

type Drawn = Result<(), DrawingErrorKind<Infallible>>;

impl<'a> Backend<'a> {
    pub(super) fn new(marks: &'a mut Vec<Mark>, size: Size) -> Backend<'a> {
        Backend { marks, size }
    }

    fn push(&mut self, role: Role, shape: Shape) -> Drawn {
        self.marks.push(Mark { role, shape });
        Ok(())
    }
}

fn stroke<S: BackendStyle>(style: &S) -> Stroke {
    Stroke::solid(token(style.color()), f64::from(style.stroke_width()) / FINE)
}

/// The inside, or the edge.
fn paint<S: BackendStyle>(style: &S, fill: bool) -> (Option<Token>, Option<Stroke>) {
    if fill { (Some(token(style.color())), None) } else { (None, Some(stroke(style))) }
}

impl DrawingBackend for Backend<'_> {
    type ErrorType = Infallible;

    fn get_size(&self) -> (u32, u32) {
        ((self.size.w * FINE) as u32, (self.size.h * FINE) as u32)
    }

    fn ensure_prepared(&mut self) -> Drawn {
        Ok(())
    }

    fn present(&mut self) -> Drawn {
        Ok(())
    }

    fn draw_pixel(&mut self, at: BackendCoord, color: BackendColor) -> Drawn {
        let at = point(at);
        let rect = Rect::new(at.x, at.y, 1.0 / FINE, 1.0 / FINE);
        self.push(Role::Chart, Shape::Rect { rect, radius: 0.0, fill: Some(token(color)), stroke: None })
    }

    fn draw_line<S: BackendStyle>(&mut self, from: BackendCoord, to: BackendCoord, style: &S) -> Drawn {
        self.draw_path([from, to], style)
    }

    fn draw_rect<S: BackendStyle>(&mut self, a: BackendCoord, b: BackendCoord, style: &S, fill: bool) -> Drawn {
        let (a, b) = (point(a), point(b));
        let (fill, stroke) = paint(style, fill);
        self.push(Role::Chart, Shape::Rect { rect: Rect::new(a.x, a.y, b.x - a.x, b.y - a.y), radius: 0.0, fill, stroke })
    }

    fn draw_path<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(&mut self, path: I, style: &S) -> Drawn {
        // An edge that nobody asked for.
        if style.color().alpha == 0.0 {
            return Ok(());
        }
        let points = path.into_iter().map(point).collect();
        self.push(Role::Chart, Shape::Path { points, closed: false, fill: None, stroke: Some(stroke(style)) })
    }

    fn draw_circle<S: BackendStyle>(&mut self, center: BackendCoord, radius: u32, style: &S, fill: bool) -> Drawn {
        let (fill, stroke) = paint(style, fill);
        self.push(Role::Chart, Shape::Circle { center: point(center), radius: f64::from(radius) / FINE, fill, stroke })
    }

    fn fill_polygon<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(&mut self, corners: I, style: &S) -> Drawn {
        let points = corners.into_iter().map(point).collect();
        self.push(Role::Chart, Shape::Path { points, closed: true, fill: Some(token(style.color())), stroke: None })
    }

    fn draw_text<T: BackendTextStyle>(&mut self, text: &str, style: &T, at: BackendCoord) -> Drawn {
        let anchor = match style.anchor().h_pos {
            HPos::Left => Anchor::Start,
            HPos::Center => Anchor::Middle,
            HPos::Right => Anchor::End,
        };
        let set = TextStyle { face: face(style), size: style.size() / FINE, bold: false, color: token(style.color()), anchor };
        // Ours is on its vertical middle.
        let down = match style.anchor().v_pos {
            VPos::Top => set.size / 2.0,
            VPos::Center => 0.0,
            VPos::Bottom => -set.size / 2.0,
        };
        self.push(Role::Label, Shape::Text { at: point(at).shifted(0.0, down), text: text.into(), style: set })
    }

    fn estimate_text_size<T: BackendTextStyle>(&self, text: &str, style: &T) -> Result<(u32, u32), DrawingErrorKind<Infallible>> {
        Ok((width(text, face(style), style.size()).ceil() as u32, style.size().ceil() as u32))
    }
}

fn face<T: BackendTextStyle>(style: &T) -> Face {
    if matches!(style.family(), FontFamily::Monospace) { Face::Mono } else { Face::Sans }
}
