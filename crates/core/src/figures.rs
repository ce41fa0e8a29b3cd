//! Numbers as people read them, the same in progress, summary and thresholds.

/// A response time in milliseconds with as many digits as mean something: `0.85ms`, `43ms`, `1.25s`.
pub(crate) fn millis(value: f64) -> String {
    if value < 1.0 {
        format!("{value:.2}ms")
    } else if value < 1000.0 {
        format!("{value:.0}ms")
    } else {
        let seconds = format!("{:.2}", value / 1000.0);
        format!("{}s", seconds.trim_end_matches('0').trim_end_matches('.'))
    }
}

/// A part of a whole, with four decimals.
pub(crate) fn ratio(value: f64) -> String {
    format!("{value:.4}")
}
