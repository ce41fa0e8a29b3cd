//! Who may reach the pods of a run, and the Service that leads to the web UI.

use anyhow::{Result, ensure};
use e2e_tests::wait_until;
use serde_json::{Value, json};

use crate::end::test;
use crate::kubelet;
use crate::settings::operator_with;
use crate::world::{SOON, World};

/// A test whose spec has these further fields.
fn with(name: &str, fields: &str) -> String {
    format!(
        "{{apiVersion: locust.io/v2, kind: LocustTest, metadata: {{name: {name}}}, spec: {{worker: {{replicas: 1}}, {fields}}}}}"
    )
}

fn ports(numbers: &[i32]) -> Value {
    let port = |port: &i32| json!({"port": port, "protocol": "TCP"});
    numbers.iter().map(port).collect()
}

/// Where workers, and nobody else, come from.
fn from_workers(run: &Value) -> Value {
    let labels = json!({"locust.io/run-id": run, "locust.io/role": "worker"});
    json!({"ports": ports(&[5557, 5558]), "from": [{"podSelector": {"matchLabels": labels}}]})
}

pub fn a_policy_around_every_run(world: &World) -> Result<()> {
    let place = world.main.place("policy")?;
    let kubectl = &place.kubectl;
    kubectl.apply(&test("demo"))?;
    let status = kubelet::started(kubectl, "demo")?;
    let run = &status["run"]["id"];
    let policy = kubectl.get("networkpolicy", "demo-master")?;
    assert_eq!(
        policy["spec"],
        json!({
            "podSelector": {"matchLabels": {"locust.io/run-id": run}},
            "policyTypes": ["Ingress"],
            "ingress": [from_workers(run), {"ports": ports(&[9646])}],
        })
    );
    // It is around the pods of both roles.
    let master = kubelet::master_pod(kubectl, "demo")?;
    assert_eq!(&master["metadata"]["labels"]["locust.io/run-id"], run);
    let workers = format!(
        "locust.io/role=worker,locust.io/run-id={}",
        run.as_str().unwrap_or_default()
    );
    wait_until("the workers' pods", SOON, || {
        let pods = kubectl.list("pods", &workers)?;
        ensure!(pods.len() == 2, "{} pods", pods.len());
        Ok(())
    })
}

pub fn policies_by_setting(world: &World) -> Result<()> {
    let place = world.other.place("policy-peers")?;
    let kubectl = &place.kubectl;
    let scrapers = json!([{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}]);
    let people = json!([{"ipBlock": {"cidr": "10.0.0.0/8"}}]);
    let _operator = operator_with(
        &place,
        &[
            "--metrics-exporter-enabled=true",
            &format!("--network-policy-metrics-from={scrapers}"),
            &format!("--network-policy-web-ui-from={people}"),
        ],
    )?;
    let moved = with(
        "shown",
        "webUI: {service: {}}, master: {extraArgs: [--web-port=9090]}",
    );
    kubectl.apply(&format!("{}\n---\n{moved}", test("hidden")))?;
    let metrics = json!({"ports": ports(&[9646, 9647]), "from": scrapers});
    let web_ui = json!({"ports": ports(&[9090]), "from": people});
    for (name, more) in [("hidden", None), ("shown", Some(web_ui))] {
        let status = kubelet::started(kubectl, name)?;
        let mut wanted = vec![from_workers(&status["run"]["id"]), metrics.clone()];
        wanted.extend(more);
        let policy = kubectl.get("networkpolicy", &format!("{name}-master"))?;
        assert_eq!(policy["spec"]["ingress"], json!(wanted), "{name}");
    }

    let place = world.other.place("no-policy")?;
    let _operator = operator_with(&place, &["--network-policy=false"])?;
    place.kubectl.apply(&test("demo"))?;
    kubelet::started(&place.kubectl, "demo")?;
    assert_eq!(
        place.created()?,
        [
            "configmaps/demo-master",
            "services/demo-master",
            "jobs/demo-worker",
            "jobs/demo-master"
        ]
    );
    Ok(())
}

pub fn a_way_to_the_web_ui(world: &World) -> Result<()> {
    let place = world.main.place("web-ui")?;
    let kubectl = &place.kubectl;
    kubectl.apply(&with(
        "team.test",
        "webUI: {service: {type: NodePort, labels: {team: shop, managed-by: me}, annotations: {a/b: c}}}",
    ))?;
    let status = kubelet::started(kubectl, "team.test")?;
    let service = kubectl.get("service", "team-test-webui")?;
    let metadata = &service["metadata"];
    assert_eq!(metadata["annotations"]["a/b"], "c");
    assert_eq!(
        metadata["labels"],
        json!({"team": "shop", "managed-by": "locust-k8s-operator", "performance-test-name": "team.test",
            "locust.io/run-id": status["run"]["id"]})
    );
    assert_eq!(metadata["ownerReferences"][0]["name"], "team.test");
    let spec = &service["spec"];
    assert_eq!(spec["type"], "NodePort");
    assert_eq!(
        spec["selector"],
        json!({"performance-test-pod-name": "team-test-master"})
    );
    let port = &spec["ports"][0];
    assert_eq!(
        [&port["name"], &port["port"], &port["targetPort"]],
        [&json!("http"), &json!(8089), &json!(8089)]
    );
    wait_until("the event that names it", SOON, || {
        let notes = json!(kubectl.events("team.test")?).to_string();
        ensure!(notes.contains("Service team-test-webui"), "{notes}");
        Ok(())
    })?;
    let changed = kubectl.patch("lotest", "team.test", &json!({"spec": {"webUI": null}}));
    let said = changed.map_or_else(|error| format!("{error:#}"), |it| it.to_string());
    ensure!(said.contains("the test has started"), "{said}");

    kubectl.run(&["delete", "lotest", "team.test", "--timeout=10s"])?;
    wait_until("the Service is gone", SOON * 2, || {
        let left = kubectl.find("service", "team-test-webui")?;
        ensure!(left.is_none(), "it is there");
        Ok(())
    })
}

pub fn a_way_to_no_web_ui_is_refused(world: &World) -> Result<()> {
    let place = world.main.place("no-web-ui")?;
    let kubectl = &place.kubectl;
    kubectl.apply(&with(
        "demo",
        "webUI: {service: {}}, master: {extraArgs: [--headless]}",
    ))?;
    let message = wait_until("InvalidSpec is said", SOON, || {
        let status = kubelet::status(kubectl, "demo")?;
        let ready = kubelet::condition(&status, "Ready");
        ensure!(ready["reason"] == "InvalidSpec", "{status}");
        Ok(ready["message"].to_string())
    })?;
    ensure!(
        message.contains("spec.webUI.service")
            && message.contains("spec.master.extraArgs says --headless"),
        "{message}"
    );
    kubectl.patch(
        "lotest",
        "demo",
        &json!({"spec": {"webUI": {"service": null}}}),
    )?;
    kubelet::started(kubectl, "demo")?;
    kubectl.apply(&with("hidden", "webUI: {enabled: false}"))?;
    kubelet::started(kubectl, "hidden")?;
    let job = kubectl.get("job", "hidden-master")?;
    let args = job["spec"]["template"]["spec"]["containers"][0]["args"].to_string();
    ensure!(
        args.contains("\"--headless\"") && !args.contains("--auto"),
        "{args}"
    );
    Ok(())
}
