//! The explanation of the marks at the foot of the picture.

use crate::geom::{Heading, Point, Rect};
use crate::layout::brokers::{crown, membership};
use crate::layout::moments::double;
use crate::layout::packets::{Kind, broken, cross, glyph};
use crate::paint::{Role, Shape, Stroke, TextStyle};
use crate::scene::Pen;
use crate::text::{Face, width};
use crate::theme::Token;
use crate::words::Words;

/// Height of a line.
pub const LINE: f64 = 19.0;
const SIGN: f64 = 18.0;
const SPACE: f64 = 11.0;
const SIZE: f64 = 10.5;

#[derive(Clone, Copy)]
enum Sign {
    Committed,
    Appended,
    Disk,
    Crown,
    Member(bool),
    Packet(Kind),
    Answer,
    Error,
    Lost,
    Cut,
    Elected,
    Absorbed,
    Again,
}

fn items(words: &Words) -> [(Sign, &'static str); 20] {
    [
        (Sign::Committed, words.legend_committed),
        (Sign::Appended, words.legend_appended),
        (Sign::Disk, words.legend_disk),
        (Sign::Crown, words.legend_leader),
        (Sign::Member(true), words.legend_in),
        (Sign::Member(false), words.legend_out),
        (Sign::Packet(Kind::Produce), words.legend_produce),
        (Sign::Packet(Kind::Replicate), words.legend_replicate),
        (Sign::Packet(Kind::Consume), words.legend_fetch),
        (Sign::Packet(Kind::Offsets), words.legend_offsets),
        (Sign::Packet(Kind::Metadata), words.legend_metadata),
        (Sign::Packet(Kind::Control), words.legend_control),
        (Sign::Packet(Kind::Store), words.legend_store),
        (Sign::Answer, words.legend_response),
        (Sign::Error, words.legend_error),
        (Sign::Lost, words.legend_lost),
        (Sign::Cut, words.legend_cut),
        (Sign::Elected, words.legend_elected),
        (Sign::Absorbed, words.legend_absorbed),
        (Sign::Again, words.done_again),
    ]
}

/// Where each item starts: (line, x).
fn places(width_: f64, words: &Words) -> Vec<(usize, f64)> {
    let (mut line, mut x) = (0, 0.0);
    let mut out = Vec::new();
    for (_, text) in items(words) {
        let w = SIGN + width(text, Face::Sans, SIZE);
        if x > 0.0 && x + w > width_ {
            line += 1;
            x = 0.0;
        }
        out.push((line, x));
        x += w + SPACE;
    }
    out
}

/// How many lines the legend takes at this width.
pub fn lines(width: f64, words: &Words) -> usize {
    places(width, words).last().map_or(0, |(line, _)| line + 1)
}

/// Draws it.
pub fn draw(pen: &mut Pen, area: Rect, words: &Words) {
    for ((sign, text), (line, x)) in items(words).into_iter().zip(places(area.w, words)) {
        let at = Point::new(area.x + x + 6.0, area.y + (line as f64 + 0.5) * LINE);
        self::sign(pen, sign, at);
        pen.text(Point::new(area.x + x + SIGN, at.y), text, TextStyle::sans(SIZE, Token::InkSoft));
    }
}

fn sign(pen: &mut Pen, sign: Sign, at: Point) {
    let cell = Rect::new(at.x - 6.0, at.y - 5.0, 12.0, 10.0);
    match sign {
        Sign::Committed => pen.rect(Role::CellCommitted, cell, 1.5, Some(Token::Committed), None),
        Sign::Appended => {
            let line = Stroke::solid(Token::Appended, 1.0);
            pen.rect(Role::CellAppended, cell, 1.5, Some(Token::AppendedSoft), Some(line));
            pen.shape(Role::CellAppended, Shape::Hatch { rect: cell, step: 4.0, stroke: line });
        }
        Sign::Disk => {
            pen.rect(Role::CellCommitted, Rect::new(cell.x, cell.y, 12.0, 7.0), 1.5, Some(Token::Committed), None);
            pen.rect(Role::OnDisk, Rect::new(cell.x, cell.bottom() - 2.5, 12.0, 3.0), 0.0, Some(Token::Disk), None);
        }
        Sign::Crown => crown(pen, at),
        Sign::Member(is) => membership(pen, at, is),
        Sign::Packet(kind) => glyph(&mut pen.marks, kind, at, Heading::RIGHT, false, false),
        Sign::Answer => glyph(&mut pen.marks, Kind::Consume, at, Heading::RIGHT, true, false),
        Sign::Error => cross(&mut pen.marks, Role::Error, at, 4.0, Token::Danger),
        Sign::Lost => broken(&mut pen.marks, at, 0.1, Token::Produce),
        Sign::Cut => {
            pen.rect(Role::Gone, cell, 1.5, Some(Token::DangerSoft), Some(Stroke::solid(Token::Danger, 1.0)));
            let (a, b) = (Point::new(cell.x, cell.bottom()), Point::new(cell.right(), cell.y));
            pen.line(Role::Gone, a, b, Stroke::solid(Token::Danger, 1.0));
        }
        Sign::Elected => {
            crown(pen, at);
            let stroke = Some(Stroke::solid(Token::Leader, 1.5));
            pen.shape(Role::Elected, Shape::Circle { center: at, radius: 8.0, fill: None, stroke });
        }
        Sign::Absorbed => {
            double(pen, Role::Absorbed, at.shifted(-2.5, 0.0));
            let (top, foot) = (at.shifted(6.5, -6.0), at.shifted(6.5, 6.0));
            pen.line(Role::Absorbed, top, foot, Stroke::solid(Token::Good, 2.5));
        }
        Sign::Again => pen.rect(Role::DoneAgain, cell.inset(0.5), 5.0, Some(Token::Twice), None),
    }
}
