//! The SVG back end: the same picture, still, for documentation and tests.

use crate::geom::{Curve, Point, Rect, Size};
use crate::paint::{Anchor, Mark, Painter, Role, Stroke, TextStyle, paint};
use crate::theme::{Theme, Token};
use std::fmt::Write;

/// Writes shapes as SVG elements.
pub struct SvgPainter {
    theme: Theme,
    body: String,
    role: Role,
}

impl SvgPainter {
    /// An empty drawing.
    pub fn new(theme: Theme) -> SvgPainter {
        SvgPainter { theme, body: String::new(), role: Role::Decoration }
    }

    /// The finished document.
    pub fn finish(self, size: Size, title: &str) -> String {
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0}\" height=\"{1}\" viewBox=\"0 0 {0} {1}\" role=\"img\">\n\
             <title>{2}</title>\n<rect width=\"{0}\" height=\"{1}\" fill=\"{3}\"/>\n{4}</svg>\n",
            num(size.w),
            num(size.h),
            escape(title),
            self.theme.color(Token::Ground),
            self.body
        )
    }

    fn paint_of(&self, fill: Option<Token>, stroke: Option<Stroke>) -> String {
        let mut out = format!(" fill=\"{}\"", fill.map_or("none", |t| self.theme.color(t)));
        if let Some(stroke) = stroke {
            let _ = write!(out, " stroke=\"{}\" stroke-width=\"{}\"", self.theme.color(stroke.color), num(stroke.width));
            if let Some(dash) = stroke.dash {
                let _ = write!(out, " stroke-dasharray=\"{0} {0}\"", num(dash));
            }
        }
        out
    }

    fn element(&mut self, name: &str, attributes: &str) {
        let _ = writeln!(self.body, "<{name} class=\"{}\"{attributes}/>", self.role.class());
    }
}

/// A number with at most two decimals.
fn num(v: f64) -> String {
    let text = format!("{v:.2}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0".into() } else { text.into() }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

impl Painter for SvgPainter {
    fn rect(&mut self, r: Rect, radius: f64, fill: Option<Token>, stroke: Option<Stroke>) {
        let mut attributes = format!(" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"", num(r.x), num(r.y), num(r.w), num(r.h));
        if radius > 0.0 {
            let _ = write!(attributes, " rx=\"{}\"", num(radius));
        }
        attributes += &self.paint_of(fill, stroke);
        self.element("rect", &attributes);
    }

    fn circle(&mut self, c: Point, radius: f64, fill: Option<Token>, stroke: Option<Stroke>) {
        let place = format!(" cx=\"{}\" cy=\"{}\" r=\"{}\"", num(c.x), num(c.y), num(radius));
        let attributes = place + &self.paint_of(fill, stroke);
        self.element("circle", &attributes);
    }

    fn path(&mut self, points: &[Point], closed: bool, fill: Option<Token>, stroke: Option<Stroke>) {
        let list: Vec<String> = points.iter().map(|p| format!("{},{}", num(p.x), num(p.y))).collect();
        let attributes = format!(" points=\"{}\"", list.join(" ")) + &self.paint_of(fill, stroke);
        self.element(if closed { "polygon" } else { "polyline" }, &attributes);
    }

    fn curve(&mut self, c: &Curve, stroke: Stroke) {
        let at = |p: Point| format!("{} {}", num(p.x), num(p.y));
        let d = format!(" d=\"M{} C{} {} {}\"", at(c.from), at(c.leave), at(c.reach), at(c.to));
        let attributes = d + &self.paint_of(None, Some(stroke));
        self.element("path", &attributes);
    }

    fn lines(&mut self, lines: &[(Point, Point)], stroke: Stroke) {
        let d: String = lines.iter().map(|(a, b)| format!("M{} {}L{} {}", num(a.x), num(a.y), num(b.x), num(b.y))).collect();
        let attributes = format!(" d=\"{d}\"") + &self.paint_of(None, Some(stroke));
        self.element("path", &attributes);
    }

    fn text(&mut self, at: Point, text: &str, style: &TextStyle) {
        let anchor = match style.anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        let _ = writeln!(
            self.body,
            "<text class=\"{}\" x=\"{}\" y=\"{}\" fill=\"{}\" text-anchor=\"{anchor}\" dominant-baseline=\"central\" style=\"font:{}\">{}</text>",
            self.role.class(),
            num(at.x),
            num(at.y),
            self.theme.color(style.color),
            style.css_font().replace('"', "'"),
            escape(text)
        );
    }

    fn role(&mut self, role: Role) {
        self.role = role;
    }
}

/// All marks as one document.
pub fn document(marks: &[&[Mark]], size: Size, theme: Theme, title: &str) -> String {
    let mut painter = SvgPainter::new(theme);
    for layer in marks {
        paint(layer, &mut painter);
    }
    painter.finish(size, title)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short_and_text_is_escaped() {
        assert_eq!(num(1.0), "1");
        assert_eq!(num(1.239), "1.24");
        assert_eq!(num(-0.001), "0");
        assert_eq!(escape("a<b & \"c\""), "a&lt;b &amp; &quot;c&quot;");
    }
}
