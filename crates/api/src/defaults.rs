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

impl v2::LocustTestSpec {
    /// The image of the Locust containers.
    pub fn effective_image<'a>(&'a self, operator_default: &'a str) -> &'a str {
        self.image.as_deref().unwrap_or(operator_default)
    }

    /// How long the run may take from its claim until load starts.
    pub fn effective_start_deadline(&self, operator_default: Duration) -> Duration {
        self.start_deadline.unwrap_or(operator_default)
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
