//! Durations as users write them.

use std::{borrow::Cow, fmt, str::FromStr};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// The pattern every duration field carries in the schema: Gateway API's (GEP-2257).
pub const DURATION_PATTERN: &str = "^([0-9]{1,5}(h|m|s|ms)){1,4}$";

/// A length of time written as in Gateway API (GEP-2257): `30s`, `1h30m`, `500ms`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Duration(std::time::Duration);

/// A text that is no duration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not a duration: write one to four pairs of a number (up to 5 digits) and h, m, s or ms, such as 90s or 1h30m"
)]
pub struct ParseDurationError(String);

impl Duration {
    /// A duration of whole seconds.
    pub const fn from_secs(seconds: u64) -> Self {
        Self(std::time::Duration::from_secs(seconds))
    }

    /// The same length as the standard library's type.
    pub const fn get(self) -> std::time::Duration {
        self.0
    }

    /// Whole seconds, rounded up: what is passed to programs that know no fractions.
    pub const fn as_secs_ceil(self) -> u64 {
        self.0.as_secs() + (self.0.subsec_nanos() > 0) as u64
    }
}

impl From<std::time::Duration> for Duration {
    fn from(value: std::time::Duration) -> Self {
        Self(value)
    }
}

impl FromStr for Duration {
    type Err = ParseDurationError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refuse = || ParseDurationError(text.to_owned());
        let mut rest = text;
        let mut millis: u64 = 0;
        let mut pairs = 0;
        while !rest.is_empty() {
            let digits = rest
                .find(|c: char| !c.is_ascii_digit())
                .ok_or_else(refuse)?;
            let (number, tail) = rest.split_at(digits);
            if number.is_empty() || number.len() > 5 || pairs == 4 {
                return Err(refuse());
            }
            let (unit_millis, tail) = [("ms", 1), ("h", 3_600_000), ("m", 60_000), ("s", 1_000)]
                .iter()
                .find_map(|(unit, millis)| tail.strip_prefix(unit).map(|tail| (*millis, tail)))
                .ok_or_else(refuse)?;
            millis += number.parse::<u64>().map_err(|_| refuse())? * unit_millis;
            rest = tail;
            pairs += 1;
        }
        if pairs == 0 {
            return Err(refuse());
        }
        Ok(Self(std::time::Duration::from_millis(millis)))
    }
}

impl TryFrom<String> for Duration {
    type Error = ParseDurationError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Duration> for String {
    fn from(duration: Duration) -> Self {
        duration.to_string()
    }
}

impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = self.0.as_millis();
        if millis == 0 {
            return f.write_str("0s");
        }
        for (unit, value) in [
            ("h", millis / 3_600_000),
            ("m", millis / 60_000 % 60),
            ("s", millis / 1_000 % 60),
            ("ms", millis % 1_000),
        ] {
            if value > 0 {
                write!(f, "{value}{unit}")?;
            }
        }
        Ok(())
    }
}

impl JsonSchema for Duration {
    fn schema_name() -> Cow<'static, str> {
        "Duration".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "pattern": DURATION_PATTERN, "maxLength": 32})
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_what_the_pattern_allows() {
        for (text, millis) in [
            ("0s", 0),
            ("500ms", 500),
            ("90s", 90_000),
            ("1h30m", 5_400_000),
            ("1m1ms", 60_001),
        ] {
            let duration: Duration = text.parse().unwrap();
            assert_eq!(duration.get().as_millis(), millis, "{text}");
        }
    }

    #[test]
    fn refuses_the_rest() {
        for text in [
            "",
            "5",
            "s",
            "1.5m",
            "1d",
            "-1s",
            "123456s",
            "1h1m1s1ms1s",
            "1 s",
        ] {
            assert!(text.parse::<Duration>().is_err(), "{text}");
        }
    }

    #[test]
    fn rounds_up_to_seconds() {
        assert_eq!("1500ms".parse::<Duration>().unwrap().as_secs_ceil(), 2);
        assert_eq!("2s".parse::<Duration>().unwrap().as_secs_ceil(), 2);
    }

    proptest! {
        #[test]
        fn prints_what_it_reads_back(millis in 0u64..99_999 * 3_600_000) {
            let duration = Duration(std::time::Duration::from_millis(millis));
            prop_assert_eq!(duration.to_string().parse::<Duration>().unwrap(), duration);
        }
    }
}
