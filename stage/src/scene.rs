//! A picture: what is drawn and what can be pointed at.

use crate::geom::{Point, Rect, Size};
use crate::layout;
use crate::layout::links::Road;
use crate::layout::moments::Moment;
use crate::layout::packets::Sprite;
use crate::layout::places::Places;
use crate::paint::{Mark, Role, Shape, Stroke, TextStyle};
use crate::theme::Token;
use crate::words::{ENGLISH, Words};
use sim_core::ids::*;
use sim_core::time::SimTime;
use sim_core::view::{PacketView, View};

/// What a pointer is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Pick {
    /// A controller.
    Controller(ControllerId),
    /// A broker's panel.
    Broker(BrokerId),
    /// A replica's log.
    Replica(BrokerId, PartitionId),
    /// A batch in a replica's log.
    Cell {
        /// Whose log.
        broker: BrokerId,
        /// Which partition.
        partition: PartitionId,
        /// First offset.
        base: Offset,
        /// Records.
        count: u32,
        /// The message of the first record.
        message: Option<MessageId>,
    },
    /// Redis, or the database.
    Store(StoreId),
    /// A packet.
    Packet(PacketId),
    /// A producer.
    Producer(ProducerId),
    /// A consumer.
    Consumer(ConsumerId),
    /// The road between two nodes, in the order of nodes.
    Link(NodeId, NodeId),
    /// What opens or closes the legend.
    Legend,
}

impl Pick {
    /// The same thing at the next instant? Cells move on; what holds them stays.
    pub fn broker(self) -> Option<BrokerId> {
        match self {
            Pick::Broker(b) | Pick::Replica(b, _) | Pick::Cell { broker: b, .. } => Some(b),
            _ => None,
        }
    }

    /// Of which partition it is.
    pub fn partition(self) -> Option<PartitionId> {
        match self {
            Pick::Replica(_, partition) | Pick::Cell { partition, .. } => Some(partition),
            _ => None,
        }
    }
}

/// An area that answers to the pointer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Region {
    /// Where.
    pub area: Rect,
    /// What it is.
    pub pick: Pick,
}

/// What the picture shows besides the cluster itself.
#[derive(Clone, Copy, Debug)]
pub struct LayoutOptions {
    /// Chosen.
    pub selected: Option<Pick>,
    /// Under the pointer, or focused.
    pub hovered: Option<Pick>,
    /// The message that is followed, and where it lies in the logs.
    pub watched: Option<(PartitionId, Offset)>,
    /// Explain the marks at the foot of the picture.
    pub legend: bool,
    /// The picture answers to the pointer: the legend can be opened and closed ([`Pick::Legend`]).
    pub controls: bool,
    /// The language.
    pub words: &'static Words,
}

impl Default for LayoutOptions {
    fn default() -> LayoutOptions {
        LayoutOptions { selected: None, hovered: None, watched: None, legend: true, controls: false, words: &ENGLISH }
    }
}

/// A picture of one instant.
#[derive(Clone, Debug)]
pub struct Scene {
    /// Its size.
    pub size: Size,
    /// The cluster: changes when something happens.
    pub base: Vec<Mark>,
    /// The packets, and what happened a moment ago: change with every instant.
    pub packets: Vec<Mark>,
    /// Where everything is.
    pub places: Places,
    regions: Vec<Region>,
    roads: Vec<Road>,
    sprites: Vec<Sprite>,
    moments: Vec<Moment>,
    /// What is pointed at, and the words beside it.
    tip: Option<(Pick, Vec<String>)>,
}

impl Scene {
    /// The picture of `view`.
    pub fn layout(view: &View, size: Size, options: &LayoutOptions) -> Scene {
        let places = Places::new(view, size, options);
        let mut pen = Pen::default();
        let roads = layout::links::draw(&mut pen, view, &places, options);
        layout::nodes::draw(&mut pen, view, &places, options);
        layout::brokers::draw(&mut pen, view, &places, options);
        layout::focus::draw(&mut pen, view, &places, options);
        layout::legend::draw(&mut pen, &places, options);
        layout::nodes::outline(&mut pen, view, &places, options);
        let tip = options.hovered.map(|pick| (pick, layout::tip::lines(view, pick, options.words)));
        let moments = layout::moments::find(view, &places, &pen.regions, options);
        let Pen { marks: base, regions } = pen;
        let tip = tip.filter(|(_, lines)| !lines.is_empty());
        let mut scene = Scene { size, base, packets: Vec::new(), places, regions, roads, sprites: Vec::new(), moments, tip };
        scene.move_packets(&view.packets, view.at);
        scene
    }

