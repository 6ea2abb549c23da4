//! What must be true of every picture: nothing overlaps, everything can be pointed at, packets are where they should be.

use sim_core::ids::*;
use sim_core::set::BrokerSet;
use sim_core::time::SimTime;
use sim_core::trace::Api;
use sim_core::view::{ConsumerView, PacketView, ProcessState, ProducerView, View};
use stage::layout::places::{Density, Places};
use stage::paint::{Anchor, Mark, Role, Shape};
use stage::{LayoutOptions, Pick, Point, Rect, Scene, Size, sample, svg, text};

const SIZES: [Size; 5] = [
    Size::new(900.0, 560.0),
    Size::new(1030.0, 690.0),
    Size::new(700.0, 480.0),
    Size::new(390.0, 620.0),
    Size::new(360.0, 560.0),
];

fn options() -> LayoutOptions {
    LayoutOptions { legend: false, ..LayoutOptions::default() }
}

fn boxes(places: &Places) -> Vec<(String, Rect)> {
    let mut out = vec![("legend".to_string(), places.legend)];
    out.extend(places.controllers.iter().map(|(id, r)| (id.to_string(), *r)));
    out.extend(places.producers.iter().map(|(id, r)| (id.to_string(), *r)));
    out.extend(places.brokers.iter().map(|(id, r)| (id.to_string(), *r)));
    out.extend(places.consumers.iter().map(|(id, r)| (id.to_string(), *r)));
    out.extend(places.groups.iter().map(|(name, r)| (format!("group {name}"), *r)));
    out.extend(places.more_producers.iter().map(|(r, _)| ("more producers".to_string(), *r)));
    out.extend(places.more_consumers.iter().map(|(r, _)| ("more consumers".to_string(), *r)));
    out
}

fn extent(mark: &Mark) -> Option<Rect> {
    let Shape::Text { at, text, style } = &mark.shape else { return None };
    // The estimate is an upper bound; nine tenths of it is what common fonts need.
    let w = text::width(text, style.face, style.size) * 0.9;
    let x = match style.anchor {
        Anchor::Start => at.x,
        Anchor::Middle => at.x - w / 2.0,
        Anchor::End => at.x - w,
    };
    Some(Rect::new(x, at.y - style.size * 0.4, w, style.size * 0.8))
}

#[track_caller]
fn check_tidy(view: &View, size: Size, options: &LayoutOptions) {
    let scene = Scene::layout(view, size, options);
    let whole = Rect::new(0.0, 0.0, size.w, size.h);
    let boxes = boxes(&scene.places);
    let context = format!("{} brokers x {} partitions at {size:?}", view.brokers.len(), view.partitions.len());
    for (i, (name, a)) in boxes.iter().enumerate() {
        assert!(whole.encloses(*a), "{name} {a:?} leaves the picture: {context}");
        for (other, b) in &boxes[i + 1..] {
            assert!(!a.overlaps(*b), "{name} {a:?} is over {other} {b:?}: {context}");
        }
    }
    let texts: Vec<(&Mark, Rect)> = scene.base.iter().filter_map(|m| extent(m).map(|r| (m, r))).collect();
    for (i, (mark, a)) in texts.iter().enumerate() {
        assert!(whole.encloses(*a), "{mark:?} leaves the picture: {context}");
        for (other, b) in &texts[i + 1..] {
            assert!(!a.overlaps(*b), "{:?} {a:?} is over {:?} {b:?}: {context}", mark.shape, other.shape);
        }
    }
}

#[test]
fn nothing_overlaps_from_one_broker_to_nine() {
    for brokers in 1..=9 {
        for partitions in [1, 3, 6, 12] {
            let mut view = sample::healthy(brokers, partitions, 30);
            for (i, size) in SIZES.into_iter().enumerate() {
                // A phone scrolls: its picture is as high as it needs to be.
                let size = if size.w < 640.0 {
                    let words = &stage::words::ENGLISH;
                    Size::new(size.w, stage::layout::places::comfortable_height(&view, size.w, words).max(size.h))
                } else {
                    size
                };
                check_tidy(&view, size, &options());
                check_tidy(&view, size, &LayoutOptions::default());
                view.brokers[0].state =
                    [ProcessState::Crashed, ProcessState::PoweredOff, ProcessState::Fenced, ProcessState::ShuttingDown][i % 4];
            }
        }
    }
}

