//! What `kubectl get --watch` showed of tests, from the first to the last.

use std::fs;
use std::path::PathBuf;
use std::process::Child;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail, ensure};
use e2e_node::Layout;
use serde_json::Value;

use crate::{Kubectl, node::state, seen, wait_until};

/// Watches the tests of a namespace until it is dropped.
pub struct History {
    watch: Child,
    file: PathBuf,
}

impl History {
    /// From now on.
    pub fn begin(kubectl: &Kubectl) -> Result<Self> {
        let name = format!("watch-{}.json", kubectl.namespace());
        let file = Layout::discover()?.logs().join(name);
        fs::write(&file, "").with_context(|| format!("cannot write {}", file.display()))?;
        let watch = kubectl.watch("locusttests", &file)?;
        Ok(Self { watch, file })
    }

    /// Every version of a test that was shown so far.
    pub fn of(&self, name: &str) -> Result<Vec<Value>> {
        let text = fs::read_to_string(&self.file)?;
        // The last one may be half written.
        let shown = serde_json::Deserializer::from_str(&text)
            .into_iter::<Value>()
            .map_while(Result::ok);
        let versions: Vec<Value> = shown
            .filter(|object| object["metadata"]["name"] == name)
            .collect();
        versions.iter().try_for_each(seen::note)?;
        Ok(versions)
    }

    /// The first version of a test that `probe` takes; its last error says what was seen instead.
    pub fn until<T>(
        &self,
        name: &str,
        what: &str,
        limit: Duration,
        probe: impl Fn(&Value) -> Result<T>,
    ) -> Result<T> {
        wait_until(&format!("{name} {what}"), limit, || {
            let mut last = anyhow!("kubectl has not shown it");
            for version in self.of(name)? {
                match probe(&version) {
                    Ok(found) => return Ok(found),
                    Err(error) => last = error,
                }
            }
            Err(last)
        })
    }
}

impl Drop for History {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.watch.kill();
        let _ = self.watch.wait();
    }
}

/// Fails unless the versions show a run that went forward only, and load that ran with this many users on this many
/// workers, with numbers.
pub fn expect_live(versions: &[Value], users: u64, workers: u64) -> Result<()> {
    let steps: Vec<usize> = versions.iter().map(step).collect::<Result<_>>()?;
    ensure!(steps.is_sorted(), "phases went back: {}", story(versions));
    let live = versions.iter().any(|test| {
        let status = &test["status"];
        status["phase"] == "Running"
            && status["workers"]["text"] == format!("{workers}/{workers}")
            && state(test, "WorkersConnected") == "True/AllWorkersConnected"
            && status["progress"]["users"] == users
            && status["progress"]["requests"].as_u64() > Some(0)
            && status["progress"]["p95"].is_string()
    });
    ensure!(
        live,
        "load of {users} users on {workers} workers was never shown: {}",
        story(versions)
    );
    Ok(())
}

/// Where on its way a test is.
fn step(test: &Value) -> Result<usize> {
    let phase = test["status"]["phase"].as_str().unwrap_or_default();
    match phase {
        "" => Ok(0),
        "Pending" => Ok(1),
        "Running" => Ok(2),
        "Succeeded" | "Failed" => Ok(3),
        _ => bail!("an unknown phase: {phase}"),
    }
}

fn story(versions: &[Value]) -> String {
    let line = |test: &Value| {
        let status = &test["status"];
        let workers = state(test, "WorkersConnected");
        format!("{} {workers} {}", status["phase"], status["progress"])
    };
    versions.iter().map(line).collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn version(phase: &str, users: u64, requests: u64) -> Value {
        let connected =
            json!({"type": "WorkersConnected", "status": "True", "reason": "AllWorkersConnected"});
        json!({"status": {"phase": phase, "workers": {"text": "2/2"}, "conditions": [connected],
            "progress": {"users": users, "requests": requests, "p95": "9ms"}}})
    }

    #[test]
    fn load_must_have_been_shown_with_all_users_and_numbers() {
        let pending = version("Pending", 5, 9);
        let whole = version("Running", 5, 9);
        let over = version("Succeeded", 5, 9);
        expect_live(&[pending.clone(), whole, over.clone()], 5, 2).unwrap();
        for missing in [version("Running", 4, 9), version("Running", 5, 0)] {
            expect_live(&[pending.clone(), missing, over.clone()], 5, 2).unwrap_err();
        }
    }

    #[test]
    fn phases_never_go_back() {
        let versions = ["Running", "Pending", "Running"].map(|phase| version(phase, 5, 9));
        let error = expect_live(&versions, 5, 2).unwrap_err().to_string();
        assert!(error.starts_with("phases went back"), "{error}");
    }
}
