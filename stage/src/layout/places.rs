//! The boxes: who stands where. Wide: producers left, brokers in the middle with the controllers above, consumers right. Narrow:
//! all of it stacked.

use crate::geom::{Rect, Size};
use crate::layout::legend::{LINE, lines};
use crate::scene::LayoutOptions;
use crate::words::Words;
use sim_core::ids::*;
use sim_core::view::View;

/// How much of a replica there is room for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Density {
    /// One small square a replica.
    Tile,
    /// The log as cells, without offsets.
    Compact,
    /// The log as cells, with offsets and marks.
    Full,
}

/// The boxes of a picture.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Places {
    /// Producers left and consumers right, rather than above and below.
    pub wide: bool,
    /// Room between the brokers and what stands beside them, for the roads.
    pub gutter: f64,
    /// Each controller.
    pub controllers: Vec<(ControllerId, Rect)>,
    /// Each producer that has a box of its own.
    pub producers: Vec<(ProducerId, Rect)>,
    /// Stands for the producers without a box of their own: how many.
    pub more_producers: Option<(Rect, usize)>,
    /// Each broker.
    pub brokers: Vec<(BrokerId, Rect)>,
    /// The brokers stand in this many columns.
    pub columns: usize,
    /// Columns of replicas in each broker.
    pub strips: usize,
    /// Height of one replica's row.
    pub row: f64,
    /// Size of a tile with its gap, where replicas are tiles.
    pub tile: Size,
    /// Height of a broker's heading.
    pub heading: f64,
    /// How much of a replica is shown.
    pub density: Option<Density>,
    /// Each group's heading.
    pub groups: Vec<(String, Rect)>,
    /// Each consumer that has a box of its own.
    pub consumers: Vec<(ConsumerId, Rect)>,
    /// Stands for the consumers without a box of their own: how many.
    pub more_consumers: Option<(Rect, usize)>,
    /// Redis and the database.
    pub stores: Vec<(StoreId, Rect)>,
    /// The explanation of the marks.
    pub legend: Rect,
}

/// Below this width everything is stacked.
pub const NARROW: f64 = 640.0;
/// Space around the picture.
pub const MARGIN: f64 = 12.0;
/// Space between two brokers.
pub const GAP: f64 = 14.0;
/// A broker's heading.
pub const HEADING: f64 = 30.0;
/// Space inside a broker's panel.
pub const PAD: f64 = 8.0;
/// Tallest row of a replica.
const ROW_MAX: f64 = 64.0;
/// Lowest row with offsets.
const ROW_FULL: f64 = 30.0;
/// Lowest row with cells.
const ROW_COMPACT: f64 = 15.0;
/// Narrowest place of a replica's name and log.
const NARROWEST_STRIP: f64 = 104.0;
/// Height of the card of Redis or the database.
const STORE: f64 = 28.0;
/// Room right of the consumers, for the roads to the stores below them.
const LANE: f64 = 10.0;
/// Space between the two.
const STORE_GAP: f64 = 8.0;
/// Sizes of a tile, with its gap, from one that has room for a name to the smallest that can be pointed at.
const TILES: [Size; 9] = [
    Size::new(84.0, 24.0),
    Size::new(62.0, 22.0),
    Size::new(44.0, 21.0),
    Size::new(31.0, 19.0),
    Size::new(27.0, 17.0),
    Size::new(23.0, 16.0),
    Size::new(19.0, 15.0),
    Size::new(16.0, 13.0),
    Size::new(11.0, 11.0),
];
/// A broker's heading, and the space between two brokers, where replicas are tiles; and how narrow a panel may be.
const TILE_HEADING: f64 = 22.0;
const TILE_GAP: f64 = 8.0;
const NARROWEST: f64 = 84.0;

