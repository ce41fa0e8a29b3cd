use serde_json::{Value, json};

use super::*;

/// What an API server answers about one version of the group.
fn schemas(version: &str, scope: &str, status_apart: bool, kind: Value) -> Schemas {
    let all = format!("/apis/locust.io/{version}/{scope}locusttests");
    let mut paths = json!({all.as_str(): {"get": {}}, format!("{all}/{{name}}"): {"get": {}}});
    if status_apart {
        paths[format!("{all}/{{name}}/status")] = json!({"get": {}});
    }
    let mut kind = kind;
    kind["x-kubernetes-group-version-kind"] =
        json!([{"group": "locust.io", "kind": "LocustTest", "version": version}]);
    let answer = json!({"openapi": "3.0.0", "paths": paths, "components": {"schemas": {
        "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta": {"type": "object"},
        "io.locust.LocustTest": kind,
    }}});
    serde_json::from_value(answer).unwrap()
}

const IN_NAMESPACES: &str = "namespaces/{namespace}/";

fn fields(names: &[&str]) -> Value {
    let fields = names
        .iter()
        .map(|name| ((*name).to_owned(), json!({"type": "string"})));
    json!({"type": "object", "properties": fields.collect::<serde_json::Map<_, _>>()})
}

/// The schema of our own status, made from the paths.
fn own_status() -> Value {
    let mut status = json!({});
    for path in STATUS_FIELDS.lines() {
        let mut at = &mut status;
        for step in path.split('.') {
            let name = step.trim_end_matches("[]");
            at = &mut at["properties"][name];
            if step != name {
                at = &mut at["items"];
            }
        }
        *at = json!({"type": "object"});
    }
    status
}

const SPEC: [&str; 4] = ["image", "master", "testFiles", "worker"];

fn ours(change: impl FnOnce(&mut Value)) -> Served {
    let mut status = own_status();
    change(&mut status);
    let kind = json!({"properties": {"spec": fields(&SPEC), "status": status}});
    schemas("v2", IN_NAMESPACES, true, kind).served().unwrap()
}

fn words(served: &Served) -> String {
    judge(served).unwrap_err().to_string()
}

#[test]
fn our_own_definition_fits() {
    assert!(STATUS_FIELDS.lines().count() > 50);
    assert!(STATUS_FIELDS.lines().any(|path| path == "run.masterJobUID"));
    assert!(
        STATUS_FIELDS
            .lines()
            .any(|path| path == "summary.endpoints[].p95")
    );
    assert_eq!(judge(&ours(|_| {})), Ok(()));
}

#[test]
fn one_that_has_more_fits() {
    let more = ours(|status| {
        status["properties"]["later"] = json!({"type": "string"});
        status["properties"]["summary"]["properties"]["later"] = json!({"type": "string"});
    });
    assert_eq!(judge(&more), Ok(()));
}

#[test]
fn one_that_keeps_everything_fits() {
    let open = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
    let status = json!({"properties": {"spec": open, "status": open}});
    for kind in [status, open] {
        let served = schemas("v2", IN_NAMESPACES, true, kind).served().unwrap();
        assert_eq!(judge(&served), Ok(()));
    }
}

/// Whatever field is missing is missed, and named.
#[test]
fn every_field_of_the_status_is_needed() {
    for path in STATUS_FIELDS.lines() {
        let lacking = ours(|status| {
            let mut at = status;
            let mut steps = path.split('.').peekable();
            while let Some(step) = steps.next() {
                let name = step.trim_end_matches("[]");
                if steps.peek().is_none() {
                    at["properties"].as_object_mut().unwrap().remove(name);
                    break;
                }
                at = &mut at["properties"][name];
                if step != name {
                    at = &mut at["items"];
                }
            }
        });
        let words = words(&lacking);
        assert!(
            words.contains(&format!("it lacks status.{path},")),
            "{path}: {words}"
        );
    }
}

