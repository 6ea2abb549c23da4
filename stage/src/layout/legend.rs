//! The explanation of the marks at the foot of the picture.

use crate::geom::{Heading, Point, Rect};
use crate::layout::brokers::{crown, membership};
use crate::layout::moments::double;
use crate::layout::packets::{Kind, broken, cross, glyph, word};
use crate::layout::places::{Density, MARGIN, Places};
use crate::layout::tiles::{Rank, face, lag, under_min};
use crate::paint::{Anchor, Role, Shape, Stroke, TextStyle};
use crate::scene::{LayoutOptions, Pen, Pick};
use crate::text::{Face, width};
use crate::theme::Token;
use crate::words::Words;

/// Height of a line.
pub const LINE: f64 = 19.0;
const SIGN: f64 = 16.0;
/// Room for what closes it.
const CLOSE: f64 = 22.0;
const SPACE: f64 = 9.0;
const SIZE: f64 = 10.5;

#[derive(Clone, Copy)]
enum Sign {
    Committed,
    Appended,
    Disk,
    Crown,
    Member(bool),
    Tile(Rank),
    UnderMin,
    Lag,
    Packet(Kind),
    Answer,
    Error,
    Lost,
    Cut,
    Elected,
    Absorbed,
    Again,
}

/// First what a replica's marks are, which differ where replicas are tiles.
fn items(words: &Words, tiles: bool) -> Vec<(Sign, &'static str)> {
    let mut all = if tiles {
        vec![
            (Sign::Tile(Rank::Leader), words.legend_leader),
            (Sign::Tile(Rank::InSync), words.legend_in),
            (Sign::Tile(Rank::OutOfSync), words.legend_out),
            (Sign::Tile(Rank::Offline), words.legend_offline),
            (Sign::Lag, words.legend_lag),
        ]
    } else {
        vec![
            (Sign::Committed, words.legend_committed),
            (Sign::Appended, words.legend_appended),
            (Sign::Disk, words.legend_disk),
            (Sign::Crown, words.legend_leader),
            (Sign::Member(true), words.legend_in),
            (Sign::Member(false), words.legend_out),
        ]
    };
    all.push((Sign::UnderMin, words.legend_under_min));
    all.extend(
        [Kind::Produce, Kind::Replicate, Kind::Consume, Kind::Offsets, Kind::Metadata, Kind::Control, Kind::Store]
            .map(|kind| (Sign::Packet(kind), word(kind, words))),
    );
    all.extend([
        (Sign::Answer, words.legend_response),
        (Sign::Error, words.legend_error),
        (Sign::Lost, words.legend_lost),
        (Sign::Cut, words.legend_cut),
        (Sign::Elected, words.legend_elected),
        (Sign::Absorbed, words.legend_absorbed),
        (Sign::Again, words.done_again),
    ]);
    all
}

/// Where each item starts: (line, x).
fn places(width_: f64, words: &Words, tiles: bool) -> Vec<(usize, f64)> {
    let width_ = width_ - CLOSE;
    let (mut line, mut x) = (0, 0.0);
    let mut out = Vec::new();
    for (_, text) in items(words, tiles) {
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

/// How many lines the legend takes at this width, whatever the replicas look like.
pub fn lines(width: f64, words: &Words) -> usize {
    let last = |tiles| places(width, words, tiles).last().map_or(0, |(line, _)| line + 1);
    last(false).max(last(true))
}

/// Draws it, with what closes it; or what opens it.
pub fn draw(pen: &mut Pen, places: &Places, options: &LayoutOptions) {
    let (area, words) = (places.legend, options.words);
    if options.legend {
        let tiles = places.density == Some(Density::Tile);
        for ((sign, text), (line, x)) in items(words, tiles).into_iter().zip(self::places(area.w, words, tiles)) {
            let at = Point::new(area.x + x + 6.0, area.y + (line as f64 + 0.5) * LINE);
            self::sign(pen, sign, at);
            pen.text(Point::new(area.x + x + SIGN, at.y), text, TextStyle::sans(SIZE, Token::InkSoft));
        }
    }
    if options.controls {
        let at = Point::new(area.right() - 6.0, area.y + LINE / 2.0);
        let wide = if options.legend { 0.0 } else { width(words.legend_show, Face::Sans, SIZE) + 8.0 };
        if options.legend {
            cross(&mut pen.marks, Role::Label, at, 3.5, Token::InkSoft);
        } else {
            let style = TextStyle::sans(SIZE, Token::InkSoft).anchored(Anchor::End);
            pen.text(Point::new(area.right(), at.y), words.legend_show, style);
        }
        let h = area.h.min(2.0 * LINE) + 4.0;
        pen.region(Rect::new(area.right() - wide - CLOSE, area.y - 2.0, wide + CLOSE + MARGIN, h), Pick::Legend);
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
        Sign::Tile(rank) => _ = face(pen, Rect::new(cell.x - 1.0, cell.y, 14.0, 11.0), rank, false),
        Sign::UnderMin => under_min(pen, Rect::around(at, 5.0)),
        Sign::Lag => {
            _ = face(pen, cell, Rank::InSync, false);
            lag(pen, cell, 99);
        }
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
