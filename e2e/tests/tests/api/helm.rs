//! The chart's objects on an API server, beside an operator that writes into one of them.

use std::time::Duration;

use anyhow::{Result, ensure};
use e2e_node::Layout;
use e2e_tests::cluster::delete_definitions;
use e2e_tests::user;
use e2e_tests::webhook::CONFIGURATION;
use e2e_tests::{Operator, helm, ports, wait_until};
use serde_json::{Value, json};

use crate::converter::CRD;
use crate::world::{Cluster, SOON, World};

const NAMESPACE: &str = "release";

/// Upgrades neither fail over what the operator has written into the chart's object, nor take it away.
pub fn helm_leaves_the_authority_alone(_: &World) -> Result<()> {
    let cluster = Cluster::boot("helm")?;
    let kubectl = &cluster.kubectl;
    let upgrade = |more: &[&str]| helm::upgrade_release(kubectl.kubeconfig(), more);
    let authority = || -> Result<Value> {
        let mut found = kubectl.get("validatingwebhookconfiguration", CONFIGURATION)?;
        Ok(found["webhooks"][0]["clientConfig"]["caBundle"].take())
    };
    upgrade(&[])?;
    assert_eq!(authority()?, Value::Null, "Helm knows of none");

    // With the rights that the release gives, and no others.
    let kubeconfig = user::kubeconfig(
        &kubectl.in_namespace(NAMESPACE),
        "locust-operator",
        cluster.server.directory(),
    )?;
    let listen = format!("--webhook-listen-address=127.0.0.1:{}", ports::free()?);
    let flags = [
        "--webhooks=true",
        &listen,
        "--webhook-secret=release/locust-operator-webhook-certs",
        "--webhook-hosts=127.0.0.1",
        "--webhook-configuration=locust-operator-webhook",
    ];
    let operator = Operator::start(&kubeconfig, &cluster.log("operator"), &flags)?;
    let known = || {
        wait_until("the operator's authority is in it", SOON, || {
            let found = authority()?;
            ensure!(found.is_string(), "{found}\n{}", operator.log());
            Ok(found)
        })
    };
    let first = known()?;
    for _ in 0..2 {
        upgrade(&[])?;
        assert_eq!(authority()?, first);
    }
    // Away and back again.
    upgrade(&["--set=webhook.validation.enabled=false"])?;
    let found = kubectl.find("validatingwebhookconfiguration", CONFIGURATION)?;
    ensure!(found.is_none(), "{found:?}");
    drop(operator);
    upgrade(&[])?;
    let operator = Operator::start(&kubeconfig, &cluster.log("operator-2"), &flags)?;
    wait_until("the authority is in it again", SOON, || {
        ensure!(authority()? == first, "{}", operator.log());
        Ok(())
    })
}

/// What the operator writes into the definition is Helm's as soon as it is there: a release without conversion can take the
/// place of one with it, by Helm alone.
pub fn helm_takes_the_conversion_back(_: &World) -> Result<()> {
    let cluster = Cluster::boot("rollback")?;
    let kubectl = &cluster.kubectl;
    delete_definitions(kubectl)?;
    let run = |arguments: &[&str]| {
        let common = ["--namespace=release", "--kubeconfig"];
        let kubeconfig = kubectl.kubeconfig().to_string_lossy().into_owned();
        let arguments = [arguments, &common[..], &[&kubeconfig]].concat();
        helm::run(kubectl.kubeconfig(), &arguments).map(drop)
    };
    let upgrade = |more: &[&str]| {
        let chart = helm::chart()?;
        run(&[&["upgrade", "tests", &chart, "--reset-values"][..], more].concat())
    };
    let conversion =
        || -> Result<Value> { Ok(kubectl.get("crd", CRD)?["spec"]["conversion"].take()) };
    let authority =
        || -> Result<Value> { Ok(conversion()?["webhook"]["clientConfig"]["caBundle"].take()) };
    let published = Layout::discover()?
        .repo
        .join("e2e/tests/fixtures/published");
    run(&[
        "install",
        "tests",
        &published.to_string_lossy(),
        "--create-namespace",
    ])?;
    upgrade(&[])?;

    let kubeconfig = user::kubeconfig(
        &kubectl.in_namespace(NAMESPACE),
        "locust-operator",
        cluster.server.directory(),
    )?;
    let listen = format!("--webhook-listen-address=127.0.0.1:{}", ports::free()?);
    let start = |name: &str| {
        let flags = [
            "--webhooks=true",
            &listen,
            "--webhook-secret=release/locust-operator-webhook-certs",
            "--webhook-hosts=locust-operator-webhook.release.svc",
        ];
        Operator::start(&kubeconfig, &cluster.log(name), &flags)
    };
    let operator = start("operator")?;
    // The operator looks at the definition once a minute.
    let in_a_minute = Duration::from_secs(90);
    let is_helms = |operator: &Operator| {
        wait_until("the authority is Helm's", in_a_minute, || {
            let text = kubectl.run(&["get", "crd", CRD, "--show-managed-fields", "-o", "json"])?;
            let definition: Value = serde_json::from_str(&text)?;
            let owners = definition["metadata"]["managedFields"].as_array();
            let owners: Vec<&Value> = owners
                .into_iter()
                .flatten()
                .filter(|owner| {
                    let config =
                        &owner["fieldsV1"]["f:spec"]["f:conversion"]["f:webhook"]["f:clientConfig"];
                    config["f:caBundle"].is_object()
                })
                .map(|owner| &owner["manager"])
                .collect();
            ensure!(
                owners == ["helm"],
                "it is owned by {owners:?}\n{}",
                operator.log()
            );
            Ok(())
        })
    };
    is_helms(&operator)?;
    let first = authority()?;
    ensure!(first.is_string(), "{first}");
    upgrade(&[])?;
    assert_eq!(authority()?, first, "an upgrade leaves it alone");
    is_helms(&operator)?;

    // The pods go with the release that they are of.
    drop(operator);
    run(&["rollback", "tests", "1"])?;
    assert_eq!(conversion()?, json!({"strategy": "None"}));
    upgrade(&[])?;
    let operator = start("operator-2")?;
    is_helms(&operator)?;
    upgrade(&["--set=webhook.enabled=false"])?;
    assert_eq!(conversion()?, json!({"strategy": "None"}));
    upgrade(&[])?;
    is_helms(&operator)?;
    assert_eq!(authority()?, first);
    run(&["uninstall", "tests", "--no-hooks"])
}