impl Places {
    /// The boxes for `view` in a picture of this size.
    pub fn new(view: &View, size: Size, options: &LayoutOptions) -> Places {
        let mut places = Places { wide: size.w >= NARROW, ..Places::default() };
        let mut area = Rect::new(0.0, 0.0, size.w, size.h).inset(MARGIN);
        if options.legend || options.controls {
            let h = if options.legend { legend_height(area.w, options.words) } else { LINE };
            places.legend = Rect::new(area.x, area.bottom() - h, area.w, h);
            area.h -= h + 6.0;
        }
        if places.wide {
            places.place_wide(view, area)
        } else {
            places.place_narrow(view, area)
        }
        places
    }

    fn place_wide(&mut self, view: &View, area: Rect) {
        let left = (area.w * 0.155).clamp(112.0, 176.0);
        let right = (area.w * 0.17).clamp(124.0, 196.0);
        let gutter = (area.w * 0.055).clamp(30.0, 64.0);
        self.gutter = gutter;
        let middle = Rect::new(area.x + left + gutter, area.y, area.w - left - right - 2.0 * gutter, area.h);
        let (top, below) = middle.split_top(34.0);
        self.row_of_controllers(view, top);
        let (_, below) = below.split_top(26.0);
        self.place_brokers(view, below);
        let top = self.brokers.first().map_or(below.y, |(_, r)| r.y);
        let column = Rect::new(area.x, top, left, area.bottom() - top);
        self.place_producers(view, column);
        let mut column = Rect::new(area.right() - right, top, right, area.bottom() - top);
        if !view.stores.is_empty() {
            // They stand at the foot of the column, and the consumers above them.
            let n = view.stores.len() as f64;
            let height = n * STORE + (n - 1.0) * STORE_GAP;
            column.h -= height + 22.0;
            column.w -= LANE;
            let at = |i: usize| Rect::new(column.x, column.bottom() + 22.0 + i as f64 * (STORE + STORE_GAP), column.w, STORE);
            self.stores = view.stores.iter().enumerate().map(|(i, store)| (store.id, at(i))).collect();
        }
        self.place_consumers(view, column);
    }

    fn place_narrow(&mut self, view: &View, area: Rect) {
        const GUTTER: f64 = 14.0;
        self.gutter = GUTTER;
        let (row, rest) = area.split_top(46.0);
        self.row_of_producers(view, row);
        let (_, rest) = rest.split_top(14.0);
        let (row, rest) = rest.split_top(26.0);
        self.row_of_controllers(view, Rect::new(row.x + GUTTER, row.y, row.w - 2.0 * GUTTER, row.h));
        let stores = if view.stores.is_empty() { 0.0 } else { STORE + 16.0 };
        let lines = if view.consumers.is_empty() { 0.0 } else { 62.0 };
        let brokers = Rect::new(rest.x + GUTTER, rest.y + 16.0, rest.w - 2.0 * GUTTER, rest.h - lines - stores - 32.0);
        self.place_brokers(view, brokers);
        let bottom = self.brokers.iter().map(|(_, r)| r.bottom()).fold(brokers.y, f64::max);
        self.row_of_consumers(view, Rect::new(rest.x, bottom + 18.0, rest.w, lines));
        self.row_of_stores(view, Rect::new(rest.x, bottom + 18.0 + lines + 16.0, rest.w, STORE));
    }

    /// Side by side.
    fn row_of_stores(&mut self, view: &View, row: Rect) {
        let n = view.stores.len().max(1) as f64;
        let w = (row.w - STORE_GAP * (n - 1.0)) / n;
        let at = |i: usize| Rect::new(row.x + i as f64 * (w + STORE_GAP), row.y, w, row.h);
        self.stores = view.stores.iter().enumerate().map(|(i, store)| (store.id, at(i))).collect();
    }

