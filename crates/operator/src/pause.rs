//! Growing pauses between failures.

use std::time::Duration;

const FIRST: Duration = Duration::from_secs(1);

/// How long to wait after so many failures in a row: 1, 2, 4 … seconds, at most `longest`.
pub(crate) fn pause(failures: u32, longest: Duration) -> Duration {
    FIRST
        .saturating_mul(2u32.saturating_pow(failures.saturating_sub(1).min(16)))
        .min(longest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_the_longest() {
        let longest = Duration::from_secs(15);
        let pauses = [1, 2, 3, 4, 5, 1000].map(|count| pause(count, longest).as_secs());
        assert_eq!(pauses, [1, 2, 4, 8, 15, 15]);
    }
}
