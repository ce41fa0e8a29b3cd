//! Waiting for what happens elsewhere.

use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};

const POLL: Duration = Duration::from_millis(300);
/// However long a look took, the next one comes this soon.
const POLL_AT_MOST: Duration = Duration::from_secs(2);

/// Sleeps between two looks, four times as long as the look took: many who wait must not slow what they wait for.
fn pause(look: Instant) {
    std::thread::sleep((look.elapsed() * 4).clamp(POLL, POLL_AT_MOST));
}

/// Tries `probe` until it succeeds; its last error says what was seen instead.
pub fn wait_until<T>(
    what: &str,
    limit: Duration,
    mut probe: impl FnMut() -> Result<T>,
) -> Result<T> {
    let begin = Instant::now();
    loop {
        let look = Instant::now();
        match probe() {
            Ok(found) => return Ok(found),
            Err(seen) if begin.elapsed() >= limit => {
                return Err(anyhow!("{what}: not within {limit:?}; last seen: {seen:#}"));
            }
            Err(_) => pause(look),
        }
    }
}

/// Tries `probe` again and again for a while; an error ends it.
pub fn stays_so(what: &str, length: Duration, mut probe: impl FnMut() -> Result<()>) -> Result<()> {
    let begin = Instant::now();
    while begin.elapsed() < length {
        let look = Instant::now();
        probe().map_err(|seen| seen.context(format!("{what}: no longer so")))?;
        pause(look);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_says_what_was_seen_last() {
        let mut count = 0;
        let error = wait_until("it counts to a thousand", Duration::from_millis(10), || {
            count += 1;
            Err::<(), _>(anyhow!("only {count}"))
        });
        let error = error.unwrap_err().to_string();
        assert!(error.starts_with("it counts to a thousand"), "{error}");
        assert!(error.ends_with(&format!("only {count}")), "{error}");
    }
}
