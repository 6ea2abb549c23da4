//! Producers, consumers and controllers: cards.

use crate::geom::{Point, Rect};
use crate::layout::brokers::{is_down, state_word};
use crate::layout::places::Places;
use crate::paint::{Anchor, Role, Stroke, TextStyle};
use crate::scene::{LayoutOptions, Pen, Pick};
use crate::text::{Face, fit, fit_middle, grouped, width};
use crate::theme::Token;
use crate::words::{Words, fill};
use sim_core::ids::StoreId;
use sim_core::view::{ConsumerView, ControllerView, ProcessState, ProducerView, StoreView, View};

/// Draws all cards.
pub fn draw(pen: &mut Pen, view: &View, places: &Places, options: &LayoutOptions) {
    for (controller, (_, rect)) in view.controllers.iter().zip(&places.controllers) {
        self::controller(pen, view, controller, *rect, options);
    }
    for (producer, (_, rect)) in view.producers.iter().zip(&places.producers) {
        self::producer(pen, producer, *rect, options);
    }
    for (name, rect) in &places.groups {
        let text = fit_middle(name, Face::Sans, 11.5, rect.w - 2.0);
        pen.text(Point::new(rect.x + 2.0, rect.y + rect.h / 2.0 - 1.0), text, TextStyle::sans(11.5, Token::InkSoft).bold());
    }
    for (consumer, (_, rect)) in view.consumers.iter().zip(&places.consumers) {
        self::consumer(pen, view, consumer, *rect, options);
    }
    for (store, (_, rect)) in view.stores.iter().zip(&places.stores) {
        self::store(pen, store, *rect, options);
    }
    for (rect, n) in [places.more_producers, places.more_consumers].into_iter().flatten() {
        pen.rect(Role::Panel, rect, 6.0, None, Some(Stroke::dashed(Token::Line, 1.0, 3.0)));
        let text = fit(&fill(options.words.more, n), Face::Sans, 10.0, rect.w - 4.0);
        pen.text(rect.center(), text, TextStyle::sans(10.0, Token::InkSoft).anchored(Anchor::Middle));
    }
}

/// The rings around what has the watched message, and around the chosen card or panel.
pub fn outline(pen: &mut Pen, view: &View, places: &Places, options: &LayoutOptions) {
    use sim_core::ids::NodeId;
    let node = |pick: Pick| match pick {
        Pick::Controller(c) => Some(NodeId::Controller(c)),
        Pick::Broker(b) => Some(NodeId::Broker(b)),
        Pick::Producer(p) => Some(NodeId::Producer(p)),
        Pick::Consumer(c) => Some(NodeId::Consumer(c)),
        Pick::Store(s) => Some(NodeId::Store(s)),
        Pick::Replica(..) | Pick::Cell { .. } | Pick::Packet(_) | Pick::Link(..) | Pick::Legend => None,
    };
    for rect in view.holders.iter().filter_map(|node| places.of(*node)) {
        pen.rect(Role::Watched, rect.inset(-2.0), 9.0, None, Some(Stroke::solid(Token::Ink, 2.5)));
    }
    for (pick, width) in [(options.hovered, 1.5), (options.selected, 2.5)] {
        if let Some(rect) = pick.and_then(node).and_then(|n| places.of(n)) {
            pen.rect(Role::Selected, rect.inset(-1.0), 9.0, None, Some(Stroke::solid(Token::Accent, width)));
        }
    }
}

fn card(pen: &mut Pen, rect: Rect, state: ProcessState, pick: Pick) {
    let (role, fill_with, edge) = if is_down(state) {
        (Role::PanelDown, Token::Down, Stroke::dashed(Token::Danger, 1.5, 5.0))
    } else {
        (Role::Panel, Token::Surface, Stroke::solid(Token::Line, 1.0))
    };
    pen.rect(role, rect, 7.0, Some(fill_with), Some(edge));
    pen.region(rect, pick);
}

