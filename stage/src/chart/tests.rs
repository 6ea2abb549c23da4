use super::backend::{Backend, FINE, ink};
use super::*;
use crate::geom::Point;
use crate::paint::{Anchor, Role, Shape};
use crate::words::ENGLISH;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color, FontDesc, FontFamily, FontStyle};
use plotters_backend::DrawingBackend;
use sim_core::history::History;
use sim_core::series::BUCKETS;
use sim_core::session::Session;
use std::sync::Arc;

const END: SimTime = SimTime(60_000_000);
const WIDE: Rect = Rect::new(10.0, 100.0, 1180.0, 600.0);
const NARROW: Rect = Rect::new(0.0, 0.0, 340.0, 550.0);

fn chart(unit: Unit, values: &[Option<f64>], area: bool) -> Chart {
    let line = Line { name: "line".into(), color: Token::Accent, area, values: values.to_vec() };
    Chart { title: "title", unit_name: "", unit, lines: vec![line], span: END.0 / values.len() as u64 }
}

/// The lines of a drawing in a colour: their points.
fn lines(marks: &[Mark], color: Token) -> Vec<Vec<Point>> {
    let of = |mark: &Mark| match &mark.shape {
        Shape::Path { points, closed: false, stroke: Some(stroke), .. } if stroke.color == color && mark.role == Role::Chart => {
            Some(points.clone())
        }
        _ => None,
    };
    marks.iter().filter_map(of).collect()
}

fn labels(marks: &[Mark]) -> Vec<String> {
    let text = |mark: &Mark| match &mark.shape {
        Shape::Text { text, .. } => Some(text.clone()),
        _ => None,
    };
    marks.iter().filter_map(text).collect()
}

#[test]
fn what_plotters_draws_becomes_marks() {
    let mut marks = Vec::new();
    let mut backend = Backend::new(&mut marks, Size::new(100.0, 50.0));
    assert_eq!(backend.get_size(), (800, 400));
    let font = FontDesc::new(FontFamily::Monospace, 10.0 * FINE, FontStyle::Normal);
    let style = font.color(&ink(Token::InkSoft)).pos(Pos::new(HPos::Right, VPos::Top));
    assert_eq!(backend.estimate_text_size("12", &style).unwrap(), (100, 80));
    let red = ink(Token::Danger);
    backend.draw_line((0, 0), (80, 44), &red.stroke_width(12)).unwrap();
    backend.draw_rect((8, 8), (24, 32), &red.filled(), true).unwrap();
    backend.draw_circle((16, 16), 24, &red.stroke_width(8), false).unwrap();
    backend.fill_polygon([(0, 0), (8, 0), (8, 8)], &red).unwrap();
    backend.draw_text("12", &style, (80, 80)).unwrap();
    backend.draw_pixel((4, 4), plotters_backend::BackendColor { alpha: 1.0, rgb: (Token::Good as u8, 0, 0) }).unwrap();
    // An area's edge that nobody asked for.
    backend.draw_path([(0, 0), (8, 8)], &plotters::style::TRANSPARENT).unwrap();
    let shapes: Vec<&Shape> = marks.iter().map(|m| &m.shape).collect();
    let [line, rect, circle, polygon, text, pixel] = shapes[..] else { panic!("{shapes:?}") };
    assert!(
        matches!(line, Shape::Path { points, stroke: Some(s), .. } if points[1] == Point::new(10.0, 5.5) && s.width == 1.5 && s.color == Token::Danger)
    );
    assert!(
        matches!(rect, Shape::Rect { rect, fill: Some(Token::Danger), stroke: None, .. } if *rect == Rect::new(1.0, 1.0, 2.0, 3.0))
    );
    assert!(matches!(circle, Shape::Circle { radius, fill: None, stroke: Some(_), .. } if *radius == 3.0));
    assert!(matches!(polygon, Shape::Path { closed: true, fill: Some(Token::Danger), .. }));
    assert!(
        matches!(text, Shape::Text { at, style, .. } if *at == Point::new(10.0, 15.0) && style.anchor == Anchor::End && style.size == 10.0)
    );
    assert!(matches!(pixel, Shape::Rect { fill: Some(Token::Good), .. }));
}

#[test]
fn a_line_stands_where_its_values_are() {
    let (low, high) = (Some(0.0), Some(100.0));
    let grid = Grid::new(NARROW, 1);
    let plot = grid.plot(0);
    let marks = layout(&[chart(Unit::Records, &[low, high], true)], &[], END, &grid);
    let line = lines(&marks, Token::Accent).into_iter().find(|points| points.len() == 4).unwrap();
    let close = |a: f64, b: f64| (a - b).abs() < 0.3;
    assert!(close(line[0].x, plot.x) && close(line[3].x, plot.right()) && close(line[1].x, plot.x + plot.w / 2.0), "{line:?}");
    assert!(close(line[0].y, plot.bottom()) && close(line[3].y, plot.bottom() - plot.h / 1.06), "{line:?}");
    let said = labels(&marks);
    assert!(["title", "line", "0", "100", "0 s", "60 s"].iter().all(|text| said.iter().any(|t| t == text)), "{said:?}");
}

