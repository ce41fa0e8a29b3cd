use locust_api::v2::LocustSchedule;
use serde_json::{Value, json};

use super::*;

fn schedule(name: &str, spec: Value) -> LocustSchedule {
    serde_json::from_value(json!({
        "apiVersion": "locust.io/v2", "kind": "LocustSchedule",
        "metadata": {"name": name, "namespace": "team", "uid": "schedule-uid"}, "spec": spec,
    }))
    .unwrap()
}

fn of_time(time: &str, attempt: i32) -> Purpose {
    Purpose {
        time: Some(time.parse().unwrap()),
        token: None,
        attempt,
    }
}

fn of_token(token: &str) -> Purpose {
    Purpose {
        time: None,
        token: Some(token.to_owned()),
        attempt: 1,
    }
}

fn start(schedule: &LocustSchedule, purpose: Purpose) -> Start {
    Start {
        kind: kind(&schedule.spec),
        name: run_name(schedule, &purpose),
        purpose,
        missed: 0,
    }
}

fn made(schedule: &LocustSchedule, purpose: Purpose) -> Value {
    let timetable = Timetable::parse(&schedule.spec.schedules, "Etc/UTC").unwrap();
    match object(schedule, &start(schedule, purpose), &timetable) {
        Object::Test(test) => serde_json::to_value(test).unwrap(),
        Object::Suite(suite) => serde_json::to_value(suite).unwrap(),
    }
}

#[test]
fn names_follow_from_schedule_and_purpose() {
    let test = json!({"runTemplate": {"test": {"worker": {"replicas": 1}}}});
    let long = "a-schedule-whose-name-is-as-long-as-this-one-is";
    for (name, purpose, wanted) in [
        (
            "night",
            of_time("2026-01-05T02:30:00Z", 1),
            "night-29459670",
        ),
        (
            "night",
            of_time("2026-01-05T02:30:00Z", 3),
            "night-29459670-a3",
        ),
        ("night", of_token("abc"), "night-rba7816bf"),
        (
            long,
            of_time("2026-01-05T02:30:00Z", 1),
            "a-schedule-whose-name-is-as-long-as-this-on-",
        ),
    ] {
        let found = run_name(&schedule(name, test.clone()), &purpose);
        assert!(found.starts_with(wanted), "{found}");
        assert!(found.len() <= 52, "{found}");
    }
    let first = run_name(
        &schedule(long, test.clone()),
        &of_time("2026-01-05T02:30:00Z", 1),
    );
    let second = run_name(&schedule(long, test), &of_time("2026-01-05T02:31:00Z", 1));
    assert_ne!(first, second);
}

#[test]
fn a_run_tells_whose_it_is_and_what_for() {
    let night = schedule(
        "night",
        json!({"schedules": ["0 2 * * *"], "runTemplate": {
            "metadata": {"labels": {"team": "shop", "locust.io/schedule": "other"}, "annotations": {"why": "nightly"}},
            "test": {"run": {"runTime": "1m"}, "worker": {"replicas": 2}}}}),
    );
    let test = made(&night, of_time("2026-01-05T02:00:00Z", 2));
    assert_eq!(test["kind"], "LocustTest");
    assert_eq!(test["spec"]["worker"]["replicas"], 2);
    let metadata = &test["metadata"];
    assert_eq!(
        metadata["labels"],
        json!({"team": "shop", "locust.io/schedule": "night", "locust.io/attempt": "2",
            "locust.io/attempt-of": "night-29459640", "managed-by": "locust-k8s-operator"})
    );
    let annotations = &metadata["annotations"];
    let time = annotations["locust.io/scheduled-time"].as_str().unwrap();
    assert_eq!(
        time.parse::<Timestamp>().unwrap().to_string(),
        "2026-01-05T02:00:00Z"
    );
    assert_eq!(annotations["why"], "nightly");
    assert_eq!(
        metadata["ownerReferences"],
        json!([{"apiVersion": "locust.io/v2", "kind": "LocustSchedule", "name": "night", "uid": "schedule-uid",
            "controller": true, "blockOwnerDeletion": true}])
    );
    // And back.
    let test = serde_json::from_value(test).unwrap();
    let run = run_of_test(&test);
    assert_eq!(run.purpose, of_time("2026-01-05T02:00:00Z", 2));
    assert_eq!((run.kind, run.state), (RunKind::Test, RunState::Active));
}

#[test]
fn suites_and_templates_are_run_as_well() {
    let suite = schedule(
        "night",
        json!({"runTemplate": {"suite": {"steps": [{"name": "a", "templateRef": {"name": "shop"}}]}}}),
    );
    let made_suite = made(&suite, of_token("now"));
    assert_eq!(made_suite["kind"], "LocustTestSuite");
    assert_eq!(
        made_suite["spec"]["steps"][0]["templateRef"]["name"],
        "shop"
    );
    assert_eq!(
        made_suite["metadata"]["annotations"],
        json!({"locust.io/run-now": "now"})
    );
    let run = run_of_suite(&serde_json::from_value(made_suite).unwrap());
    assert_eq!((run.kind, run.purpose), (RunKind::Suite, of_token("now")));

    let reference = json!({"name": "shop", "parameters": [{"name": "users", "value": 5}]});
    let template = schedule("night", json!({"runTemplate": {"templateRef": reference}}));
    let test = made(&template, of_token("now"));
    assert_eq!(test["kind"], "LocustTest");
    assert_eq!(test["spec"]["templateRef"], reference);
    assert_eq!(test["spec"].get("worker"), None);
}

#[test]
fn a_run_is_over_when_it_has_a_verdict() {
    for (status, over) in [
        (json!({}), false),
        (json!({"phase": "Running"}), false),
        (json!({"phase": "Running", "verdict": "Passed"}), false),
        (
            json!({"phase": "Failed", "verdict": "Error", "reason": "TestFailed"}),
            true,
        ),
    ] {
        let test = json!({"apiVersion": "locust.io/v2", "kind": "LocustTest", "metadata": {"name": "a"},
            "spec": {"worker": {"replicas": 1}}, "status": status});
        let run = run_of_test(&serde_json::from_value(test).unwrap());
        assert_eq!(matches!(run.state, RunState::Ended(_)), over, "{status}");
    }
}
