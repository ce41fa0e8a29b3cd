//! The lines of the part `schedules`.

use anyhow::Result;

use super::{memory_note, memory_row, row};
use crate::cluster::Cluster;
use crate::schedules::{self, Runs, Schedules};
use crate::start;
use crate::table::Findings;

/// Measures.
pub(super) fn findings() -> Result<Findings> {
    const WHAT: &str = "1,000 schedules with one time: from the time to the run";
    const BESIDE: &str = "CronJob controller";
    let Schedules {
        baseline,
        ours,
        memory,
    } = schedules::measure(&Cluster::boot()?)?;
    let late = |name: &str, percent: usize| {
        let of = |runs: &Runs| start::percentile(runs.late.clone(), percent);
        row(
            &format!("{WHAT}, {name}, s"),
            BESIDE,
            of(&baseline),
            of(&ours),
            "",
        )
    };
    Ok(Findings {
        rows: vec![
            late("p50", 50),
            late("p99", 99),
            late("the last", 100),
            memory_row("memory, 1,000 schedules with a run of each, MB", memory, ""),
        ],
        notes: vec![
            memory_note("1,000 schedules, 1,000 CronJobs and a run of each", memory),
            format!(
                "The runs of 1,000 schedules took {:.1} s of processor time of the operator, those of 1,000 CronJobs {:.1} s of \
                 kube-controller-manager, in which other controllers look at them as well.",
                ours.cpu_seconds, baseline.cpu_seconds,
            ),
        ],
    })
}
