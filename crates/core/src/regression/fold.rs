//! The state of a series, run after run. All values are logarithms, and the larger the worse.

use super::{
    State,
    baseline::{self, Baseline, lower_median, median},
    options::Options,
    split::{Segment, Split},
};

/// Nights after a shift was found in which it may still be located better.
const LOCATED_FOR: usize = 5;
/// Runs in a row that must be near the old level.
const RECOVERED_IN: usize = 3;
/// New runs that can confirm a shift.
pub(super) const NEWEST_AT_LEAST: usize = 3;
/// A drift is looked for between the first and the last runs of a segment of this many.
const DRIFT_FIRST: usize = 20;
const DRIFT_LAST: usize = 10;
/// Standard errors that make a drift.
const DRIFT_LIMIT: f64 = 5.0;

/// What a shift has left behind.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Regime {
    /// None was found.
    Steady,
    /// A new level that is no worse than the old. Said until there are runs enough to judge it.
    Improved,
    /// The level of before a regression.
    Recovered,
    /// A level worse than it once was.
    Regressed {
        /// What it once was.
        good: f64,
        /// Whether it was worse still.
        is_improved: bool,
    },
}

/// Where the level shifted.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Shift {
    /// The first run of the new level.
    at: usize,
    /// The same as it was found first.
    found_at: usize,
    /// How many runs there were then.
    found_with: usize,
    /// The start of the segment before.
    previous_start: usize,
    /// The level before.
    before: f64,
}

/// The state after some runs.
#[derive(Clone, Debug)]
pub(super) struct Fold<'a> {
    options: &'a Options,
    runs: Vec<f64>,
    start: usize,
    regime: Regime,
    shift: Option<Shift>,
    drifts: bool,
}

/// What the state rests on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Levels {
    /// The level that the newest is held against.
    pub baseline: Option<f64>,
    /// The newest level: a run, or the middle of several.
    pub newest: Option<f64>,
    /// The first run after the latest shift.
    pub shift: Option<usize>,
    /// The runs that the next are held against.
    pub recent: Option<Baseline>,
}

impl<'a> Fold<'a> {
    /// Of no run.
    pub(super) fn new(options: &'a Options) -> Self {
        Self {
            options,
            runs: Vec::new(),
            start: 0,
            regime: Regime::Steady,
            shift: None,
            drifts: false,
        }
    }

    /// The state with one more run.
    pub(super) fn push(&mut self, run: f64) -> State {
        let level = self.level();
        self.runs.push(run);
        let options = self.options;
        let step = |level| options.step(level);
        let matters = |from, to| options.matters(from, to);
        if self.has_recovered(level) {
            self.shift_to(self.runs.len() - RECOVERED_IN, level, Regime::Recovered);
        } else if let Some(split) = self.segment().split(&step, &matters) {
            let at = self.segment().locate(split.at, 1);
            self.shift_to(at, split.before, self.regime_after(&split, level));
        } else {
            self.relocate();
        }
        self.drifts = self.is_drifting();
        self.state()
    }

