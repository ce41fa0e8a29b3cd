//! Settings of the operator, and pods that the published operator could not make.

use anyhow::{Result, ensure};
use e2e_tests::{Operator, wait_until};
use serde_json::{Value, json};

use crate::end::{run, test};
use crate::kubelet::{self, report};
use crate::world::{Place, SOON, World};

pub fn operator_with(place: &Place<'_>, settings: &[&str]) -> Result<Operator> {
    let namespace = format!("--watch-namespace={}", place.namespace());
    Operator::start_ready(
        &place.cluster.user.kubeconfig,
        &place.cluster.log(place.namespace()),
        &[&[namespace.as_str()], settings].concat(),
    )
}

pub fn finished_jobs_go_after_the_verdict(world: &World) -> Result<()> {
    let place = world.other.place("retention")?;
    let kubectl = &place.kubectl;
    let _operator = operator_with(&place, &["--job-ttl-seconds-after-finished=0"])?;
    run(kubectl, "demo", 0, |id| report(id, &json!({})).to_string())?;
    let status = kubelet::ended(kubectl, "demo")?;
    assert_eq!(status["verdict"], "Passed");
    wait_until("both Jobs are gone", SOON * 3, || {
        let jobs = kubectl.list("jobs", "managed-by=locust-k8s-operator")?;
        ensure!(jobs.is_empty(), "{} Jobs are left", jobs.len());
        Ok(())
    })?;
    place.settled()?;
    let created = place.created()?;
    let jobs = created.iter().filter(|it| it.starts_with("jobs/")).count();
    assert_eq!(jobs, 2, "nothing runs twice: {created:?}");
    let now = kubectl.get("lotest", "demo")?;
    assert_eq!(now["status"], status, "the verdict stays");
    let writes = place.writes()?;
    let position = |is: &dyn Fn(&str, &str) -> bool| {
        writes
            .iter()
            .rposition(|write| is(&write.resource(), write.name()))
    };
    let verdict = position(&|resource, _| resource == "locusttests/status");
    let retention = writes
        .iter()
        .position(|write| write.resource() == "jobs" && write.verb() == "patch");
    ensure!(
        verdict < retention,
        "no Job is touched before the verdict: {:#?}",
        writes.iter().map(|write| write.line()).collect::<Vec<_>>()
    );
    let patched = writes
        .iter()
        .filter(|write| write.name() == "demo-master" && write.verb() == "patch")
        .filter(|write| write.resource() == "jobs")
        .count();
    assert_eq!(patched, 1, "the master's Job is told once");
    Ok(())
}

fn variable<'a>(job: &'a Value, name: &str) -> &'a Value {
    let env = job["spec"]["template"]["spec"]["containers"][0]["env"].as_array();
    let found = env.into_iter().flatten().find(|it| it["name"] == name);
    found.unwrap_or(&Value::Null)
}

pub fn the_operators_settings_reach_the_pods(world: &World) -> Result<()> {
    let place = world.other.place("settings")?;
    let kubectl = &place.kubectl;
    let _operator = operator_with(
        &place,
        &[
            "--metrics-exporter-enabled=true",
            "--default-runtime-class-name=kata",
            "--kafka-bootstrap-servers=kafka:9092",
            "--kafka-security-enabled=true",
            "--kafka-secret-name=kafka-login",
            "--pod-cpu-limit=none",
        ],
    )?;
    kubectl.apply(&test("demo"))?;
    kubelet::started(kubectl, "demo")?;
    let job = kubectl.get("job", "demo-master")?;
    let pod = &job["spec"]["template"]["spec"];
    assert_eq!(pod["runtimeClassName"], "kata");
    let exporter = &pod["initContainers"][0];
    assert_eq!(
        [
            &exporter["name"],
            &exporter["restartPolicy"],
            &exporter["ports"][0]["containerPort"]
        ],
        [
            &json!("locust-metrics-exporter"),
            &json!("Always"),
            &json!(9647)
        ]
    );
    let limits = &pod["containers"][0]["resources"]["limits"];
    assert_eq!(
        [&limits["cpu"], &limits["memory"]],
        [&Value::Null, &json!("1Gi")]
    );
    assert_eq!(
        variable(&job, "KAFKA_PASSWORD")["valueFrom"]["secretKeyRef"],
        json!({"name": "kafka-login", "key": "password"})
    );
    let service = kubectl.get("service", "demo-master")?;
    assert_eq!(service["spec"]["ports"][2]["port"], 9647);
    Ok(())
}

/// Each of these made a Job that the API server refused.
const REFUSED_ONCE: &str = r#"
apiVersion: locust.io/v2
kind: LocustTest
metadata: {name: team.test}
spec:
  worker: {replicas: 1, labels: {performance-test-name: blind}}
  master: {labels: {performance-test-name: blind}}
  env:
    secretMounts:
      - {name: tls, mountPath: /a}
      - {name: tls, mountPath: /b}
      - {name: ca.example.com, mountPath: /c}
"#;

pub fn what_the_published_operator_got_refused(world: &World) -> Result<()> {
    let place = world.main.place("refused-once")?;
    let kubectl = &place.kubectl;
    kubectl.apply(REFUSED_ONCE)?;
    kubelet::started(kubectl, "team.test")?;
    let job = kubectl.get("job", "team-test-worker")?;
    let template = &job["spec"]["template"];
    let label = &template["metadata"]["labels"]["performance-test-name"];
    assert_eq!(label, "team.test", "the label is ours");
    let secrets = template["spec"]["volumes"].as_array();
    let secrets = secrets.into_iter().flatten();
    assert_eq!(secrets.filter(|it| it["secret"].is_object()).count(), 2);
    Ok(())
}
