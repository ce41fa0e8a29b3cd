use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::strategies::{any_json, v1_spec, v2_spec};
use super::{ConversionError, KEPT_SPEC, Version, convert};
use crate::v1;

fn object(version: Version, spec: Value) -> Value {
    json!({
        "apiVersion": version.api_version(),
        "kind": "LocustTest",
        "metadata": {"name": "demo", "uid": "1", "labels": {"team": "shop"}},
        "spec": spec,
        "status": {"phase": "Running", "run": {"id": "a"}}
    })
}

fn to_v1(spec: Value) -> Value {
    convert(object(Version::V2, spec), Version::V1).unwrap()
}

fn to_v2(spec: Value) -> Value {
    convert(object(Version::V1, spec), Version::V2).unwrap()
}

/// A field of v1: where it is, where it is in v2, and the other v2 field that gives way to it.
type Place = (
    &'static [&'static str],
    &'static [&'static str],
    Option<[&'static str; 2]>,
);

/// Written from the API's description, not from the code. A new field of v1 does not compile until it is here.
fn places(spec: &v1::LocustTestSpec) -> Vec<Place> {
    let v1::LocustTestSpec {
        master_command_seed: _,
        worker_command_seed: _,
        worker_replicas: _,
        image: _,
        image_pull_policy: _,
        image_pull_secrets: _,
        config_map: _,
        lib_config_map: _,
        labels: v1::PerRole {
            master: _,
            worker: _,
        },
        annotations: _,
        affinity: _,
        tolerations: _,
    } = spec;
    vec![
        (
            &["masterCommandSeed"],
            &["master", "command"],
            Some(["master", "args"]),
        ),
        (
            &["workerCommandSeed"],
            &["worker", "command"],
            Some(["worker", "args"]),
        ),
        (&["workerReplicas"], &["worker", "replicas"], None),
        (&["image"], &["image"], None),
        (&["imagePullPolicy"], &["imagePullPolicy"], None),
        (&["imagePullSecrets"], &["imagePullSecrets"], None),
        (
            &["configMap"],
            &["testFiles", "configMapRef"],
            Some(["testFiles", "inline"]),
        ),
        (&["libConfigMap"], &["testFiles", "libConfigMapRef"], None),
        (&["labels", "master"], &["master", "labels"], None),
        (&["labels", "worker"], &["worker", "labels"], None),
        (&["annotations", "master"], &["master", "annotations"], None),
        (&["annotations", "worker"], &["worker", "annotations"], None),
        (&["affinity"], &["scheduling", "affinity"], None),
        (&["tolerations"], &["scheduling", "tolerations"], None),
    ]
}

fn at<'a>(value: &'a Value, path: &[&str]) -> Option<&'a Value> {
    path.iter().try_fold(value, |value, name| value.get(name))
}

fn put(value: &mut Value, path: &[&str], new: Option<Value>) {
    let (last, parents) = path.split_last().unwrap();
    let mut place = value;
    for name in parents {
        if place.get(name).is_none() {
            place[*name] = json!({});
        }
        place = place.get_mut(*name).unwrap();
    }
    match new {
        Some(new) => place[*last] = new,
        None => drop(place.as_object_mut().unwrap().remove(*last)),
    }
}

/// Without maps that hold nothing.
fn bare(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            let map = map.into_iter().map(|(key, value)| (key, bare(value)));
            Value::Object(
                map.filter(|(_, value)| *value != Value::Object(Map::new()))
                    .collect(),
            )
        }
        other => other,
    }
}

/// Only a template lets a test say nothing of its workers; v1 shows none, and cannot lose that.
#[test]
fn a_test_without_workers_stays_one() {
    let spec = json!({"templateRef": {"name": "checkout", "parameters": [{"name": "users", "value": 500}]}, "master": {}});
    let v1 = to_v1(spec.clone());
    assert_eq!(v1["spec"], json!({}));
    let again = convert(v1.clone(), Version::V2).unwrap();
    assert_eq!(again["spec"], spec);
    let mut scaled = v1;
    scaled["spec"]["workerReplicas"] = 7.into();
    let scaled = convert(scaled, Version::V2).unwrap();
    assert_eq!(scaled["spec"]["worker"], json!({"replicas": 7}));
    assert_eq!(scaled["spec"]["templateRef"], spec["templateRef"]);
}

