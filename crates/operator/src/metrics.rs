//! Metrics of the operator itself.

use std::time::Duration;

use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram, info::Info},
    registry::Registry,
};

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
struct VerdictLabel {
    verdict: &'static str,
    reason: String,
}

/// The operator's metrics. Labels never hold names of users' objects.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    reconciles: Family<ResultLabel, Counter>,
    reconcile_seconds: Histogram,
    watch_errors: Family<KindLabel, Counter>,
    synced: Family<KindLabel, Gauge>,
    leader: Gauge,
    runs: Family<VerdictLabel, Counter>,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("locust_operator");
        let metrics = Self {
            reconciles: Family::default(),
            reconcile_seconds: Histogram::new([0.001, 0.005, 0.02, 0.1, 0.5, 2.0, 10.0]),
            watch_errors: Family::default(),
            synced: Family::default(),
            leader: Gauge::default(),
            runs: Family::default(),
            registry: Registry::default(),
        };
        registry.register(
            "build",
            "What runs",
            Info::new([("version", env!("CARGO_PKG_VERSION"))]),
        );
        registry.register(
            "reconciles",
            "Reconciles by result",
            metrics.reconciles.clone(),
        );
        registry.register(
            "reconcile_seconds",
            "How long a reconcile takes",
            metrics.reconcile_seconds.clone(),
        );
        registry.register(
            "watch_errors",
            "Errors of watches by kind",
            metrics.watch_errors.clone(),
        );
        registry.register(
            "cache_synced",
            "1 when the cache of a kind is complete",
            metrics.synced.clone(),
        );
        registry.register(
            "leader",
            "1 when this replica acts, 0 when it stands by",
            metrics.leader.clone(),
        );
        registry.register(
            "runs_finished",
            "Finished runs by verdict and reason",
            metrics.runs.clone(),
        );
        Self {
            registry,
            ..metrics
        }
    }
}

impl Metrics {
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

    /// The OpenMetrics text.
    pub fn text(&self) -> String {
        let mut text = String::new();
        // Writing into a String does not fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}