    fn segment(&self) -> Segment<'_> {
        Segment {
            runs: &self.runs,
            start: self.start,
            least: self.options.least_runs(),
        }
    }

    /// Runs since the last shift.
    fn current(&self) -> &[f64] {
        &self.runs[self.start..]
    }

    /// The level since the last shift.
    fn level(&self) -> f64 {
        let runs = self.current();
        let recent = &runs[runs.len().saturating_sub(baseline::MOST)..];
        median(recent).unwrap_or_default()
    }

    /// Whether a regression to this level is over.
    fn has_recovered(&self, level: f64) -> bool {
        let Regime::Regressed { good, .. } = self.regime else {
            return false;
        };
        let last = self.current().iter().rev().take(RECOVERED_IN);
        let near = last.filter(|run| (*run - good).abs() < (*run - level).abs());
        near.count() == RECOVERED_IN
    }

    fn regime_after(&self, split: &Split, level: f64) -> Regime {
        let new = median(&self.runs[split.at..]).unwrap_or_default();
        match (self.regime, split.is_worse) {
            (Regime::Regressed { good, .. }, true) => Regime::Regressed {
                good,
                is_improved: false,
            },
            (Regime::Regressed { good, .. }, false) => {
                if (new - good).abs() < (new - level).abs() || new < good {
                    Regime::Recovered
                } else {
                    Regime::Regressed {
                        good,
                        is_improved: true,
                    }
                }
            }
            (Regime::Steady | Regime::Improved | Regime::Recovered, true) => Regime::Regressed {
                good: split.before,
                is_improved: false,
            },
            (Regime::Steady | Regime::Improved | Regime::Recovered, false) => Regime::Improved,
        }
    }

    fn shift_to(&mut self, at: usize, before: f64, regime: Regime) {
        self.shift = Some(Shift {
            at,
            found_at: at,
            found_with: self.runs.len(),
            previous_start: self.start,
            before,
        });
        self.start = at;
        self.regime = regime;
    }

    /// With the runs of the following nights, the place of a shift is seen better.
    fn relocate(&mut self) {
        let Some(shift) = self.shift else { return };
        if self.runs.len() > shift.found_with + LOCATED_FOR {
            return;
        }
        let before = Segment {
            start: shift.previous_start,
            ..self.segment()
        };
        let at = before.locate(shift.found_at, 3);
        self.start = at;
        self.shift = Some(Shift { at, ..shift });
    }

    fn is_drifting(&self) -> bool {
        if self.current().len() < DRIFT_FIRST + DRIFT_LAST {
            return false;
        }
        let Some((first, last)) = self.ends() else {
            return false;
        };
        let Baseline {
            mean,
            deviation,
            inflation,
            runs,
            noise: _,
        } = first;
        let error = (inflation * (1.0 / runs as f64 + 1.0 / DRIFT_LAST as f64)).sqrt() * deviation;
        let change = self.options.change(mean, last).abs();
        if self.drifts {
            // Half way back, so that a level just at the limit is not said anew every other night.
            last > mean && change >= self.options.min_effect / 2.0
        } else {
            self.options.matters(mean, last) && (last - mean) / error >= DRIFT_LIMIT
        }
    }

    /// The first runs of the segment, and the middle of the last.
    fn ends(&self) -> Option<(Baseline, f64)> {
        let runs = self.current();
        let first = Baseline::of(runs.get(..DRIFT_FIRST)?, |level| self.options.step(level))?;
        let last = lower_median(&runs[runs.len().checked_sub(DRIFT_LAST)?..])?;
        Some((first, last))
    }

    /// Whether the segment has too few runs to confirm anything.
    fn is_young(&self) -> bool {
        self.current().len() < self.options.least_runs() + NEWEST_AT_LEAST
    }

    /// The state.
    pub(super) fn state(&self) -> State {
        let options = self.options;
        let young = self.is_young();
        match self.regime {
            Regime::Regressed {
                is_improved: true, ..
            } => State::ImprovedButStillRegressed,
            Regime::Regressed { .. } => State::Regressed,
            Regime::Improved if young => State::Improved,
            Regime::Recovered if young => State::Recovered,
            Regime::Steady if young => State::Collecting,
            Regime::Steady | Regime::Improved | Regime::Recovered => {
                let step = |level| options.step(level);
                let matters = |from, to| options.matters(from, to);
                if self.drifts {
                    State::Drift
                } else if self.segment().is_suspect(&step, &matters) {
                    State::Suspected
                } else {
                    State::Stable
                }
            }
        }
    }

    /// What the state rests on.
    pub(super) fn levels(&self) -> Levels {
        let step = |level| self.options.step(level);
        let newest_run = self.runs.last().copied();
        let earlier = self.runs.len().saturating_sub(1);
        let recent = Baseline::of(self.segment().before(self.runs.len()), step);
        let (baseline, newest) = match (self.state(), self.regime) {
            (State::Drift, _) => self
                .ends()
                .map(|(first, last)| (Some(first.mean), Some(last)))
                .unwrap_or_default(),
            (_, Regime::Regressed { good, .. }) => (Some(good), Some(self.level())),
            (State::Improved | State::Recovered, _) => {
                (self.shift.map(|shift| shift.before), Some(self.level()))
            }
            _ => {
                let before = self.segment().baseline(earlier, &step);
                (before.map(|before| before.mean), newest_run)
            }
        };
        Levels {
            baseline,
            newest,
            shift: self.shift.map(|shift| shift.at),
            recent,
        }
    }
}
