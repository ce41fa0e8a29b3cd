//! The lines of the part `admission`.

use anyhow::Result;

use super::row;
use crate::admission::{self, Admission, Seen};
use crate::cluster::Cluster;
use crate::start;
use crate::table::Findings;

/// Measures.
pub(super) fn findings() -> Result<Findings> {
    let Admission {
        unasked,
        judged,
        empty,
        asked,
        looked_up,
        seen,
    } = admission::measure(&Cluster::boot()?)?;
    let Seen {
        count,
        mean,
        within_5_ms,
        within_25_ms,
    } = seen;
    let percent = |part: f64| 100.0 * part / count;
    let mut rows = Vec::new();
    for (what, beside, baseline, ours, aim) in [
        (
            "a test is created (dry run)",
            "the same, not judged",
            &unasked,
            &judged,
            "",
        ),
        (
            "the webhook answers",
            "the same about nothing",
            &empty,
            &asked,
            "≤ 10",
        ),
        (
            "the webhook answers and looks up a ConfigMap",
            "the same about nothing",
            &empty,
            &looked_up,
            "≤ 10",
        ),
    ] {
        for (percent, aim) in [(50, ""), (99, aim)] {
            let of = |values: &[f64]| start::percentile(values.to_vec(), percent);
            let what = format!("{what}, p{percent}, ms");
            rows.push(row(&what, beside, of(baseline), of(ours), aim));
        }
    }
    Ok(Findings {
        rows,
        notes: vec![format!(
            "The API server counted {count} calls of the webhook: {mean:.1} ms on average, {:.1} % within 5 ms, {:.1} % \
             within 25 ms.",
            percent(within_5_ms),
            percent(within_25_ms),
        )],
    })
}