    /// Side by side in the middle of the row: one alone is wide, several share the room.
    fn row_of_controllers(&mut self, view: &View, row: Rect) {
        const GAP: f64 = 10.0;
        let n = view.controllers.len().max(1) as f64;
        let widest = if view.controllers.len() == 1 { 300.0 } else { 168.0 };
        let w = ((row.w - GAP * (n - 1.0)) / n).min(widest);
        let left = row.x + (row.w - w * n - GAP * (n - 1.0)) / 2.0;
        let at = |i: usize| Rect::new(left + i as f64 * (w + GAP), row.y, w, row.h);
        self.controllers = view.controllers.iter().enumerate().map(|(i, c)| (c.id, at(i))).collect();
    }

    /// The grid of brokers that shows most of each replica.
    fn place_brokers(&mut self, view: &View, area: Rect) {
        let n = view.brokers.len();
        if n == 0 {
            return;
        }
        let replicas = view.brokers.iter().map(|b| b.replicas.len()).max().unwrap_or(0).max(1);
        let mut best: Option<(Density, f64, Grid)> = None;
        for columns in 1..=n {
            for strips in 1..=replicas.min(6) {
                let Some(grid) = Grid::try_new(area, n, columns, strips, replicas) else { continue };
                let (density, score) = grid.worth();
                let better = best.as_ref().is_none_or(|(d, s, _)| density > *d || (density == *d && score > *s + 1e-9));
                if better {
                    best = Some((density, score, grid));
                }
            }
        }
        let (density, grid) =
            best.map_or_else(|| (Density::Tile, Grid::of_tiles(area, n, replicas)), |(density, _, grid)| (density, grid));
        self.density = Some(density);
        self.columns = grid.columns;
        self.strips = grid.strips;
        self.row = grid.row;
        self.tile = grid.tile;
        let apart = if density == Density::Tile { TILE_GAP } else { GAP };
        self.heading = if density == Density::Tile { TILE_HEADING } else { HEADING };
        let rows = n.div_ceil(grid.columns);
        // Room to spare goes between the brokers, then above them.
        let used = rows as f64 * grid.panel.h;
        let spare = (area.h - used).max(0.0);
        let gap = if rows > 1 { (spare / (rows - 1) as f64).min(36.0) } else { apart };
        let gap = if self.wide { gap } else { gap.min(apart) };
        let used = used + (rows - 1) as f64 * gap;
        let top = area.y + ((area.h - used) / 2.0).max(0.0).min(if self.wide { 10.0 } else { 0.0 });
        self.brokers = view
            .brokers
            .iter()
            .enumerate()
            .map(|(i, b)| {
                let (row, column) = ((i / grid.columns) as f64, (i % grid.columns) as f64);
                let (x, y) = (area.x + column * (grid.panel.w + apart), top + row * (grid.panel.h + gap));
                (b.id, Rect::new(x, y, grid.panel.w, grid.panel.h))
            })
            .collect();
    }

    fn place_producers(&mut self, view: &View, column: Rect) {
        let n = view.producers.len();
        let (column, heights) = (column, (84.0, 34.0));
        let (shown, height) = stack(n, column.h, heights, 10.0);
        let cards = cards(column, shown + usize::from(shown < n), height, 10.0);
        self.producers = view.producers.iter().zip(&cards).take(shown).map(|(p, r)| (p.id, *r)).collect();
        self.more_producers = (shown < n).then(|| (cards[shown], n - shown));
    }

    fn row_of_producers(&mut self, view: &View, row: Rect) {
        let n = view.producers.len();
        let (shown, width) = stack(n, row.w, (row.w, 86.0), 8.0);
        let at = |i: usize| Rect::new(row.x + i as f64 * (width + 8.0), row.y, width, row.h);
        self.producers = view.producers.iter().enumerate().take(shown).map(|(i, p)| (p.id, at(i))).collect();
        self.more_producers = (shown < n).then(|| (at(shown), n - shown));
    }