#[test]
fn nothing_overlaps_in_trouble() {
    for size in SIZES {
        check_tidy(&sample::trouble(), size, &LayoutOptions::default());
    }
}

#[test]
fn long_names_and_crowds_are_cut() {
    let mut view = sample::healthy(3, 3, 8);
    view.producers[0].name = "the-service-that-takes-every-payment-of-the-world".into();
    for p in &mut view.partitions {
        p.name = format!("a-topic-with-quite-a-long-name-that-goes-on-{}", p.id.0);
    }
    for i in 1..40 {
        let mut producer = view.producers[0].clone();
        producer.id = ProducerId(i);
        view.producers.push(producer);
        let mut consumer = view.consumers[0].clone();
        consumer.id = ConsumerId(i + 2);
        consumer.group = GroupId(i / 10);
        consumer.group_name = format!("group-with-a-very-long-name-{}", i / 10);
        view.consumers.push(consumer);
    }
    for size in SIZES {
        check_tidy(&view, size, &options());
        let scene = Scene::layout(&view, size, &options());
        assert!(scene.places.more_producers.is_some());
        assert_eq!(scene.places.of(NodeId::Producer(ProducerId(39))), scene.places.more_producers.map(|(r, _)| r));
    }
}

/// A cluster with several of everything around it.
fn crowd(brokers: u16, partitions: u16) -> View {
    let mut view = sample::healthy(brokers, partitions, 30);
    view.stores = sample::trouble().stores;
    for i in 1..4 {
        let producer = ProducerView { id: ProducerId(i), ..view.producers[0].clone() };
        view.producers.push(producer);
        let consumer = view.consumers[usize::from(i) - 1].clone();
        let (id, group) = (ConsumerId(i + 2), GroupId(1));
        view.consumers.push(ConsumerView { id, group, group_name: "points-service".into(), ..consumer });
    }
    view.brokers[usize::from(brokers) / 2].state = ProcessState::Crashed;
    if brokers > 3 {
        view.partitions[1].isr = view.partitions[1].isr.without(BrokerId(3));
        view.partitions[2].leader = None;
        view.partitions[3].isr = BrokerSet::of(BrokerId(4));
        sample::lag(&mut view, BrokerId(3), PartitionId(1), 25);
        sample::lag(&mut view, BrokerId(4), PartitionId(2), 21);
    }
    view
}

/// Where a region belongs: siblings must not overlap, and lie within what holds them.
fn holder(pick: Pick) -> Option<Pick> {
    match pick {
        Pick::Replica(broker, _) => Some(Pick::Broker(broker)),
        Pick::Cell { broker, partition, .. } => Some(Pick::Replica(broker, partition)),
        _ => None,
    }
}

#[track_caller]
fn check_regions(scene: &Scene, view: &View) {
    let regions = scene.regions();
    for (i, a) in regions.iter().enumerate() {
        if let Some(holder) = holder(a.pick) {
            let area = scene.area_of(holder).expect("it is there");
            assert!(area.encloses(a.area), "{:?} {:?} leaves {holder:?} {area:?}", a.pick, a.area);
        }
        for b in regions[i + 1..].iter().filter(|b| holder(b.pick) == holder(a.pick)) {
            assert!(!a.area.overlaps(b.area), "{:?} {:?} is over {:?} {:?}", a.pick, a.area, b.pick, b.area);
        }
    }
    for broker in &view.brokers {
        for replica in &broker.replicas {
            let wanted = Pick::Replica(broker.id, replica.partition);
            let area = scene.area_of(wanted).unwrap_or_else(|| panic!("{wanted:?} is not there"));
            let hit = scene.hit(area.x + 1.0, area.center().y);
            assert!(hit == Some(wanted) || hit.and_then(holder) == Some(wanted), "{wanted:?} {hit:?}");
        }
    }
}

