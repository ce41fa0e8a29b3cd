//! One line per step with its time, on standard error: standard output is for
//! what a shell may evaluate.

use std::env;
use std::sync::OnceLock;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::Result;

static STARTED: OnceLock<Instant> = OnceLock::new();

/// Time since the first line was asked for; since STEPS_BEGAN, in seconds since 1970, where several commands share
/// a clock.
fn since_start() -> Duration {
    let own = STARTED.get_or_init(Instant::now).elapsed();
    shared_start().map_or(own, |began| {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or(began);
        now.saturating_sub(began)
    })
}

fn shared_start() -> Option<Duration> {
    let seconds = env::var("STEPS_BEGAN").ok()?.parse().ok()?;
    Duration::try_from_secs_f64(seconds).ok()
}

/// Prints one line with the time since the command began.
pub fn line(text: &str) {
    eprintln!("[{:>6.1}s] {text}", since_start().as_secs_f64());
}

/// Runs a step and prints its line when it is done.
pub fn step<T>(done: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    since_start();
    let begin = Instant::now();
    let result = work()?;
    line(&format!("{done} ({})", human(begin.elapsed())));
    Ok(result)
}

/// `0.4s`, `12s`, `1m32s`.
pub fn human(time: Duration) -> String {
    let seconds = time.as_secs();
    if seconds < 10 {
        format!("{:.1}s", time.as_secs_f64())
    } else if seconds < 60 {
        format!("{seconds}s")
    } else {
        format!("{}m{:02}s", seconds / 60, seconds % 60)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_read_well() {
        assert_eq!(human(Duration::from_millis(420)), "0.4s");
        assert_eq!(human(Duration::from_secs(12)), "12s");
        assert_eq!(human(Duration::from_secs(92)), "1m32s");
    }
}