    fn place_consumers(&mut self, view: &View, column: Rect) {
        let groups = group_sizes(view);
        let n = view.consumers.len();
        let heading = 22.0;
        let room = column.h - heading * groups.len() as f64;
        let (shown, height) = stack(n, room, (62.0, 30.0), 8.0);
        let mut y = column.y;
        let mut placed = 0;
        for (name, members) in groups {
            if placed >= shown {
                break;
            }
            self.groups.push((name, Rect::new(column.x, y, column.w, heading)));
            y += heading;
            for consumer in view.consumers.iter().skip(placed).take(members.min(shown - placed)) {
                self.consumers.push((consumer.id, Rect::new(column.x, y, column.w, height)));
                y += height + 8.0;
            }
            placed += members;
        }
        self.more_consumers = (shown < n).then(|| (Rect::new(column.x, y, column.w, height), n - shown));
    }

    fn row_of_consumers(&mut self, view: &View, row: Rect) {
        let n = view.consumers.len();
        let (heading, row) = row.split_top(18.0);
        let (shown, width) = stack(n, row.w, (row.w, 54.0), 6.0);
        let at = |i: usize| Rect::new(row.x + i as f64 * (width + 6.0), row.y, width, row.h);
        let mut placed = 0;
        for (name, members) in group_sizes(view) {
            if placed >= shown {
                break;
            }
            let last = (placed + members).min(shown) - 1;
            self.groups.push((name, Rect::new(at(placed).x, heading.y, at(last).right() - at(placed).x, heading.h)));
            placed += members;
        }
        self.consumers = view.consumers.iter().enumerate().take(shown).map(|(i, c)| (c.id, at(i))).collect();
        self.more_consumers = (shown < n).then(|| (at(shown), n - shown));
    }

    /// The box of a node; a node without a box of its own is in the box of "n more".
    pub fn of(&self, node: NodeId) -> Option<Rect> {
        match node {
            NodeId::Controller(id) => self.controllers.iter().find(|(c, _)| *c == id).map(|(_, r)| *r),
            NodeId::Broker(id) => self.brokers.iter().find(|(b, _)| *b == id).map(|(_, r)| *r),
            NodeId::Producer(id) => {
                self.producers.iter().find(|(p, _)| *p == id).map(|(_, r)| *r).or(self.more_producers.map(|(r, _)| r))
            }
            NodeId::Consumer(id) => {
                self.consumers.iter().find(|(c, _)| *c == id).map(|(_, r)| *r).or(self.more_consumers.map(|(r, _)| r))
            }
            NodeId::Store(id) => self.stores.iter().find(|(s, _)| *s == id).map(|(_, r)| *r),
        }
    }
}

/// One way to place the brokers.
struct Grid {
    columns: usize,
    strips: usize,
    panel: Size,
    row: f64,
    strip_w: f64,
    tile: Size,
}

impl Grid {
    fn try_new(area: Rect, n: usize, columns: usize, strips: usize, replicas: usize) -> Option<Grid> {
        let rows = n.div_ceil(columns);
        let w = (area.w - (columns - 1) as f64 * GAP) / columns as f64;
        let room = (area.h - (rows - 1) as f64 * GAP) / rows as f64;
        let lines = replicas.div_ceil(strips);
        let row = ((room - HEADING - PAD) / lines as f64).min(ROW_MAX);
        let strip_w = (w - PAD * (strips + 1) as f64) / strips as f64;
        if row < ROW_COMPACT || strip_w < NARROWEST_STRIP {
            return None;
        }
        Some(Grid {
            columns,
            strips,
            panel: Size::new(w, HEADING + row * lines as f64 + PAD),
            row,
            strip_w,
            tile: Size::default(),
        })
    }

