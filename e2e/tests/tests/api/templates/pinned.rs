//! What a run was made from stays as it was, whatever becomes of the template and the operator.

use anyhow::{Context, Result, ensure};
use e2e_tests::proxy::{KillPoint, Succession, When, Writes};
use e2e_tests::{Kubectl, wait_until};
use serde_json::{Value, json};

use super::{judged, template, test};
use crate::kubelet::{self, DETAILS, report};
use crate::script::launch;
use crate::world::{Place, SOON, World};

/// One of a hundred requests of the report fails: with this limit that is well.
const LIMIT: &str = "2%";
const TEMPLATE: &str = "
  parameters:
  - {name: users, type: integer, default: 10}
  - {name: length, type: duration}
  - {name: steady, type: boolean, default: false}
  - {name: limit, default: 2%}
  files:
    locustfile.py: |
      # {{params.users}} stays as it is
  test:
    run:
      host: 'http://{{run.name}}.shop'
      users: '{{params.users}}'
      runTime: '{{params.length}}'
      excludeRampUp: '{{params.steady}}'
    worker: {replicas: 2, labels: {users: '{{params.users}}'}}
    thresholds: [{name: errors, metric: errorRatio, op: lt, value: '{{params.limit}}'}]
";
const TEST: &str = "
  templateRef:
    name: shop
    parameters: [{name: users, value: 500}, {name: length, value: 30m}, {name: steady, value: true}]
";

/// The Jobs of the run by what must never change of them.
fn jobs(kubectl: &Kubectl) -> Result<Vec<Value>> {
    ["demo-master", "demo-worker"]
        .map(|name| {
            let job = kubectl.get("job", name)?;
            let spec = &job["spec"];
            Ok(json!([
                job["metadata"]["uid"],
                spec["template"],
                spec["completions"]
            ]))
        })
        .into_iter()
        .collect()
}

/// The only ControllerRevision of the namespace.
fn revision(kubectl: &Kubectl) -> Result<Value> {
    let mut all = kubectl.list("controllerrevisions", "")?;
    ensure!(all.len() == 1, "{} revisions: {all:#?}", all.len());
    all.pop().context("a revision")
}

/// Ends the run as Locust does after one failed request in a hundred; returns the status.
fn end(kubectl: &Kubectl) -> Result<Value> {
    let status = kubelet::started(kubectl, "demo")?;
    let id = status["run"]["id"].as_str().context("a run id")?;
    let report = report(id, &json!({"f": 7}));
    let measured = json!({"k": "th", "a": [[0.01, 700]]});
    kubelet::end_master(
        kubectl,
        "demo",
        0,
        &format!("{report}\n{measured}\n{DETAILS}"),
    )?;
    kubelet::ended(kubectl, "demo")
}

fn check_passed(status: &Value) {
    assert_eq!(
        [&status["phase"], &status["verdict"], &status["reason"]],
        ["Succeeded", "Passed", "AllPassed"]
    );
    let limit = format!("errorRatio < {LIMIT}");
    assert_eq!(
        status["thresholds"],
        json!([{"name": "errors", "limit": limit, "actual": "0.0100", "result": "Passed"}])
    );
}

pub fn a_test_is_made_from_its_template(world: &World) -> Result<()> {
    let place = world.other.place("from-template")?;
    let kubectl = &place.kubectl;
    let mut operator = place.operator()?;
    kubectl.apply(&template("shop", TEMPLATE))?;
    judged(kubectl, "shop")?;
    let made_from = kubectl.get("lotmpl", "shop")?;
    kubectl.apply(&test("demo", TEST))?;
    let status = kubelet::started(kubectl, "demo")?;
    check_filled_in(kubectl)?;
    let pin = check_pinned(kubectl, &made_from, &status)?;
    let before = (jobs(kubectl)?, revision(kubectl)?);

    let other = TEMPLATE
        .replace(LIMIT, "0.5%")
        .replace("default: 10", "default: 20")
        .replace("replicas: 2", "replicas: 7")
        .replace("stays", "stayed");
    kubectl.apply(&template("shop", &other))?;
    judged(kubectl, "shop")?;
    place.settled()?;
    assert_eq!(
        (jobs(kubectl)?, revision(kubectl)?),
        before,
        "after the edit"
    );
    operator.kill()?;
    kubectl.run(&["delete", "lotmpl", "shop"])?;
    let mut operator = place.operator()?;
    place.settled()?;
    assert_eq!(
        (jobs(kubectl)?, revision(kubectl)?),
        before,
        "without the template"
    );
    operator.kill()?;
    kubectl.apply(&template("shop", &other))?;
    let _operator = place.operator()?;
    judged(kubectl, "shop")?;

    let status = end(kubectl)?;
    check_passed(&status);
    for (field, value) in pin.as_object().context("a pin")? {
        assert_eq!(&status["pin"][field], value, "pin.{field}");
    }
    assert_eq!((jobs(kubectl)?, revision(kubectl)?), before, "at the end");
    place.settled()?;
    place.check_status_writes()?;
    kubectl.delete("lotest", "demo")?;
    e2e_tests::wait_until("nothing is left of the run", SOON, || {
        let left = kubectl.list("controllerrevisions,jobs", "")?;
        ensure!(left.is_empty(), "{} objects", left.len());
        Ok(())
    })
}

