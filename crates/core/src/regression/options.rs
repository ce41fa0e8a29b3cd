//! What counts as a change, and for which numbers.

use locust_api::v2::Metric;

use super::{baseline, rounding::Rounding};

/// Which direction is worse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Worse {
    /// More is worse: response times, errors.
    Larger,
    /// Less is worse: requests per second.
    Smaller,
}

/// How two values are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// By how many times one is the other. Values must be above zero.
    Relative,
    /// By their difference: zero is a value like others. A series of such cannot be judged on logarithms, so there is no
    /// [`Rolling`](super::Against::Rolling) comparison of it.
    Absolute,
}

/// How a series is judged.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Options {
    /// The direction that is worse.
    pub worse: Worse,
    /// How values are compared.
    pub scale: Scale,
    /// The smallest relative change that matters, as a part of the level before: 0.05 is 5 per cent. Of no meaning with
    /// [`Scale::Absolute`].
    pub min_effect: f64,
    /// The smallest difference that matters, in the metric's unit. Both must be exceeded.
    pub floor: f64,
    /// Runs that a baseline needs. Fewer than 4 count as 4, more than 30 as 30.
    pub min_runs: usize,
    /// How the values are rounded.
    pub rounding: Rounding,
}

impl Options {
    /// The defaults for a metric: a change of 5 per cent, of an error ratio 1 percentage point, and 3 runs.
    ///
    /// `has_two_digits` says of the summary that its resolution is `TwoDigits`.
    pub fn of(metric: Metric, has_two_digits: bool) -> Self {
        let worse = match metric {
            Metric::Rps | Metric::Requests => Worse::Smaller,
            _ => Worse::Larger,
        };
        let (scale, floor) = match metric {
            Metric::ErrorRatio => (Scale::Absolute, 0.01),
            _ => (Scale::Relative, 0.0),
        };
        // The least step of times is that of the summary, which shows whole milliseconds.
        let digits = |digits| Rounding::Digits { digits, least: 1.0 };
        let rounding = match metric {
            Metric::P50 | Metric::P95 | Metric::P99 if has_two_digits => digits(2),
            Metric::P50 | Metric::P95 | Metric::P99 | Metric::Avg | Metric::Max => digits(3),
            Metric::Rps => Rounding::Step(0.1),
            Metric::Requests => Rounding::Step(1.0),
            Metric::ErrorRatio => Rounding::Step(0.0001),
        };
        Self {
            worse,
            scale,
            min_effect: 0.05,
            floor,
            min_runs: 3,
            rounding,
        }
    }

    /// Runs that a baseline needs.
    pub(super) fn least_runs(&self) -> usize {
        self.min_runs.clamp(baseline::LEAST, baseline::MOST)
    }

    /// A value as a level: its logarithm, turned so that more is worse.
    pub(super) fn level(&self, value: f64) -> f64 {
        self.turned(value.ln())
    }

    /// The value at a level.
    pub(super) fn value(&self, level: f64) -> f64 {
        self.turned(level).exp()
    }

    /// The relative rounding step at a level.
    pub(super) fn step(&self, level: f64) -> f64 {
        self.rounding.relative(self.value(level))
    }

    /// The relative change between two levels: 0.05 is 5 per cent more.
    pub(super) fn change(&self, from: f64, to: f64) -> f64 {
        self.turned(to - from).exp_m1()
    }

    /// Whether a change from one level to another is large enough.
    pub(super) fn matters(&self, from: f64, to: f64) -> bool {
        let difference = (self.value(to) - self.value(from)).abs();
        reaches(self.change(from, to).abs(), self.min_effect) && reaches(difference, self.floor)
    }

    fn turned(&self, level: f64) -> f64 {
        match self.worse {
            Worse::Larger => level,
            Worse::Smaller => -level,
        }
    }
}

/// Whether a value is at least the limit, but for what computing with binary fractions does to it.
pub(super) fn reaches(value: f64, limit: f64) -> bool {
    limit <= 0.0 || value >= limit * (1.0 - 1e-9)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_per_cent_are_enough_either_way() {
        for (metric, from, to, matters) in [
            (Metric::P95, 100.0, 105.0, true),
            (Metric::P95, 100.0, 104.9, false),
            (Metric::P95, 100.0, 95.0, true),
            (Metric::P95, 100.0, 95.1, false),
            (Metric::Rps, 100.0, 95.0, true),
            (Metric::Rps, 100.0, 95.1, false),
        ] {
            let options = Options::of(metric, false);
            let (from, to) = (options.level(from), options.level(to));
            assert_eq!(options.matters(from, to), matters, "{metric:?} {from} {to}");
        }
    }

    #[test]
    fn the_floor_must_be_exceeded_too() {
        let options = Options {
            floor: 20.0,
            ..Options::of(Metric::P95, false)
        };
        let level = |value| options.level(value);
        assert!(!options.matters(level(100.0), level(110.0)));
        assert!(options.matters(level(100.0), level(120.0)));
        assert!(options.matters(level(400.0), level(420.0)));
    }

    #[test]
    fn levels_rise_with_what_is_worse() {
        let (time, rate) = (
            Options::of(Metric::Avg, false),
            Options::of(Metric::Rps, false),
        );
        assert!(time.level(2.0) > time.level(1.0));
        assert!(rate.level(2.0) < rate.level(1.0));
        assert!((rate.value(rate.level(7.0)) - 7.0).abs() < 1e-12);
        assert!((rate.change(rate.level(10.0), rate.level(8.0)) + 0.2).abs() < 1e-12);
    }
}
