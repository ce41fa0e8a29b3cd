//! The parts of the benchmark, each with a cluster of its own, and the lines of the table that they fill.

mod admission;
mod schedules;

use anyhow::Result;
use clap::ValueEnum;
use e2e_node::report;

use crate::cluster::Cluster;
use crate::crowd::Crowd;
use crate::lifecycle::Lifecycle;
use crate::memory::{self, Memories};
use crate::requests::Count;
use crate::suites::{self, Suites};
use crate::table::{Findings, Row};
use crate::workers::Starts;
use crate::{burst, lifecycle, rest, running, start, workers};

/// Tests that are over, in the part `finished`.
const FINISHED: usize = 1000;
const BARE: &str = "bare client";
const MANAGER: &str = "kube-controller-manager";

/// A part of the benchmark.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Part {
    /// None or a few tests: start, memory, requests per run.
    Few,
    /// 500 tests at once.
    Burst,
    /// 1,000 tests that are over: start, memory, requests at rest.
    Finished,
    /// 200 running tests: memory, processor time, writes.
    Running,
    /// Writes of tests that are judged, and that are not.
    Admission,
    /// 100 suites of 20 steps each.
    Suites,
    /// 1,000 schedules with one time.
    Schedules,
    /// On the node: from a test to the first request of 3 and of 50 workers.
    Workers,
}

impl Part {
    /// All of them, in the order in which they run.
    pub fn all() -> &'static [Self] {
        Self::value_variants()
    }

    /// Its name on the command line.
    pub fn name(self) -> String {
        format!("{self:?}").to_lowercase()
    }

    /// Measures.
    pub fn run(self) -> Result<Findings> {
        match self {
            Self::Few => few(),
            Self::Burst => burst(),
            Self::Finished => finished(),
            Self::Running => running(),
            Self::Admission => admission::findings(),
            Self::Suites => suites(),
            Self::Schedules => schedules::findings(),
            Self::Workers => workers(),
        }
    }
}

fn row(what: &str, beside: &'static str, baseline: f64, ours: f64, aim: &'static str) -> Row {
    Row {
        what: what.to_owned(),
        beside,
        baseline,
        ours,
        aim,
    }
}

fn few() -> Result<Findings> {
    let cluster = Cluster::boot()?;
    let start = start::measure(&cluster)?;
    let operator = cluster.operator()?;
    cluster.settle()?;
    let memory = memory::measure(&cluster, &operator)?;
    drop(operator);
    let lifecycle = lifecycle::measure(&cluster)?;
    Ok(Findings {
        rows: vec![
            row(
                "start to ready, no tests, ms",
                BARE,
                start.bare,
                start.ours,
                "≤ 30",
            ),
            memory_row("memory, no tests, MB", memory, "≤ 12"),
            lifecycle_row(
                "writes per run, without events and progress",
                &lifecycle,
                |count| count.writes,
                "≤ 12",
            ),
            lifecycle_row(
                "requests per run, all but watches",
                &lifecycle,
                Count::all,
                "",
            ),
        ],
        notes: vec![
            memory_note("no tests", memory),
            format!(
                "The operator's requests for one run: {} writes, {} events, {} reads.",
                lifecycle.ours(|count| count.writes),
                lifecycle.ours(|count| count.events),
                lifecycle.ours(|count| count.reads),
            ),
        ],
    })
}

fn memory_row(what: &str, memory: Memories, aim: &'static str) -> Row {
    let Memories {
        controller_manager,
        ours,
    } = memory;
    row(
        what,
        MANAGER,
        megabytes(controller_manager.resident),
        megabytes(ours.resident),
        aim,
    )
}

fn memory_note(state: &str, memory: Memories) -> String {
    let Memories {
        controller_manager,
        ours,
    } = memory;
    format!(
        "Memory with {state}: of the operator's {:.1} MB, {:.1} MB are its own (RssAnon), the rest its program file; \
         its peak was {:.1} MB. kube-controller-manager's: {:.0}, {:.0} and {:.0} MB.",
        megabytes(ours.resident),
        megabytes(ours.anonymous),
        megabytes(ours.peak),
        megabytes(controller_manager.resident),
        megabytes(controller_manager.anonymous),
        megabytes(controller_manager.peak),
    )
}

fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

fn lifecycle_row(
    what: &str,
    lifecycle: &Lifecycle,
    of: fn(&Count) -> u32,
    aim: &'static str,
) -> Row {
    const BESIDE: &str = "bare client and Job controller";
    row(
        what,
        BESIDE,
        lifecycle.baseline(of),
        lifecycle.ours(of),
        aim,
    )
}

