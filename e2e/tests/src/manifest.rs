//! A test as a user would write it.

/// A locustfile that tags its requests with the run, indented for `testFiles.inline`.
pub const LOCUSTFILE: &str = r#"
      locustfile.py: |
        import os
        from locust import HttpUser, constant, task

        class Visitor(HttpUser):
            wait_time = constant(0.2)

            def on_start(self):
                self.client.headers["X-Run-Id"] = os.environ["TEST_RUN_ID"]

            @task
            def home(self):
                self.client.get("/")
"#;

/// A test of ten users on two workers; `more` are further lines of its spec.
pub fn locust_test(name: &str, run_time: &str, more: &str) -> String {
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
    host: http://demo-target
    users: 10
    spawnRate: 10
    runTime: {run_time}
    stopTimeout: 5s
  worker:
    replicas: 2
{more}"#
    )
}
