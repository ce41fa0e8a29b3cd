//! Runs as the published operators leave them, and how they are taken over.

use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::Value;

use crate::{Kubectl, wait_until};

/// A locustfile whose requests say that they are of a published run.
pub const LOCUSTFILE: &str = r#"
apiVersion: v1
kind: ConfigMap
metadata:
  name: locustfile
data:
  locustfile.py: |
    import locust.runners
    from locust import HttpUser, constant, task

    # Busy machines are no reason to lose a worker.
    locust.runners.HEARTBEAT_LIVENESS = 30

    class Visitor(HttpUser):
        wait_time = constant(0.2)

        @task
        def home(self):
            self.client.get("/", headers={"X-Run-Id": "published"})
"#;

/// Waits until the operator has taken the run of a test over.
pub fn taken_over(kubectl: &Kubectl, name: &str, limit: Duration) -> Result<Value> {
    wait_until(&format!("the run of {name} is taken over"), limit, || {
        let test = kubectl.get("locusttest", name)?;
        ensure!(
            test["status"]["run"]["takenOver"] == true,
            "{}",
            test["status"]
        );
        ensure!(
            test["metadata"].get("finalizers").is_none(),
            "{}",
            test["metadata"]
        );
        Ok(test)
    })
}
