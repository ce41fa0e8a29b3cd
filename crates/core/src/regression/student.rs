//! Limits of Student's t distribution.

/// How sure to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sureness {
    /// To say that a level has shifted: by chance once in 2000.
    Confirmed,
    /// To say that one run looks odd: by chance once in 100.
    Suspected,
}

/// Degrees of freedom of the first entry of the tables.
const LEAST: usize = 3;

/// t with p = 0.0005 above it, for 3 to 29 degrees of freedom. As in any table of the distribution; a test computes
/// them anew.
const CONFIRMED: [f64; 27] = [
    12.924, 8.610, 6.869, 5.959, 5.408, 5.041, 4.781, 4.587, 4.437, 4.318, 4.221, 4.140, 4.073,
    4.015, 3.965, 3.922, 3.883, 3.850, 3.819, 3.792, 3.768, 3.745, 3.725, 3.707, 3.690, 3.674,
    3.659,
];

/// The same with p = 0.01.
const SUSPECTED: [f64; 27] = [
    4.541, 3.747, 3.365, 3.143, 2.998, 2.896, 2.821, 2.764, 2.7181, 2.681, 2.650, 2.624, 2.602,
    2.583, 2.567, 2.552, 2.539, 2.528, 2.518, 2.508, 2.500, 2.492, 2.485, 2.479, 2.473, 2.467,
    2.462,
];

/// What a standardised difference must exceed, one-sided, when the deviation was taken from this many runs. Fewer than 4
/// count as 4, and more than 30 as 30.
pub(super) fn critical(sureness: Sureness, runs: usize) -> f64 {
    let table = match sureness {
        Sureness::Confirmed => &CONFIRMED,
        Sureness::Suspected => &SUSPECTED,
    };
    let index = runs.saturating_sub(1).saturating_sub(LEAST);
    table[index.min(table.len() - 1)]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// ln Γ(n/2), by Γ(x + 1) = x Γ(x).
    fn ln_gamma_of_half(n: usize) -> f64 {
        let (mut x, mut ln) = if n.is_multiple_of(2) {
            (1.0_f64, 0.0)
        } else {
            (0.5, std::f64::consts::PI.sqrt().ln())
        };
        while x < n as f64 / 2.0 {
            ln += x.ln();
            x += 1.0;
        }
        ln
    }

    /// The probability above `t`: with t = √f tan a, the density is that of cos^(f − 1) a, summed by Simpson's rule.
    fn above(t: f64, freedom: usize) -> f64 {
        const PARTS: u32 = 2000;
        let f = freedom as f64;
        let ln_scale = ln_gamma_of_half(freedom + 1)
            - ln_gamma_of_half(freedom)
            - std::f64::consts::PI.sqrt().ln();
        let from = (t / f.sqrt()).atan();
        let part = (std::f64::consts::FRAC_PI_2 - from) / f64::from(PARTS);
        let sum: f64 = (0..=PARTS)
            .map(|index| {
                let weight = match index {
                    0 | PARTS => 1.0,
                    odd if odd % 2 == 1 => 4.0,
                    _ => 2.0,
                };
                let angle = from + part * f64::from(index);
                weight * angle.cos().max(0.0).powf(f - 1.0)
            })
            .sum();
        ln_scale.exp() * sum * part / 3.0
    }

    #[test]
    fn the_tables_are_those_of_the_distribution() {
        for (sureness, p) in [(Sureness::Confirmed, 0.0005), (Sureness::Suspected, 0.01)] {
            for runs in 4..=30 {
                let t = critical(sureness, runs);
                let (lower, upper) = (above(t + 0.0005, runs - 1), above(t - 0.0005, runs - 1));
                assert!(
                    lower <= p && p <= upper,
                    "{sureness:?} {runs}: {lower} {upper}"
                );
            }
        }
    }

    #[test]
    fn outside_of_the_tables_the_nearest_counts() {
        assert_eq!(critical(Sureness::Confirmed, 0), 12.924);
        assert_eq!(critical(Sureness::Confirmed, 4), 12.924);
        assert_eq!(critical(Sureness::Suspected, 30), 2.462);
        assert_eq!(critical(Sureness::Suspected, 999), 2.462);
    }
}
