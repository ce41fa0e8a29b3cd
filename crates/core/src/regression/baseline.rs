//! The level of a series, and how much its runs differ. All values are logarithms.

/// Runs that make a baseline at most: older ones say little of today.
pub(super) const MOST: usize = 30;
/// Runs that make one at least: fewer give no deviation to rely on.
pub(super) const LEAST: usize = 4;
/// No series is taken to be calmer than 1 %.
const CALMEST: f64 = 0.01;

/// What earlier runs say of the next.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Baseline {
    /// Their mean.
    pub mean: f64,
    /// Their standard deviation, never so small that rounding alone would look like a change.
    pub deviation: f64,
    /// Their standard deviation as it is.
    pub noise: f64,
    /// By how much more the mean of successive runs varies than that of independent ones.
    pub inflation: f64,
    /// How many runs it is made from, outliers not counted.
    pub runs: usize,
}

impl Baseline {
    /// Of these runs. `step` is the part of a value that rounding may hide, at a level.
    ///
    /// `None` when fewer than [`LEAST`] of them lie together.
    pub(super) fn of(runs: &[f64], step: impl Fn(f64) -> f64) -> Option<Self> {
        let middle = median(runs)?;
        let step = step(middle);
        let distances: Vec<f64> = runs.iter().map(|run| (run - middle).abs()).collect();
        // 1.4826 makes it the standard deviation of what is normally distributed.
        let spread = (1.4826 * median(&distances)?).max(CALMEST).max(step / 2.0);
        let is_near = |run: &f64| (run - middle).abs() <= 4.0 * spread;
        let kept: Vec<f64> = runs.iter().copied().filter(is_near).collect();
        if kept.len() < LEAST {
            return None;
        }
        let count = kept.len() as f64;
        let mean = kept.iter().sum::<f64>() / count;
        let squares: f64 = kept.iter().map(|run| (run - mean).powi(2)).sum();
        let noise = (squares / (count - 1.0)).sqrt();
        Some(Self {
            mean,
            // Values that are evenly spread over a rounding step have this deviation.
            deviation: noise.max(CALMEST).max(step / 12.0_f64.sqrt()),
            noise,
            inflation: inflation(&kept, mean, squares),
            runs: kept.len(),
        })
    }
}

/// From the correlation of each run with the next, less the error of its own estimate.
fn inflation(runs: &[f64], mean: f64, squares: f64) -> f64 {
    if squares <= 0.0 {
        return 1.0;
    }
    let products = runs.windows(2).map(|pair| match pair {
        [one, next] => (one - mean) * (next - mean),
        _ => 0.0,
    });
    let correlation = products.sum::<f64>() / squares;
    let sure = (correlation - 1.0 / (runs.len() as f64).sqrt()).max(0.0);
    (1.0 + sure) / (1.0 - sure)
}

/// The middle value; of an even number the mean of the two.
pub(super) fn median(values: &[f64]) -> Option<f64> {
    let sorted = sorted(values);
    let upper = *sorted.get(sorted.len() / 2)?;
    let lower = *sorted.get((sorted.len() - 1) / 2)?;
    Some(f64::midpoint(lower, upper))
}

/// The middle value; of an even number the smaller of the two.
pub(super) fn lower_median(values: &[f64]) -> Option<f64> {
    let sorted = sorted(values);
    sorted.get(sorted.len().checked_sub(1)? / 2).copied()
}

fn sorted(values: &[f64]) -> Vec<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    sorted
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXACT: fn(f64) -> f64 = |_| 0.0;

    #[test]
    fn the_middle_is_the_middle() {
        for (values, lower, middle) in [
            (&[1.0][..], 1.0, 1.0),
            (&[3.0, 1.0], 1.0, 2.0),
            (&[9.0, 1.0, 2.0], 2.0, 2.0),
            (&[4.0, 1.0, 3.0, 2.0], 2.0, 2.5),
        ] {
            assert_eq!(lower_median(values), Some(lower));
            assert_eq!(median(values), Some(middle));
        }
        assert_eq!((median(&[]), lower_median(&[])), (None, None));
    }

    #[test]
    fn an_outlier_is_dropped() {
        let baseline = Baseline::of(&[0.0, 0.02, -0.02, 0.0, 5.0], EXACT).unwrap();
        assert_eq!((baseline.runs, baseline.mean), (4, 0.0));
        assert!((baseline.noise - 0.0163).abs() < 0.0001, "{baseline:?}");
        assert_eq!(baseline.deviation, baseline.noise);
    }

    #[test]
    fn too_few_are_none() {
        assert_eq!(Baseline::of(&[0.0; 3], EXACT), None);
        assert_eq!(Baseline::of(&[0.0, 0.0, 0.0, 5.0], EXACT), None);
        assert_eq!(Baseline::of(&[], EXACT), None);
    }

    #[test]
    fn equal_runs_are_not_taken_to_be_without_noise() {
        let exact = Baseline::of(&[2.0; 9], EXACT).unwrap();
        assert_eq!((exact.noise, exact.deviation), (0.0, 0.01));
        let rounded = Baseline::of(&[2.0; 9], |_| 0.12).unwrap();
        assert!((rounded.deviation - 0.0346).abs() < 0.0001);
        assert_eq!(rounded.inflation, 1.0);
    }

    #[test]
    fn only_runs_that_resemble_the_one_before_inflate() {
        let alternating: Vec<f64> = (0..20).map(|run| f64::from(run % 2)).collect();
        assert_eq!(Baseline::of(&alternating, EXACT).unwrap().inflation, 1.0);
        let slow: Vec<f64> = (0..20).map(|run| f64::from(run / 5 % 2)).collect();
        assert!(Baseline::of(&slow, EXACT).unwrap().inflation > 2.0);
    }
}
