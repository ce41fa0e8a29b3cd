//! Metrics of the operator itself, and of the tests it runs.

mod live;
#[cfg(test)]
mod tests;

use std::{sync::Arc, time::Duration};

use locust_core::{
    live_metrics::{FAMILIES, Kind, Sample},
    schedule::Tally,
};
use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram, info::Info},
    registry::{Metric, Registry},
};

use live::LiveNumbers;
pub use live::TESTS;

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ResultLabel {
    controller: &'static str,
    result: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct KindLabel {
    kind: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct StartLabel {
    result: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct VerdictLabel {
    verdict: &'static str,
    reason: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct StateLabel {
    state: &'static str,
}

/// In front of every name.
const PREFIX: &str = "locust_operator";

/// A metric as `/metrics` names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Described {
    /// The name in queries; of a histogram, what comes before `_bucket`, `_count` and `_sum`.
    pub name: String,
    /// Its labels.
    pub labels: Vec<&'static str>,
    /// What it says.
    pub help: &'static str,
}

/// What is registered under a name.
struct Own {
    /// The name without prefix and suffix.
    name: &'static str,
    /// What its type adds to it.
    suffix: &'static str,
    labels: &'static [&'static str],
    help: &'static str,
}

const fn own(
    name: &'static str,
    suffix: &'static str,
    labels: &'static [&'static str],
    help: &'static str,
) -> Own {
    Own {
        name,
        suffix,
        labels,
        help,
    }
}

const BUILD: Own = own("build", "_info", &["version"], "What runs");
const RECONCILES: Own = own(
    "reconciles",
    "_total",
    &["controller", "result"],
    "Reconciles by result; all but `ok` are trouble",
);
const RECONCILE_SECONDS: Own = own("reconcile_seconds", "", &[], "How long a reconcile takes");
const WATCH_ERRORS: Own = own(
    "watch_errors",
    "_total",
    &["kind"],
    "Errors of watches by kind",
);
const CACHE_SYNCED: Own = own(
    "cache_synced",
    "",
    &["kind"],
    "1 when the cache of a kind is complete",
);
const LEADER: Own = own(
    "leader",
    "",
    &[],
    "1 when this replica acts, 0 when it stands by",
);
const RUNS_FINISHED: Own = own(
    "runs_finished",
    "_total",
    &["verdict", "reason"],
    "Finished runs by verdict and reason",
);
const REPORTS_LEFT_OUT: Own = own(
    "live_reports_left_out",
    "_total",
    &[],
    "Reports of running tests that are not shown, because enough others are",
);
const SCHEDULE_RUNS: Own = own(
    "schedule_runs",
    "_total",
    &["result"],
    "Runs of schedules: `started`, `skipped` because of another run or a setting, `missed` because it was too late, `not_started` because of an error",
);
const SCHEDULE_START_DELAY: Own = own(
    "schedule_start_delay_seconds",
    "",
    &[],
    "How long after its time a run of a schedule was created, in whole seconds",
);
const SCHEDULES_SUSPENDED: Own = own(
    "schedules_suspended",
    "",
    &[],
    "Schedules of which no time starts a run now",
);

const COMPARISONS: Own = own(
    "comparisons",
    "_total",
    &["state"],
    "Finished runs that were compared with their series, by what that says",
);

const OWN: [Own; 12] = [
    BUILD,
    RECONCILES,
    RECONCILE_SECONDS,
    WATCH_ERRORS,
    CACHE_SYNCED,
    LEADER,
    RUNS_FINISHED,
    REPORTS_LEFT_OUT,
    COMPARISONS,
    SCHEDULE_RUNS,
    SCHEDULE_START_DELAY,
    SCHEDULES_SUSPENDED,
];

/// Every metric of the operator itself.
pub fn of_operator() -> Vec<Described> {
    let described = |own: &Own| Described {
        name: format!("{PREFIX}_{}{}", own.name, own.suffix),
        labels: own.labels.to_vec(),
        help: own.help,
    };
    OWN.iter().map(described).collect()
}

/// Every metric of running tests.
pub fn of_running_tests() -> Vec<Described> {
    let described = |family: &&'static locust_core::live_metrics::Family| {
        let suffix = match family.kind {
            Kind::Counter => "_total",
            Kind::Gauge => "",
        };
        Described {
            name: format!("{PREFIX}_{}{suffix}", family.name),
            labels: [&live::LABELS, family.labels].concat(),
            help: family.help,
        }
    };
    FAMILIES.iter().map(described).collect()
}

