use std::convert::Infallible;

use axum::http::{Request, Response, StatusCode};
use clap::Parser as _;
use kube::client::Body;
use serde_json::json;
use tower::service_fn;

use super::*;
use crate::settings::Args;

mod schedules;

/// Over an API server that answers every call like this; none never answers.
fn validator(answer: Option<StatusCode>) -> Validator {
    let service = service_fn(move |request: Request<Body>| async move {
        let Some(code) = answer else {
            return std::future::pending().await;
        };
        assert!(
            request
                .uri()
                .path()
                .starts_with("/api/v1/namespaces/team/configmaps/")
        );
        let body = if code.is_success() {
            json!({"apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadata", "metadata": {"name": "files"}})
        } else {
            json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code.as_u16(),
                "reason": if code == StatusCode::NOT_FOUND { "NotFound" } else { "Forbidden" }, "message": "no"})
        };
        let mut response = Response::new(Body::from(body.to_string().into_bytes()));
        *response.status_mut() = code;
        Ok::<_, Infallible>(response)
    });
    Validator {
        client: Client::new(service, "default"),
        settings: Args::try_parse_from(["locust-operator"])
            .unwrap()
            .check()
            .unwrap()
            .runs,
        looking: Semaphore::new(AT_ONCE),
    }
}

/// A review of a write; the kind is that of the object.
fn review(operation: &str, new: Value, old: Value) -> Vec<u8> {
    let kind = if new.is_null() { &old } else { &new };
    let kind = kind["kind"].as_str().unwrap();
    let resource = format!("{}s", kind.to_lowercase());
    json!({
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "request": {
            "uid": "u-1",
            "kind": {"group": "locust.io", "version": "v2", "kind": kind},
            "resource": {"group": "locust.io", "version": "v2", "resource": resource},
            "requestKind": {"group": "locust.io", "version": "v1", "kind": kind},
            "name": "demo", "namespace": "team", "operation": operation, "userInfo": {"username": "me"},
            "object": new, "oldObject": old, "dryRun": true, "options": null
        }
    })
    .to_string()
    .into_bytes()
}

fn test(spec: Value) -> Value {
    json!({"apiVersion": "locust.io/v2", "kind": "LocustTest",
        "metadata": {"name": "demo", "namespace": "team", "uid": "0a"}, "spec": spec})
}

/// The response of an answer, and that it is one.
async fn answer(validator: &Validator, operation: &str, new: Value, old: Value) -> Value {
    let answer = validator
        .answer(&review(operation, new, old))
        .await
        .unwrap();
    let mut answer: Value = serde_json::from_slice(&answer).unwrap();
    assert_eq!(answer["apiVersion"], "admission.k8s.io/v1");
    assert_eq!(answer["kind"], "AdmissionReview");
    assert_eq!(answer["response"]["uid"], "u-1");
    answer["response"].take()
}

#[tokio::test]
async fn a_refusal_lists_every_problem_with_its_field() {
    let wrong = test(
        json!({"worker": {"replicas": 1, "command": "'"}, "master": {"command": "-u 5", "args": ["x"]}}),
    );
    let response = answer(&validator(None), "CREATE", wrong, Value::Null).await;
    assert_eq!(response["allowed"], false);
    let status = &response["status"];
    assert_eq!(
        (&status["code"], &status["reason"]),
        (&json!(422), &json!("Invalid"))
    );
    assert!(
        status["message"]
            .as_str()
            .unwrap()
            .starts_with("2 problems: (1) spec.master: command and args"),
        "{status}"
    );
    let details = &status["details"];
    assert_eq!(
        (&details["kind"], &details["group"], &details["name"]),
        (&json!("LocustTest"), &json!("locust.io"), &json!("demo"))
    );
    let fields: Vec<&Value> = details["causes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|cause| &cause["field"])
        .collect();
    assert_eq!(fields, ["spec.master", "spec.worker.command"]);
}

#[tokio::test]
async fn what_is_fine_is_allowed_without_a_word() {
    let validator = validator(None);
    let fine = test(json!({"worker": {"replicas": 1}}));
    for (operation, new, old) in [
        ("CREATE", fine.clone(), Value::Null),
        ("UPDATE", fine.clone(), fine.clone()),
        ("DELETE", Value::Null, fine),
    ] {
        let response = answer(&validator, operation, new, old).await;
        assert_eq!(response["allowed"], true, "{operation}");
        assert_eq!(response.get("warnings"), None, "{operation}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_missing_config_map_is_a_warning_and_only_when_it_is_known() {
    for (found, warned) in [
        (Some(StatusCode::NOT_FOUND), true),
        (Some(StatusCode::OK), false),
        (Some(StatusCode::FORBIDDEN), false),
        (None, false),
    ] {
        let named =
            test(json!({"worker": {"replicas": 1}, "testFiles": {"configMapRef": "files"}}));
        let response = answer(&validator(found), "CREATE", named, Value::Null).await;
        assert_eq!(response["allowed"], true, "{found:?}");
        match warned {
            true => assert_eq!(
                response["warnings"],
                json!([
                    "ConfigMap \"files\", which spec.testFiles.configMapRef names, does not exist in namespace \"team\"; create it and the run starts"
                ])
            ),
            false => assert_eq!(response.get("warnings"), None, "{found:?}"),
        }
    }
}

#[tokio::test]
async fn when_many_look_the_next_does_not() {
    let validator = validator(Some(StatusCode::NOT_FOUND));
    let _others = validator
        .looking
        .acquire_many(AT_ONCE as u32)
        .await
        .unwrap();
    let named = test(json!({"worker": {"replicas": 1}, "testFiles": {"configMapRef": "files"}}));
    let response = answer(&validator, "CREATE", named, Value::Null).await;
    assert_eq!(response["allowed"], true);
    assert_eq!(response.get("warnings"), None);
}

#[tokio::test]
async fn no_review_is_no_answer() {
    for body in [
        "",
        "[]",
        "{}",
        r#"{"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview"}"#,
        r#"{"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {"uid": "u"}}"#,
    ] {
        let why = validator(None).answer(body.as_bytes()).await.unwrap_err();
        assert!(why.contains("AdmissionReview"), "{body}: {why}");
    }
}
