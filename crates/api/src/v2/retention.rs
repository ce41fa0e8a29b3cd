//! How long what has finished stays.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Duration;

/// How long what has finished stays. It may be changed at any time; the clocks start at `status.completionTime`, and nothing
/// goes before the verdict is stored.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Retention {
    /// When the Jobs and their pods go, with their logs. Default: the operator's `--job-ttl-seconds-after-finished` (never).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pods_after_finished: Option<Duration>,
    /// When the test itself goes, and all that belongs to it. Default: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test_after_finished: Option<Duration>,
    /// The same for a test with the verdict Passed. Default: `testAfterFinished`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test_after_passed: Option<Duration>,
    /// The same for a test with any other verdict. Default: `testAfterFinished`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test_after_failed: Option<Duration>,
}
