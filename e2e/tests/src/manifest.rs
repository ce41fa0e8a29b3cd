//! A test as a user would write it.

/// A locustfile that tags its requests with the run, indented for `testFiles.inline`.
///
/// Locust takes a worker for lost that is silent for three seconds. On a busy machine that is a false alarm, and what
/// Locust does then is not what the tests are about: see [`impatient`] for those that lose a worker without a word.
pub const LOCUSTFILE: &str = r#"
      locustfile.py: |
        import os
        import locust.runners
        from locust import HttpUser, constant, task

        locust.runners.HEARTBEAT_LIVENESS = 30

        class Visitor(HttpUser):
            wait_time = constant(0.2)

            def on_start(self):
                self.client.headers["X-Run-Id"] = os.environ["TEST_RUN_ID"]

            @task
            def home(self):
                self.client.get("/")
"#;

/// A test of two users on one worker that loads the demo target of another namespace; `more` are further lines of its
/// spec.
pub fn test_of_target(name: &str, run_time: &str, target: &str, more: &str) -> String {
    test(name, &format!("demo-target.{target}"), run_time, 2, 1, more)
}

/// A test of ten users on two workers; `more` are further lines of its spec.
pub fn locust_test(name: &str, run_time: &str, more: &str) -> String {
    test(name, "demo-target", run_time, 10, 2, more)
}

/// Users of [`small_test`].
pub const SMALL_USERS: u64 = 4;

/// A test of few users on one worker; `more` are further lines of its spec.
pub fn small_test(name: &str, more: &str) -> String {
    test(name, "demo-target", "10s", SMALL_USERS, 1, more)
}

/// The test, whose workers are lost as soon as Locust says so by default.
pub fn impatient(test: &str) -> String {
    test.replace("        locust.runners.HEARTBEAT_LIVENESS = 30\n", "")
}

/// All users start within a second.
fn test(name: &str, host: &str, run_time: &str, users: u64, workers: u64, more: &str) -> String {
    format!(
        r#"
apiVersion: locust.io/v2
kind: LocustTest
metadata:
  name: {name}
spec:
  testFiles:
    inline:{LOCUSTFILE}
  run:
    host: http://{host}
    users: {users}
    spawnRate: {users}
    runTime: {run_time}
    stopTimeout: 5s
  worker:
    replicas: {workers}
{more}"#
    )
}