/// The room that the page gives to the stage at 1440 x 900 and below, and a phone's, as high as the page makes it.
const STAGES: [Size; 4] = [Size::new(1030.0, 690.0), Size::new(900.0, 560.0), Size::new(1440.0, 900.0), Size::new(390.0, 1400.0)];

#[test]
fn every_replica_of_every_cluster_can_be_pointed_at() {
    for (brokers, partitions) in [(1, 1), (3, 3), (5, 12), (9, 40), (20, 100)] {
        let view = crowd(brokers, partitions);
        for size in STAGES {
            for (legend, controls) in [(true, true), (false, true), (false, false)] {
                let options = LayoutOptions { legend, controls, ..LayoutOptions::default() };
                check_tidy(&view, size, &options);
                let scene = Scene::layout(&view, size, &options);
                check_regions(&scene, &view);
                assert_eq!(scene.area_of(Pick::Legend).is_some(), controls);
            }
        }
    }
}

#[test]
fn more_of_a_replica_is_shown_the_more_room_there_is() {
    let density =
        |brokers, partitions, size| Scene::layout(&crowd(brokers, partitions), size, &LayoutOptions::default()).places.density;
    let [large, usual, whole, phone] = STAGES;
    for (brokers, partitions, size, wanted) in [
        (3, 3, usual, Density::Full),
        (3, 3, phone, Density::Full),
        (5, 12, usual, Density::Compact),
        (5, 12, large, Density::Compact),
        (9, 40, usual, Density::Tile),
        (20, 100, usual, Density::Tile),
        (20, 100, whole, Density::Tile),
        (20, 100, phone, Density::Tile),
    ] {
        assert_eq!(density(brokers, partitions, size), Some(wanted), "{brokers} x {partitions} at {size:?}");
    }
    // In each of these the tiles have numbers.
    for size in STAGES {
        let scene = Scene::layout(&sample::healthy(20, 100, 4), size, &LayoutOptions::default());
        let numbers =
            scene.base.iter().filter(|m| matches!(&m.shape, Shape::Text { text, .. } if text == "77" || text.ends_with("-77")));
        assert_eq!(numbers.count(), 3, "{size:?}");
    }
    let view = sample::healthy(3, 3, 4);
    let height = stage::layout::places::comfortable_height(&view, 390.0, &stage::words::ENGLISH);
    let phone = Scene::layout(&view, Size::new(390.0, height), &options());
    assert_eq!((phone.places.wide, phone.places.density), (false, Some(Density::Full)));
}

/// The shapes with which one replica of a large cluster is drawn, whatever their place and colour.
fn tile_roles(change: impl Fn(&mut View)) -> Vec<Role> {
    let mut view = sample::healthy(20, 100, 30);
    change(&mut view);
    let scene = Scene::layout(&view, STAGES[0], &options());
    let area = scene.area_of(Pick::Replica(BrokerId(2), PartitionId(0))).unwrap();
    let inside = |m: &&Mark| match &m.shape {
        Shape::Rect { rect, .. } => area.overlaps(*rect) && rect.w <= area.w + 4.0,
        Shape::Path { points, .. } => points.iter().any(|p| area.inset(-1.5).contains(*p)),
        _ => false,
    };
    scene.base.iter().filter(inside).map(|m| m.role).collect()
}

#[test]
fn what_a_replica_is_shows_in_the_shape_of_its_tile() {
    assert_eq!(tile_roles(|_| {}), [Role::InIsr]);
    assert_eq!(tile_roles(|view| view.partitions[0].leader = Some(BrokerId(2))), [Role::Crown]);
    let alone = |view: &mut View| view.partitions[0].isr = view.partitions[0].isr.without(BrokerId(2));
    assert_eq!(tile_roles(alone), [Role::OutOfIsr]);
    assert_eq!(tile_roles(|view| view.brokers[1].state = ProcessState::PoweredOff), [Role::Offline, Role::Offline]);
    assert_eq!(tile_roles(|view| view.partitions[0].leader = None), [Role::InIsr, Role::UnderMin]);
    assert_eq!(tile_roles(|view| view.partitions[0].min_isr = 4), [Role::InIsr, Role::UnderMin]);
    // A follower in the ISR that is a little behind is as it should be.
    assert_eq!(tile_roles(|view| sample::lag(view, BrokerId(2), PartitionId(0), 2)), [Role::InIsr]);
    assert_eq!(tile_roles(|view| sample::lag(view, BrokerId(2), PartitionId(0), 25)), [Role::InIsr, Role::Lag]);
    assert_eq!(
        tile_roles(|view| {
            alone(view);
            sample::lag(view, BrokerId(2), PartitionId(0), 2);
        }),
        [Role::OutOfIsr, Role::Lag]
    );
}

