//! What a series can show at all.

use super::{
    baseline::{self, Baseline},
    options::{Options, Worse},
    student::{Sureness, critical},
};

/// How much runs differ without any change of the service, and what can be seen through that.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sensitivity {
    /// The series' own noise: the coefficient of variation of recent runs, outliers not counted, in per cent.
    pub noise: f64,
    /// From how many runs it is known.
    pub runs: usize,
    /// The smallest change for the worse that is confirmed within 3 runs in 9 of 10 cases, in per cent of the level
    /// before; `None` when none of 70 % is.
    pub in_three: Option<f64>,
    /// The same within 5 runs.
    pub in_five: Option<f64>,
}

/// Noise in per cent, and the smallest steps found within 3 and 5 nights with a probability of at least 0.9: measured
/// with the example `regression` of this crate.
const MEASURED: [(f64, f64, f64); 9] = [
    (1.0, 8.0, 7.0),
    (2.0, 9.0, 8.0),
    (3.0, 12.0, 9.0),
    (4.0, 16.0, 12.0),
    (5.0, 20.0, 16.0),
    (6.0, 25.0, 18.0),
    (8.0, 32.0, 22.0),
    (10.0, 45.0, 28.0),
    (15.0, 70.0, 45.0),
];

impl Sensitivity {
    /// Of a series with this baseline.
    pub(super) fn of(baseline: &Baseline, options: &Options) -> Self {
        let hidden = options.step(baseline.mean);
        let limit = relative_limit(baseline.runs);
        let smallest = |nights| {
            let step = smallest(100.0 * baseline.noise * limit, nights)?;
            let step = step.max(100.0 * hidden);
            let worse = match options.worse {
                Worse::Larger => step,
                // What is a rise of 25 % one way is a fall of 20 % the other.
                Worse::Smaller => 100.0 * step / (100.0 + step),
            };
            Some(worse.max(100.0 * options.min_effect))
        };
        Self {
            noise: 100.0 * baseline.noise.powi(2).exp_m1().sqrt(),
            runs: baseline.runs,
            in_three: smallest(Nights::Three),
            in_five: smallest(Nights::Five),
        }
    }
}

#[derive(Clone, Copy)]
enum Nights {
    Three,
    Five,
}

/// How much more than after 30 runs a change must be, in deviations, to be confirmed after fewer.
fn relative_limit(runs: usize) -> f64 {
    let limit =
        |runs: usize| critical(Sureness::Confirmed, runs) * (1.0 / 3.0 + 1.0 / runs as f64).sqrt();
    limit(runs) / limit(baseline::MOST)
}

/// The smallest step in per cent at this noise in per cent, between the measured ones on a straight line.
fn smallest(noise: f64, nights: Nights) -> Option<f64> {
    let step = |row: &(f64, f64, f64)| match nights {
        Nights::Three => row.1,
        Nights::Five => row.2,
    };
    let (first, last) = (MEASURED.first()?, MEASURED.last()?);
    if noise <= first.0 {
        return Some(step(first));
    }
    if noise > last.0 {
        return None;
    }
    MEASURED.windows(2).find_map(|rows| match rows {
        [lower, upper] if noise <= upper.0 => {
            let part = (noise - lower.0) / (upper.0 - lower.0);
            Some(step(lower) + part * (step(upper) - step(lower)))
        }
        _ => None,
    })
}
