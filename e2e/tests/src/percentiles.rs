//! Percentiles that the operator shows, held against what the demo target served.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

/// A number that tells of a distribution.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Figure {
    /// The response time that this share of the requests does not exceed.
    Percentile(f64),
    /// The longest response time.
    Max,
}

/// Figures by the names of metrics.
pub const FIGURES: [(&str, Figure); 4] = [
    ("p50", Figure::Percentile(0.5)),
    ("p95", Figure::Percentile(0.95)),
    ("p99", Figure::Percentile(0.99)),
    ("max", Figure::Max),
];

/// What requests took: how many, by whole milliseconds of which the rest is cut.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Served(BTreeMap<u64, u64>);

impl Served {
    /// One distribution as the demo target tells it.
    pub fn read(told: &Value) -> Result<Self> {
        let counts = told["tookMs"].as_object().context("no tookMs")?;
        let read = |(took, count): (&String, &Value)| -> Result<(u64, u64)> {
            Ok((took.parse()?, count.as_u64().context("no count")?))
        };
        Ok(Self(counts.iter().map(read).collect::<Result<_>>()?))
    }

    /// The requests of several distributions together.
    pub fn merged<'a>(all: impl IntoIterator<Item = &'a Self>) -> Self {
        let mut sum = Self::default();
        for (took, count) in all.into_iter().flat_map(|served| &served.0) {
            *sum.0.entry(*took).or_default() += count;
        }
        sum
    }

    /// How many requests there are.
    pub fn requests(&self) -> u64 {
        self.0.values().sum()
    }

    /// A figure in milliseconds, by Locust's rule: a percentile is the time of the first request, from the fastest on,
    /// that has at least this share of all before it. It is always a time that some request took.
    pub fn figure(&self, figure: Figure) -> Result<u64> {
        let rank = match figure {
            Figure::Percentile(share) => (self.requests() as f64 * share) as u64,
            Figure::Max => self.requests().saturating_sub(1),
        };
        let mut seen = 0;
        for (took, count) in &self.0 {
            seen += count;
            if seen > rank {
                return Ok(*took);
            }
        }
        bail!("no request")
    }
}

/// Fails unless what is shown, such as `126ms` or `1.23s`, is what was served, as exactly as three significant digits
/// tell it. A request may take longer to its client than to the service, by up to `overhead` milliseconds; never
/// shorter.
pub fn expect_shown(shown: &str, served: u64, overhead: u64) -> Result<()> {
    let value = millis(shown)?;
    let lowest = served as f64 - half_a_unit(served);
    let longest = served + overhead;
    let highest = longest as f64 + half_a_unit(longest);
    ensure!(
        (lowest..=highest).contains(&value),
        "{shown} is shown, {served} ms were served: wanted {lowest} to {highest} ms"
    );
    Ok(())
}

/// Half a unit of the third significant digit, in milliseconds, of which there are only whole ones.
fn half_a_unit(millis: u64) -> f64 {
    let digits = millis.max(1).ilog10() + 1;
    0.5 * 10_f64.powi(digits.saturating_sub(3) as i32)
}

