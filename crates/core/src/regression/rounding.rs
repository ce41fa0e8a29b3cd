//! How values are rounded before they come here.

/// By how much a value may differ from what was measured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Rounding {
    /// Not at all.
    Exact,
    /// To so many significant digits, and to no less than `least`, in the metric's unit: with 2 and 1.0, 147 is 150 and
    /// 14.7 is 15. Locust keeps response times so, for its percentiles.
    Digits {
        /// Significant digits.
        digits: u8,
        /// The smallest step.
        least: f64,
    },
    /// To multiples of this, in the metric's unit.
    Step(f64),
}

impl Rounding {
    /// The distance of two values that are next to each other, as a part of this value.
    pub fn relative(self, value: f64) -> f64 {
        if value > 0.0 && value.is_finite() {
            self.step(value) / value
        } else {
            0.0
        }
    }

    /// The value as it comes here.
    pub fn round(self, value: f64) -> f64 {
        let step = self.step(value);
        if step > 0.0 {
            (value / step).round() * step
        } else {
            value
        }
    }

    fn step(self, value: f64) -> f64 {
        match self {
            Self::Exact => 0.0,
            Self::Step(step) => step,
            Self::Digits { digits, least } => {
                let place = value.log10().floor() + 1.0 - f64::from(digits);
                10.0_f64.powf(place).max(least)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_digits_are_those_of_locust() {
        let two = Rounding::Digits {
            digits: 2,
            least: 1.0,
        };
        for (value, rounded, relative) in [
            (4.4, 4.0, 1.0 / 4.4),
            (14.7, 15.0, 1.0 / 14.7),
            (147.0, 150.0, 10.0 / 147.0),
            (3432.0, 3400.0, 100.0 / 3432.0),
        ] {
            assert_eq!(two.round(value), rounded);
            assert!((two.relative(value) - relative).abs() < 1e-12);
        }
    }

    #[test]
    fn the_rest_is_plain() {
        assert_eq!(Rounding::Exact.round(1.234), 1.234);
        assert_eq!(Rounding::Step(0.5).round(1.3), 1.5);
        assert_eq!(Rounding::Step(0.5).relative(10.0), 0.05);
        for odd in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert_eq!(Rounding::Step(1.0).relative(odd), 0.0);
        }
    }
}