#[test]
fn foreign_definitions_are_told_apart() {
    let published_status = fields(&[
        "phase",
        "observedGeneration",
        "expectedWorkers",
        "connectedWorkers",
        "startTime",
        "completionTime",
        "conditions",
    ]);
    let version_2 = json!({"properties": {"spec": fields(&SPEC), "status": published_status}});
    let version_1 = fields(&[
        "masterCommandSeed",
        "workerCommandSeed",
        "workerReplicas",
        "image",
    ]);
    let official = fields(&["locustfile", "workers", "image", "args"]);
    let of_group = |spec: Value| Served::Otherwise {
        versions: vec!["v1".to_owned()],
        spec: schemas(
            "v1",
            IN_NAMESPACES,
            true,
            json!({"properties": {"spec": spec}}),
        )
        .spec_fields()
        .unwrap(),
    };
    let official_v2 =
        json!({"properties": {"spec": official, "status": fields(&["state", "message"])}});
    let own = json!({"properties": {"spec": fields(&SPEC), "status": own_status()}});
    let without_status = json!({"properties": {"spec": fields(&SPEC)}});
    for (what, served, parts) in [
        (
            "none",
            Served::Nothing,
            &[
                "there is no definition locusttests.locust.io",
                "crds.install=true",
            ][..],
        ),
        (
            "the published version 2",
            schemas("v2", IN_NAMESPACES, true, version_2)
                .served()
                .unwrap(),
            &[
                "version 2 of the published",
                "status.run",
                "more, which the API server would drop",
                "kubectl apply",
            ],
        ),
        (
            "the published version 1",
            of_group(version_1),
            &[
                "version 1 of the published",
                "served as v1",
                "lacks the version v2",
            ],
        ),
        (
            "the official operator's",
            of_group(official.clone()),
            &[
                "the official Locust operator",
                "lacks the version v2",
                "cannot be in the same cluster",
            ],
        ),
        (
            "something that is served as v2",
            schemas("v2", IN_NAMESPACES, true, official_v2)
                .served()
                .unwrap(),
            &["the official Locust operator", "status.run"],
        ),
        (
            "another scope",
            schemas("v2", "", true, own.clone()).served().unwrap(),
            &["another version of this operator", "lacks namespaces"],
        ),
        (
            "no status",
            schemas("v2", IN_NAMESPACES, false, own).served().unwrap(),
            &["lacks the subresource status"],
        ),
        (
            "no fields of the status",
            schemas("v2", IN_NAMESPACES, true, without_status)
                .served()
                .unwrap(),
            &["status.run"],
        ),
        (
            "an older one of ours",
            ours(|status| {
                status["properties"]
                    .as_object_mut()
                    .unwrap()
                    .remove("summary");
            }),
            &[
                "another version of this operator",
                "lacks status.summary, which",
            ],
        ),
    ] {
        let words = words(&served);
        for part in parts {
            assert!(words.contains(part), "{what}: {part:?} is not in {words}");
        }
        assert!(words.contains("No test is run"), "{what}: {words}");
    }
}

#[test]
fn other_kinds_of_the_group_are_not_taken_for_it() {
    let answer = json!({"components": {"schemas": {"io.locust.v2.Swarm": {
        "x-kubernetes-group-version-kind": [{"group": "locust.io", "kind": "Swarm", "version": "v2"}],
        "properties": {"spec": fields(&SPEC)},
    }}}});
    let schemas: Schemas = serde_json::from_value(answer).unwrap();
    assert_eq!(schemas.served(), None);
}

#[test]
fn the_versions_of_a_group() {
    let answer = json!({"kind": "APIGroup", "name": "locust.io", "versions": [
        {"groupVersion": "locust.io/v2", "version": "v2"}, {"groupVersion": "locust.io/v1", "version": "v1"}]});
    let group: Group = serde_json::from_value(answer).unwrap();
    assert_eq!(group.versions(), ["v2", "v1"]);
}
