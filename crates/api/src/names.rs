//! Labels, annotations and names the operator writes or reads.

/// Label and value that every Job and Pod of a test carries; published, and what the operator watches.
pub const MANAGED_BY: (&str, &str) = ("managed-by", "locust-k8s-operator");
/// Published label: the test's name, cut to what a label value may hold.
pub const LABEL_TEST_NAME: &str = "performance-test-name";
/// Published label: name of the Job a pod belongs to; the Service selects the master by it.
pub const LABEL_POD_NAME: &str = "performance-test-pod-name";
/// Published label: the test's name.
pub const LABEL_APP: &str = "app";
/// The id of the run an object belongs to. An object without the right one is never adopted.
pub const LABEL_RUN_ID: &str = "locust.io/run-id";
/// Name of the series, on the ConfigMap that keeps it.
pub const LABEL_SERIES: &str = "locust.io/series";
/// The test's `spec.concurrencyGroup`, on Jobs and pods: the group is busy until they have ended, whatever became of the
/// test.
pub const LABEL_GROUP: &str = "locust.io/concurrency-group";
/// `master` or `worker`.
pub const LABEL_ROLE: &str = "locust.io/role";
/// Name of the LocustTestSuite that made an object, cut to what a label value may hold.
pub const LABEL_SUITE: &str = "locust.io/suite";
/// The id of the suite's run, `status.run.id`. An object without the right one is never taken for a child of it.
pub const LABEL_SUITE_RUN: &str = "locust.io/suite-run";
/// Name of the suite's step that made an object.
pub const LABEL_STEP: &str = "locust.io/step";
/// Which attempt of the step an object is, from 1.
pub const LABEL_ATTEMPT: &str = "locust.io/attempt";
/// From the second attempt: the name of the first one's object.
pub const LABEL_ATTEMPT_OF: &str = "locust.io/attempt-of";
/// Name of the LocustSchedule that made a test or a suite, cut to what a label value may hold.
pub const LABEL_SCHEDULE: &str = "locust.io/schedule";
/// Annotation of a run of a schedule: the time that it is for, in the schedule's zone.
pub const ANNOTATION_SCHEDULED_TIME: &str = "locust.io/scheduled-time";
/// Annotation that asks a schedule for a run, once for each value; the run has it as well.
pub const ANNOTATION_RUN_NOW: &str = "locust.io/run-now";
/// Annotation that lets a schedule go on that its failures have suspended, once for each value.
pub const ANNOTATION_RESUME: &str = "locust.io/resume";
/// Annotation with `<namespace>/<name>` of the template that a test was made from.
pub const ANNOTATION_TEMPLATE: &str = "locust.io/template";
/// Annotation with the values the test's template got, as a JSON object; long ones are cut.
pub const ANNOTATION_PARAMETERS: &str = "locust.io/parameters";

/// Port on which Locust workers reach the master.
pub const PORT_MASTER: i32 = 5557;
/// Published second port of the Service; nothing has listened there since Locust 1.0.
pub const PORT_MASTER_LEGACY: i32 = 5558;
/// Locust's web UI in the master.
pub const PORT_WEB: i32 = 8089;
/// The plugin's own listener in the master (the published exporter's port).
pub const PORT_LISTENER: i32 = 9646;
/// Published legacy container port of workers.
pub const PORT_WORKER_LEGACY: i32 = 8080;

/// Environment variable with the address that a waiting step's pod asks.
pub const ENV_WAIT_URL: &str = "WAIT_URL";

/// Where the plugin is mounted in both roles.
pub const OPERATOR_MOUNT: &str = "/lotest/operator";

/// Environment variable with the run's id, for locustfiles that tag their requests.
pub const ENV_RUN_ID: &str = "TEST_RUN_ID";
/// Environment variable with `<namespace>/<name>` of the test.
pub const ENV_TEST_NAME: &str = "TEST_NAME";
/// Environment variable with the role, `master` or `worker`.
pub const ENV_ROLE: &str = "TEST_ROLE";

/// Published name of the Lease whose holder acts, so that no two operators of a namespace ever act at once, whoever
/// published them.
pub const LEADER_LEASE: &str = "locust-k8s-operator.locust.io";