proptest! {
    #[test]
    fn v2_through_v1_is_the_same(spec in v2_spec()) {
        let v2 = object(Version::V2, serde_json::to_value(spec).unwrap());
        let v1 = convert(v2.clone(), Version::V1).unwrap();
        // It is an object of v1's types, which the schema of v1 comes from.
        serde_json::from_value::<v1::LocustTestSpec>(v1["spec"].clone()).unwrap();
        prop_assert_eq!(&v1["status"], &v2["status"]);
        prop_assert_eq!(&v1["metadata"]["labels"], &v2["metadata"]["labels"]);
        prop_assert_eq!(convert(v1, Version::V2).unwrap(), v2);
    }

    #[test]
    fn v1_through_v2_is_the_same(spec in v1_spec()) {
        let v1 = object(Version::V1, serde_json::to_value(spec).unwrap());
        let v2 = convert(v1.clone(), Version::V2).unwrap();
        prop_assert_eq!(&v2["metadata"], &v1["metadata"]);
        // No annotation comes either: v1 says it all.
        prop_assert_eq!(convert(v2, Version::V1).unwrap(), v1);
    }

    #[test]
    fn an_edit_in_v1_shows_in_v2_and_changes_nothing_else(spec in v2_spec(), edit in v1_spec()) {
        let v2 = object(Version::V2, serde_json::to_value(spec).unwrap());
        let v1 = convert(v2.clone(), Version::V1).unwrap();
        let places = places(&edit);
        let edit = serde_json::to_value(edit).unwrap();
        for (in_v1, in_v2, gives_way) in places {
            let mut new = at(&edit, in_v1).cloned();
            if in_v1 == ["affinity"] {
                // An affinity that asks for nothing is the same as none.
                new = new.filter(|affinity| bare(affinity.clone()) != json!({}));
            }
            let mut edited = v1.clone();
            put(&mut edited["spec"], in_v1, new.clone());
            let unchanged = at(&v1["spec"], in_v1) == new.as_ref();
            let result = convert(edited, Version::V2).unwrap();

            let seen = convert(result.clone(), Version::V1).unwrap();
            prop_assert_eq!(at(&seen["spec"], in_v1), new.as_ref(), "{:?}", in_v1);
            let mut rest = [v2.clone(), result];
            for object in &mut rest {
                put(&mut object["spec"], in_v2, None);
                if let (Some(path), true, false) = (gives_way, new.is_some(), unchanged) {
                    put(&mut object["spec"], &path, None);
                }
            }
            let [before, after] = rest.map(bare);
            prop_assert_eq!(before, after, "{:?}", in_v1);
        }
    }

    #[test]
    fn anything_converts_and_comes_back(spec in any_json(), metadata in any_json()) {
        let mut v2 = object(Version::V2, spec.clone());
        let v1 = convert(v2.clone(), Version::V1).unwrap();
        prop_assert_eq!(convert(v1, Version::V2).unwrap(), v2.clone());
        // And with any metadata it does not fail.
        v2["metadata"] = metadata.clone();
        let v1 = convert(v2, Version::V1).unwrap();
        convert(v1, Version::V2).unwrap();
        let mut v1 = object(Version::V1, spec);
        v1["metadata"] = metadata;
        let v2 = convert(v1, Version::V2).unwrap();
        convert(v2, Version::V1).unwrap();
    }
}

/// v1 specs and the v2 specs they are, without what every v1 test has.
#[test]
fn published_samples() {
    let samples = [
        (
            json!({"image": "locustio/locust:latest", "imagePullPolicy": "Always"}),
            json!({"image": "locustio/locust:latest", "imagePullPolicy": "Always"}),
        ),
        (
            json!({"masterCommandSeed": "--locustfile /lotest/src/demo_test.py --users 5", "workerCommandSeed": "-f /lotest/src/demo_test.py"}),
            json!({"master": {"command": "--locustfile /lotest/src/demo_test.py --users 5"}, "worker": {"command": "-f /lotest/src/demo_test.py"}}),
        ),
        (
            json!({"workerReplicas": 3}),
            json!({"worker": {"replicas": 3}}),
        ),
        (
            json!({"configMap": "demo-test-map", "libConfigMap": "demo-lib-map"}),
            json!({"testFiles": {"configMapRef": "demo-test-map", "libConfigMapRef": "demo-lib-map"}}),
        ),
        (
            json!({"imagePullSecrets": ["b", "a"]}),
            json!({"imagePullSecrets": [{"name": "b"}, {"name": "a"}]}),
        ),
        (
            json!({"labels": {"master": {"locust.io/test": "a"}, "worker": {"b": "c"}}}),
            json!({"master": {"labels": {"locust.io/test": "a"}}, "worker": {"labels": {"b": "c"}}}),
        ),
        (
            json!({"annotations": {"master": {"a": "b"}}}),
            json!({"master": {"annotations": {"a": "b"}}}),
        ),
        (
            json!({"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"pool": "load", "arch": "arm64"}}}}),
            json!({"scheduling": {"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [
             {"matchExpressions": [{"key": "arch", "operator": "In", "values": ["arm64"]}, {"key": "pool", "operator": "In", "values": ["load"]}]}]}}}}}),
        ),
        (
            json!({"tolerations": [{"key": "dedicated", "operator": "Equal", "value": "load", "effect": "NoSchedule"}, {"key": "taint-B", "operator": "Exists", "effect": "NoExecute"}]}),
            json!({"scheduling": {"tolerations": [{"key": "dedicated", "operator": "Equal", "value": "load", "effect": "NoSchedule"}, {"key": "taint-B", "operator": "Exists", "effect": "NoExecute"}]}}),
        ),
    ];
    for (v1, v2) in samples {
        let mut expected = json!({
            "master": {"autostart": true, "autoquit": {"enabled": true, "timeout": 60}},
            "worker": {"replicas": 1}
        });
        merge(&mut expected, v2);
        let converted = to_v2(v1.clone());
        assert_eq!(converted["spec"], expected, "{v1}");
        assert_eq!(converted["apiVersion"], "locust.io/v2");
    }
}

