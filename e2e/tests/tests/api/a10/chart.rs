//! What the chart makes.

use anyhow::{Context, Result, ensure};
use e2e_node::Layout;
use e2e_tests::cluster::delete_definitions;
use e2e_tests::webhook::CONFIGURATION;
use e2e_tests::{Kubectl, Operator, helm, ports, user, wait_until};
use serde_json::{Value, json};

use super::names;
use crate::converter::{CRD, Converter};
use crate::end;
use crate::world::{Cluster, SOON, World};

const RELEASE: &str = "locust-operator";
const NAMESPACE: &str = "release";

/// The variables of the operator that the chart makes with these values.
pub fn operator_env(kubectl: &Kubectl, values: &[&str]) -> Result<Value> {
    let objects = helm::rendered(kubectl.kubeconfig(), "deployment", values)?;
    let deployment = objects.first().context("a Deployment")?;
    let env = &deployment["spec"]["template"]["spec"]["containers"][0]["env"];
    let env = env.as_array().context("variables")?;
    let pair = |it: &Value| Some((it["name"].as_str()?.to_owned(), it["value"].clone()));
    Ok(Value::Object(env.iter().filter_map(pair).collect()))
}

pub fn a10_15_old_values_are_used(world: &World) -> Result<()> {
    let old = defects::OLD_VALUES
        .iter()
        .map(|(name, value, _)| format!("{name}={value}"));
    // What some of them are about is switched on under names of now.
    let new = [
        "locustPods.metricsExporter.enabled=true",
        "kafka.enabled=true",
    ];
    let values: Vec<String> = old.chain(new.map(str::to_owned)).collect();
    let values: Vec<&str> = values.iter().map(String::as_str).collect();
    let env = operator_env(&world.main.kubectl, &values)?;
    Ok(defects::check(15, &json!({ "env": env }))?)
}

/// A cluster without the definitions, for Helm to bring them.
fn empty_cluster(name: &str) -> Result<Cluster> {
    let cluster = Cluster::boot(name)?;
    delete_definitions(&cluster.kubectl)?;
    Ok(cluster)
}

fn helm(cluster: &Cluster, arguments: &[&str]) -> Result<String> {
    let common = ["--namespace", NAMESPACE];
    helm::run(
        cluster.kubectl.kubeconfig(),
        &[arguments, &common[..]].concat(),
    )
}

pub fn a10_17_webhooks_are_trusted_without_cert_manager(_: &World) -> Result<()> {
    let cluster = empty_cluster("a10-17")?;
    let kubectl = &cluster.kubectl;
    let chart = helm::chart()?;
    let without = "--set=webhook.certManager.enabled=false";
    helm(
        &cluster,
        &["install", RELEASE, &chart, "--create-namespace", without],
    )?;
    // With the rights that the release gives, and no others.
    let kubeconfig = user::kubeconfig(
        &kubectl.in_namespace(NAMESPACE),
        RELEASE,
        cluster.server.directory(),
    )?;
    let listen = format!("--webhook-listen-address=127.0.0.1:{}", ports::free()?);
    let configuration = format!("--webhook-configuration={CONFIGURATION}");
    let flags = [
        "--webhooks=true",
        &listen,
        "--webhook-secret=release/locust-operator-webhook-certs",
        "--webhook-hosts=locust-operator-webhook.release.svc",
        &configuration,
    ];
    let operator = Operator::start(&kubeconfig, &cluster.log("operator"), &flags)?;
    let with = "--set=webhook.certManager.enabled=true";
    let notes = helm(
        &cluster,
        &["install", "noted", &chart, "--dry-run=client", with],
    )?;
    let notes = notes.split_once("NOTES:").context("no notes")?.1;
    let mut certificates = helm::rendered(
        kubectl.kubeconfig(),
        "webhook",
        &["webhook.certManager.enabled=true"],
    )?;
    certificates.retain(|object| object["kind"] == "Certificate");
    wait_until("the operator's authority is known", SOON * 2, || {
        let conversion = kubectl.get("crd", CRD)?["spec"]["conversion"].take();
        let webhooks =
            kubectl.get("validatingwebhookconfiguration", CONFIGURATION)?["webhooks"].take();
        let state = json!({"conversion": conversion, "webhooks": webhooks, "notes": notes,
            "certificates": names(&certificates)});
        defects::check(17, &state).with_context(|| operator.log())
    })
}

pub fn a10_18_v1_is_judged_as_v2(_: &World) -> Result<()> {
    let converter = Converter::boot("a10-18")?;
    converter.let_run()?;
    let place = converter.cluster.place("a10-18")?;
    let kubectl = &place.kubectl;
    let operator = converter.operator(0)?;
    // As the chart has it, but for the address.
    let webhook =
        kubectl.get("validatingwebhookconfiguration", CONFIGURATION)?["webhooks"][0].take();
    let wrong = json!({"apiVersion": "locust.io/v1", "kind": "LocustTest", "metadata": {"name": "wrong"},
        "spec": {"image": "locustio/locust:2.47.0", "masterCommandSeed": "-f \"a.py", "workerCommandSeed": "-f a.py",
            "workerReplicas": 1}});
    wait_until("a wrong test of v1 is judged", SOON * 2, || {
        let create = ["create", "--dry-run=server", "-f", "-"];
        let answer = kubectl.feed(&create, &wrong.to_string());
        let said = answer.as_ref().err().map(|refusal| format!("{refusal:#}"));
        let judged = said.is_none_or(|said| said.contains("spec.master.command"));
        ensure!(judged, "{answer:?}");
        let state = json!({"rules": webhook["rules"], "matchPolicy": webhook["matchPolicy"], "accepted": answer.is_ok()});
        defects::check(18, &state).with_context(|| operator.log())
    })
}

pub fn a10_19_upgrade_and_uninstall_keep_the_tests(_: &World) -> Result<()> {
    let cluster = empty_cluster("a10-19")?;
    let kubectl = &cluster.kubectl;
    let published = Layout::discover()?
        .repo
        .join("e2e/tests/fixtures/published-1");
    let published = published.to_string_lossy();
    helm(
        &cluster,
        &["install", RELEASE, &published, "--create-namespace"],
    )?;
    let (chart, take) = (helm::chart()?, "--take-ownership");
    let upgrade = helm(
        &cluster,
        &["upgrade", RELEASE, &chart, take, "--force-conflicts"],
    );
    let upgrade = match upgrade {
        Ok(said) => json!({"ok": true, "said": said}),
        Err(refusal) => json!({"ok": false, "said": format!("{refusal:#}")}),
    };
    let place = cluster.place("a10-19")?;
    let served = |what: &str| {
        wait_until(what, SOON, || {
            place.kubectl.forget_kinds();
            place.kubectl.run(&["get", "--raw", "/apis/locust.io/v2"])
        })
    };
    served("v2 is served")?;
    place.kubectl.apply(&end::test("demo"))?;
    // There is no node that could run the hook's Job.
    helm(&cluster, &["uninstall", RELEASE, "--no-hooks", "--wait"])?;
    served("v2 is still served")?;
    let definition = kubectl.find("crd", CRD)?;
    let kept = definition.is_some_and(|it| it["metadata"]["deletionTimestamp"].is_null());
    let tests = names(&place.kubectl.list("lotest", "")?);
    Ok(defects::check(
        19,
        &json!({"upgrade": upgrade, "uninstall": {"definition": kept, "tests": tests}}),
    )?)
}
