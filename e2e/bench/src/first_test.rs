//! The README's first test.

use anyhow::Result;
use e2e_node::Layout;
use e2e_tests::Kubectl;
use serde_json::Value;

/// The test as JSON.
pub fn json(kubectl: &Kubectl) -> Result<Value> {
    let file = Layout::discover()?.repo.join("examples/first-test.yaml");
    kubectl.json(&["create", "--dry-run=client", "-f", &file.to_string_lossy()])
}