fn check_filled_in(kubectl: &Kubectl) -> Result<()> {
    for role in ["master", "worker"] {
        let job = kubectl.get("job", &format!("demo-{role}"))?;
        let container = &job["spec"]["template"]["spec"]["containers"][0];
        for (name, value) in [
            ("PARAM_USERS", "500"),
            ("PARAM_LENGTH", "30m"),
            ("PARAM_STEADY", "true"),
            ("PARAM_LIMIT", LIMIT),
        ] {
            let variables = container["env"].as_array().context("variables")?;
            ensure!(
                variables.contains(&json!({"name": name, "value": value})),
                "no {name}={value} in {variables:?}"
            );
        }
        if role == "master" {
            let arguments: Vec<&str> = container["args"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .collect();
            let arguments = arguments.join(" ");
            for flag in [
                "--host http://demo.shop",
                "--users 500",
                "--run-time 1800s",
                "--reset-stats",
            ] {
                ensure!(arguments.contains(flag), "no {flag} in {arguments}");
            }
        } else {
            assert_eq!(job["spec"]["completions"], 2);
            assert_eq!(
                job["spec"]["template"]["metadata"]["labels"]["users"],
                "500"
            );
        }
    }
    let files = kubectl.get("configmap", "demo-master")?;
    assert_eq!(
        files["data"]["locustfile.py"],
        "# {{params.users}} stays as it is\n"
    );
    Ok(())
}

/// Returns what the status says of where the run came from.
fn check_pinned(kubectl: &Kubectl, template: &Value, status: &Value) -> Result<Value> {
    let pin = &status["pin"];
    let metadata = &template["metadata"];
    let hash = pin["template"]["hash"].as_str().context("a hash")?;
    ensure!(hash.len() == 16, "{hash}");
    assert_eq!(
        pin["template"],
        json!({"name": "shop", "namespace": metadata["namespace"], "uid": metadata["uid"], "generation": 1, "hash": hash})
    );
    let revision = revision(kubectl)?;
    assert_eq!(revision["metadata"]["name"], pin["revision"]);
    let test = kubectl.get("lotest", "demo")?;
    assert_eq!(
        revision["metadata"]["ownerReferences"],
        json!([{"apiVersion": "locust.io/v2", "kind": "LocustTest", "name": "demo", "uid": test["metadata"]["uid"],
            "controller": true, "blockOwnerDeletion": true}])
    );
    assert_eq!(test["metadata"]["generation"], 1, "no write may bump it");
    ensure!(
        test["spec"]["run"].is_null(),
        "the user's spec stays: {test}"
    );
    Ok(pin.clone())
}

/// Each operator does again what is there already, which is refused, and dies after the first write that is new.
pub fn killed_after_every_first_write(world: &World) -> Result<()> {
    let place = world.other.place("template-kills")?;
    let kubectl = &place.kubectl;
    kubectl.apply(&template("shop", TEMPLATE))?;
    // The writes that count are those of the run alone.
    let mut judge = place.operator()?;
    judged(kubectl, "shop")?;
    judge.kill()?;
    let before = place.writes()?.len();

    // The revision; the claim; ConfigMap, Service, NetworkPolicy and both Jobs; the status that says so.
    let points = [1, 2, 1, 2, 3, 4, 5, 6].map(|number| KillPoint {
        of: Writes::Objects,
        number,
        when: When::After,
    });
    kubectl.apply(&test("demo", TEST))?;
    let operators = Succession::start(launch(&place), points.to_vec());
    // The last of them makes the last object.
    let made = wait_until("all objects are made", SOON * 6, || {
        kubelet::started(kubectl, "demo")
    });
    let status = made.and_then(|_| end(kubectl));
    let lives = operators.end()?;
    check_passed(&status?);
    let killed: Vec<String> = lives
        .iter()
        .filter_map(|life| life.killed.as_ref())
        .map(|(_, call)| call.path.rsplit('/').next().unwrap_or_default().to_owned())
        .collect();
    assert_eq!(
        killed,
        [
            "controllerrevisions",
            "status",
            "configmaps",
            "services",
            "networkpolicies",
            "jobs",
            "jobs",
            "status"
        ]
    );
    check_made_once(&place, before)
}

fn check_made_once(place: &Place<'_>, before: usize) -> Result<()> {
    place.settled()?;
    let kubectl = &place.kubectl;
    let revision = revision(kubectl)?;
    let status = kubelet::status(kubectl, "demo")?;
    assert_eq!(revision["metadata"]["name"], status["pin"]["revision"]);
    let writes = place.writes()?;
    let made: Vec<&str> = writes[before..]
        .iter()
        .filter(|write| write.verb() == "create" && write.succeeded())
        .map(|write| {
            write.event["objectRef"]["resource"]
                .as_str()
                .unwrap_or_default()
        })
        .collect();
    assert_eq!(
        made,
        [
            "controllerrevisions",
            "configmaps",
            "services",
            "networkpolicies",
            "jobs",
            "jobs"
        ]
    );
    place.check_status_writes()
}