    /// The same cluster at another instant before anything else happens: only the packets have moved, and moments have passed.
    pub fn move_packets(&mut self, packets: &[PacketView], at: SimTime) {
        self.packets.clear();
        self.sprites.clear();
        let mut pen = Pen { marks: std::mem::take(&mut self.packets), regions: Vec::new() };
        layout::moments::draw(&mut pen, &self.moments, at);
        layout::packets::draw(&mut pen.marks, &mut self.sprites, packets, at, &self.places);
        if let Some((pick, lines)) = &self.tip
            && let Some(area) = self.area_of(*pick)
        {
            layout::tip::draw(&mut pen, lines, area, self.size);
        }
        self.packets = pen.marks;
    }

    /// What is at (x, y): the topmost, with some tolerance for the small packets.
    pub fn hit(&self, x: f64, y: f64) -> Option<Pick> {
        const REACH: f64 = 9.0;
        let p = Point::new(x, y);
        let distance = |s: &Sprite| (s.at.x - x).hypot(s.at.y - y);
        let near = self.sprites.iter().filter(|s| distance(s) <= REACH).min_by(|a, b| distance(a).total_cmp(&distance(b)));
        let region = || self.regions.iter().rev().find(|r| r.area.contains(p)).map(|r| r.pick);
        near.map(|s| Pick::Packet(s.id)).or_else(region).or_else(|| self.road_at(p))
    }

    /// The road that passes here, with some tolerance: the nearest.
    fn road_at(&self, p: Point) -> Option<Pick> {
        const REACH: f64 = 7.0;
        const STEPS: u32 = 48;
        let mut nearest = (REACH, None);
        for &(a, b, curve) in &self.roads {
            for step in 0..=STEPS {
                let q = curve.at(f64::from(step) / f64::from(STEPS));
                let distance = (q.x - p.x).hypot(q.y - p.y);
                if distance < nearest.0 {
                    nearest = (distance, Some(Pick::Link(a, b)));
                }
            }
        }
        nearest.1
    }

    /// The roads that are drawn, those that are cut included.
    pub fn roads(&self) -> &[Road] {
        &self.roads
    }

    /// Where a thing is drawn, if it is.
    pub fn area_of(&self, pick: Pick) -> Option<Rect> {
        let sprite = |id| self.sprites.iter().find(|s| s.id == id).map(|s| Rect::around(s.at, 8.0));
        match pick {
            Pick::Packet(id) => sprite(id),
            Pick::Link(a, b) => self.roads.iter().find(|r| (r.0, r.1) == (a, b)).map(|r| Rect::around(r.2.at(0.5), 8.0)),
            _ => self.regions.iter().find(|r| r.pick == pick).map(|r| r.area),
        }
    }

    /// Every region, lowest first.
    pub fn regions(&self) -> &[Region] {
        &self.regions
    }

    /// Where the packets are.
    pub fn sprites(&self) -> &[Sprite] {
        &self.sprites
    }
}

/// Collects marks and regions while a picture is laid out.
#[derive(Default)]
pub struct Pen {
    /// The marks so far.
    pub marks: Vec<Mark>,
    /// The regions so far.
    pub regions: Vec<Region>,
}

impl Pen {
    /// A shape.
    pub fn shape(&mut self, role: Role, shape: Shape) {
        self.marks.push(Mark { role, shape });
    }

    /// A rectangle.
    pub fn rect(&mut self, role: Role, rect: Rect, radius: f64, fill: Option<Token>, stroke: Option<Stroke>) {
        self.shape(role, Shape::Rect { rect, radius, fill, stroke });
    }

    /// A straight line.
    pub fn line(&mut self, role: Role, from: Point, to: Point, stroke: Stroke) {
        self.shape(role, Shape::Path { points: vec![from, to], closed: false, fill: None, stroke: Some(stroke) });
    }

    /// A text, on its vertical middle.
    pub fn text(&mut self, at: Point, text: impl Into<String>, style: TextStyle) {
        self.shape(Role::Label, Shape::Text { at, text: text.into(), style });
    }

    /// An area that answers to the pointer.
    pub fn region(&mut self, area: Rect, pick: Pick) {
        self.regions.push(Region { area, pick });
    }
}
