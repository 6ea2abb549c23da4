//! The table: for each budget what was measured, how far it spread, and whether it is kept.

use std::fmt;

/// What a budget demands of a value.
#[derive(Clone, Copy, Debug)]
pub enum Bound {
    /// Faster than this.
    AtLeast(f64),
    /// Not slower or larger than this.
    AtMost(f64),
}

impl Bound {
    fn holds(self, value: f64) -> bool {
        match self {
            Bound::AtLeast(bound) => value >= bound,
            Bound::AtMost(bound) => value <= bound,
        }
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Bound::AtLeast(bound) => write!(f, ">= {}", number(*bound)),
            Bound::AtMost(bound) => write!(f, "<= {}", number(*bound)),
        }
    }
}

/// One budget.
pub struct Row {
    what: String,
    bound: Bound,
    /// What was measured, or why nothing was.
    value: Result<Median, String>,
}

impl Row {
    /// The median over the rounds counts.
    pub fn measured(what: &str, bound: Bound, rounds: &[f64]) -> Row {
        Row { what: what.to_owned(), bound, value: Median::of(rounds).ok_or_else(|| "no round".to_owned()) }
    }

    /// A value that does not vary.
    pub fn single(what: &str, bound: Bound, value: f64) -> Row {
        Row::measured(what, bound, &[value])
    }

    /// Not measured yet.
    pub fn missing(what: &str, bound: Bound, why: &str) -> Row {
        Row { what: what.to_owned(), bound, value: Err(why.to_owned()) }
    }
}

/// The middle of several values, and their ends.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Median {
    /// As many are below as above.
    pub middle: f64,
    lowest: f64,
    highest: f64,
}

impl Median {
    /// Of at least one value.
    pub fn of(values: &[f64]) -> Option<Median> {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        let (lowest, highest) = (*sorted.first()?, *sorted.last()?);
        let (left, right) = (sorted[(sorted.len() - 1) / 2], sorted[sorted.len() / 2]);
        Some(Median { middle: f64::midpoint(left, right), lowest, highest })
    }
}

/// All budgets, after the references that they are compared with.
#[derive(Default)]
pub struct Table {
    references: Vec<(String, String, Option<Median>)>,
    rows: Vec<Row>,
}

impl Table {
    /// Adds what others are compared with; it has no budget.
    pub fn reference(&mut self, what: &str, unit: &str, rounds: &[f64]) {
        self.references.push((what.to_owned(), unit.to_owned(), Median::of(rounds)));
    }

    /// Adds a budget.
    pub fn push(&mut self, row: Row) {
        self.rows.push(row);
    }

    /// Whether every budget that was measured is kept.
    pub fn all_inside(&self) -> bool {
        self.rows.iter().all(|row| row.value.as_ref().map_or(true, |value| row.bound.holds(value.middle)))
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\n{:46} {:>10}  {:21}", "reference, on this machine in this run", "median", "lowest .. highest")?;
        for (what, unit, median) in &self.references {
            if let Some(median) = median {
                writeln!(f, "{what:46} {:>10}  {:21} {unit}", number(median.middle), spread(median))?;
            }
        }
        writeln!(f, "\n{:46} {:>10}  {:21} {:>9}  inside", "budget", "median", "lowest .. highest", "budget")?;
        for row in &self.rows {
            let bound = row.bound.to_string();
            match &row.value {
                Ok(value) => {
                    let inside = if row.bound.holds(value.middle) { "yes" } else { "NO" };
                    writeln!(f, "{:46} {:>10}  {:21} {bound:>9}  {inside}", row.what, number(value.middle), spread(value))?;
                }
                Err(why) => {
                    writeln!(f, "{:46} {:>10}  {:21} {bound:>9}  not measured yet: {why}", row.what, "-", "")?;
                }
            }
        }
        Ok(())
    }
}

fn spread(median: &Median) -> String {
    if median.lowest == median.highest {
        String::new()
    } else {
        format!("{} .. {}", number(median.lowest), number(median.highest))
    }
}

/// Three figures, and a word for the thousands.
fn number(value: f64) -> String {
    match value.abs() {
        large if large >= 1e6 => format!("{:.2} M", value / 1e6),
        large if large >= 1e4 => format!("{:.1} k", value / 1e3),
        large if large >= 100.0 => format!("{value:.0}"),
        large if large >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle() {
        assert_eq!(Median::of(&[3.0, 1.0, 2.0]), Some(Median { middle: 2.0, lowest: 1.0, highest: 3.0 }));
        assert_eq!(Median::of(&[1.0, 2.0]).map(|median| median.middle), Some(1.5));
        assert_eq!(Median::of(&[]), None);
    }

    #[test]
    fn a_budget_that_was_not_measured_is_not_exceeded() {
        let mut table = Table::default();
        table.push(Row::missing("a", Bound::AtLeast(1.0), "no subject"));
        table.push(Row::single("b", Bound::AtMost(1.0), 0.5));
        assert!(table.all_inside());
        table.push(Row::single("c", Bound::AtLeast(10.0), 9.9));
        assert!(!table.all_inside());
    }
}
