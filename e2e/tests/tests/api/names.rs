//! Names that belong to others.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::kubelet;
use crate::world::World;

fn test(name: &str) -> String {
    format!(
        "{{apiVersion: locust.io/v2, kind: LocustTest, metadata: {{name: {name}}}, spec: {{worker: {{replicas: 1}}}}}}"
    )
}

/// The names a run takes when the published ones are taken.
fn unique(test: &Value) -> Result<String> {
    let name = test["metadata"]["name"].as_str().context("a name")?;
    let uid = test["metadata"]["uid"].as_str().context("a uid")?;
    Ok(format!("{}-{}", name.replace('.', "-"), &uid[..8]))
}

pub fn a10_10_two_tests_with_one_published_name(world: &World) -> Result<()> {
    let place = world.main.place("twins")?;
    let kubectl = &place.kubectl;
    kubectl.apply(&format!(
        "{}\n---\n{}",
        test("team.test"),
        test("team-test")
    ))?;
    let mut names = Vec::new();
    for name in ["team.test", "team-test"] {
        let status = kubelet::started(kubectl, name)?;
        let master = status["run"]["masterName"]
            .as_str()
            .context("a name")?
            .to_owned();
        let job = kubectl.get("job", &master)?;
        assert_eq!(job["metadata"]["ownerReferences"][0]["name"], name);
        assert_eq!(job["metadata"]["uid"], status["run"]["masterJobUID"]);
        let service = status["run"]["serviceName"].as_str().context("a service")?;
        let service = kubectl.get("service", service)?;
        assert_eq!(
            service["spec"]["selector"]["performance-test-pod-name"],
            master.as_str()
        );
        assert_eq!(service["metadata"]["ownerReferences"][0]["name"], name);
        let stem = unique(&kubectl.get("lotest", name)?)?;
        ensure!(
            master == "team-test-master" || master == format!("{stem}-master"),
            "{name} took {master}"
        );
        names.push(master);
    }
    ensure!(names[0] != names[1], "both run under {names:?}");
    ensure!(
        names.contains(&"team-test-master".to_owned()),
        "nobody took the published name: {names:?}"
    );
    let tests = kubectl.list("lotest", "")?;
    let tests: Vec<Value> = tests
        .iter()
        .map(|it| json!({"name": it["metadata"]["name"], "master": it["status"]["run"]["masterName"]}))
        .collect();
    let jobs = kubectl.list("jobs", "managed-by=locust-k8s-operator")?;
    let jobs: Vec<Value> = jobs
        .iter()
        .map(|it| json!({"name": it["metadata"]["name"], "owner": it["metadata"]["ownerReferences"][0]["name"]}))
        .collect();
    Ok(defects::check(10, &json!({"tests": tests, "jobs": jobs}))?)
}

pub fn objects_of_others_are_left_alone(world: &World) -> Result<()> {
    let place = world.main.place("others")?;
    let kubectl = &place.kubectl;
    kubectl.apply(
        "
apiVersion: v1
kind: Service
metadata: {name: a-master}
spec: {ports: [{port: 80}], selector: {app: mine}}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: b-master}
data: {mine: 'yes'}
---
apiVersion: batch/v1
kind: Job
metadata: {name: c-worker}
spec: {suspend: true, template: {spec: {restartPolicy: Never, containers: [{name: mine, image: mine}]}}}
---
apiVersion: batch/v1
kind: Job
metadata: {name: d-master}
spec: {suspend: true, template: {spec: {restartPolicy: Never, containers: [{name: mine, image: mine}]}}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: e-master}
spec: {podSelector: {matchLabels: {app: mine}}}
---
apiVersion: v1
kind: Service
metadata: {name: f-webui}
spec: {ports: [{port: 80}], selector: {app: mine}}
",
    )?;
    let mine = [
        ("service", "a-master"),
        ("configmap", "b-master"),
        ("job", "c-worker"),
        ("job", "d-master"),
        ("networkpolicy", "e-master"),
        ("service", "f-webui"),
    ];
    e2e_tests::wait_until("the user's Jobs are at rest", crate::world::SOON, || {
        for job in ["c-worker", "d-master"] {
            ensure!(
                kubectl.get("job", job)?["status"]["conditions"][0]["type"] == "Suspended",
                "{job} is not suspended"
            );
        }
        Ok(())
    })?;
    let before: Vec<Value> = mine
        .iter()
        .map(|(kind, name)| kubectl.get(kind, name))
        .collect::<Result<_>>()?;
    let with_service = test("f").replace("spec: {", "spec: {webUI: {service: {}}, ");
    let mut tests = ["a", "b", "c", "d", "e"].map(test).to_vec();
    tests.push(with_service);
    kubectl.apply(&tests.join("\n---\n"))?;
    for name in ["a", "b", "c", "d", "e", "f"] {
        let status = kubelet::started(kubectl, name)?;
        let stem = unique(&kubectl.get("lotest", name)?)?;
        assert_eq!(
            [
                &status["run"]["masterName"],
                &status["run"]["workerName"],
                &status["run"]["serviceName"]
            ],
            [
                format!("{stem}-master").as_str(),
                &format!("{stem}-worker"),
                &format!("{stem}-master")
            ]
        );
        let job = kubectl.get("job", &format!("{stem}-master"))?;
        assert_eq!(job["metadata"]["uid"], status["run"]["masterJobUID"]);
    }
    for ((kind, name), before) in mine.iter().zip(before) {
        assert_eq!(
            kubectl.get(kind, name)?["metadata"],
            before["metadata"],
            "{kind} {name} was touched"
        );
    }
    Ok(())
}

pub fn both_names_taken(world: &World) -> Result<()> {
    let place = world.other.place("conflict")?;
    let kubectl = &place.kubectl;
    // No operator runs yet, so the names can be taken before it looks.
    kubectl.apply(&test("demo"))?;
    let stem = unique(&kubectl.get("lotest", "demo")?)?;
    for name in ["demo-master", &format!("{stem}-master")] {
        kubectl.run(&["create", "configmap", name, "--from-literal=mine=yes"])?;
    }
    let _operator = place.operator()?;
    let status = kubelet::ended(kubectl, "demo")?;
    assert_eq!(
        [&status["phase"], &status["verdict"], &status["reason"]],
        ["Failed", "Error", "NameConflict"]
    );
    let message = status["message"].to_string();
    ensure!(
        message.contains(&format!("{stem}-master")) && message.contains("ConfigMap"),
        "{message}"
    );
    place.settled()?;
    assert_eq!(place.created()?, Vec::<String>::new(), "nothing is made");
    let config_map = kubectl.get("configmap", "demo-master")?;
    assert_eq!(config_map["data"]["mine"], "yes");
    assert_eq!(config_map["metadata"]["ownerReferences"], Value::Null);
    Ok(())
}