    /// Rows and columns of tiles, as large as there is room for: always possible.
    fn of_tiles(area: Rect, n: usize, replicas: usize) -> Grid {
        let mut best: Option<(usize, f64, Grid)> = None;
        for tile in TILES {
            for columns in 1..=n {
                let rows = n.div_ceil(columns);
                let w = (area.w - (columns - 1) as f64 * TILE_GAP) / columns as f64;
                let h = (area.h - (rows - 1) as f64 * TILE_GAP) / rows as f64;
                if w < NARROWEST.max(tile.w + 2.0 * PAD) && columns > 1 {
                    break;
                }
                let across = (((w - 2.0 * PAD) / tile.w).floor() as usize).clamp(1, replicas);
                let down = ((h - TILE_HEADING - PAD) / tile.h).floor().max(0.0) as usize;
                let shown = (across * down).min(replicas);
                // The shape of a page is what reads best.
                let shape = (w / h.max(1.0) - 1.7).abs();
                let better = |(most, best, grid): &(usize, f64, Grid)| {
                    shown > *most || (shown == *most && grid.tile == tile && shape < *best)
                };
                if best.as_ref().is_none_or(better) {
                    let needed = TILE_HEADING + PAD + tile.h * replicas.div_ceil(across) as f64;
                    let panel = Size::new(w, h.min(needed));
                    best = Some((shown, shape, Grid { columns, strips: across, panel, row: tile.h, strip_w: tile.w, tile }));
                }
            }
            if best.as_ref().is_some_and(|(shown, ..)| *shown == replicas) {
                break;
            }
        }
        best.expect("one column is always tried").2
    }

    /// How much it shows, and how well.
    fn worth(&self) -> (Density, f64) {
        let density = if self.row >= ROW_FULL && self.strip_w >= 240.0 { Density::Full } else { Density::Compact };
        // One column of brokers and of replicas reads best: the same partition stands below itself.
        let tidy = 1.0 / (self.columns as f64 * self.strips as f64).sqrt();
        // A short log says little.
        let tidy = if self.strip_w < 150.0 { tidy - 1.0 } else { tidy };
        let row = self.row.min(34.0) + self.row * 0.1;
        (density, row * self.strip_w.min(520.0).sqrt() * (0.6 + 0.4 * tidy))
    }
}

/// How many of `n` boxes fit into `room` and how long each is, between `sizes` (largest, smallest). When not all fit, one more
/// place is left for "n more".
fn stack(n: usize, room: f64, sizes: (f64, f64), gap: f64) -> (usize, f64) {
    if n == 0 {
        return (0, 0.0);
    }
    let each = (room + gap) / n as f64 - gap;
    if each >= sizes.1 {
        return (n, each.min(sizes.0));
    }
    let slots = (((room + gap) / (sizes.1 + gap)).floor() as usize).max(1);
    (slots - 1, sizes.1)
}

fn cards(column: Rect, n: usize, height: f64, gap: f64) -> Vec<Rect> {
    (0..n).map(|i| Rect::new(column.x, column.y + i as f64 * (height + gap), column.w, height)).collect()
}

/// Name and number of members of each group, in the order of the consumers.
fn group_sizes(view: &View) -> Vec<(String, usize)> {
    let mut sizes: Vec<(GroupId, String, usize)> = Vec::new();
    for c in &view.consumers {
        match sizes.last_mut() {
            Some((id, _, n)) if *id == c.group => *n += 1,
            _ => sizes.push((c.group, c.group_name.clone(), 1)),
        }
    }
    sizes.into_iter().map(|(_, name, n)| (name, n)).collect()
}

/// The legend takes one line, or as many as it needs.
pub fn legend_height(width: f64, words: &Words) -> f64 {
    (lines(width, words) as f64) * LINE
}

/// A height at which a stacked picture of this width shows every replica with its offsets.
pub fn comfortable_height(view: &View, width: f64, words: &Words) -> f64 {
    let replicas: usize =
        view.brokers.iter().map(|b| HEADING as usize + PAD as usize + GAP as usize + b.replicas.len() * 33).sum();
    let stores = if view.stores.is_empty() { 0.0 } else { STORE + 16.0 };
    stores + replicas as f64 + 46.0 + 14.0 + 26.0 + 62.0 + 32.0 + 2.0 * MARGIN + legend_height(width - 2.0 * MARGIN, words) + 6.0
}
