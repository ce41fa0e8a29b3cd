//! Runs that the published operator started.

use super::super::taken_over::{
    finalizers_left, observe, stop_left_over, take_over, was_made_by_another, was_started,
};
use super::*;

/// A test as version 2 of the published operator leaves it, with a status.
fn test_with(status: Value, finalizer: Option<&str>) -> LocustTest {
    serde_json::from_value(json!({
        "apiVersion": "locust.io/v2", "kind": "LocustTest",
        "metadata": {"name": "team.demo", "namespace": "ns", "uid": RUN_ID, "generation": 2,
                     "finalizers": finalizer.into_iter().collect::<Vec<_>>()},
        "spec": {"image": "locustio/locust", "master": {"command": "-f x"}, "worker": {"command": "-f x", "replicas": 2}},
        "status": status,
    }))
    .unwrap()
}

fn running_test() -> LocustTest {
    let drifted = json!({"type": "SpecDrifted", "status": "True", "reason": "SpecChangeIgnored", "message": "",
        "lastTransitionTime": rfc3339(0)});
    let status = json!({"phase": "Running", "startTime": rfc3339(0), "connectedWorkers": 2, "conditions": [drifted]});
    test_with(status, Some("locust.io/cleanup"))
}

fn job_of(name: &str, owner: Option<&str>, conditions: Value) -> JobView {
    let owners: Vec<_> = owner
        .map(|uid| json!({"apiVersion": "locust.io/v2", "kind": "LocustTest", "name": "team.demo", "uid": uid}))
        .into_iter()
        .collect();
    serde_json::from_value(json!({
        "metadata": {"name": name, "namespace": "ns", "uid": format!("uid-of-{name}"), "ownerReferences": owners},
        "status": {"startTime": rfc3339(3), "conditions": conditions},
    }))
    .unwrap()
}

fn master(conditions: Value) -> JobView {
    job_of("team-demo-master", Some(RUN_ID), conditions)
}

/// The test after it was taken over at second 100.
fn taken(mut test: LocustTest) -> LocustTest {
    let worker = job_of("team-demo-worker", Some(RUN_ID), json!([]));
    let decision = take_over(&test, Some(&master(json!([]))), Some(&worker), at(100));
    assert_eq!(decision.news, [News::TakenOver]);
    test.status = Some(decision.status);
    test
}

#[test]
fn what_another_operator_began_is_told_from_what_nobody_did() {
    let pending = json!({"phase": "Pending"});
    let (ours, others) = (
        master(json!([])),
        job_of("team-demo-master", Some("another"), json!([])),
    );
    for (what, test, job, wanted) in [
        ("new", test_with(Value::Null, None), None, false),
        (
            "seen by version 2 and not made",
            test_with(pending.clone(), Some("locust.io/cleanup")),
            None,
            false,
        ),
        (
            "made by version 2, which died before it said so",
            test_with(pending.clone(), None),
            Some(&ours),
            true,
        ),
        (
            "a Job of the same name that somebody else owns",
            test_with(pending, None),
            Some(&others),
            false,
        ),
        ("running", running_test(), None, true),
        (
            "started by version 2, which lost a Job",
            test_with(json!({"phase": "Pending", "startTime": rfc3339(0)}), None),
            None,
            true,
        ),
        (
            "seen by version 1",
            test_with(Value::Null, Some("locusttests.locust.io/finalizer")),
            None,
            true,
        ),
    ] {
        assert_eq!(was_started(&test, job), wanted, "{what}");
    }
}

