//! Condition types.

/// Published: the run's objects exist.
pub const READY: &str = "Ready";
/// Published: as many workers as asked for are connected to the master, as Locust counts them.
pub const WORKERS_CONNECTED: &str = "WorkersConnected";
/// Published: the run has ended, whatever its outcome.
pub const TEST_COMPLETED: &str = "TestCompleted";
/// Published: no pod of the run has a problem that keeps it from running.
pub const PODS_HEALTHY: &str = "PodsHealthy";
/// True on every terminal outcome: the one thing to wait for.
pub const COMPLETED: &str = "Completed";
/// True when the verdict is `Passed`, False on any other verdict, Unknown until there is one.
pub const SUCCEEDED: &str = "Succeeded";
/// kstatus: the controller is still working towards the end of the run.
pub const RECONCILING: &str = "Reconciling";
/// kstatus: nothing will move until somebody changes something.
pub const STALLED: &str = "Stalled";
/// The test waits for others: for its turn in `spec.concurrencyGroup`, or for the operator's limit of running tests.
pub const QUEUED: &str = "Queued";
/// `spec.stop` is set, and the run is being ended.
pub const STOPPING: &str = "Stopping";
/// False when the run will leave no numbers: the published operator started it.
pub const RESULTS_AVAILABLE: &str = "ResultsAvailable";
/// Published: an edit of the spec was ignored. Here such edits are refused, so it is only removed.
pub const SPEC_DRIFTED: &str = "SpecDrifted";
/// Everything the spec refers to exists.
pub const RESOLVED_REFS: &str = "ResolvedRefs";
/// `spec.suspend` of a suite that runs is set: what runs goes on, and nothing else starts. Of a schedule: whether something
/// keeps its times from starting runs.
pub const SUSPENDED: &str = "Suspended";
/// A suite's optional step did not pass; the suite may have passed all the same.
pub const OPTIONAL_STEP_FAILED: &str = "OptionalStepFailed";
/// Whether the service counts as slower than it was, by the series of `spec.baseline`; Unknown while that cannot be said.
/// Of a schedule: after the run that was compared last.
pub const REGRESSION: &str = "Regression";
/// Whether the run of a schedule that was over last passed; Unknown until there is one.
pub const LAST_RUN_PASSED: &str = "LastRunPassed";
/// Whether the last notice that `spec.notify` of a schedule asks for got through; Unknown until there is one.
pub const NOTIFICATIONS_DELIVERED: &str = "NotificationsDelivered";