#[test]
fn a_partition_that_is_pointed_at_comes_forward() {
    for (brokers, partitions) in [(3, 3), (5, 12), (20, 100)] {
        let view = sample::healthy(brokers, partitions, 8);
        let pick = Pick::Replica(BrokerId(3), PartitionId(1));
        let count = |hovered, selected, role| {
            let options = LayoutOptions { hovered, selected, ..options() };
            Scene::layout(&view, STAGES[0], &options).base.iter().filter(|m| m.role == role).count()
        };
        let others = usize::from(partitions - 1) * 3;
        assert_eq!((count(Some(pick), None, Role::Veil), count(None, Some(pick), Role::Veil)), (others, 0));
        // A curve and a point to each follower.
        assert_eq!((count(Some(pick), None, Role::Way), count(None, Some(pick), Role::Way)), (4, 4));
        assert_eq!(count(None, None, Role::Way) + count(None, None, Role::Veil), 0);
    }
}

#[test]
fn what_is_pointed_at_has_its_whole_name_beside_it() {
    let mut view = crowd(9, 40);
    view.partitions[4].name = "order-events-temporary-with-a-name-that-is-longer-than-any-telephone-is-wide-4".into();
    view.packets =
        vec![sample::packet(7, NodeId::Broker(BrokerId(2)), NodeId::Broker(BrokerId(3)), Api::ReplicaFetch, 500, view.at)];
    for size in STAGES {
        let whole = Rect::new(0.0, 0.0, size.w, size.h);
        let scene = Scene::layout(&view, size, &options());
        let mut picks: Vec<Pick> = scene.regions().iter().map(|r| r.pick).collect();
        picks.push(Pick::Packet(PacketId(7)));
        for pick in picks {
            let scene = Scene::layout(&view, size, &LayoutOptions { hovered: Some(pick), ..options() });
            let tips: Vec<&Mark> = scene.packets.iter().skip_while(|m| m.role != Role::Tip).collect();
            for mark in &tips {
                let area = if let Shape::Rect { rect, .. } = mark.shape { rect } else { extent(mark).unwrap() };
                assert!(whole.encloses(area), "{mark:?} of {pick:?} at {size:?}");
            }
            let says = |text: &str| tips.iter().any(|m| matches!(&m.shape, Shape::Text { text: t, .. } if t == text));
            match pick {
                Pick::Replica(_, p) if p != PartitionId(4) => assert!(says(&format!("order-events-{}", p.0)), "{pick:?}"),
                Pick::Consumer(ConsumerId(3)) => assert!(says("points-service, member 1")),
                Pick::Packet(_) => assert!(says("broker 2 → broker 3")),
                _ => {}
            }
        }
    }
}

#[test]
fn the_watched_message_is_marked_where_it_is() {
    let mut view = sample::healthy(3, 1, 30);
    let count = |view: &View, offset| {
        let options = LayoutOptions { watched: Some((PartitionId(0), Offset(offset))), ..options() };
        let scene = Scene::layout(view, STAGES[1], &options);
        [&scene.base, &scene.packets].map(|marks| marks.iter().filter(|m| m.role == Role::Watched).count())
    };
    // In three logs; left of what is shown of them; nowhere yet.
    assert_eq!((count(&view, 141), count(&view, 0), count(&view, 150)), ([3, 0], [3, 0], [0, 0]));
    let (checkout, leader) = (NodeId::Producer(ProducerId(0)), NodeId::Broker(BrokerId(1)));
    view.holders = vec![checkout, NodeId::Consumer(ConsumerId(2))];
    view.packets = vec![PacketView { watched: true, ..sample::packet(1, checkout, leader, Api::Produce, 500, view.at) }];
    assert_eq!(count(&view, 150), [2, 1]);
    let large = sample::healthy(20, 100, 30);
    let options = LayoutOptions { watched: Some((PartitionId(7), Offset(60))), ..options() };
    let scene = Scene::layout(&large, STAGES[1], &options);
    assert_eq!(scene.base.iter().filter(|m| m.role == Role::Watched).count(), 3);
}