/// How many partitions have no leader, if there are any.
pub fn leaderless(view: &View, words: &Words) -> Option<String> {
    match view.partitions.iter().filter(|p| p.exists && p.leader.is_none()).count() {
        0 => None,
        1 => Some(words.leaderless_one.to_string()),
        many => Some(fill(words.leaderless_many, many)),
    }
}

/// A controller's card: the active one is marked, and says how many partitions have no leader.
fn controller(pen: &mut Pen, view: &View, controller: &ControllerView, rect: Rect, options: &LayoutOptions) {
    let down = is_down(controller.state);
    let (role, fill_with, edge) = match (down, controller.active) {
        (true, _) => (Role::PanelDown, Token::Down, Stroke::dashed(Token::Danger, 1.5, 5.0)),
        (false, true) => (Role::Panel, Token::Surface, Stroke::solid(Token::Accent, 1.75)),
        (false, false) => (Role::Panel, Token::Surface, Stroke::solid(Token::Line, 1.0)),
    };
    pen.rect(role, rect, rect.h / 2.0, Some(fill_with), Some(edge));
    pen.region(rect, Pick::Controller(controller.id));
    let words = options.words;
    let name = if view.controllers.len() == 1 { words.controller.to_string() } else { fill(words.controller_n, controller.id.0) };
    let remark = match (state_word(controller.state, words), controller.active) {
        (Some(word), _) => Some((word.to_string(), Token::Danger)),
        (None, true) => match leaderless(view, words) {
            Some(text) => Some((text, Token::Danger)),
            None => (view.controllers.len() > 1).then(|| (words.active.to_string(), Token::Accent)),
        },
        (None, false) => None,
    };
    let y = rect.center().y;
    let name_w = width(&name, Face::Sans, 12.0) * 1.06;
    let left = rect.x + 14.0 + name_w + 10.0;
    let fits = |text: &str| rect.right() - 14.0 - left >= width(text, Face::Sans, 11.6).min(24.0);
    let Some((text, color)) = remark.filter(|(text, _)| fits(text)) else {
        let color = if down { Token::Danger } else { Token::Ink };
        let style = TextStyle::sans(12.0, color).bold().anchored(Anchor::Middle);
        pen.text(rect.center(), fit(&name, Face::Sans, 12.5, rect.w - 20.0), style);
        return;
    };
    pen.text(Point::new(rect.x + 14.0, y), name, TextStyle::sans(12.0, Token::Ink).bold());
    let style = TextStyle::sans(11.0, color).bold().anchored(Anchor::End);
    pen.text(Point::new(rect.right() - 14.0, y), fit(&text, Face::Sans, 11.6, rect.right() - 14.0 - left), style);
}

/// The heading of a card, and the word for its state when that is not the usual one. Returns the y under it.
fn heading(pen: &mut Pen, rect: Rect, name: &str, state: ProcessState, options: &LayoutOptions) -> f64 {
    let tall = rect.h >= 44.0;
    let y = if tall { rect.y + 15.0 } else { rect.center().y - 0.5 };
    let mut right = rect.right() - 9.0;
    if let Some(word) = state_word(state, options.words) {
        let color = if state == ProcessState::Done { Token::Good } else { Token::Danger };
        let w = width(word, Face::Sans, 10.5) * 1.06;
        if right - w > rect.x + 40.0 {
            pen.text(Point::new(right, y), word, TextStyle::sans(10.5, color).bold().anchored(Anchor::End));
            right -= w + 6.0;
        }
    }
    let text = fit_middle(name, Face::Sans, 12.6, right - rect.x - 9.0);
    pen.text(Point::new(rect.x + 9.0, y), text, TextStyle::sans(12.0, Token::Ink).bold());
    y + 9.0
}

/// A line `12,345 word`, number in mono, as far as it fits.
fn figure(pen: &mut Pen, at: Point, room: f64, number: &str, word: &str, color: Token) {
    let number_w = width(number, Face::Mono, 11.0);
    if number_w > room {
        return;
    }
    pen.text(at, number, TextStyle::mono(11.0, color));
    let left = number_w + 5.0;
    if width(word, Face::Sans, 10.5) <= room - left {
        pen.text(at.shifted(left, 0.0), word, TextStyle::sans(10.5, Token::InkSoft));
    }
}

