//! Series as services make them, and how often the rule is right about them.

use locust_core::{
    regression::{Options, Point, Rounding, Scale, State, Worse, replay},
    series::{KEPT_POINTS, MOST_POINTS},
};

/// Numbers that look random and are the same for the same seed: SplitMix64 of Steele, Lea and Flood, "Fast splittable
/// pseudorandom number generators", 2014.
pub struct Random(u64);

impl Random {
    /// From a seed, and from which of several streams of it.
    pub fn new(seed: u64, stream: u64) -> Self {
        let mut mixed = Self(seed);
        mixed.0 = mixed.next() ^ stream.wrapping_mul(0xd6e8_feb8_6659_fd93);
        mixed
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Evenly between 0 and 1, and neither.
    fn even(&mut self) -> f64 {
        ((self.next() >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
    }

    /// Normally distributed, by Box and Muller.
    fn normal(&mut self) -> f64 {
        let radius = (-2.0 * self.even().ln()).sqrt();
        radius * (std::f64::consts::TAU * self.even()).cos()
    }
}

/// How the runs of a service differ, without any change of it.
#[derive(Clone, Copy, Debug)]
pub struct Model {
    /// Coefficient of variation.
    pub noise: f64,
    /// Correlation of each run with the next.
    pub correlation: f64,
    /// Share of runs that are 1.2 to 2.5 times as slow as they should be.
    pub outliers: f64,
    /// By how much the two days of the weekend are faster.
    pub weekend: f64,
    /// How values are rounded.
    pub rounding: Rounding,
}

impl Model {
    /// Independent runs, rounded as Locust's percentiles are.
    pub fn of_noise(noise: f64) -> Self {
        Self {
            noise,
            correlation: 0.0,
            outliers: 0.0,
            weekend: 0.0,
            rounding: Rounding::Digits {
                digits: 2,
                least: 1.0,
            },
        }
    }

    fn options(&self) -> Options {
        Options {
            worse: Worse::Larger,
            scale: Scale::Relative,
            min_effect: 0.05,
            floor: 0.0,
            min_runs: 3,
            rounding: self.rounding,
        }
    }

    /// So many runs about a level between 20 ms and 1 s; from `at` on by `step` more, a part of the level.
    fn series(&self, random: &mut Random, runs: usize, at: usize, step: f64) -> Vec<f64> {
        let deviation = (self.noise.powi(2)).ln_1p().sqrt();
        let level = 20.0 * 50.0_f64.powf(random.even());
        let fresh = (1.0 - self.correlation.powi(2)).sqrt();
        let mut state = random.normal();
        let mut one = |run: usize| {
            let mut value = level * (deviation * state).exp();
            state = self.correlation * state + fresh * random.normal();
            if run >= at {
                value *= 1.0 + step;
            }
            if run % 7 >= 5 {
                value *= 1.0 - self.weekend;
            }
            if random.even() < self.outliers {
                value *= 1.2 + 1.3 * random.even();
            }
            self.rounding.round(value)
        };
        (0..runs).map(&mut one).collect()
    }

    fn states(&self, series: &[f64]) -> Vec<State> {
        let point = |value: &f64| Point {
            run: "run",
            value: *value,
        };
        let points: Vec<_> = series.iter().map(point).collect();
        let states = replay(&points, &self.options());
        states.into_iter().map(|(_, state)| state).collect()
    }
}

/// What became of a step, over many series.
#[derive(Clone, Copy, Debug, Default)]
pub struct Found {
    /// Share of series in which it was confirmed within 1, 2, 3, 4 and 5 nights.
    pub within: [f64; 5],
    /// Of those confirmed, how many were located within one run.
    pub located: f64,
}

/// Lets a step come after 35 to 54 nights in each of so many series.
pub fn detection(random: &mut Random, model: &Model, step: f64, series: usize) -> Found {
    let (mut within, mut located, mut judged) = ([0_usize; 5], 0_usize, 0_usize);
    for index in 0..series {
        let at = 35 + index % 20;
        let runs = model.series(random, at + 5, at, step);
        let states = model.states(&runs);
        if states[at - 1] == State::Regressed {
            continue;
        }
        judged += 1;
        let Some(night) = states[at..].iter().position(|it| *it == State::Regressed) else {
            continue;
        };
        within[night..].iter_mut().for_each(|count| *count += 1);
        located +=
            usize::from(shift(model, &runs[..=at + night]).is_some_and(|it| it.abs_diff(at) <= 1));
    }
    let share = |count: usize| count as f64 / judged.max(1) as f64;
    Found {
        within: within.map(share),
        located: located as f64 / within[4].max(1) as f64,
    }
}

fn shift(model: &Model, series: &[f64]) -> Option<usize> {
    let point = |value: &f64| Point {
        run: "run",
        value: *value,
    };
    let points: Vec<_> = series.iter().map(point).collect();
    let against = locust_core::regression::Against::Rolling;
    let judgement = locust_core::regression::judge(&points, against, &model.options());
    judgement.shift.map(|shift| shift.index)
}

/// What was said in 200 nights of a service that does not change.
#[derive(Clone, Copy, Debug, Default)]
pub struct Alarms {
    /// Regressions confirmed.
    pub confirmed: f64,
    /// Runs suspected.
    pub suspected: f64,
    /// Drifts.
    pub drifts: f64,
}

/// Watches services that do not change, from their first night to the last that a track holds.
pub fn alarms(random: &mut Random, model: &Model, series: usize) -> Alarms {
    let mut count = Count::default();
    for _ in 0..series {
        let runs = model.series(random, MOST_POINTS, MOST_POINTS, 0.0);
        count.add(&model.states(&runs));
    }
    count.alarms()
}

/// The same over a year and later, when each track was cut again and again and is judged from what is left.
pub fn alarms_when_cut(random: &mut Random, model: &Model, series: usize) -> Alarms {
    const NIGHTS: usize = 400;
    let mut count = Count::default();
    for _ in 0..series {
        let runs = model.series(random, NIGHTS, NIGHTS, 0.0);
        let mut start = 0;
        let mut states = Vec::with_capacity(NIGHTS);
        while start + MOST_POINTS <= NIGHTS {
            let all = model.states(&runs[start..start + MOST_POINTS]);
            let new = if start == 0 { 0 } else { KEPT_POINTS - 1 };
            states.extend_from_slice(&all[new..]);
            start += MOST_POINTS + 1 - KEPT_POINTS;
        }
        count.add(&states);
    }
    count.alarms()
}

#[derive(Default)]
struct Count {
    nights: usize,
    confirmed: usize,
    suspected: usize,
    drifts: usize,
}

impl Count {
    fn add(&mut self, states: &[State]) {
        for pair in states.windows(2) {
            let [before, now] = pair else { continue };
            self.nights += usize::from(*now != State::Collecting);
            if before != now {
                self.confirmed += usize::from(*now == State::Regressed);
                self.suspected += usize::from(*now == State::Suspected);
                self.drifts += usize::from(*now == State::Drift);
            }
        }
    }

    fn alarms(&self) -> Alarms {
        let rate = |count: usize| 200.0 * count as f64 / self.nights.max(1) as f64;
        Alarms {
            confirmed: rate(self.confirmed),
            suspected: rate(self.suspected),
            drifts: rate(self.drifts),
        }
    }
}