/// Through a failover, instant by instant: boxes stay where they are.
#[test]
fn a_layout_does_not_jump() {
    let scenario = sim_core::session::Session::library("backlog-temporary-topic").plan().unwrap();
    let mut history = sim_core::history::History::new(std::sync::Arc::new(scenario));
    for size in STAGES {
        let mut places: Option<Places> = None;
        for tenth in 0..history.end().0 / 100_000 {
            history.seek(SimTime(tenth * 100_000));
            let now = Scene::layout(&history.view(None), size, &LayoutOptions::default()).places;
            assert_eq!(*places.get_or_insert(now.clone()), now, "at {tenth} tenths of a second in {size:?}");
        }
    }
}

/// Every pair of nodes between which something may travel.
fn pairs(view: &View) -> Vec<(NodeId, NodeId)> {
    let brokers: Vec<NodeId> = view.brokers.iter().map(|b| NodeId::Broker(b.id)).collect();
    let stores: Vec<NodeId> = view.stores.iter().map(|s| NodeId::Store(s.id)).collect();
    let clients =
        view.producers.iter().map(|p| NodeId::Producer(p.id)).chain(view.consumers.iter().map(|c| NodeId::Consumer(c.id)));
    let mut pairs: Vec<(NodeId, NodeId)> =
        clients.flat_map(|client| brokers.iter().chain(&stores).map(move |other| (client, *other))).collect();
    for (i, a) in brokers.iter().enumerate() {
        pairs.extend(view.controllers.iter().map(|c| (NodeId::Controller(c.id), *a)));
        pairs.extend(brokers[i + 1..].iter().map(|b| (*a, *b)));
    }
    pairs
}

#[test]
fn no_packet_leaves_the_picture() {
    for brokers in [1, 3, 9] {
        let mut view = sample::healthy(brokers, 3, 4);
        view.stores = sample::trouble().stores;
        for size in SIZES {
            let whole = Rect::new(0.0, 0.0, size.w, size.h);
            for (from, to) in pairs(&view).into_iter().flat_map(|(a, b)| [(a, b), (b, a)]) {
                let api = Api::ReplicaFetch;
                view.packets = (0..=20).map(|i| sample::packet(i, from, to, api, i * 50, view.at)).collect();
                for sprite in Scene::layout(&view, size, &options()).sprites() {
                    let glyph = Rect::around(sprite.at, 7.0);
                    assert!(whole.encloses(glyph), "{from} -> {to} at {:?} in {size:?}, {brokers} brokers", sprite.at);
                }
            }
        }
    }
}

#[test]
fn a_phone_stacks_producers_brokers_consumers() {
    let scene = Scene::layout(&sample::healthy(3, 3, 4), Size::new(390.0, 620.0), &options());
    let bottom = |rects: &mut dyn Iterator<Item = Rect>| rects.map(|r| r.bottom()).fold(0.0, f64::max);
    let producers = bottom(&mut scene.places.producers.iter().map(|(_, r)| *r));
    let brokers = bottom(&mut scene.places.brokers.iter().map(|(_, r)| *r));
    assert!(producers < scene.places.brokers[0].1.y);
    assert!(scene.places.consumers.iter().all(|(_, r)| r.y > brokers));
}

