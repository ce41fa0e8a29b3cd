use super::*;
use serde_json::json;

fn template(name: &str, test: serde_json::Value) -> LocustTemplate {
    serde_json::from_value(
        json!({"apiVersion": "locust.io/v2", "kind": "LocustTemplate", "spec": {"test": test},
            "metadata": {"name": name, "namespace": "shared", "uid": "t", "generation": 4}}),
    )
    .unwrap()
}

fn test() -> LocustTest {
    serde_json::from_value(json!({"apiVersion": "locust.io/v2", "kind": "LocustTest",
        "metadata": {"name": "demo", "namespace": "team", "uid": "u"},
        "spec": {"templateRef": {"name": "checkout", "parameters": [{"name": "users", "value": 500}]}}}))
    .unwrap()
}

fn suite() -> LocustTestSuite {
    serde_json::from_value(
        json!({"apiVersion": "locust.io/v2", "kind": "LocustTestSuite",
        "metadata": {"name": "nightly", "namespace": "team", "uid": "s"}, "spec": {"steps": []}}),
    )
    .unwrap()
}

#[test]
fn a_test_keeps_what_its_template_gave() {
    let template = template("checkout", json!({"worker": {"replicas": 2}}));
    let spec = LocustTestSpec::with_workers(2);
    let revision = of_test(&test(), &template, &spec).unwrap();
    let (provenance, kept) = rendered(&revision).unwrap();
    assert_eq!(kept, spec);
    assert_eq!(provenance.template, identity(&template));
    assert_eq!(
        serde_json::to_value(&revision).unwrap(),
        json!({"apiVersion": "apps/v1", "kind": "ControllerRevision", "revision": 1,
            "metadata": {"name": revision.metadata.name, "namespace": "team", "labels": {"managed-by": "locust-k8s-operator"},
                "ownerReferences": [{"apiVersion": "locust.io/v2", "kind": "LocustTest", "name": "demo", "uid": "u",
                    "controller": true, "blockOwnerDeletion": true}]},
            "data": {"template": {"name": "checkout", "namespace": "shared", "uid": "t", "generation": 4,
                    "hash": provenance.template.hash},
                "parameters": {"users": 500}, "spec": {"master": {}, "worker": {"replicas": 2}}}})
    );
    // The same again after a crash.
    assert_eq!(of_test(&test(), &template, &spec).unwrap(), revision);
}

#[test]
fn a_hash_is_of_the_spec() {
    let hash = |test| identity(&template("a", test)).hash;
    assert_eq!(hash(json!({"image": "a"})).len(), 16);
    assert_eq!(hash(json!({"image": "a"})), hash(json!({"image": "a"})));
    assert_ne!(hash(json!({"image": "a"})), hash(json!({"image": "b"})));
}

#[test]
fn a_suite_keeps_every_template() {
    let [a, b] = ["a", "b"].map(|name| template(name, json!({"image": name})));
    let revision = of_suite(&suite(), &[&a, &b, &a]).unwrap();
    let name = revision.metadata.name.as_deref().unwrap();
    assert!(name.starts_with("nightly-templates-"), "{name}");
    let kept = templates(&revision).unwrap();
    assert_eq!(kept.len(), 2);
    let of_b = ("shared".to_owned(), "b".to_owned());
    assert_eq!(kept[&of_b], (identity(&b), b.spec.clone()));
    let none = of_suite(&suite(), &[]).unwrap();
    assert_eq!(templates(&none).unwrap().len(), 0);
}

#[test]
fn what_is_too_large_is_refused() {
    let large = template("a", json!({"x": "y".repeat(MAX_SIZE)}));
    let problem = of_suite(&suite(), &[&large]).unwrap_err();
    assert_eq!(problem.field, "spec.steps");
    assert!(
        problem.words.ends_with(
            "bytes, and at most 1048576 can be kept; use fewer templates, or smaller files in them"
        ),
        "{problem}"
    );
    let mut spec = LocustTestSpec::with_workers(1);
    spec.image = Some("y".repeat(MAX_SIZE));
    let problem = of_test(&test(), &large, &spec).unwrap_err();
    assert_eq!(problem.field, "spec.templateRef");
}

#[test]
fn what_is_no_revision_of_ours_is_an_error() {
    let mut revision = of_suite(&suite(), &[]).unwrap();
    assert!(
        rendered(&revision)
            .unwrap_err()
            .contains("is not one of this operator: ")
    );
    revision.data = None;
    let error = templates(&revision).unwrap_err();
    assert!(error.ends_with("is empty"), "{error}");
}

#[test]
fn names_fit_and_tell_contents_apart() {
    let named = |length: usize, workers| {
        let mut test = test();
        test.metadata.name = Some("a".repeat(length));
        let spec = LocustTestSpec::with_workers(workers);
        let revision = of_test(&test, &template("a", json!({})), &spec).unwrap();
        revision.metadata.name.unwrap()
    };
    assert!(named(253, 1).len() <= 253);
    assert_ne!(named(64, 1), named(65, 1));
    assert_ne!(named(5, 1), named(5, 2));
}
