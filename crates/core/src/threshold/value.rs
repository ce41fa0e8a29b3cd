//! Limits as people write them, and measured values as they read them.

use locust_api::v2::Metric;

use crate::figures::{millis, ratio};

/// What a metric is measured in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    /// Milliseconds.
    Time,
    /// Failed per made.
    Ratio,
    /// Per second.
    Rate,
    /// A count.
    Count,
}

impl Unit {
    pub(super) const fn of(metric: Metric) -> Self {
        match metric {
            Metric::P50 | Metric::P95 | Metric::P99 | Metric::Avg | Metric::Max => Self::Time,
            Metric::ErrorRatio => Self::Ratio,
            Metric::Rps => Self::Rate,
            Metric::Requests => Self::Count,
        }
    }

    /// The number in the base unit, else what is wrong and what is allowed.
    pub(super) fn parse(self, text: &str) -> Result<f64, String> {
        let end = text
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .unwrap_or(text.len());
        let (number, unit) = text.split_at(end);
        let factor = match (self, unit) {
            (Self::Time, "ms") => Some(1.0),
            (Self::Time, "s") => Some(1000.0),
            (Self::Time, "m") => Some(60_000.0),
            (Self::Ratio, "%") => Some(0.01),
            (Self::Ratio | Self::Count, "") => Some(1.0),
            (Self::Rate, "/s" | "") => Some(1.0),
            (Self::Time | Self::Ratio | Self::Rate | Self::Count, _) => None,
        };
        let number = number.parse::<f64>().ok().filter(|it| it.is_finite());
        let value = number.zip(factor).map(|(number, factor)| number * factor);
        value.filter(|value| self.allows(*value)).ok_or_else(|| {
            let allowed = self.allowed();
            format!("{text:?} is not {allowed}")
        })
    }

    fn allows(self, value: f64) -> bool {
        match self {
            Self::Time | Self::Rate => value >= 0.0,
            Self::Ratio => (0.0..=1.0).contains(&value),
            Self::Count => value >= 0.0 && value.fract() == 0.0,
        }
    }

    const fn allowed(self) -> &'static str {
        match self {
            Self::Time => "a response time: a number with ms, s or m, such as 500ms or 1.5s",
            Self::Ratio => {
                "a ratio of failed requests: 0% to 100%, such as 1%, or 0 to 1, such as 0.01"
            }
            Self::Rate => "a rate: a number with or without /s, such as 800/s",
            Self::Count => "a number of requests: a whole number, such as 10000",
        }
    }

    /// As people read it.
    pub(super) fn show(self, actual: f64) -> String {
        match self {
            Self::Time => millis(actual),
            Self::Ratio => ratio(actual),
            Self::Rate => format!("{actual:.1}/s"),
            Self::Count => format!("{actual:.0}"),
        }
    }
}

/// A response time as people read it (`320ms`, `1.2s`), in milliseconds.
pub(crate) fn response_millis(text: &str) -> Option<f64> {
    Unit::Time.parse(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_each_unit() {
        for (unit, text, value) in [
            (Unit::Time, "500ms", 500.0),
            (Unit::Time, "1.5s", 1500.0),
            (Unit::Time, "2m", 120_000.0),
            (Unit::Ratio, "1%", 0.01),
            (Unit::Ratio, "0.01", 0.01),
            (Unit::Ratio, "100%", 1.0),
            (Unit::Rate, "800/s", 800.0),
            (Unit::Rate, "0.5", 0.5),
            (Unit::Count, "10000", 10_000.0),
        ] {
            assert_eq!(unit.parse(text), Ok(value), "{text}");
        }
    }

    #[test]
    fn refuses_the_rest_and_says_what_is_allowed() {
        for (unit, text, words) in [
            (Unit::Time, "500", "with ms, s or m"),
            (Unit::Time, "1%", "with ms, s or m"),
            (Unit::Time, "5h", "with ms, s or m"),
            (Unit::Time, "1.2.3s", "with ms, s or m"),
            (Unit::Time, "", "with ms, s or m"),
            (Unit::Ratio, "101%", "0% to 100%"),
            (Unit::Ratio, "1.5", "0% to 100%"),
            (Unit::Ratio, "5ms", "0% to 100%"),
            (Unit::Rate, "800/m", "800/s"),
            (Unit::Count, "1.5", "a whole number"),
            (Unit::Count, "10/s", "a whole number"),
        ] {
            let error = unit.parse(text).unwrap_err();
            assert!(error.contains(words) && error.contains(text), "{error}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(text in ".{0,40}") {
            for unit in [Unit::Time, Unit::Ratio, Unit::Rate, Unit::Count] {
                if let Ok(value) = unit.parse(&text) {
                    prop_assert!(value.is_finite() && value >= 0.0);
                    unit.show(value);
                }
            }
        }
    }
}
