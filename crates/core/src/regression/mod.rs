//! Whether a service got slower, judged from the numbers of one run a night.
//!
//! [`judge`] goes through a whole series anew each time, so what it says follows from the stored numbers alone, and
//! anybody can compute it again. Against [`Rolling`](Against::Rolling), on logarithms:
//!
//! 1. The newest 3 to 5 runs are held against up to 30 runs before them, since the last shift: their mean without
//!    outliers, and a standard deviation that is never below 1 %, nor below what rounding does.
//! 2. Their mean distance, each clipped so that no run decides alone, must be beyond Student's t for p = 0.0005. When
//!    runs resemble those just before them, the limit is wider.
//! 3. The change must matter: 5 % unless said otherwise, of the middle of the newest runs.
//!
//! Then the shift is confirmed, located within a run or so, and the series goes on from there. How small a change can be
//! found is a matter of the series' own noise, which [`Sensitivity`] tells. The example `regression` prints what the rule
//! finds, and how often it is wrong.
//!
//! Only what is in the series counts: a level that is older than its first run is forgotten, and so is a regression whose
//! runs before it are gone.

mod baseline;
mod fold;
mod judge;
mod options;
mod rounding;
mod sensitivity;
mod split;
mod student;
mod words;

pub use judge::{judge, replay};
pub use locust_api::v2::CompareWith;
pub use options::{Options, Scale, Worse};
pub use rounding::Rounding;
pub use sensitivity::Sensitivity;

/// The number of one run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point<'a> {
    /// Name of the run.
    pub run: &'a str,
    /// What was measured, in the metric's unit.
    pub value: f64,
}

/// What the newest run is held against, with the numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Against<'a> {
    /// The runs before, by statistics.
    Rolling,
    /// The run just before.
    Previous,
    /// This one; `None` when none was pinned.
    Pinned(Option<Point<'a>>),
}

/// What a series says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// There are too few runs to confirm anything.
    Collecting,
    /// The newest runs are like those before.
    Stable,
    /// The newest run alone is worse than chance would have it, once in 100 runs. It may be an outlier.
    Suspected,
    /// The level got worse, by statistics, and is so still.
    Regressed,
    /// The level got better, by statistics. Said until the new level can itself be judged.
    Improved,
    /// After a regression the level is that of before, or better. Said until it can itself be judged.
    Recovered,
    /// After a regression the level got better, and is still nearer to the regressed than to that of before.
    ImprovedButStillRegressed,
    /// The level got worse little by little, by statistics.
    Drift,
    /// One run is worse than one other by what matters. That may be chance.
    Worse,
    /// One run is better than one other by what matters. That may be chance.
    Better,
    /// There is nothing to say.
    NotJudged(NotJudged),
}

/// Why there is nothing to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotJudged {
    /// There is no run with such a number, or none to hold it against.
    NothingToCompare,
    /// Zero is a normal value of the metric, and has no logarithm: only one run can be held against another.
    NotRolling,
}

impl State {
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Collecting => "Collecting",
            Self::Stable => "Stable",
            Self::Suspected => "Suspected",
            Self::Regressed => "Regressed",
            Self::Improved => "Improved",
            Self::Recovered => "Recovered",
            Self::ImprovedButStillRegressed => "ImprovedButStillRegressed",
            Self::Drift => "Drift",
            Self::Worse => "Worse",
            Self::Better => "Better",
            Self::NotJudged(_) => "NotJudged",
        }
    }

    /// Whether the service counts as slower than it was.
    pub const fn is_regression(self) -> bool {
        match self {
            Self::Regressed | Self::ImprovedButStillRegressed | Self::Drift | Self::Worse => true,
            Self::Collecting
            | Self::Stable
            | Self::Suspected
            | Self::Improved
            | Self::Recovered
            | Self::Better
            | Self::NotJudged(_) => false,
        }
    }

    /// Whether statistics stand behind a change; the rest may be chance.
    pub const fn is_confirmed(self) -> bool {
        match self {
            Self::Regressed
            | Self::ImprovedButStillRegressed
            | Self::Drift
            | Self::Improved
            | Self::Recovered => true,
            Self::Collecting
            | Self::Stable
            | Self::Suspected
            | Self::Worse
            | Self::Better
            | Self::NotJudged(_) => false,
        }
    }
}

/// A run at which the level shifted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shift {
    /// Its place in the series as given, from 0.
    pub index: usize,
    /// Its name.
    pub run: String,
}

/// A run whose number was left out, because it cannot be judged.
#[derive(Clone, Debug, PartialEq)]
pub struct Refused {
    /// Its place in the series as given, from 0.
    pub index: usize,
    /// Its name.
    pub run: String,
    /// The number: zero, negative, or none.
    pub value: f64,
}

/// What a series says of its newest run, and why.
#[derive(Clone, Debug, PartialEq)]
pub struct Judgement {
    /// The state after the newest run.
    pub state: State,
    /// What it was held against.
    pub compare_with: CompareWith,
    /// Name of the newest run that was judged.
    pub run: Option<String>,
    /// Name of the run it was held against, if it was a single one.
    pub other: Option<String>,
    /// Runs judged.
    pub runs: usize,
    /// Runs still missing until something can be confirmed.
    pub missing: usize,
    /// What the newest is held against, in the metric's unit: the level before a regression, an improvement or a drift;
    /// else that of the runs before, or the other run.
    pub baseline: Option<f64>,
    /// The level since the shift, that of the last 10 runs of a drift, or else the newest run.
    pub newest: Option<f64>,
    /// The change from one to the other in per cent; `None` with [`Scale::Absolute`].
    pub change: Option<f64>,
    /// The latest shift there was.
    pub shift: Option<Shift>,
    /// What the series can show at all, from the newest 30 runs; `None` while they are too few, and without statistics.
    pub sensitivity: Option<Sensitivity>,
    /// The runs that were left out.
    pub refused: Vec<Refused>,
}

#[cfg(test)]
mod tests;