#[test]
fn what_is_pointed_at_is_found() {
    let view = sample::trouble();
    let scene = Scene::layout(&view, Size::new(900.0, 560.0), &options());
    let panel = scene.places.brokers[1].1;
    assert_eq!(scene.hit(panel.x + 20.0, panel.y + 12.0), Some(Pick::Broker(BrokerId(2))));
    let controller = scene.places.controllers[0].1.center();
    assert_eq!(scene.hit(controller.x, controller.y), Some(Pick::Controller(ControllerId(1))));
    let producer = scene.places.producers[0].1;
    assert_eq!(scene.hit(producer.x + 4.0, producer.y + 4.0), Some(Pick::Producer(ProducerId(0))));
    assert_eq!(scene.hit(1.0, 1.0), None);
    for sprite in scene.sprites() {
        assert_eq!(scene.hit(sprite.at.x, sprite.at.y), Some(Pick::Packet(sprite.id)));
    }
    let cells = scene.regions().iter().filter(|r| matches!(r.pick, Pick::Cell { .. }));
    assert!(cells.count() > 60);
    let cell = scene.regions().iter().rfind(|r| matches!(r.pick, Pick::Cell { .. })).unwrap();
    let (p, pick) = (cell.area.center(), cell.pick);
    assert_eq!(scene.hit(p.x, p.y), Some(pick));
    assert_eq!(scene.area_of(pick), Some(cell.area));
}

fn one_packet(done: u64, lost: bool) -> (Scene, PacketView) {
    let mut view = sample::healthy(3, 3, 4);
    let (from, to) = (NodeId::Producer(ProducerId(0)), NodeId::Broker(BrokerId(2)));
    view.packets = vec![PacketView { lost, ..sample::packet(9, from, to, Api::Produce, done, view.at) }];
    (Scene::layout(&view, Size::new(900.0, 560.0), &options()), view.packets[0])
}

#[test]
fn a_packet_is_where_its_time_says() {
    let at = |done| one_packet(done, false).0.sprites()[0].at;
    let (scene, packet) = one_packet(0, false);
    let (start, end) = (scene.places.producers[0].1, scene.places.brokers[1].1);
    assert!((at(0).x - start.right()).abs() < 4.0);
    assert!((at(1000).x - end.x).abs() < 4.0);
    let middle = Point::new((start.right() + end.x) / 2.0, (start.center().y + end.center().y) / 2.0);
    assert!((at(500).x - middle.x).abs() < 5.0 && (at(500).y - middle.y).abs() < 5.0, "{:?} {middle:?}", at(500));
    let mut moved = scene.clone();
    moved.move_packets(&[packet], SimTime(packet.sent.0 + 500));
    assert_eq!(moved.sprites()[0].at, at(500));
    assert_eq!(moved.base, scene.base);
}

#[test]
fn a_lost_packet_breaks_half_way_and_stays_there() {
    let roles = |done| -> Vec<Role> { one_packet(done, true).0.packets.iter().map(|m| m.role).collect() };
    assert!(roles(400).iter().all(|r| *r == Role::Request));
    assert!(roles(600).iter().all(|r| *r == Role::Broken));
    assert_eq!(one_packet(600, true).0.sprites()[0].at, one_packet(900, true).0.sprites()[0].at);
}

#[test]
fn every_state_of_a_process_looks_different() {
    let drawn = |state| {
        let mut view = sample::healthy(3, 1, 4);
        view.brokers[0].state = state;
        Scene::layout(&view, Size::new(900.0, 560.0), &options()).base
    };
    let states = [
        ProcessState::Running,
        ProcessState::Fenced,
        ProcessState::ShuttingDown,
        ProcessState::Paused,
        ProcessState::Stopped,
        ProcessState::Crashed,
        ProcessState::PoweredOff,
    ];
    for (i, a) in states.iter().enumerate() {
        for b in &states[i + 1..] {
            assert_ne!(drawn(*a), drawn(*b), "{a:?} {b:?}");
        }
    }
}

#[test]
fn states_of_cells_are_told_apart() {
    let scene = Scene::layout(&sample::trouble(), Size::new(900.0, 560.0), &options());
    let count = |role| scene.base.iter().filter(|m| m.role == role).count();
    for role in [
        Role::CellCommitted,
        Role::CellAppended,
        Role::CellDown,
        Role::OnDisk,
        Role::HighWatermark,
        Role::LogEnd,
        Role::Crown,
        Role::InIsr,
        Role::OutOfIsr,
        Role::CutLink,
        Role::PanelDown,
    ] {
        assert!(count(role) > 0, "{role:?}");
    }
    assert_eq!(count(Role::Crown), 3);
}

