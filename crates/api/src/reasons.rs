//! Reasons: one CamelCase word for why a run or condition is as it is.
//!
//! `status.reason` explains the verdict; conditions use the same words where they mean the same.

/// The run is claimed; its objects are being created.
pub const CREATING: &str = "ResourcesCreating";
/// Service, ConfigMap and both Jobs exist.
pub const CREATED: &str = "ResourcesCreated";
/// The API server refused one of the run's objects.
pub const CREATE_FAILED: &str = "ResourcesFailed";
/// The spec cannot be turned into pods; the message names field, value and what is allowed.
pub const INVALID_SPEC: &str = "InvalidSpec";
/// Another owner holds the name of an object the run needs, and the fallback name too.
pub const NAME_CONFLICT: &str = "NameConflict";
/// A ConfigMap that the spec names does not exist.
pub const CONFIG_MAP_NOT_FOUND: &str = "ConfigMapNotFound";
/// Everything that the spec names exists.
pub const REFS_FOUND: &str = "ReferencesFound";

/// Workers have still to connect.
pub const WAITING_FOR_WORKERS: &str = "WaitingForWorkers";
/// Every worker is connected.
pub const ALL_WORKERS_CONNECTED: &str = "AllWorkersConnected";
/// Fewer workers are connected than asked for, during the load.
pub const WORKERS_MISSING: &str = "WorkersMissing";
/// The master runs, and its listener does not answer the operator.
pub const MASTER_UNREACHABLE: &str = "MasterUnreachable";
/// The load has ended and the workers are leaving.
pub const TEST_ENDED: &str = "TestEnded";

/// The pods are starting or running.
pub const PODS_HEALTHY: &str = "PodsHealthy";
/// An image cannot be pulled.
pub const IMAGE_PULL: &str = "ImagePullError";
/// A container cannot be made from its configuration: a missing Secret or ConfigMap, a bad security context.
pub const CONFIGURATION: &str = "ConfigurationError";
/// No node takes the pod.
pub const SCHEDULING: &str = "SchedulingError";
/// A container or init container ends with an error again and again.
pub const CRASH_LOOP: &str = "CrashLoopBackOff";
/// An init container failed.
pub const INITIALIZATION: &str = "InitializationError";
/// A container was killed for using more memory than its limit.
pub const OOM_KILLED: &str = "OOMKilled";

/// The run is under way.
pub const IN_PROGRESS: &str = "TestInProgress";
/// Published: the test ended well.
pub const TEST_SUCCEEDED: &str = "TestSucceeded";
/// Published: the test did not end well.
pub const TEST_FAILED: &str = "TestFailed";

/// Requests failed and the test has no thresholds (the published meaning of a failed test).
pub const REQUESTS_FAILED: &str = "RequestsFailed";
/// The user's code ended Locust with an exit code of its own.
pub const EXIT_CODE: &str = "ExitCode";
/// Everything that was asked for held.
pub const PASSED: &str = "AllPassed";
/// Locust ended before any load started.
pub const NEVER_STARTED: &str = "NeverStarted";
/// Load had not started when `startDeadline` passed.
pub const START_DEADLINE: &str = "StartDeadlineExceeded";
/// The run lasted longer than `timeout`.
pub const TIMEOUT: &str = "Timeout";
/// The master ended in the middle of the load.
pub const MASTER_LOST: &str = "MasterLost";
/// All workers left in the middle of the load.
pub const WORKERS_LOST: &str = "WorkersLost";
/// The load ended before its run time.
pub const STOPPED_EARLY: &str = "StoppedEarly";
/// The run ended without a single request.
pub const NO_REQUESTS: &str = "NoRequests";
/// The run ended and its master left no summary.
pub const NO_SUMMARY: &str = "NoSummary";
/// The Job or its pod was gone before its result could be read.
pub const RESULT_LOST: &str = "ResultLost";
