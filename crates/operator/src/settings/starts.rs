//! Which tests may start.

use std::num::NonZeroUsize;

use clap::Args;

use super::Checker;

/// When tests wait that could start.
#[derive(Debug, Args)]
#[command(next_help_heading = "Starting tests")]
pub(super) struct StartArgs {
    /// How many tests of a namespace may run at once; the others wait, in the order in which they were created. Empty
    /// for no limit.
    #[arg(
        long,
        env = "MAX_RUNNING_PER_NAMESPACE",
        default_value = "",
        value_name = "NUMBER"
    )]
    max_running_per_namespace: String,
    /// Start no test that has not begun, as if each had spec.suspend: true or false. For restoring a backup: tests that
    /// come back without their status would all run again. Tests that run go on.
    #[arg(
        long,
        env = "SUSPEND_NEW",
        default_value = "false",
        default_missing_value = "true",
        num_args = 0..=1,
        require_equals = true,
        value_name = "BOOL"
    )]
    suspend_new: String,
}

/// Checked.
pub(super) struct StartSettings {
    /// How many tests of a namespace may run at once.
    pub max_running: Option<NonZeroUsize>,
    /// Whether no test is started.
    pub suspend_new: bool,
}

impl StartArgs {
    pub(super) fn check(self, check: &mut Checker) -> StartSettings {
        let Self {
            max_running_per_namespace,
            suspend_new,
        } = self;
        let max_running =
            check.parse_optional("max-running-per-namespace", &max_running_per_namespace);
        StartSettings {
            max_running,
            suspend_new: check.switch("suspend-new", suspend_new),
        }
    }
}