fn merge(into: &mut Value, from: Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (key, value) in from {
                merge(into.entry(key).or_insert(Value::Null), value);
            }
        }
        (into, from) => *into = from,
    }
}

#[test]
fn what_v1_shows_of_v2() {
    let required = |terms: Value| json!({"scheduling": {"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}}}});
    let labels = |labels: Value| json!({"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": labels}}});
    let samples = [
        (
            json!({"master": {"args": ["-f", "a b"]}, "run": {"users": 3}}),
            json!({}),
        ),
        (
            json!({"testFiles": {"inline": {"locustfile.py": ""}, "libConfigMapRef": "l"}}),
            json!({"libConfigMap": "l"}),
        ),
        (
            required(
                json!([{"matchExpressions": [{"key": "a", "operator": "In", "values": ["1", "2"]}]}, {"matchExpressions": [{"key": "b", "operator": "NotIn", "values": ["3"]}, {"key": "c", "operator": "In", "values": ["4"]}]}]),
            ),
            labels(json!({"a": "1", "c": "4"})),
        ),
        (
            required(json!([{"matchExpressions": [{"key": "a", "operator": "Exists"}]}])),
            json!({}),
        ),
        (
            json!({"scheduling": {"tolerations": [{"operator": "Exists"}, {"key": "a", "effect": "NoExecute", "tolerationSeconds": 5}]}}),
            json!({"tolerations": [{"key": "a", "operator": "Equal", "effect": "NoExecute"}]}),
        ),
    ];
    for (v2, v1) in samples {
        let converted = to_v1(v2.clone());
        assert_eq!(converted["spec"], v1, "{v2}");
        let kept = &converted["metadata"]["annotations"][KEPT_SPEC];
        assert_eq!(kept, &json!(v2.to_string()));
    }
}

#[test]
fn an_edit_keeps_what_v1_could_not_see() {
    let v2 = json!({"worker": {"replicas": 2}, "scheduling": {
        "tolerations": [{"operator": "Exists"}, {"key": "a", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 5}],
        "affinity": {"podAffinity": {}, "nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [{"matchExpressions": [{"key": "a", "operator": "In", "values": ["1", "2"]}]}]}}}
    }});
    let mut v1 = to_v1(v2);
    let added = json!({"key": "b", "operator": "Exists", "effect": "NoSchedule"});
    v1["spec"]["tolerations"]
        .as_array_mut()
        .unwrap()
        .insert(0, added.clone());
    v1["spec"].as_object_mut().unwrap().remove("affinity");
    let spec = &convert(v1, Version::V2).unwrap()["spec"];
    assert_eq!(
        spec["scheduling"],
        json!({
            "tolerations": [added, {"key": "a", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 5}, {"operator": "Exists"}],
            "affinity": {"podAffinity": {}}
        })
    );
}

#[test]
fn a_broken_annotation_is_ignored() {
    let fine = to_v2(json!({"image": "a"}));
    for kept in [
        json!("{"),
        json!("[]"),
        json!("\"text\""),
        json!(""),
        json!(5),
        json!(null),
    ] {
        let mut v1 = object(Version::V1, json!({"image": "a"}));
        v1["metadata"]["annotations"] = json!({KEPT_SPEC: kept});
        assert_eq!(convert(v1, Version::V2).unwrap(), fine, "{kept}");
    }
}

#[test]
fn other_annotations_stay() {
    let mut v2 = object(Version::V2, json!({"worker": {"replicas": 1}}));
    v2["metadata"]["annotations"] = json!({"mine": "1"});
    let v1 = convert(v2.clone(), Version::V1).unwrap();
    assert_eq!(v1["metadata"]["annotations"]["mine"], "1");
    assert!(v1["metadata"]["annotations"][KEPT_SPEC].is_string());
    assert_eq!(convert(v1, Version::V2).unwrap(), v2);
}

#[test]
fn the_same_version_changes_nothing() {
    for version in [Version::V1, Version::V2] {
        let any = object(version, json!({"odd": [1]}));
        assert_eq!(convert(any.clone(), version).unwrap(), any);
    }
}

#[test]
fn other_kinds_and_versions_are_refused() {
    let other = |field: &str, value: Value| {
        let mut object = object(Version::V1, json!({}));
        object[field] = value;
        convert(object, Version::V2).unwrap_err()
    };
    assert_eq!(
        other("kind", json!("Pod")),
        ConversionError::Kind("Pod".to_owned())
    );
    assert_eq!(
        other("apiVersion", json!("locust.io/v3")),
        ConversionError::Version("locust.io/v3".to_owned())
    );
    assert_eq!(
        other("apiVersion", Value::Null),
        ConversionError::Version("null".to_owned())
    );
    let says = convert(json!([1]), Version::V2).unwrap_err().to_string();
    assert_eq!(
        says,
        "apiVersion is \"null\"; only locust.io/v1 and locust.io/v2 can be converted"
    );
}
