//! Masters and workers that are lost: what is said of it, and which numbers are kept.

use super::*;

/// A report in the middle of the load, written at this second.
fn checkpoint(second: i64) -> String {
    line(
        json!({"final": false, "state": "running", "reason": null, "exit": null, "exitBy": null, "end": null,
        "now": millis(second)}),
    )
}

/// `pod`, being deleted; its grace period is over at this second.
fn leaving(mut pod: PodView, second: i64) -> PodView {
    pod.metadata.deletion_timestamp = Some(k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(
        at(second),
    ));
    pod
}

fn disrupted(mut pod: PodView, message: &str) -> PodView {
    let condition =
        json!({"type": "DisruptionTarget", "status": "True", "reason": "x", "message": message});
    pod.status
        .conditions
        .push(serde_json::from_value(condition).unwrap());
    pod
}

/// A test whose load is seen running.
fn loading_test() -> LocustTest {
    let mut test = simple();
    let (master, pod) = (job(json!([])), running());
    let live = Live::Report(&loading());
    test.status = Some(look(&test, 11, Job::Found(&master), &[&pod], live).status);
    test
}

fn message(test: &LocustTest, master: &PodView) -> String {
    let (.., message) = verdict(test, master);
    message
}

#[test]
fn an_old_report_is_kept_and_its_age_told() {
    let long = created_test(json!({"worker": {"replicas": 3}, "run": {"runTime": "1h"}}));
    let killed = |second: i64, written: i64| {
        let mut pod = ended(137, "Error", &checkpoint(written));
        let state = &mut pod.status.container_statuses[0].state;
        state.terminated.as_mut().unwrap().finished_at = Some(
            k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(at(second)),
        );
        pod
    };
    for (end, age) in [
        (2730, "45m before the end"),
        (33, "3s before the end"),
        (29, "0s before the end"),
    ] {
        let pod = killed(end, 30);
        let said = message(&long, &pod);
        assert!(said.ends_with(&format!("last report, {age}")), "{said}");
        let master = job(json!([]));
        let status = look(&long, 3000, Job::Found(&master), &[&pod], Live::NotAsked).status;
        assert_eq!(status.reason.as_deref(), Some("MasterLost"));
        let summary = status.summary.unwrap();
        assert_eq!((summary.requests, summary.is_final), (100, false));
    }
}

#[test]
fn who_ended_the_master_is_told() {
    let test = simple();
    let cut = checkpoint(45);
    let terminated = line(json!({"reason": "Terminated"}));
    let evicted = "Eviction API: evicting";
    for (pod, words) in [
        (ended(137, "OOMKilled", &cut), "OOMKilled"),
        (ended(137, "Error", &cut), "it was cut off"),
        (disrupted(ended(137, "Error", &cut), evicted), evicted),
        (ended(0, "Completed", &terminated), "its pod was deleted"),
        (
            disrupted(ended(0, "Completed", &terminated), evicted),
            evicted,
        ),
    ] {
        let (_, found, reason, said) = verdict(&test, &pod);
        assert_eq!(
            (found, reason.as_str()),
            (Verdict::Inconclusive, "MasterLost"),
            "{said}"
        );
        assert!(said.contains(words), "{said}");
    }
}

#[test]
fn a_master_without_a_report_points_to_the_numbers_last_seen() {
    let said = message(&loading_test(), &ended(137, "Error", ""));
    assert!(said.contains("status.progress"), "{said}");
}

#[test]
fn a_pod_that_goes_with_its_job_has_the_last_word() {
    let test = loading_test();
    let look = |second, pods: &[&PodView]| look(&test, second, Job::Gone, pods, Live::Unreachable);
    let going = leaving(running(), 45);
    assert_eq!(look(20, &[&running()]).status.verdict, None, "not yet told");
    assert_eq!(look(54, &[&going]).status.verdict, None);
    let gone = look(55, &[&going]).status;
    assert_eq!(
        gone.reason.as_deref(),
        Some("MasterLost"),
        "its node may be dead"
    );
    let words = line(json!({"reason": "Terminated", "n": 70}));
    let end = look(21, &[&leaving(ended(0, "Completed", &words), 45)]).status;
    assert_eq!(end.reason.as_deref(), Some("MasterLost"));
    assert_eq!(
        end.summary
            .map(|summary| (summary.requests, summary.is_final)),
        Some((70, true))
    );
}

#[test]
fn what_workers_died_of_is_told_when_all_are_lost() {
    let killed = json!({"terminated": {"exitCode": 137, "reason": "OOMKilled"}});
    let worker = pod("worker", killed);
    let lost = ended(3, "Error", &line(json!({"reason": "WorkersLost", "n": 0})));
    let (test, master) = (simple(), job(json!([])));
    let status = look(
        &test,
        60,
        Job::Found(&master),
        &[&lost, &worker],
        Live::NotAsked,
    )
    .status;
    assert_eq!(status.reason.as_deref(), Some("WorkersLost"));
    let said = status.message.unwrap();
    assert!(
        said.contains("demo-worker-x") && said.contains("OOMKilled"),
        "{said}"
    );
}

#[test]
fn a_run_without_a_request_has_no_times() {
    let nothing = line(
        json!({"reason": "NoRequests", "n": 0, "avg": 0.0, "max": 0.0, "p50": 0, "p95": 0, "p99": 0}),
    );
    let (test, master) = (simple(), job(json!([])));
    let status = look(
        &test,
        60,
        Job::Found(&master),
        &[&ended(3, "Error", &nothing)],
        Live::NotAsked,
    )
    .status;
    let summary = status.summary.unwrap();
    assert_eq!(
        [
            summary.avg,
            summary.max,
            summary.p50,
            summary.p95,
            summary.p99
        ],
        [None, None, None, None, None]
    );
}

#[test]
fn more_pods_with_a_problem_are_counted_and_told_only_once() {
    let waiting = |name: &str| {
        let state = json!({"waiting": {"reason": "ImagePullBackOff", "message": "no such image"}});
        let mut pod = pod("worker", state);
        pod.metadata.name = Some(name.to_owned());
        pod
    };
    let (first, second) = (waiting("a"), waiting("b"));
    let (mut test, master) = (simple(), job(json!([])));
    let one = look(&test, 5, Job::Found(&master), &[&first], Live::NotAsked);
    assert!(matches!(one.news.as_slice(), [News::Problem(_)]));
    test.status = Some(one.status);
    let both = look(
        &test,
        6,
        Job::Found(&master),
        &[&first, &second],
        Live::NotAsked,
    );
    assert_eq!(both.news, [], "it was told");
    let healthy = both
        .status
        .conditions
        .iter()
        .find(|condition| condition.type_ == conditions::PODS_HEALTHY);
    assert!(healthy.unwrap().message.starts_with("2 pod(s)"));
}

#[test]
fn no_worker_is_called_connected_after_the_end() {
    let (test, master) = (loading_test(), job(json!([])));
    let cut = ended(137, "Error", &checkpoint(45));
    for (pod, second) in [(running(), 1000), (cut, 60)] {
        let live = Live::Report(&loading());
        let status = look(&test, second, Job::Found(&master), &[&pod], live).status;
        assert_eq!(status.verdict, Some(Verdict::Inconclusive), "{second}");
        assert_eq!(
            condition(&status, conditions::WORKERS_CONNECTED),
            ("False", "TestEnded")
        );
    }
    // What was missing before the load is still told.
    let never = look(&simple(), 311, Job::Found(&master), &[], Live::NotAsked).status;
    assert_eq!(
        condition(&never, conditions::WORKERS_CONNECTED),
        ("False", "WaitingForWorkers")
    );
}