#[test]
fn a_run_is_claimed_as_it_is() {
    let test = taken(running_test());
    let status = test.status.as_ref().unwrap();
    let run = status.run.as_ref().unwrap();
    assert!(run.taken_over);
    assert_eq!(run.master_name, "team-demo-master");
    assert_eq!(
        run.master_job_uid.as_deref(),
        Some("uid-of-team-demo-master")
    );
    assert_eq!(
        run.worker_job_uid.as_deref(),
        Some("uid-of-team-demo-worker")
    );
    assert_eq!(
        status.start_time.as_ref().map(|time| time.0),
        Some(at(0)),
        "it was known"
    );
    assert_eq!(status.phase, Some(Phase::Running));
    assert_eq!(
        next_step(Some(status)),
        Step::Observe,
        "and never created again"
    );
    assert_eq!(condition(status, conditions::SPEC_DRIFTED), ("", ""));
    assert_eq!(
        condition(status, conditions::RESULTS_AVAILABLE),
        ("False", "ExitCodeOnly")
    );
    assert_eq!(
        condition(status, conditions::COMPLETED),
        ("False", "TestInProgress")
    );
    assert_eq!(
        condition(status, conditions::WORKERS_CONNECTED).0,
        "Unknown"
    );
    assert_eq!(
        (&status.workers, status.connected_workers),
        (&None, None),
        "nobody counted them"
    );
}

#[test]
fn the_names_are_those_that_were_published() {
    let mut test = running_test();
    test.metadata.name = Some("2024.load".to_owned());
    let status = take_over(&test, Some(&master(json!([]))), None, at(1)).status;
    assert_eq!(status.run.unwrap().worker_name, "2024-load-worker");
}

#[test]
fn the_verdict_is_how_locust_ended() {
    use Phase::{Failed, Succeeded};
    let test = taken(running_test());
    let complete = master(json!([{"type": "Complete", "status": "True"}]));
    let failed =
        master(json!([{"type": "Failed", "status": "True", "message": "BackoffLimitExceeded"}]));
    let running_job = master(json!([]));
    let exporter_outlives = ended(0, "Completed", "");
    let failed_locust = ended(1, "Error", "");
    for (what, job, pods, wanted) in [
        (
            "nothing yet",
            Job::Found(&running_job),
            vec![&running()],
            None,
        ),
        (
            "a Job that is complete",
            Job::Found(&complete),
            vec![],
            Some((Succeeded, Verdict::Passed, "ExitCodeOnly")),
        ),
        (
            "a Job that failed",
            Job::Found(&failed),
            vec![],
            Some((Failed, Verdict::Failed, "ExitCodeOnly")),
        ),
        (
            "an exporter that outlives Locust",
            Job::Found(&running_job),
            vec![&exporter_outlives],
            Some((Succeeded, Verdict::Passed, "ExitCodeOnly")),
        ),
        (
            "a Locust that failed beside it",
            Job::Found(&running_job),
            vec![&failed_locust],
            Some((Failed, Verdict::Failed, "ExitCodeOnly")),
        ),
        (
            "a deleted Job",
            Job::Gone,
            vec![],
            Some((Failed, Verdict::Inconclusive, "MasterLost")),
        ),
    ] {
        let decision = observe(&test, job, &pods, at(200));
        let status = &decision.status;
        let found = status.verdict.map(|verdict| {
            (
                status.phase.unwrap(),
                verdict,
                status.reason.as_deref().unwrap(),
            )
        });
        assert_eq!(found, wanted, "{what}");
        assert_eq!(decision.news.len(), usize::from(wanted.is_some()), "{what}");
        if wanted.is_some() {
            assert_eq!(condition(status, conditions::COMPLETED).0, "True", "{what}");
            assert_eq!(
                condition(status, conditions::WORKERS_CONNECTED),
                ("False", "TestEnded"),
                "{what}"
            );
            assert_eq!(
                status.completion_time.as_ref().map(|time| time.0),
                Some(at(200)),
                "{what}"
            );
        } else {
            assert_eq!(Some(status), test.status.as_ref(), "{what}");
        }
    }
}

#[test]
fn a_run_without_a_job_is_over_and_not_made_again() {
    let test = test_with(Value::Null, Some("locusttests.locust.io/finalizer"));
    let status = take_over(&test, None, None, at(1)).status;
    assert_eq!(
        (status.phase, status.verdict),
        (Some(Phase::Failed), Some(Verdict::Error))
    );
    assert_eq!(status.reason.as_deref(), Some("ResultLost"));
    assert_eq!(next_step(Some(&status)), Step::Ended);
}

