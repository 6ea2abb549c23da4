//! Points, rectangles and curves, in CSS pixels; y grows downwards.

/// A value, or the nearest one between two bounds; the upper one, should they cross. (`clamp` would say in a panic what they were, and for that alone
/// bring the writing of such numbers into the page.)
pub fn within(value: f64, low: f64, high: f64) -> f64 {
    value.max(low).min(high)
}

/// A position.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Point {
    /// From the left.
    pub x: f64,
    /// From the top.
    pub y: f64,
}

impl Point {
    /// The point at (x, y).
    pub const fn new(x: f64, y: f64) -> Point {
        Point { x, y }
    }

    /// This point, moved.
    #[must_use]
    pub fn shifted(self, dx: f64, dy: f64) -> Point {
        Point::new(self.x + dx, self.y + dy)
    }
}

/// A width and a height.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Size {
    /// Width.
    pub w: f64,
    /// Height.
    pub h: f64,
}

impl Size {
    /// A size of w x h.
    pub const fn new(w: f64, h: f64) -> Size {
        Size { w, h }
    }
}

/// A direction: one step along it. (Angles would bring the functions of trigonometry into the page.)
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Heading {
    /// To the right.
    pub x: f64,
    /// Downwards.
    pub y: f64,
}

impl Heading {
    /// To the right.
    pub const RIGHT: Heading = Heading { x: 1.0, y: 0.0 };

    /// The direction of a way; to the right if it leads nowhere.
    pub fn of(dx: f64, dy: f64) -> Heading {
        let length = (dx * dx + dy * dy).sqrt();
        if length > 0.0 { Heading { x: dx / length, y: dy / length } } else { Heading::RIGHT }
    }
}

/// An upright rectangle.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Rect {
    /// Left edge.
    pub x: f64,
    /// Top edge.
    pub y: f64,
    /// Width.
    pub w: f64,
    /// Height.
    pub h: f64,
}

impl Rect {
    /// The rectangle at (x, y) of w x h.
    pub const fn new(x: f64, y: f64, w: f64, h: f64) -> Rect {
        Rect { x, y, w, h }
    }

    /// The square around a point.
    pub fn around(center: Point, radius: f64) -> Rect {
        Rect::new(center.x - radius, center.y - radius, radius * 2.0, radius * 2.0)
    }

    /// Right edge.
    pub fn right(self) -> f64 {
        self.x + self.w
    }

    /// Bottom edge.
    pub fn bottom(self) -> f64 {
        self.y + self.h
    }

    /// The middle.
    pub fn center(self) -> Point {
        Point::new(self.x + self.w / 2.0, self.y + self.h / 2.0)
    }

    /// Smaller by `d` on every side.
    #[must_use]
    pub fn inset(self, d: f64) -> Rect {
        Rect::new(self.x + d, self.y + d, (self.w - 2.0 * d).max(0.0), (self.h - 2.0 * d).max(0.0))
    }

    /// Is the point inside (left and top edge included)?
    pub fn contains(self, p: Point) -> bool {
        p.x >= self.x && p.x < self.right() && p.y >= self.y && p.y < self.bottom()
    }

    /// Do the two share an area? Touching edges do not count, nor does a rounding error.
    pub fn overlaps(self, other: Rect) -> bool {
        const SLACK: f64 = 0.01;
        self.x + SLACK < other.right()
            && other.x + SLACK < self.right()
            && self.y + SLACK < other.bottom()
            && other.y + SLACK < self.bottom()
    }

    /// Is `other` wholly inside?
    pub fn encloses(self, other: Rect) -> bool {
        const SLACK: f64 = 0.01;
        other.x >= self.x - SLACK
            && other.y >= self.y - SLACK
            && other.right() <= self.right() + SLACK
            && other.bottom() <= self.bottom() + SLACK
    }

    /// The upper `h` and the rest.
    pub fn split_top(self, h: f64) -> (Rect, Rect) {
        let h = h.min(self.h);
        (Rect::new(self.x, self.y, self.w, h), Rect::new(self.x, self.y + h, self.w, self.h - h))
    }

    /// The left `w` and the rest.
    pub fn split_left(self, w: f64) -> (Rect, Rect) {
        let w = w.min(self.w);
        (Rect::new(self.x, self.y, w, self.h), Rect::new(self.x + w, self.y, self.w - w, self.h))
    }
}

/// A cubic Bézier curve: the road of a packet.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Curve {
    /// Where it starts.
    pub from: Point,
    /// It leaves towards here.
    pub leave: Point,
    /// It arrives from here.
    pub reach: Point,
    /// Where it ends.
    pub to: Point,
}

impl Curve {
    /// The point at `t` of the way, 0 to 1.
    pub fn at(&self, t: f64) -> Point {
        let t = t.clamp(0.0, 1.0);
        let u = 1.0 - t;
        let (a, b, c, d) = (u * u * u, 3.0 * u * u * t, 3.0 * u * t * t, t * t * t);
        Point::new(
            a * self.from.x + b * self.leave.x + c * self.reach.x + d * self.to.x,
            a * self.from.y + b * self.leave.y + c * self.reach.y + d * self.to.y,
        )
    }

    /// The direction of travel at `t`.
    pub fn heading(&self, t: f64) -> Heading {
        let (a, b) = (self.at((t - 0.02).max(0.0)), self.at((t + 0.02).min(1.0)));
        Heading::of(b.x - a.x, b.y - a.y)
    }

    /// The same road, walked the other way.
    #[must_use]
    pub fn reversed(self) -> Curve {
        Curve { from: self.to, leave: self.reach, reach: self.leave, to: self.from }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_kept_within_its_bounds() {
        assert_eq!([-1.0, 0.5, 9.0].map(|v| within(v, 0.0, 1.0)), [0.0, 0.5, 1.0]);
        assert_eq!(within(5.0, 2.0, 1.0), 1.0);
    }

    #[test]
    fn rectangles_split_touch_and_overlap() {
        let (a, b) = Rect::new(0.0, 0.0, 10.0, 10.0).split_left(4.0);
        assert_eq!((a.w, b.w), (4.0, 6.0));
        assert!(!a.overlaps(b));
        assert!(a.overlaps(Rect::new(3.0, 3.0, 5.0, 5.0)));
        assert!(Rect::new(0.0, 0.0, 10.0, 10.0).encloses(b));
    }

    #[test]
    fn a_curve_starts_and_ends_at_its_ends() {
        let c = Curve {
            from: Point::new(0.0, 0.0),
            leave: Point::new(5.0, 0.0),
            reach: Point::new(5.0, 10.0),
            to: Point::new(10.0, 10.0),
        };
        assert_eq!(c.at(0.0), c.from);
        assert_eq!(c.at(1.0), c.to);
        assert_eq!(c.at(0.5), Point::new(5.0, 5.0));
        assert_eq!(c.reversed().at(0.25), c.at(0.75));
    }
}