fn burst() -> Result<Findings> {
    let burst = burst::measure(&Cluster::boot()?)?;
    let writes = f64::from(burst.requests.writes);
    let bare_writes = f64::from(burst.bare.writes);
    let tests = burst.tests();
    Ok(Findings {
        rows: vec![
            row(
                "500 tests at once, s",
                BARE,
                burst.bare.seconds,
                burst.seconds,
                "",
            ),
            row(
                "500 tests at once, writes per second",
                BARE,
                bare_writes / burst.bare.seconds,
                writes / burst.seconds,
                "",
            ),
            row(
                "500 tests at once, ms per write",
                BARE,
                1000.0 * burst.bare.seconds / bare_writes,
                1000.0 * burst.seconds / writes,
                "ratio ≤ 2",
            ),
            row(
                "500 tests at once, requests per test",
                BARE,
                bare_writes / tests,
                f64::from(burst.requests.all()) / tests,
                "",
            ),
        ],
        notes: vec![format!(
            "Of the operator's requests per test in the burst, {} are writes of the run, {} events, {} reads. The burst \
             took {:.1} s of processor time of the operator, {:.1} s of the bare client.",
            writes / tests,
            f64::from(burst.requests.events) / tests,
            f64::from(burst.requests.reads) / tests,
            burst.cpu_seconds,
            burst.bare.cpu_seconds,
        )],
    })
}

fn finished() -> Result<Findings> {
    let cluster = Cluster::boot()?;
    let operator = cluster.operator()?;
    let crowd = Crowd::new(&cluster, "finished", FINISHED)?;
    report::step("1,000 tests were created", || crowd.start())?;
    report::step("1,000 tests have ended", || {
        crowd.finish()?;
        cluster.settle()
    })?;
    let memory = memory::measure(&cluster, &operator)?;
    let rest = rest::measure(&cluster)?;
    drop(operator);
    let start = start::measure(&cluster)?;
    Ok(Findings {
        rows: vec![
            row(
                "start to ready, 1,000 finished tests, ms",
                BARE,
                start.bare,
                start.ours,
                "",
            ),
            memory_row("memory, 1,000 finished tests, MB", memory, ""),
            row(
                "requests per minute at rest beside watches, 1,000 finished tests",
                MANAGER,
                f64::from(rest.controller_manager),
                f64::from(rest.ours),
                "0",
            ),
        ],
        notes: vec![memory_note("1,000 finished tests", memory)],
    })
}

fn running() -> Result<Findings> {
    let running = running::measure(&Cluster::boot()?)?;
    Ok(Findings {
        rows: vec![
            memory_row("memory, 200 running tests, MB", running.memory, ""),
            row(
                "200 running tests, processor seconds per minute",
                BARE,
                running.bare.cpu_seconds,
                running.cpu.as_secs_f64(),
                "",
            ),
            row(
                "200 running tests, writes per test and minute",
                BARE,
                running.bare_writes_per_test(),
                running.writes_per_test(),
                "",
            ),
        ],
        notes: vec![memory_note("200 running tests", running.memory)],
    })
}

fn suites() -> Result<Findings> {
    const WHAT: &str = "100 suites: from the end of a step to the claim of the next";
    let suites = suites::measure(&Cluster::boot()?)?;
    let Suites {
        ours,
        bare,
        seconds,
        cpu_seconds,
        requests,
        memory,
        expansions,
    } = &suites;
    let gap = |percent: usize| {
        let of = |values: &Vec<f64>| start::percentile(values.clone(), percent);
        let what = format!("{WHAT}, p{percent}, ms");
        row(&what, BARE, of(bare), of(ours), "")
    };
    let per_step = |count: u32| f64::from(count) / suites.steps();
    Ok(Findings {
        rows: vec![
            gap(50),
            gap(99),
            row(
                "template expansions per second",
                "Handlebars alone",
                expansions.bare,
                expansions.ours,
                "",
            ),
            memory_row(
                "memory, 100 suites of 20 steps that are over, MB",
                *memory,
                "",
            ),
        ],
        notes: vec![
            memory_note("100 suites of 20 steps that are over", *memory),
            format!(
                "The suites took {seconds:.0} s and {cpu_seconds:.1} s of processor time of the operator; for each step, \
                 with its test, it made {:.1} writes, {:.1} events and {:.1} reads.",
                per_step(requests.writes),
                per_step(requests.events),
                per_step(requests.reads),
            ),
        ],
    })
}

fn workers() -> Result<Findings> {
    let found = workers::measure()?;
    Ok(Findings {
        rows: found.starts.iter().flat_map(stage_rows).collect(),
        notes: vec![format!("Locust's image: `{}`.", found.image)],
    })
}

fn stage_rows(starts: &Starts) -> impl Iterator<Item = Row> {
    let Starts {
        workers,
        bare,
        ours,
    } = starts;
    let pairs = bare.named().into_iter().zip(ours.named());
    pairs.map(move |((stage, bare), (_, ours))| {
        let what = format!("{workers} workers: {stage}, s");
        row(&what, BARE, bare, ours, "")
    })
}
