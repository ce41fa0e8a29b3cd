//! Whether and where a series has shifted. All values are logarithms, and the larger the worse.

use super::{
    baseline::{self, Baseline, lower_median, median},
    student::{Sureness, critical},
};

/// How many of the newest runs are held together against those before.
const NEWEST: std::ops::RangeInclusive<usize> = 3..=5;
/// How much of the critical value one run can give, so that none decides alone.
const MOST_OF_ONE: f64 = 0.7;

/// A series, as far as it counts for a shift.
#[derive(Clone, Copy, Debug)]
pub(super) struct Segment<'a> {
    /// All runs.
    pub runs: &'a [f64],
    /// The first that counts.
    pub start: usize,
    /// Runs that a baseline needs.
    pub least: usize,
}

/// A shift that was found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Split {
    /// The first run of the new level.
    pub at: usize,
    /// Whether it is a change for the worse.
    pub is_worse: bool,
    /// The level before.
    pub before: f64,
    /// How far beyond the limit, 1 being just there.
    ratio: f64,
}

impl<'a> Segment<'a> {
    /// The runs that make the baseline of what begins at `at`.
    pub(super) fn before(&self, at: usize) -> &'a [f64] {
        let from = self.start.max(at.saturating_sub(baseline::MOST));
        self.runs.get(from..at).unwrap_or_default()
    }

    /// Their baseline, when they are enough.
    pub(super) fn baseline(&self, at: usize, step: &impl Fn(f64) -> f64) -> Option<Baseline> {
        let before = self.before(at);
        let is_enough = before.len() >= self.least;
        is_enough.then(|| Baseline::of(before, step)).flatten()
    }

    /// The shift that the newest runs show most clearly. `matters` says whether a change from one level to another does.
    pub(super) fn split(
        &self,
        step: &impl Fn(f64) -> f64,
        matters: &impl Fn(f64, f64) -> bool,
    ) -> Option<Split> {
        let mut clearest: Option<Split> = None;
        for newest in NEWEST {
            let Some(at) = self.runs.len().checked_sub(newest) else {
                break;
            };
            let Some(baseline) = self.baseline(at, step) else {
                continue;
            };
            let new = &self.runs[at..];
            let signed = statistic(&baseline, new) / critical(Sureness::Confirmed, baseline.runs);
            let is_worse = signed > 0.0;
            let level = cautious_median(new, is_worse);
            let ratio = signed.abs();
            let is_clearer = clearest.is_none_or(|known| ratio > known.ratio);
            if ratio >= 1.0
                && is_clearer
                && is_on_side(is_worse, baseline.mean, level)
                && matters(baseline.mean, level)
            {
                let before = baseline.mean;
                clearest = Some(Split {
                    at,
                    is_worse,
                    before,
                    ratio,
                });
            }
        }
        clearest
    }

    /// Whether the newest run alone is worse than chance would have it.
    pub(super) fn is_suspect(
        &self,
        step: &impl Fn(f64) -> f64,
        matters: &impl Fn(f64, f64) -> bool,
    ) -> bool {
        let Some((newest, earlier)) = self.runs.split_last() else {
            return false;
        };
        let Some(baseline) = self.baseline(earlier.len(), step) else {
            return false;
        };
        let Baseline {
            mean,
            deviation,
            runs,
            ..
        } = baseline;
        let limit = critical(Sureness::Suspected, runs) * (1.0 + 1.0 / runs as f64).sqrt();
        (newest - mean) / deviation > limit && matters(mean, *newest)
    }

    /// The first run of the new level, looked for `around` a split and at most `within` runs away: where the runs before
    /// and after differ least from their medians. Of equals the nearest.
    pub(super) fn locate(&self, around: usize, within: usize) -> usize {
        let from = self.start.max(around.saturating_sub(baseline::MOST));
        let last = self.runs.len().saturating_sub(2);
        let cost = |at: usize| deviations(&self.runs[from..at]) + deviations(&self.runs[at..]);
        let mut best = (around, cost(around));
        for distance in 1..=within {
            let candidates = [around.checked_sub(distance), around.checked_add(distance)];
            for at in candidates.into_iter().flatten() {
                if at > from && at <= last {
                    let cost = cost(at);
                    // What is equal but for rounding errors is equal.
                    if cost < best.1 - 1e-9 {
                        best = (at, cost);
                    }
                }
            }
        }
        best.0
    }
}

/// How far the mean of new runs is from the baseline, in standard errors of that difference.
fn statistic(baseline: &Baseline, new: &[f64]) -> f64 {
    let Baseline {
        mean,
        deviation,
        inflation,
        runs,
        noise: _,
    } = *baseline;
    let most = MOST_OF_ONE * critical(Sureness::Confirmed, runs);
    let deviation = deviation * inflation.sqrt();
    let clipped = new
        .iter()
        .map(|run| ((run - mean) / deviation).clamp(-most, most));
    let count = new.len() as f64;
    clipped.sum::<f64>() / count / (1.0 / count + 1.0 / runs as f64).sqrt()
}

/// The middle, of two the one that shows less of a change.
fn cautious_median(runs: &[f64], is_worse: bool) -> f64 {
    let median = if is_worse {
        lower_median(runs)
    } else {
        let mirrored: Vec<f64> = runs.iter().map(|run| -run).collect();
        lower_median(&mirrored).map(|median| -median)
    };
    median.unwrap_or_default()
}

fn is_on_side(is_worse: bool, from: f64, to: f64) -> bool {
    if is_worse { to > from } else { to < from }
}

fn deviations(runs: &[f64]) -> f64 {
    let middle = median(runs).unwrap_or_default();
    runs.iter().map(|run| (run - middle).abs()).sum()
}