/// A time as the operator shows it.
fn millis(shown: &str) -> Result<f64> {
    let (number, factor) = match shown.strip_suffix("ms") {
        Some(number) => (number, 1.0),
        None => (shown.strip_suffix('s').context("no unit")?, 1000.0),
    };
    let value: f64 = number
        .parse()
        .with_context(|| format!("{shown}: no time"))?;
    // Seconds have decimals that binary numbers have not; a thousandth of a millisecond is never shown.
    Ok((value * factor * 1000.0).round() / 1000.0)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn served(counts: &[(u64, u64)]) -> Served {
        Served(counts.iter().copied().collect())
    }

    /// Two workers whose requests took different times.
    fn workers() -> [Served; 2] {
        [
            served(&[(47, 800), (126, 200)]),
            served(&[(126, 600), (483, 340), (1234, 50), (1870, 10)]),
        ]
    }

    fn figures(of: &Served) -> [u64; 4] {
        FIGURES.map(|(_, figure)| of.figure(figure).unwrap())
    }

    #[test]
    fn figures_are_those_of_all_requests_together() {
        let [one, other] = &workers();
        assert_eq!(figures(one), [47, 126, 126, 126]);
        assert_eq!(figures(other), [126, 1234, 1870, 1870]);
        let both = Served::merged([one, other]);
        assert_eq!(both.requests(), 2000);
        assert_eq!(figures(&both), [126, 483, 1234, 1870]);
        assert!(Served::default().figure(Figure::Max).is_err());
    }

    /// Locust's own loop: from the slowest bucket on, until at most this share of all is left.
    fn as_locust_counts(served: &Served, share: f64) -> u64 {
        let allowed = (served.requests() as f64 * share) as u64;
        let mut left = served.requests();
        for (took, count) in served.0.iter().rev() {
            left -= count;
            if left <= allowed {
                return *took;
            }
        }
        0
    }

    #[test]
    fn percentiles_are_locusts() {
        for requests in 1..400 {
            let each = served(&(0..requests).map(|it| (it * 3, 1)).collect::<Vec<_>>());
            let clumped = served(&[(10, requests), (20, 1), (30, requests / 7), (40, 1)]);
            for share in [0.0, 0.1, 0.5, 0.9, 0.95, 0.99, 0.999] {
                for all in [&each, &clumped] {
                    assert_eq!(
                        all.figure(Figure::Percentile(share)).unwrap(),
                        as_locust_counts(all, share),
                        "{share} of {all:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn what_is_not_exact_is_told() {
        for (shown, served, overhead, is_right) in [
            // whole milliseconds below a second, three digits above it
            ("126ms", 126, 0, true),
            ("125ms", 126, 0, false),
            ("127ms", 126, 0, false),
            ("1.23s", 1234, 0, true),
            ("1.24s", 1234, 0, false),
            ("1.22s", 1234, 0, false),
            ("1.24s", 1235, 0, true),
            ("12.3s", 12_345, 0, true),
            ("12.4s", 12_345, 0, false),
            ("0.85ms", 1, 0, true),
            ("0.45ms", 1, 0, false),
            // two digits
            ("130ms", 126, 0, false),
            ("480ms", 483, 0, false),
            ("1.2s", 1234, 0, false),
            // a client waits longer than the service works, never shorter
            ("483ms", 483, 100, true),
            ("583ms", 483, 100, true),
            ("584ms", 483, 100, false),
            ("482ms", 483, 100, false),
            ("480ms", 483, 100, false),
            ("1.33s", 1234, 100, true),
            ("1.34s", 1234, 100, false),
            ("1.2s", 1234, 100, false),
            ("1.04s", 950, 100, true),
            ("1.06s", 950, 100, false),
            // no time
            ("126", 126, 0, false),
            ("fast", 126, 0, false),
            ("", 126, 0, false),
        ] {
            let found = expect_shown(shown, served, overhead);
            assert_eq!(found.is_ok(), is_right, "{shown} of {served}+{overhead}");
        }
    }

    /// Every figure in the place of every other, one worker's in the place of both, and averages of workers.
    #[test]
    fn figures_of_something_else_are_told() {
        let [one, other] = workers();
        let right = figures(&Served::merged([&one, &other]));
        let averages = std::array::from_fn(|i| (figures(&one)[i] + figures(&other)[i]) / 2);
        for overhead in [0, 100] {
            for (i, shown) in right.iter().enumerate() {
                for (j, served) in right.iter().enumerate() {
                    let found = expect_shown(&format!("{shown}ms"), *served, overhead);
                    assert_eq!(found.is_ok(), i == j, "{shown} of {served}+{overhead}");
                }
            }
            let wrong = [figures(&one), figures(&other), averages];
            for (shown, what) in wrong.iter().zip(["one's", "the other's", "averages"]) {
                let differ = shown.iter().zip(right).filter(|(shown, served)| {
                    expect_shown(&format!("{shown}ms"), *served, overhead).is_err()
                });
                assert!(differ.count() > 0, "{what}: {shown:?} of {right:?}");
            }
        }
    }

    #[test]
    fn what_the_target_tells_is_read() {
        let told = json!({"tookMs": {"47": 8, "126": 2}});
        assert_eq!(Served::read(&told).unwrap(), served(&[(47, 8), (126, 2)]));
        for told in [
            json!({}),
            json!({"tookMs": {"x": 1}}),
            json!({"tookMs": {"1": "1"}}),
        ] {
            assert!(Served::read(&told).is_err(), "{told}");
        }
    }
}
