//! Whether an operator was patient while nothing worked.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use super::Seen;

/// A pause that shows that pauses grow.
const LONG: Duration = Duration::from_secs(4);
/// The pause that all others grow to, at least.
const LONGEST: u32 = 8;

/// Fails if anything was asked for more often than pauses of 1, 2, 4, 8, 8 … seconds allow between these two moments,
/// or if the pauses did not grow. Calls that are alike are tries of the same thing; kinds are looked at each by
/// itself. Returns how many calls there were, and how many are allowed for each that is alike.
pub fn check_patience(calls: &[Seen], from: Instant, to: Instant) -> Result<(usize, usize)> {
    let mut tries: BTreeMap<String, Vec<Instant>> = BTreeMap::new();
    let within = calls.iter().filter(|seen| from <= seen.at && seen.at < to);
    for seen in within {
        tries
            .entry(seen.call.to_string())
            .or_default()
            .push(seen.at);
    }
    let growing = 4;
    let allowed = growing + usize::try_from((to - from).as_secs() / u64::from(LONGEST))? + 1;
    for (call, times) in &tries {
        ensure!(
            times.len() <= allowed,
            "{call}: {} times in {:?}, and {allowed} are enough",
            times.len(),
            to - from
        );
    }
    let longest = tries
        .values()
        .flat_map(|times| times.windows(2).map(|pair| pair[1] - pair[0]))
        .max();
    ensure!(
        longest.is_some_and(|longest| longest >= LONG),
        "no pause grew to {LONG:?}: the longest is {longest:?} of {tries:?}"
    );
    Ok((tries.values().map(Vec::len).sum(), allowed))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proxy::{Call, Fate};

    fn tried(at: &[u64]) -> Result<(usize, usize)> {
        let begin = Instant::now();
        let seen = |second: &u64| Seen {
            at: begin + Duration::from_secs(*second),
            call: Call {
                method: "GET".to_owned(),
                path: "/api".to_owned(),
                watch: false,
                verdict: false,
            },
            fate: Fate::Pass,
        };
        let calls: Vec<Seen> = at.iter().map(seen).collect();
        check_patience(&calls, begin, begin + Duration::from_secs(32))
    }

    #[test]
    fn growing_pauses_are_patient_and_steady_ones_are_not() {
        assert_eq!(tried(&[0, 1, 3, 7, 15, 23, 31]).unwrap(), (7, 9));
        let steady: Vec<u64> = (0..32).collect();
        let said = tried(&steady).unwrap_err().to_string();
        assert!(said.starts_with("GET /api: 32 times"), "{said}");
        let said = tried(&[0, 1, 2, 3]).unwrap_err().to_string();
        assert!(said.starts_with("no pause grew"), "{said}");
    }
}
