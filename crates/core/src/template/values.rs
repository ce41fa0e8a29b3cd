//! Values of parameters, as their types read them.

use std::{borrow::Cow, cmp::Ordering};

use locust_api::{Duration, v2::ParameterType};
use serde_json::{Number, Value};

/// A value of a parameter.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Given {
    /// What an expression stands for.
    pub json: Value,
    /// What is compared to other values of the type; texts and booleans have none.
    measure: Option<Measure>,
}

/// Two of one type have the same variant.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
enum Measure {
    Whole(i64),
    Real(f64),
    Length(Duration),
}

impl Given {
    /// Reads what somebody wrote, without quotes.
    ///
    /// # Errors
    /// When it is not of the type: the end of a sentence that begins with it.
    pub fn read(written: &str, type_: ParameterType) -> Result<Self, &'static str> {
        let text = || Value::from(written);
        let (json, measure) = match type_ {
            ParameterType::String => (text(), None),
            ParameterType::Integer => {
                let number: i64 = written
                    .parse()
                    .map_err(|_| "is not an integer, such as 500")?;
                (Value::from(number), Some(Measure::Whole(number)))
            }
            ParameterType::Number => {
                let refuse = "is not a number, such as 0.5";
                let number: Number = serde_json::from_str(written).map_err(|_| refuse)?;
                let measure = number.as_f64().ok_or(refuse)?;
                (Value::Number(number), Some(Measure::Real(measure)))
            }
            ParameterType::Boolean => match written {
                "true" => (Value::Bool(true), None),
                "false" => (Value::Bool(false), None),
                _ => return Err("is neither true nor false"),
            },
            ParameterType::Duration => {
                let length: Duration = written
                    .parse()
                    .map_err(|_| "is not a duration, such as 90s or 1h30m")?;
                (text(), Some(Measure::Length(length)))
            }
            ParameterType::Quantity => {
                let amount =
                    quantity(written).ok_or("is not a quantity, such as 500m, 2 or 1Gi")?;
                (text(), Some(Measure::Real(amount)))
            }
        };
        Ok(Self { json, measure })
    }

    /// As an environment variable has it.
    pub fn text(&self) -> Cow<'_, str> {
        text_of(&self.json)
    }

    /// Whether both mean the same: `60s` is `1m`.
    pub fn equals(&self, other: &Self) -> bool {
        match (self.measure, other.measure) {
            (Some(this), Some(other)) => this == other,
            _ => self.json == other.json,
        }
    }

    /// Which is more; `None` for what has no order.
    pub fn compare(&self, other: &Self) -> Option<Ordering> {
        self.measure?.partial_cmp(&other.measure?)
    }
}

/// JSON as people read it: text without quotes.
pub(super) fn text_of(json: &Value) -> Cow<'_, str> {
    match json {
        Value::String(text) => Cow::Borrowed(text),
        other => Cow::Owned(other.to_string()),
    }
}

/// What a quantity of Kubernetes is worth.
fn quantity(written: &str) -> Option<f64> {
    const BINARY: &[&str] = &["Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];
    const DECIMAL: &[(&str, i32)] = &[
        ("n", -9),
        ("u", -6),
        ("m", -3),
        ("", 0),
        ("k", 3),
        ("M", 6),
        ("G", 9),
        ("T", 12),
        ("P", 15),
        ("E", 18),
    ];
    let unsigned = written.strip_prefix(['+', '-']).unwrap_or(written);
    let end = unsigned
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(unsigned.len());
    let (digits, suffix) = unsigned.split_at(end);
    let amount: f64 = digits.parse().ok()?;
    let exponent = || suffix.strip_prefix(['e', 'E'])?.parse::<i16>().ok();
    let factor = if let Some(power) = BINARY.iter().position(|unit| *unit == suffix) {
        1024_f64.powi(i32::try_from(power).ok()? + 1)
    } else if let Some((_, power)) = DECIMAL.iter().find(|(unit, _)| *unit == suffix) {
        10_f64.powi(*power)
    } else {
        10_f64.powi(i32::from(exponent()?))
    };
    let worth = amount * factor;
    let signed = if written.starts_with('-') {
        -worth
    } else {
        worth
    };
    signed.is_finite().then_some(signed)
}
