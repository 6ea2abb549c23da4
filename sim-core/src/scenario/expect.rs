//! What must be true of the outcome.

/// A comparison in `[expect]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Comparison {
    /// Equal to.
    Eq(u64),
    /// Not equal to.
    Ne(u64),
    /// Less than.
    Lt(u64),
    /// At most.
    Le(u64),
    /// More than.
    Gt(u64),
    /// At least.
    Ge(u64),
    /// Both included.
    Between(u64, u64),
}

/// One line of `[expect]`: a figure of the summary and what it must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expectation {
    /// `lost` (over all groups), `order-service.lost`, `messages.acked`, `broker.elections`, `producers.checkout.throughput`, `mechanisms.LOSS-B1`, ...
    pub figure: String,
    /// What it must be.
    pub must_be: Comparison,
    /// It is taken in percent of this figure, rounded down; none: as it is.
    pub of: Option<String>,
}
