//! Runs of a namespace, followed from `kubectl apply` to what they leave behind.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::{
    Kubectl,
    history::{History, expect_live},
    node::{Node, RUN, expect_counted, expect_no_pods_left, expect_outcome, state},
    once::expect_one_run,
};

/// The runs of a namespace.
pub struct Runs<'a> {
    node: &'a Node,
    /// kubectl in the namespace.
    pub kubectl: Kubectl,
    history: History,
}

impl<'a> Runs<'a> {
    /// In a new namespace with the demo target in it.
    pub fn in_namespace(node: &'a Node, name: &str) -> Result<Self> {
        let kubectl = node.namespace(name)?;
        let history = History::begin(&kubectl)?;
        Ok(Self {
            node,
            kubectl,
            history,
        })
    }

    /// Fails unless the run passes, showed live numbers of so many users on so many workers on its way, and counts what
    /// the target received. The rest as [`Self::expect_end`].
    pub fn expect_pass(&self, name: &str, users: u64, workers: u64) -> Result<Value> {
        let test = self.expect_end(name, "Succeeded Passed/AllPassed", "0 failed")?;
        expect_live(&self.history.of(name)?, users, workers).with_context(|| name.to_owned())?;
        expect_counted(&self.kubectl, &test).with_context(|| name.to_owned())?;
        Ok(test)
    }

    /// Fails unless the run ends like this, leaves nothing running, happened once and was written as often as needed.
    pub fn expect_end(&self, name: &str, outcome: &str, words: &str) -> Result<Value> {
        let test = self.until(name, "is over", RUN, |test| {
            let completed = state(test, "Completed");
            let seen = || format!("{} {}", test["status"]["phase"], state(test, "PodsHealthy"));
            ensure!(completed.starts_with("True/"), "{}", seen());
            Ok(test.clone())
        })?;
        expect_outcome(&test, outcome, words)
            .and_then(|()| expect_no_pods_left(&self.kubectl, name))
            .and_then(|()| expect_one_run(self.node, &self.kubectl, &test))
            .with_context(|| name.to_owned())?;
        Ok(test)
    }

    /// The first version of a test that `probe` takes.
    pub fn until<T>(
        &self,
        name: &str,
        what: &str,
        limit: Duration,
        probe: impl Fn(&Value) -> Result<T>,
    ) -> Result<T> {
        self.history.until(name, what, limit, probe)
    }
}