fn marked(ago: u64, size: Size) -> Scene {
    Scene::layout(&sample::moments(ago), size, &options())
}

#[test]
fn what_happened_is_marked_for_a_moment() {
    let count = |ago, role| marked(ago, SIZES[0]).packets.iter().filter(|m| m.role == role).count();
    let before = |role| {
        let view = sample::trouble();
        Scene::layout(&view, SIZES[0], &options()).packets.iter().filter(|m| m.role == role).count()
    };
    let roles = [Role::Ended, Role::Gone, Role::Elected, Role::Absorbed, Role::DoneAgain, Role::Broken];
    for role in roles {
        let (none, at_once, soon, late) = (before(role), count(0, role), count(50_000, role), count(500_001, role));
        assert!(at_once > none && soon > none, "{role:?}: {none} {at_once} {soon}");
        assert_eq!(late, none, "{role:?}");
    }
    // Twice at the same wall is one mark that says so.
    let says = |text: &str| {
        let scene = marked(0, SIZES[0]);
        scene.packets.iter().filter(|m| matches!(&m.shape, Shape::Text { text: t, .. } if t == text)).count()
    };
    assert_eq!((says("×2"), says("−20"), says("−30")), (1, 1, 1));
}

#[test]
fn a_moment_is_the_same_whenever_it_is_looked_at() {
    let view = sample::moments(3_000);
    let mut scene = Scene::layout(&view, SIZES[0], &options());
    let (base, then) = (scene.base.clone(), scene.packets.clone());
    scene.move_packets(&view.packets, SimTime(view.at.0 + 40_000));
    assert_ne!(scene.packets, then);
    scene.move_packets(&view.packets, view.at);
    assert_eq!((scene.packets, scene.base), (then, base));
}

#[test]
fn marks_of_moments_stay_in_the_picture() {
    for size in SIZES {
        let whole = Rect::new(0.0, 0.0, size.w, size.h);
        for ago in [0, 10_000, 60_000, 200_000, 500_000] {
            for mark in marked(ago, size).packets {
                let inside = match &mark.shape {
                    Shape::Rect { rect, .. } | Shape::Hatch { rect, .. } => whole.encloses(*rect),
                    Shape::Circle { center, radius, .. } => whole.encloses(Rect::around(*center, *radius)),
                    Shape::Path { points, .. } => points.iter().all(|p| whole.contains(*p)),
                    Shape::Curve { curve, .. } => (0..=20).all(|i| whole.contains(curve.at(f64::from(i) / 20.0))),
                    Shape::Text { .. } => extent(&mark).is_some_and(|r| whole.encloses(r)),
                };
                assert!(inside, "{mark:?} at {size:?}");
            }
        }
    }
}

/// Compares with a golden file; `UPDATE_GOLDEN=1` rewrites it.
#[track_caller]
fn check_golden(name: &str, drawn: &str) {
    let path = format!("{}/tests/golden/{name}.svg", env!("CARGO_MANIFEST_DIR"));
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, drawn).expect("the folder is there");
    }
    let golden = std::fs::read_to_string(&path).expect("the golden file is there; UPDATE_GOLDEN=1 writes it");
    assert!(golden == drawn, "{path} differs; look at it, then UPDATE_GOLDEN=1");
}

#[test]
fn the_golden_pictures() {
    for (name, view, size, theme) in [
        ("trouble-wide-light", sample::trouble(), Size::new(900.0, 560.0), stage::Theme::Light),
        ("trouble-phone-dark", sample::trouble(), Size::new(390.0, 640.0), stage::Theme::Dark),
        ("tiles-wide-light", crowd(20, 100), Size::new(900.0, 560.0), stage::Theme::Light),
        ("moments-wide-dark", sample::moments(15_000), Size::new(900.0, 560.0), stage::Theme::Dark),
        ("moments-phone-light", sample::moments(15_000), Size::new(390.0, 640.0), stage::Theme::Light),
    ] {
        let scene = Scene::layout(&view, size, &LayoutOptions::default());
        check_golden(name, &svg::document(&[&scene.base, &scene.packets], size, theme, "Three brokers in trouble"));
    }
}
