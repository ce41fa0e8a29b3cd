//! The last release and the working version: up and down while tests run.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use e2e_node::{Layout, images};
use e2e_tests::{
    Kubectl,
    manifest::{locust_test, small_test},
    node::{Node, SOON, expect_counted, expect_outcome, finished, loading},
    once, wait_until,
};
use serde_json::Value;

use crate::world::Helm;

/// The release that is kept: `e2e/keep-release.sh` made it.
struct Release {
    version: String,
    directory: PathBuf,
}

impl Release {
    /// The only one.
    fn last(layout: &Layout) -> Result<Self> {
        let all = layout.repo.join("e2e/tests/fixtures/releases");
        let mut found = Vec::new();
        for entry in fs::read_dir(&all)? {
            let entry = entry?;
            found.push(Self {
                version: entry.file_name().to_string_lossy().into_owned(),
                directory: entry.path(),
            });
        }
        ensure!(
            found.len() == 1,
            "{} holds {} releases; keep the last one",
            all.display(),
            found.len()
        );
        found.pop().context("a release")
    }

    fn chart(&self) -> String {
        let chart = self
            .directory
            .join(format!("locust-operator-{}.tgz", self.version));
        chart.to_string_lossy().into_owned()
    }
}

/// For a small node, and for tests that do not wait long.
const VALUES: [&str; 4] = [
    "--set-string",
    "locustPods.resources.requests.cpu=50m",
    "--set",
    "progressInterval=2s",
];

/// From the last release to the working version, and back, each time during the load.
pub fn up_and_down(node: &Node) -> Result<()> {
    let release = Release::last(node.layout())?;
    let working = env!("CARGO_PKG_VERSION");
    ensure!(
        release.version != working,
        "{working} is out; what is worked on is a later version"
    );
    let image = images::load(node.layout(), &release.directory.join("image.tar"))?;
    ensure!(
        image.ends_with(&format!(
            "locust-operator/locust-operator:{}",
            release.version
        )),
        "{image}"
    );
    let helm = Helm::on_empty(node)?.of_the_documents();
    helm.install(&release.chart(), &VALUES)?;
    runs_version(&helm, &release.version)?;

    let kubectl = node.namespace("release")?;
    kubectl.apply(&small_test("over", ""))?;
    kubectl.apply(&locust_test("long", "50s", ""))?;
    // Claimed, and it waits for what it needs.
    let waits =
        small_test("waits", "").replace("    inline:", "    libConfigMapRef: later\n    inline:");
    kubectl.apply(&waits)?;
    let over = finished(&kubectl, "over")?;
    expect_outcome(&over, "Succeeded Passed/AllPassed", "0 failed")?;
    loading(&kubectl, "long")?;
    ensure!(
        kubectl.get("locusttest", "waits")?["status"]["run"]["id"].is_string(),
        "it is not claimed"
    );

    helm.upgrade(&VALUES)?;
    runs_version(&helm, working)?;
    still_loads(&kubectl, "long")?;
    kubectl.apply(
        "{apiVersion: v1, kind: ConfigMap, metadata: {name: later}, data: {helper.py: ''}}",
    )?;
    for name in ["waits", "long"] {
        passed_once(node, &kubectl, name)?;
    }
    ensure!(
        kubectl.get("locusttest", "over")? == over,
        "what was over has changed"
    );

    kubectl.apply(&locust_test("back", "45s", ""))?;
    let before = loading(&kubectl, "back")?;
    helm.roll_back()?;
    runs_version(&helm, &release.version)?;
    still_loads(&kubectl, "back")?;
    let back = passed_once(node, &kubectl, "back")?;
    ensure!(
        back["status"]["run"]["id"] == before["status"]["run"]["id"],
        "another run"
    );
    // What the older version does not know it leaves as it is, as far as its definition keeps it.
    ensure!(
        back["status"]["run"]["masterJobUID"] == before["status"]["run"]["masterJobUID"],
        "another Job"
    );
    for test in ["long", "waits", "over"] {
        let status = kubectl.get("locusttest", test)?["status"].take();
        ensure!(status["verdict"] == "Passed", "{test}: {status}");
    }
    helm.uninstall(&[])?;
    node.remove("release")?;
    helm.delete_definitions()
}

fn runs_version(helm: &Helm<'_>, version: &str) -> Result<()> {
    let operators = helm.operators()?;
    let images: Vec<&Value> = operators
        .iter()
        .map(|it| &it["spec"]["template"]["spec"]["containers"][0]["image"])
        .collect();
    ensure!(
        images == [&format!("locust-operator/locust-operator:{version}")],
        "{images:?}"
    );
    Ok(())
}

/// The upgrade was during the load, and the operator that is there now follows it.
fn still_loads(kubectl: &Kubectl, name: &str) -> Result<()> {
    let observed = |test: &Value| test["status"]["progress"]["observedAt"].clone();
    let before = kubectl.get("locusttest", name)?;
    ensure!(
        before["status"]["phase"] == "Running",
        "the load was over too soon: {}",
        before["status"]
    );
    wait_until("its numbers go on", SOON, || {
        let test = kubectl.get("locusttest", name)?;
        ensure!(observed(&test) != observed(&before), "{}", test["status"]);
        Ok(())
    })
}

fn passed_once(node: &Node, kubectl: &Kubectl, name: &str) -> Result<Value> {
    let test = finished(kubectl, name)?;
    expect_outcome(&test, "Succeeded Passed/AllPassed", "0 failed")?;
    expect_counted(kubectl, &test)?;
    once::expect_one_run(node, kubectl, &test)?;
    Ok(test)
}
