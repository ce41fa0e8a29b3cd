//! What holds when a field is absent. The schema has no defaults: they would defeat templates.

use crate::{Duration, v2};

/// Where test files are mounted.
pub const SRC_MOUNT_PATH: &str = "/lotest/src";
/// Where library files are mounted.
pub const LIB_MOUNT_PATH: &str = "/opt/locust/lib";
/// Seconds of `--autoquit` when the test does not say.
pub const AUTOQUIT_SECONDS: i32 = 60;
/// What is added to run time and stop timeout to bound a run whose spec has no `timeout`.
pub const TIMEOUT_MARGIN: Duration = Duration::from_secs(300);

/// Requests below which a percentile is not judged.
pub const MIN_REQUESTS_OF_PERCENTILES: i64 = 100;
/// From the start of load until a threshold may end it.
pub const ABORT_DELAY: Duration = Duration::from_secs(30);
/// For how long a threshold must be in breach to end the load.
pub const ABORT_SUSTAINED: Duration = Duration::from_secs(10);

impl v2::Threshold {
    /// What a breach means.
    pub fn effective_severity(&self) -> v2::Severity {
        self.severity.unwrap_or(v2::Severity::Fail)
    }

    /// What it means when there is nothing to judge.
    pub fn effective_on_no_data(&self) -> v2::OnNoData {
        self.on_no_data.unwrap_or(v2::OnNoData::Inconclusive)
    }

    /// Requests below which nothing is judged.
    pub fn effective_min_requests(&self) -> i64 {
        use v2::Metric::{Avg, ErrorRatio, Max, P50, P95, P99, Requests, Rps};
        match self.metric {
            P50 | P95 | P99 => self.min_requests.unwrap_or(MIN_REQUESTS_OF_PERCENTILES),
            Avg | Max | ErrorRatio => self.min_requests.unwrap_or(1),
            Rps | Requests => 0,
        }
    }
}

impl v2::AbortRule {
    /// From the start of load until the first look.
    pub fn effective_delay(&self) -> Duration {
        self.delay.unwrap_or(ABORT_DELAY)
    }

    /// For how long a breach must last.
    pub fn effective_sustained(&self) -> Duration {
        self.sustained.unwrap_or(ABORT_SUSTAINED)
    }
}

impl v2::Validity {
    /// Least average of connected workers, in percent.
    pub fn effective_min_workers_percent(&self) -> i32 {
        self.min_workers_percent.unwrap_or(90)
    }

    /// Least peak of users, in percent.
    pub fn effective_min_users_percent(&self) -> i32 {
        self.min_users_percent.unwrap_or(100)
    }

    /// Most saturated workers, in percent.
    pub fn effective_max_cpu_saturated_workers_percent(&self) -> i32 {
        self.max_cpu_saturated_workers_percent.unwrap_or(10)
    }
}

impl v2::TestFiles {
    /// Where the test files are mounted.
    pub fn src_path(&self) -> &str {
        non_empty(self.src_mount_path.as_deref(), SRC_MOUNT_PATH)
    }

    /// Where the libraries are mounted.
    pub fn lib_path(&self) -> &str {
        non_empty(self.lib_mount_path.as_deref(), LIB_MOUNT_PATH)
    }
}

impl v2::WebUiService {
    /// How far the Service reaches.
    pub fn effective_type(&self) -> v2::ServiceType {
        self.type_.unwrap_or(v2::ServiceType::ClusterIP)
    }
}

impl v2::LocustTestSpec {
    /// Whether the master has a web UI, as far as `spec.webUI` says.
    pub fn has_web_ui(&self) -> bool {
        let enabled = self.web_ui.as_ref().and_then(|web_ui| web_ui.enabled);
        enabled.unwrap_or(true)
    }

    /// The Service that leads to the web UI, if there is to be one.
    pub fn web_ui_service(&self) -> Option<&v2::WebUiService> {
        self.web_ui.as_ref()?.service.as_ref()
    }

    /// The image of the Locust containers.
    pub fn effective_image<'a>(&'a self, operator_default: &'a str) -> &'a str {
        self.image.as_deref().unwrap_or(operator_default)
    }

    /// How long the run may take from its claim until load starts.
    pub fn effective_start_deadline(&self, operator_default: Duration) -> Duration {
        self.start_deadline.unwrap_or(operator_default)
    }

    /// Whether the run is to end.
    pub fn is_stopped(&self) -> bool {
        self.stop == Some(true)
    }

    /// Whether the run is to wait.
    pub fn is_suspended(&self) -> bool {
        self.suspend == Some(true)
    }

    /// How long the load may last; `None` is for ever.
    pub fn effective_timeout(&self, operator_default: Option<Duration>) -> Option<Duration> {
        let from_run_time = || {
            let run = self.run.as_ref()?;
            let stop = run
                .stop_timeout
                .map_or(std::time::Duration::ZERO, Duration::get);
            Some(Duration::from(
                run.run_time?.get() + stop + TIMEOUT_MARGIN.get(),
            ))
        };
        self.timeout.or_else(from_run_time).or(operator_default)
    }
}

fn non_empty<'a>(value: Option<&'a str>, default: &'static str) -> &'a str {
    value.filter(|text| !text.is_empty()).unwrap_or(default)
}
