//! The published operator's plain manifests: a definition that no release owns, and a Deployment that Helm does not know.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};
use e2e_tests::{
    Kubectl,
    node::{Node, SOON},
    wait::stays_so,
    wait_until,
};
use serde_json::{Value, json};

use crate::world::{DEFINITION, Helm, NAMESPACE, RELEASE, uid};

const LEASE: &str = "locust-k8s-operator.locust.io";
const OLD: &str = "locust-k8s-operator-controller-manager";

/// The old operator acts until it is removed, and then the new one, because both want the same Lease.
pub fn take_over(node: &Node) -> Result<()> {
    let helm = Helm::on_empty(node)?;
    node.remove(NAMESPACE)?;
    node.kubectl.run(&["create", "namespace", NAMESPACE])?;
    let perf = node.kubectl.in_namespace(NAMESPACE);
    node.kubectl.apply(&manifests(&helm)?)?;
    let default = node.kubectl.in_namespace("default");
    let test = |name: &str| {
        format!(
            "{{apiVersion: locust.io/v2, kind: LocustTest, metadata: {{name: {name}}}, spec: {{image: x, worker: {{replicas: 1}}, testFiles: {{configMapRef: never}}}}}}"
        )
    };
    wait_until("a test can be made", SOON, || default.apply(&test("kept")))?;
    let before = uid(&default, "locusttest", "kept")?;
    let refused = helm
        .install("charts/locust-operator", &[])
        .err()
        .context("Helm takes what it does not own")?;
    ensure!(
        format!("{refused:#}").contains("invalid ownership metadata"),
        "{refused:#}"
    );
    helm.uninstall(&["--ignore-not-found", "--no-hooks"])?;

    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| -> Result<()> {
        let holder = scope.spawn(|| hold_lease(&perf, &stop));
        let taken = install_beside(&helm, &default).and_then(|()| {
            // What the documents say; the other does not give its Lease back.
            perf.run(&["delete", "deployment", OLD, "--timeout=60s"])
        });
        stop.store(true, Ordering::Relaxed);
        holder
            .join()
            .map_err(|_| anyhow!("the holder panicked"))??;
        taken.map(drop)
    })?;
    wait_until("the new one acts", SOON, || {
        let status = default.get("locusttest", "kept")?["status"].take();
        ensure!(status["run"]["id"].is_string(), "{status}");
        Ok(())
    })?;
    ensure!(
        uid(&default, "locusttest", "kept")? == before,
        "the test is another one"
    );

    // A second release for all namespaces is refused, and changes nothing.
    let chart = node.layout().repo.join("charts/locust-operator");
    let second = [
        "install",
        "second",
        &chart.to_string_lossy(),
        "--namespace",
        "default",
        "--take-ownership",
        "--force-conflicts",
        "--set",
        "fullnameOverride=second",
    ];
    let refused = node
        .helm(&second)
        .err()
        .context("two operators of all namespaces")?;
    for part in [
        &format!("release {RELEASE} in namespace {NAMESPACE}"),
        "two operators must not work on the same tests",
        "watch.scope=Namespace",
    ] {
        ensure!(
            format!("{refused:#}").contains(part),
            "{part:?} is not in {refused:#}"
        );
    }
    let owner = helm.definition()?["metadata"]["annotations"]["meta.helm.sh/release-name"].take();
    ensure!(owner == RELEASE, "the definition is of {owner}");
    default.run(&["delete", "locusttest", "kept", "--timeout=30s"])?;
    helm.uninstall(&[])?;
    helm.delete_definitions()
}

/// While the old operator holds the Lease, the new one is ready and does nothing.
fn install_beside(helm: &Helm<'_>, tests: &Kubectl) -> Result<()> {
    helm.install(
        "charts/locust-operator",
        &["--take-ownership", "--force-conflicts"],
    )?;
    stays_so("the new one stands by", Duration::from_secs(4), || {
        let status = tests.get("locusttest", "kept")?["status"].take();
        ensure!(status.is_null(), "{status}");
        Ok(())
    })
}

/// The definition of the published chart, as `kubectl apply` makes it, and the Deployment of the plain manifests.
fn manifests(helm: &Helm<'_>) -> Result<String> {
    let chart = helm.node.layout().repo.join("e2e/tests/fixtures/published");
    let rendered = helm
        .node
        .helm(&["template", RELEASE, &chart.to_string_lossy()])?;
    let definition = rendered
        .split("---\n")
        .find(|object| object.contains("kind: CustomResourceDefinition"))
        .context("no definition in the published chart")?;
    ensure!(definition.contains(DEFINITION), "{definition}");
    let labels = json!({"control-plane": "controller-manager", "app.kubernetes.io/name": "locust-k8s-operator"});
    let deployment = json!({"apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": OLD, "namespace": NAMESPACE, "labels": labels},
        "spec": {"replicas": 1, "selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": {
            "containers": [{"name": "manager", "image": "locust-operator/demo-target:dev"}]}}}});
    Ok(format!("{definition}\n---\n{deployment}\n"))
}

/// Holds the Lease as the published operator does, for as long as that is there.
fn hold_lease(kubectl: &Kubectl, stop: &AtomicBool) -> Result<()> {
    let lease = |renewed: &str| -> Value {
        json!({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": LEASE},
            "spec": {"holderIdentity": format!("{OLD}-7d4b9_5f1c"), "leaseDurationSeconds": 15, "renewTime": renewed}})
    };
    let mut turn = 0;
    while !stop.load(Ordering::Relaxed) {
        // Only that it changes matters to who waits for it.
        turn += 1;
        kubectl.apply(
            &lease(&format!(
                "2026-01-02T03:{:02}:{:02}.000000Z",
                turn / 60,
                turn % 60
            ))
            .to_string(),
        )?;
        std::thread::sleep(Duration::from_secs(2));
    }
    Ok(())
}