/// The operator's metrics. Only those of running tests have names of users' objects for labels.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    reconciles: Family<ResultLabel, Counter>,
    reconcile_seconds: Histogram,
    watch_errors: Family<KindLabel, Counter>,
    synced: Family<KindLabel, Gauge>,
    leader: Gauge,
    runs: Family<VerdictLabel, Counter>,
    comparisons: Family<StateLabel, Counter>,
    schedule_runs: Family<StartLabel, Counter>,
    schedule_start_delay: Histogram,
    schedules_suspended: Gauge,
    live: Arc<LiveNumbers>,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut metrics = Self {
            registry: Registry::with_prefix(PREFIX),
            reconciles: Family::default(),
            reconcile_seconds: Histogram::new([0.001, 0.005, 0.02, 0.1, 0.5, 2.0, 10.0]),
            watch_errors: Family::default(),
            synced: Family::default(),
            leader: Gauge::default(),
            runs: Family::default(),
            comparisons: Family::default(),
            schedule_runs: Family::default(),
            schedule_start_delay: Histogram::new([1.0, 2.0, 5.0, 15.0, 60.0, 300.0, 3600.0]),
            schedules_suspended: Gauge::default(),
            live: Arc::default(),
        };
        let version = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
        metrics.register(BUILD, version);
        metrics.register(RECONCILES, metrics.reconciles.clone());
        metrics.register(RECONCILE_SECONDS, metrics.reconcile_seconds.clone());
        metrics.register(WATCH_ERRORS, metrics.watch_errors.clone());
        metrics.register(CACHE_SYNCED, metrics.synced.clone());
        metrics.register(LEADER, metrics.leader.clone());
        metrics.register(RUNS_FINISHED, metrics.runs.clone());
        metrics.register(REPORTS_LEFT_OUT, metrics.live.left_out().clone());
        metrics.register(COMPARISONS, metrics.comparisons.clone());
        metrics.register(SCHEDULE_RUNS, metrics.schedule_runs.clone());
        let delay = metrics.schedule_start_delay.clone();
        metrics.register(SCHEDULE_START_DELAY, delay);
        metrics.register(SCHEDULES_SUSPENDED, metrics.schedules_suspended.clone());
        let live = metrics.live.clone();
        metrics.registry.register_collector(Box::new(live));
        metrics
    }
}

impl Metrics {
    fn register(&mut self, own: Own, metric: impl Metric) {
        self.registry.register(own.name, own.help, metric);
    }

    /// Counts a reconcile.
    pub fn reconciled(&self, controller: &'static str, result: &'static str, took: Duration) {
        self.reconciles
            .get_or_create(&ResultLabel { controller, result })
            .inc();
        self.reconcile_seconds.observe(took.as_secs_f64());
    }

    /// Counts an error of a watch.
    pub fn watch_error(&self, kind: &'static str) {
        self.watch_errors.get_or_create(&KindLabel { kind }).inc();
    }

    /// Notes whether the cache of a kind is complete.
    pub fn cache_synced(&self, kind: &'static str, synced: bool) {
        self.synced
            .get_or_create(&KindLabel { kind })
            .set(i64::from(synced));
    }

    /// Notes whether this process is the one that acts.
    pub fn leads(&self, leads: bool) {
        self.leader.set(i64::from(leads));
    }

    /// Counts a finished run.
    pub fn run_finished(&self, verdict: &'static str, reason: &str) {
        self.runs
            .get_or_create(&VerdictLabel {
                verdict,
                reason: reason.to_owned(),
            })
            .inc();
    }

    /// Counts a run that was compared with its series.
    pub fn compared(&self, state: &'static str) {
        self.comparisons.get_or_create(&StateLabel { state }).inc();
    }

    /// Counts what became of runs of a schedule.
    pub fn scheduled(&self, tally: &Tally) {
        let Tally {
            started,
            skipped,
            missed,
            not_started,
            delays,
        } = tally;
        for (result, count) in [
            ("started", started),
            ("skipped", skipped),
            ("missed", missed),
            ("not_started", not_started),
        ] {
            // Those that never happened are there, too: what is not cannot be compared.
            self.schedule_runs
                .get_or_create(&StartLabel { result })
                .inc_by(*count);
        }
        for delay in delays {
            self.schedule_start_delay.observe(*delay as f64);
        }
    }

    /// Notes how many schedules there are of which no time starts a run.
    pub fn schedules_suspended(&self, count: usize) {
        self.schedules_suspended
            .set(i64::try_from(count).unwrap_or(i64::MAX));
    }

    /// Shows these numbers of a running test, in place of those it had.
    pub fn show_running(&self, namespace: &str, test: &str, samples: Vec<Sample>) {
        self.live.set(namespace, test, samples);
    }

    /// Shows no numbers of this test any more.
    pub fn not_running(&self, namespace: &str, test: &str) {
        self.live.forget(namespace, test);
    }

    /// Shows no numbers of any test, as one does that does not act.
    pub fn nothing_runs_here(&self) {
        self.live.forget_all();
    }

    /// The OpenMetrics text.
    pub fn text(&self) -> String {
        let mut text = String::new();
        // Writing into a String does not fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}