#[test]
fn where_there_is_nothing_to_measure_there_is_no_line() {
    let grid = Grid::new(NARROW, 1);
    let values = [Some(2e3), Some(3e3), None, None, Some(9e5), None];
    let marks = layout(&[chart(Unit::Latency, &values, false)], &[], END, &grid);
    let drawn: Vec<usize> = lines(&marks, Token::Accent).iter().map(Vec::len).collect();
    assert_eq!(drawn, [2, 2, 1], "which line is which, then two stretches, the second of a single value");
    assert!(marks.iter().any(|m| matches!(m.shape, Shape::Circle { .. })), "which is a dot");
    let said = labels(&marks);
    assert!(said.contains(&"1 ms".into()) && said.contains(&"1 s".into()), "{said:?}");
    let empty = layout(&[chart(Unit::Latency, &[None, None], false)], &[], END, &grid);
    assert_eq!(lines(&empty, Token::Accent).len(), 1, "nothing was measured");
}

/// Both on one scale, the original behind and faint.
#[test]
fn the_original_stands_behind_on_the_same_scale() {
    let grid = Grid::new(NARROW, 1);
    let own = [chart(Unit::Records, &[Some(10.0); 2], false)];
    let original = [chart(Unit::Records, &[Some(100.0); 2], false)];
    let top = |marks: &[Mark], color| lines(marks, color).into_iter().filter(|l| l.len() == 4).map(|l| l[0].y).next();
    let alone = layout(&own, &[], END, &grid);
    let both = layout(&own, &original, END, &grid);
    assert_eq!(top(&alone, Token::Link), None);
    assert_eq!(top(&alone, Token::Accent), top(&both, Token::Link), "the highest value has the top");
    assert!(top(&both, Token::Accent) > top(&both, Token::Link));
    let place = |color| {
        both.iter().position(
            |m| matches!(&m.shape, Shape::Path { points, stroke: Some(s), .. } if s.color == color && points.len() == 4),
        )
    };
    assert!(place(Token::Link) < place(Token::Accent));
    // It may be longer: what comes after the end is not to be seen.
    let [chart] = original;
    let longer = layout(&own, &[Chart { span: END.0, ..chart }], END, &grid);
    let line = lines(&longer, Token::Link).remove(0);
    assert!(line.len() == 2 && (line[1].x - grid.plot(0).right()).abs() < 0.3, "{line:?}");
}

#[test]
fn charts_do_not_overlap_and_answer_to_a_pointer() {
    for (area, columns) in [(WIDE, 2), (NARROW, 1)] {
        let grid = Grid::new(area, 6);
        assert_eq!(grid.columns, columns);
        let cells: Vec<Rect> = (0..6).map(|i| grid.cell(i)).collect();
        for (i, a) in cells.iter().enumerate() {
            assert!(area.encloses(*a) && a.encloses(grid.plot(i)), "{a:?}");
            assert!(cells[i + 1..].iter().all(|b| !a.overlaps(*b)));
            let middle = grid.plot(i).center();
            assert_eq!(grid.hit(6, END, middle), Some((i, SimTime(END.0 / 2))));
            assert!((grid.x_of(i, END, SimTime(END.0 / 2)) - middle.x).abs() < 1e-6);
        }
        assert_eq!(grid.hit(6, END, Point::new(-5.0, -5.0)), None);
    }
}

#[test]
fn values_are_written_with_their_units() {
    let written = |unit: Unit, values: &[f64]| values.iter().map(|v| unit.format(*v)).collect::<Vec<_>>();
    assert_eq!(
        written(Unit::Latency, &[250.0, 1e3, 1_250.0, 54_321.0, 1e6, 12_345_678.0]),
        ["250 µs", "1 ms", "1.3 ms", "54 ms", "1 s", "12.3 s"]
    );
    assert_eq!(written(Unit::PerSecond, &[0.0, 999.6, 12_345.0]), ["0", "1,000", "12,345"]);
    let place = |v| Unit::Latency.place(v);
    assert!((1..2_000).all(|v| place(f64::from(v)) < place(f64::from(v + 1))));
    assert_eq!((place(0.0), place(8.0), place(12.0)), (0.0, 3.0, 3.5));
}

/// The charts of a run say what its series say.
#[test]
fn the_charts_of_a_run() {
    let mut history = History::new(Arc::new(Session::library("min-isr").plan().unwrap()));
    history.run_to_end();
    let series = Series::of(&history, BUCKETS);
    let charts = Chart::all(&series, history.end(), &ENGLISH);
    let titles: Vec<&str> = charts.iter().map(|c| c.title).collect();
    assert_eq!(titles, ["Throughput", "Produce latency", "End-to-end latency", "Consumer lag", "ISR size", "Partitions"]);
    let at = |chart: usize, s: u64| charts[chart].at(SimTime(s * 1_000_000)).map(|(_, v)| v).collect::<Vec<_>>();
    assert_eq!(at(4, 5), ["3"]);
    assert_eq!(at(4, 20), ["1"], "two of three are gone");
    assert_eq!((at(5, 5), at(5, 20)[0] != "0"), (vec!["0".to_string(); 3], true));
    let acked: f64 = charts[0].lines[1].values.iter().flatten().map(|v| v * charts[0].span as f64 / 1e6).sum();
    assert!((acked - 3_000.0).abs() < 0.5, "the area under a rate is the count: {acked}");
    for area in [WIDE, NARROW] {
        let grid = Grid::new(area, charts.len());
        for mark in layout(&charts, &[], history.end(), &grid) {
            if let Shape::Path { points, .. } = &mark.shape {
                assert!(
                    points.iter().all(|p| p.x >= area.x && p.x <= area.right() && p.y >= area.y && p.y <= area.bottom()),
                    "{mark:?}"
                );
            }
        }
    }
}