fn producer(pen: &mut Pen, producer: &ProducerView, rect: Rect, options: &LayoutOptions) {
    card(pen, rect, producer.state, Pick::Producer(producer.id));
    let mut y = heading(pen, rect, &producer.name, producer.state, options) + 8.0;
    let words = options.words;
    let room = rect.w - 18.0;
    let mut lines = vec![(grouped(producer.acked.into()), words.acked, Token::Ink)];
    if producer.failed > 0 {
        lines.push((grouped(producer.failed.into()), words.failed, Token::Danger));
    }
    lines.push((grouped(producer.in_flight.into()), words.in_flight, Token::Ink));
    lines.push((grouped(producer.queued.into()), words.queued, Token::Ink));
    for (number, word, color) in lines {
        if y + 6.0 > rect.bottom() - 3.0 {
            break;
        }
        figure(pen, Point::new(rect.x + 9.0, y), room, &number, word, color);
        y += 15.0;
    }
}

fn consumer(pen: &mut Pen, view: &View, consumer: &ConsumerView, rect: Rect, options: &LayoutOptions) {
    card(pen, rect, consumer.state, Pick::Consumer(consumer.id));
    let reads: Vec<&str> = consumer
        .partitions
        .iter()
        .filter_map(|a| view.partitions.get(a.partition.ix()))
        .map(|p| p.name.rsplit('-').next().unwrap_or_default())
        .collect();
    let short = format!("{} {}", options.words.member, consumer.member + 1);
    let long = format!("{short} ← {}", reads.join(" "));
    // Half a list of partitions says less than none.
    let state = state_word(consumer.state, options.words).map_or(0.0, |word| width(word, Face::Sans, 10.5) * 1.06 + 6.0);
    let fits = !reads.is_empty() && width(&long, Face::Sans, 12.6) <= rect.w - 18.0 - state;
    let name = if fits { long } else { short };
    let y = heading(pen, rect, &name, consumer.state, options) + 8.0;
    let room = rect.w - 18.0;
    if y + 6.0 <= rect.bottom() - 3.0 {
        let effects = grouped(consumer.effects.into());
        figure(pen, Point::new(rect.x + 9.0, y), room, &effects, options.words.effects, Token::Ink);
    }
    if y + 21.0 <= rect.bottom() - 3.0 {
        let in_hand = grouped(consumer.in_hand.into());
        figure(pen, Point::new(rect.x + 9.0, y + 15.0), room, &in_hand, options.words.in_hand, Token::Ink);
    }
}

fn store(pen: &mut Pen, store: &StoreView, rect: Rect, options: &LayoutOptions) {
    card(pen, rect, store.state, Pick::Store(store.id));
    let words = options.words;
    let (name, things) = match store.id {
        StoreId::Redis => (words.redis, words.keys),
        StoreId::Database => (words.database, words.rows),
        StoreId::Service => (words.service, words.calls),
    };
    heading(pen, rect, name, store.state, options);
    // On the right: what it holds, unless its state is more important.
    if state_word(store.state, words).is_none() {
        let (number, y) = (grouped(store.holds.into()), rect.center().y - 0.5);
        let left = rect.x + 9.0 + width(name, Face::Sans, 12.6) + 6.0;
        let (mut right, number_w) = (rect.right() - 9.0, width(&number, Face::Mono, 11.0));
        let things_w = width(things, Face::Sans, 10.5) + 5.0;
        if right - things_w - number_w >= left {
            pen.text(Point::new(right, y), things, TextStyle::sans(10.5, Token::InkSoft).anchored(Anchor::End));
            right -= things_w;
        }
        if right - number_w >= left {
            pen.text(Point::new(right, y), number, TextStyle::mono(11.0, Token::Ink).anchored(Anchor::End));
        }
    }
}