#[test]
fn only_finalizers_of_the_published_operators_go() {
    let with = |names: &[&str]| k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta {
        finalizers: Some(names.iter().map(|name| (*name).to_owned()).collect()),
        ..Default::default()
    };
    assert_eq!(finalizers_left(&Default::default()), None);
    assert_eq!(finalizers_left(&with(&["mine/own"])), None);
    assert_eq!(finalizers_left(&with(&["locust.io/cleanup"])), Some(vec![]));
    assert_eq!(
        finalizers_left(&with(&["mine/own", "locusttests.locust.io/finalizer"])),
        Some(vec!["mine/own".to_owned()])
    );
}

/// A10-7: the published operator calls a test failed whose pods could not be scheduled for two minutes, and when they
/// can, they load.
#[test]
fn a_test_that_is_over_makes_no_load() {
    let over = |phase: &str| {
        test_with(
            json!({"phase": phase, "startTime": rfc3339(0), "completionTime": rfc3339(9)}),
            None,
        )
    };
    let told: JobView = serde_json::from_value(json!({
        "metadata": {"name": "team-demo-master", "ownerReferences": [
            {"apiVersion": "locust.io/v2", "kind": "LocustTest", "name": "team.demo", "uid": RUN_ID}]},
        "spec": {"activeDeadlineSeconds": 1},
    }))
    .unwrap();
    let mut going = master(json!([]));
    going.metadata.deletion_timestamp =
        Some(k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(at(1)));
    let complete = json!([{"type": "Complete", "status": "True"}]);
    let failed = json!([{"type": "Failed", "status": "True"}]);
    for (what, test, job, wanted) in [
        (
            "failed, and its master's Job goes on",
            over("Failed"),
            master(json!([])),
            Stop::Now,
        ),
        (
            "succeeded, and its workers' Job goes on",
            over("Succeeded"),
            job_of("team-demo-worker", Some(RUN_ID), json!([])),
            Stop::Now,
        ),
        (
            "a Job that is complete",
            over("Succeeded"),
            master(complete),
            Stop::Nothing,
        ),
        (
            "a Job that failed",
            over("Failed"),
            master(failed),
            Stop::Nothing,
        ),
        ("a Job that was told", over("Failed"), told, Stop::Nothing),
        ("a Job that goes", over("Failed"), going, Stop::Nothing),
        (
            "a Job of another test",
            over("Failed"),
            job_of("team-demo-master", Some("other"), json!([])),
            Stop::Nothing,
        ),
        (
            "a Job of nobody",
            over("Failed"),
            job_of("team-demo-master", None, json!([])),
            Stop::Nothing,
        ),
        (
            "a test that runs",
            running_test(),
            master(json!([])),
            Stop::Nothing,
        ),
        (
            "a run that was taken over",
            taken(running_test()),
            master(json!([])),
            Stop::Nothing,
        ),
    ] {
        assert_eq!(stop_left_over(&test, &job), wanted, "{what}");
    }
}

#[test]
fn whose_a_job_of_the_test_is() {
    let job = |owner: &str,
               labels: Value|
     -> k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta {
        serde_json::from_value(json!({"name": "team-demo-master", "labels": labels, "ownerReferences": [
            {"apiVersion": "locust.io/v2", "kind": "LocustTest", "name": "team.demo", "uid": owner}]}))
        .unwrap()
    };
    let test = running_test();
    assert!(was_made_by_another(
        &test,
        &job(RUN_ID, json!({"managed-by": "locust-k8s-operator"}))
    ));
    assert!(!was_made_by_another(
        &test,
        &job(RUN_ID, json!({"locust.io/run-id": RUN_ID}))
    ));
    assert!(!was_made_by_another(&test, &job("other", json!({}))));
}
