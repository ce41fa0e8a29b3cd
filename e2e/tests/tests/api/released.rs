//! `locust-operator release-definition`, which Helm runs before it uninstalls.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use e2e_tests::operator::run_to_end;
use e2e_tests::user::{self, Scope};
use e2e_tests::wait::stays_so;
use e2e_tests::wait_until;
use serde_json::{Value, json};

use crate::converter::{CRD, Converter};
use crate::kubelet;
use crate::world::{SOON, World};

const TEST: &str = "{apiVersion: locust.io/v2, kind: LocustTest, metadata: {name: demo}, spec: {worker: {replicas: 1}}}";

/// The definition and its tests work without an operator.
pub fn a_released_definition_needs_no_operator(_: &World) -> Result<()> {
    let converter = Converter::boot("released")?;
    converter.let_run()?;
    let cluster = &converter.cluster;
    let kubectl = cluster.place("released")?.kubectl;
    let mut operator = converter.operator(0)?;
    operator.wait_ready()?;
    kubectl.apply(TEST)?;
    kubelet::started(&kubectl, "demo")?;
    let admin = user::create(
        &cluster.kubectl.in_namespace("operator"),
        "release",
        Scope::Cluster,
        &user::generated_rules("release-rules")?,
        &cluster.directory(),
    )?;
    let release = |hosts: &str| {
        let kubeconfig = admin.kubeconfig.to_string_lossy().into_owned();
        let output = run_to_end(
            &["release-definition"],
            &[("KUBECONFIG", &kubeconfig), ("WEBHOOK_HOSTS", hosts)],
        )?;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        ensure!(output.status.success(), "{}: {said}", output.status);
        Ok(said)
    };
    let before = cluster.kubectl.get("crd", CRD)?;
    ensure!(release("hook.elsewhere.svc")?.contains("it is left alone"));
    assert_eq!(cluster.kubectl.get("crd", CRD)?["spec"], before["spec"]);
    ensure!(release("hook.elsewhere.svc,127.0.0.1")?.contains("asks nobody to convert any more"));
    let conversion = |definition: &Value| definition["spec"]["conversion"].clone();
    let served = |definition: &Value| -> Vec<(Value, Value)> {
        let versions = definition["spec"]["versions"].as_array();
        let all = versions.into_iter().flatten();
        all.map(|version| (version["name"].clone(), version["served"].clone()))
            .collect()
    };
    // The operator is still there, and leaves it so.
    stays_so("it stays released", Duration::from_secs(3), || {
        let definition = cluster.kubectl.get("crd", CRD)?;
        ensure!(
            conversion(&definition) == json!({"strategy": "None"}),
            "{}",
            conversion(&definition)
        );
        ensure!(
            served(&definition) == [(json!("v2"), json!(true)), (json!("v1"), json!(false))],
            "{:?}",
            served(&definition)
        );
        Ok(())
    })?;
    // Nobody owns what it wrote, so that whoever installs the definition again meets no conflict.
    let arguments = ["get", "crd", CRD, "--show-managed-fields", "-o", "json"];
    let definition: Value = serde_json::from_str(&cluster.kubectl.run(&arguments)?)?;
    let owners = definition["metadata"]["managedFields"]
        .as_array()
        .context("owners")?;
    let ours = owners
        .iter()
        .filter(|owner| owner["manager"] == "locust-operator" && owner["subresource"].is_null());
    ensure!(ours.count() == 0, "{owners:?}");
    ensure!(
        release("127.0.0.1")?.contains("it is left alone"),
        "once is enough"
    );

    drop(operator);
    kubectl.forget_kinds();
    ensure!(kubectl.list("lotest", "")?.len() == 1, "lists work");
    let later = cluster.place("later")?.kubectl;
    later.apply(TEST)?;
    cluster.kubectl.delete("namespace", "later")?;
    wait_until("a namespace with a test is gone", SOON * 2, || {
        let namespace = cluster.kubectl.find("namespace", "later")?;
        ensure!(namespace.is_none(), "{namespace:?}");
        Ok(())
    })?;
    cluster
        .kubectl
        .run(&["delete", "crd", CRD, "--wait", "--timeout=60s"])
        .map(drop)
}
