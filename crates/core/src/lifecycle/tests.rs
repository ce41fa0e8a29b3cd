//! A run's whole life, step by step, from what the API server and Locust show.

mod leftovers;
mod lost;
mod scaling;
mod setups;
mod stopping;
mod taken_over;
mod thresholds;

use super::*;
use crate::{
    claim::{self, Naming},
    settings,
};
use locust_api::{
    conditions,
    v2::{LocustTest, Phase, Verdict},
};
use proptest::prelude::*;
use serde_json::{Value, json};

const RUN_ID: &str = "0a1b2c3d-0000-4000-8000-000000000000";

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_000_000 + second).unwrap()
}

fn millis(second: i64) -> i64 {
    (1_000_000 + second) * 1000
}

fn rfc3339(second: i64) -> String {
    at(second).to_string()
}

/// A test whose objects were created at second 0.
fn created_test(spec: Value) -> LocustTest {
    let mut test: LocustTest = serde_json::from_value(json!({
        "apiVersion": "locust.io/v2", "kind": "LocustTest",
        "metadata": {"name": "demo", "namespace": "ns", "uid": RUN_ID, "generation": 1},
        "spec": spec,
    }))
    .unwrap();
    let claim = claim::claim(&test.metadata, &test.spec, Naming::Published, at(0));
    test.status = Some(claimed(&test, claim, at(0)));
    test.status = Some(created(&test, "uid-m".into(), "uid-w".into(), at(1)));
    test
}

fn simple() -> LocustTest {
    created_test(json!({"worker": {"replicas": 3}, "run": {"runTime": "30s"}}))
}

fn job(conditions: Value) -> JobView {
    serde_json::from_value(json!({
        "metadata": {"name": "demo-master", "namespace": "ns", "uid": "uid-m"},
        "spec": {"parallelism": 1}, "status": {"active": 1, "conditions": conditions},
    }))
    .unwrap()
}

fn pod(role: &str, state: Value) -> PodView {
    let name = format!("demo-{role}");
    serde_json::from_value(json!({
        "metadata": {"name": format!("{name}-x"), "uid": format!("uid-{role}-x"), "labels": {"locust.io/role": role, "performance-test-pod-name": name}},
        "status": {"phase": "Running", "podIP": "10.0.0.1",
                   "containerStatuses": [{"name": name, "imageID": "sha256:abc", "state": state}]},
    }))
    .unwrap()
}

fn running() -> PodView {
    pod("master", json!({"running": {"startedAt": rfc3339(2)}}))
}

fn ended(code: i32, reason: &str, message: &str) -> PodView {
    let terminated = json!({"exitCode": code, "reason": reason, "message": message,
        "startedAt": rfc3339(2), "finishedAt": rfc3339(50)});
    pod("master", json!({ "terminated": terminated }))
}

/// A line of the plugin; `fields` replaces what it says by default.
fn line(fields: Value) -> String {
    let mut line = json!({"k": "run", "v": 1, "run": RUN_ID, "final": true, "state": "stopped",
        "reason": "RunTimeReached", "exit": 0, "exitBy": "locust", "start": millis(10), "end": millis(40),
        "now": millis(41), "users": 0, "peakUsers": 30, "targetUsers": 30, "workers": 3, "peakWorkers": 3,
        "minWorkers": 3, "lost": 0, "n": 100, "f": 0, "exc": 0, "rps": 3.3, "avg": 20.5, "max": 1250.0,
        "p50": 18.0, "p95": 43.0, "p99": 64.0, "res": 3, "cur": {"rps": 3.0, "fps": 0.0, "p95": 40.0}});
    for (key, value) in fields.as_object().unwrap() {
        line[key] = value.clone();
    }
    line.to_string()
}

fn report(fields: Value) -> Report {
    Report::parse(&line(fields), RUN_ID).unwrap()
}

fn waiting() -> Report {
    report(
        json!({"final": false, "state": "waiting", "reason": null, "start": null, "end": null, "workers": 1,
        "peakWorkers": 1, "n": 0, "p50": null, "p95": null, "p99": null, "avg": null, "max": null, "rps": null}),
    )
}

fn loading() -> Report {
    report(json!({"final": false, "state": "running", "reason": null, "end": null, "users": 30}))
}

fn look(
    test: &LocustTest,
    second: i64,
    master: Job<'_>,
    pods: &[&PodView],
    live: Live<'_>,
) -> Decision {
    look_with(
        test,
        &Observed {
            now: at(second),
            master,
            worker: None,
            pods,
            refused: None,
            live,
        },
    )
}

fn look_with(test: &LocustTest, seen: &Observed<'_>) -> Decision {
    let run = test.status.as_ref().unwrap().run.as_ref().unwrap();
    observe(test, run, seen, &settings::for_tests())
}

/// Verdict and reason of a run whose master ended like this.
fn verdict(test: &LocustTest, master: &PodView) -> (Phase, Verdict, String, String) {
    let decision = look(
        test,
        60,
        Job::Found(&job(json!([]))),
        &[master],
        Live::NotAsked,
    );
    let status = decision.status;
    assert!(
        matches!(decision.news.last(), Some(News::Finished { .. })),
        "{:?}",
        decision.news
    );
    (
        status.phase.unwrap(),
        status.verdict.unwrap(),
        status.reason.unwrap(),
        status.message.unwrap(),
    )
}

fn condition<'a>(status: &'a v2::LocustTestStatus, kind: &str) -> (&'a str, &'a str) {
    let found = status
        .conditions
        .iter()
        .find(|condition| condition.type_ == kind);
    found.map_or(("", ""), |condition| {
        (condition.status.as_str(), condition.reason.as_str())
    })
}

#[test]
fn load_began_no_later_than_it_was_heard_of() {
    let pod = running();
    let forged = report(
        json!({"final": false, "state": "running", "reason": null, "end": null, "start": millis(9000)}),
    );
    let master = job(json!([]));
    let decision = look(
        &simple(),
        20,
        Job::Found(&master),
        &[&pod],
        Live::Report(&forged),
    );
    let status = decision.status;
    let claim = status.run.and_then(|run| run.load_start_time);
    assert_eq!(
        [status.start_time, claim].map(|time| time.map(|time| time.0)),
        [Some(at(20)); 2]
    );
}

#[test]
fn a_test_goes_from_claim_to_end() {
    let mut test = simple();
    let with = |status: Option<v2::LocustTestStatus>| next_step(status.as_ref());
    assert_eq!(with(None), Step::Claim);
    assert_eq!(with(test.status.clone()), Step::Observe);
    let mut status = test.status.take().unwrap();
    status.run.as_mut().unwrap().master_job_uid = None;
    assert_eq!(with(Some(status.clone())), Step::Create);
    status.phase = Some(Phase::Failed);
    assert_eq!(with(Some(status.clone())), Step::Ended);
    status = v2::LocustTestStatus {
        phase: Some(Phase::Running),
        ..Default::default()
    };
    assert_eq!(with(Some(status)), Step::Claim);
}

#[test]
fn decision_table_of_verdicts() {
    use Phase::{Failed, Succeeded};
    let cut = line(json!({"final": false, "reason": null, "end": null}));
    let cases: &[(&str, PodView, Phase, Verdict, &str)] = &[
        (
            "passes",
            ended(0, "Completed", &line(json!({}))),
            Succeeded,
            Verdict::Passed,
            "AllPassed",
        ),
        (
            "requests failed",
            ended(1, "Error", &line(json!({"exit": 1, "f": 7}))),
            Failed,
            Verdict::Failed,
            "RequestsFailed",
        ),
        (
            "uncaught exceptions",
            ended(1, "Error", &line(json!({"exit": 1, "exc": 2}))),
            Failed,
            Verdict::Failed,
            "RequestsFailed",
        ),
        (
            "failures are allowed",
            ended(0, "Completed", &line(json!({"f": 7}))),
            Succeeded,
            Verdict::Passed,
            "AllPassed",
        ),
        (
            "own exit code",
            ended(42, "Error", &line(json!({"exitBy": "user", "f": 7}))),
            Failed,
            Verdict::Failed,
            "ExitCode",
        ),
        (
            "unexplained code",
            ended(2, "Error", &line(json!({}))),
            Failed,
            Verdict::Failed,
            "ExitCode",
        ),
        (
            "no requests",
            ended(3, "Error", &line(json!({"n": 0, "reason": "NoRequests"}))),
            Failed,
            Verdict::Inconclusive,
            "NoRequests",
        ),
        (
            "stopped in the UI",
            ended(3, "Error", &line(json!({"reason": "StoppedEarly"}))),
            Failed,
            Verdict::Inconclusive,
            "StoppedEarly",
        ),
        (
            "pod deleted",
            ended(0, "Completed", &line(json!({"reason": "Terminated"}))),
            Failed,
            Verdict::Inconclusive,
            "MasterLost",
        ),
        (
            "workers lost",
            ended(3, "Error", &line(json!({"reason": "WorkersLost", "f": 7}))),
            Failed,
            Verdict::Inconclusive,
            "WorkersLost",
        ),
        (
            "killed",
            ended(137, "Error", &cut),
            Failed,
            Verdict::Inconclusive,
            "MasterLost",
        ),
        (
            "out of memory",
            ended(137, "OOMKilled", &cut),
            Failed,
            Verdict::Inconclusive,
            "MasterLost",
        ),
        (
            "import error",
            ended(
                1,
                "Error",
                "Traceback:\nModuleNotFoundError: No module named 'x'",
            ),
            Failed,
            Verdict::Error,
            "NeverStarted",
        ),
        (
            "out of memory at once",
            ended(137, "OOMKilled", ""),
            Failed,
            Verdict::Error,
            "OOMKilled",
        ),
        (
            "no plugin, and requests failed",
            ended(
                1,
                "Error",
                "Name  # reqs\n  Aggregated   12  12(100.00%)\n----|----|----",
            ),
            Failed,
            Verdict::Inconclusive,
            "NoSummary",
        ),
        (
            "no plugin",
            ended(0, "Completed", ""),
            Succeeded,
            Verdict::Inconclusive,
            "NoSummary",
        ),
    ];
    for (name, pod, phase, expected, reason) in cases {
        let (found_phase, found, found_reason, message) = verdict(&simple(), pod);
        assert_eq!(
            (found_phase, found, found_reason.as_str()),
            (*phase, *expected, *reason),
            "{name}: {message}"
        );
    }
    let (.., message) = verdict(
        &simple(),
        &ended(
            1,
            "Error",
            "Traceback:\nModuleNotFoundError: No module named 'x'",
        ),
    );
    assert!(message.contains("No module named 'x'"), "{message}");
}

#[test]
fn an_end_is_stored_whole() {
    let text = format!(
        "{}\n{}",
        line(json!({"exit": 1, "f": 7})),
        r#"{"k":"pin","locust":"2.47.0","files":{"locustfile.py":"ab"}}"#
    );
    let status = look(
        &simple(),
        60,
        Job::Found(&job(json!([]))),
        &[&ended(1, "Error", &text)],
        Live::NotAsked,
    )
    .status;
    let summary = status.summary.as_ref().unwrap();
    assert_eq!(
        (
            summary.requests,
            summary.error_ratio.as_str(),
            summary.p95.as_deref()
        ),
        (100, "0.0700", Some("43ms"))
    );
    assert_eq!(summary.max.as_deref(), Some("1.25s"));
    assert_eq!(status.start_time.as_ref().unwrap().0, at(10));
    assert_eq!(status.completion_time.as_ref().unwrap().0, at(40));
    assert_eq!(
        status.progress.as_ref().unwrap().p95.as_deref(),
        Some("43ms")
    );
    assert_eq!(status.pin.as_ref().unwrap().files["locustfile.py"], "ab");
    assert_eq!(status.workers.as_ref().unwrap().text, "3/3");
    assert_eq!(
        condition(&status, conditions::COMPLETED),
        ("True", "RequestsFailed")
    );
    assert_eq!(
        condition(&status, conditions::TEST_COMPLETED),
        ("True", "TestFailed")
    );
    assert_eq!(
        condition(&status, conditions::SUCCEEDED),
        ("False", "RequestsFailed")
    );
    assert_eq!(condition(&status, conditions::RECONCILING), ("", ""));
    assert_eq!(condition(&status, conditions::PODS_HEALTHY).0, "True");
}

#[test]
fn a_created_run_is_not_written_again_before_something_happens() {
    let test = simple();
    let job = job(json!([]));
    let seen = look(&test, 2, Job::Found(&job), &[], Live::NotAsked);
    assert_eq!(Some(seen.status), test.status);
}

#[test]
fn running_means_that_load_runs() {
    let mut test = simple();
    let (master, pod) = (job(json!([])), running());
    let before = look(
        &test,
        5,
        Job::Found(&master),
        &[&pod],
        Live::Report(&waiting()),
    );
    assert_eq!(before.status.phase, Some(Phase::Pending));
    assert_eq!(
        condition(&before.status, conditions::WORKERS_CONNECTED),
        ("False", "WaitingForWorkers")
    );
    assert_eq!(before.status.connected_workers, Some(1));
    assert_eq!(before.news, []);
    test.status = Some(before.status);
    let after = look(
        &test,
        11,
        Job::Found(&master),
        &[&pod],
        Live::Report(&loading()),
    );
    assert_eq!(after.status.phase, Some(Phase::Running));
    assert_eq!(
        condition(&after.status, conditions::WORKERS_CONNECTED),
        ("True", "AllWorkersConnected")
    );
    assert!(
        matches!(after.news.as_slice(), [News::Running(_)]),
        "{:?}",
        after.news
    );
}

#[test]
fn numbers_alone_are_written_at_their_pace() {
    let mut test = simple();
    let (master, pod) = (job(json!([])), running());
    test.status = Some(
        look(
            &test,
            11,
            Job::Found(&master),
            &[&pod],
            Live::Report(&loading()),
        )
        .status,
    );
    let soon = look(
        &test,
        20,
        Job::Found(&master),
        &[&pod],
        Live::Report(&report(json!({"final": false, "end": null, "n": 500}))),
    );
    assert_eq!(Some(&soon.status), test.status.as_ref(), "nothing to write");
    let due = look(
        &test,
        41,
        Job::Found(&master),
        &[&pod],
        Live::Report(&report(json!({"final": false, "end": null, "n": 500}))),
    );
    assert_eq!(due.status.progress.unwrap().requests, 500);
}

#[test]
fn a_silent_master_is_called_unreachable_and_not_failed() {
    let test = simple();
    let (master, pod) = (job(json!([])), running());
    let early = look(&test, 20, Job::Found(&master), &[&pod], Live::Unreachable);
    assert_eq!(early.status.phase, Some(Phase::Pending));
    let late = look(&test, 1000, Job::Found(&master), &[&pod], Live::Unreachable);
    assert_eq!(late.status.phase, Some(Phase::Running));
    assert_eq!(
        condition(&late.status, conditions::WORKERS_CONNECTED),
        ("Unknown", "MasterUnreachable")
    );
    assert_eq!(late.status.verdict, None);
}

#[test]
fn a_problem_of_pods_is_told_once_and_ends_the_run_at_the_deadline() {
    let mut test = simple();
    let waiting = json!({"waiting": {"reason": "ImagePullBackOff", "message": "no such image"}});
    let (master, pod) = (job(json!([])), pod("master", waiting));
    let first = look(&test, 30, Job::Found(&master), &[&pod], Live::NotAsked);
    assert_eq!(
        condition(&first.status, conditions::PODS_HEALTHY),
        ("False", "ImagePullError")
    );
    assert!(matches!(first.news.as_slice(), [News::Problem(_)]));
    test.status = Some(first.status);
    let second = look(&test, 60, Job::Found(&master), &[&pod], Live::NotAsked);
    assert_eq!(second.news, []);
    assert_eq!(Some(&second.status), test.status.as_ref());
    let end = look(&test, 311, Job::Found(&master), &[&pod], Live::NotAsked).status;
    assert_eq!(
        (end.verdict, end.reason.as_deref()),
        (Some(Verdict::Error), Some("ImagePullError"))
    );
    assert!(end.message.unwrap().contains("no such image"));
}

#[test]
fn refused_pods_say_why_a_run_never_starts_and_ask_for_few_looks() {
    let problem = PodProblem {
        reason: reasons::FAILED_CREATE,
        message: "the API server refuses the pods of Job demo-worker: exceeded quota".to_owned(),
    };
    let mut test = simple();
    let (job, waits) = (job(json!([])), running());
    let waited_out = json!({"terminated": {"exitCode": 1, "startedAt": rfc3339(2), "finishedAt": rfc3339(305),
        "message": "Gave up waiting for workers to connect\nThe last worker quit, stopping test."}});
    let given_up = pod("master", waited_out);
    let (before, after) = ([&waits], [&given_up]);
    let mut seen = Observed {
        now: at(10),
        master: Job::Found(&job),
        worker: None,
        pods: &before,
        refused: Some(&problem),
        live: Live::NotAsked,
    };
    let look = look_with;
    let first = look(&test, &seen);
    assert_eq!(
        condition(&first.status, conditions::PODS_HEALTHY),
        ("False", "FailedCreate")
    );
    assert_eq!(first.look_again.as_secs(), 10, "as long as it has waited");
    seen.now = at(200);
    assert_eq!(look(&test, &seen).look_again.as_secs(), 30);
    test.status = Some(first.status);
    seen.now = at(306);
    seen.pods = &after;
    let end = look(&test, &seen).status;
    assert_eq!(
        (end.verdict, end.reason.as_deref()),
        (Some(Verdict::Error), Some("FailedCreate"))
    );
    let message = end.message.unwrap();
    assert!(
        message.contains("startDeadline") && message.contains("exceeded quota"),
        "{message}"
    );
}

#[test]
fn workers_that_never_connect_end_the_run_at_the_deadline() {
    let (master, pod) = (job(json!([])), running());
    let end = look(
        &simple(),
        311,
        Job::Found(&master),
        &[&pod],
        Live::Report(&waiting()),
    )
    .status;
    assert_eq!(
        (end.verdict, end.reason.as_deref()),
        (Some(Verdict::Error), Some("StartDeadlineExceeded"))
    );
}

#[test]
fn a_load_that_does_not_end_is_stopped_with_its_numbers_kept() {
    let test = created_test(json!({"worker": {"replicas": 3}, "timeout": "1m"}));
    let (master, pod) = (job(json!([])), running());
    let before = look(
        &test,
        69,
        Job::Found(&master),
        &[&pod],
        Live::Report(&loading()),
    )
    .status;
    assert_eq!(before.verdict, None);
    let end = look(
        &test,
        70,
        Job::Found(&master),
        &[&pod],
        Live::Report(&loading()),
    )
    .status;
    assert_eq!(
        (end.verdict, end.reason.as_deref()),
        (Some(Verdict::Inconclusive), Some("Timeout"))
    );
    assert_eq!(
        end.summary
            .map(|summary| (summary.requests, summary.is_final)),
        Some((100, false))
    );
}

#[test]
fn a_job_that_is_gone_is_an_outcome() {
    let mut test = simple();
    let gone = look(&test, 5, Job::Gone, &[], Live::NotAsked).status;
    assert_eq!(
        (gone.verdict, gone.reason.as_deref()),
        (Some(Verdict::Error), Some("ResultLost"))
    );
    let (master, pod) = (job(json!([])), running());
    test.status = Some(
        look(
            &test,
            11,
            Job::Found(&master),
            &[&pod],
            Live::Report(&loading()),
        )
        .status,
    );
    let cut = look(&test, 20, Job::Gone, &[], Live::NotAsked).status;
    assert_eq!(
        (cut.verdict, cut.reason.as_deref()),
        (Some(Verdict::Inconclusive), Some("MasterLost"))
    );
}

#[test]
fn an_end_without_last_words_is_not_believed_of_a_cache() {
    let complete = job(
        json!([{"type": "Complete", "status": "True", "reason": "CompletionsReached", "lastTransitionTime": rfc3339(50)}]),
    );
    let unheard = |pods: &[&PodView], second| {
        let master = Job::Found(&complete);
        ends_unheard(&look(&simple(), second, master, pods, Live::NotAsked), pods)
    };
    assert!(unheard(&[&running()], 65), "the pod may be over by now");
    assert!(unheard(&[], 65));
    assert!(!unheard(&[&running()], 55), "nothing ends here");
    assert!(!unheard(&[&ended(0, "Completed", &line(json!({})))], 65));
}

#[test]
fn a_finished_job_waits_for_its_pod_to_be_seen() {
    let failed = job(
        json!([{"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded", "lastTransitionTime": rfc3339(50)}]),
    );
    let soon = look(&simple(), 55, Job::Found(&failed), &[], Live::NotAsked).status;
    assert_eq!(soon.verdict, None);
    let late = look(&simple(), 61, Job::Found(&failed), &[], Live::NotAsked).status;
    assert_eq!(late.reason.as_deref(), Some("ResultLost"));
}

/// One thing that may be seen of a run at some moment.
#[derive(Clone, Debug)]
enum Sight {
    Nothing,
    Waiting,
    Loading,
    Silent,
    Ended(i32),
    Killed,
    JobGone,
    JobFailed,
}

fn sights() -> impl Strategy<Value = Vec<Sight>> {
    let sight = prop_oneof![
        Just(Sight::Nothing),
        Just(Sight::Waiting),
        Just(Sight::Loading),
        Just(Sight::Silent),
        (0..3i32).prop_map(Sight::Ended),
        Just(Sight::Killed),
        Just(Sight::JobGone),
        Just(Sight::JobFailed),
    ];
    prop::collection::vec(sight, 1..12)
}

fn see(test: &LocustTest, second: i64, sight: &Sight) -> Decision {
    let (master, run) = (job(json!([])), running());
    let failed = job(json!([{"type": "Failed", "status": "True"}]));
    match sight {
        Sight::Nothing => look(test, second, Job::Found(&master), &[], Live::NotAsked),
        Sight::Waiting => look(
            test,
            second,
            Job::Found(&master),
            &[&run],
            Live::Report(&waiting()),
        ),
        Sight::Loading => look(
            test,
            second,
            Job::Found(&master),
            &[&run],
            Live::Report(&loading()),
        ),
        Sight::Silent => look(
            test,
            second,
            Job::Found(&master),
            &[&run],
            Live::Unreachable,
        ),
        Sight::Ended(code) => look(
            test,
            second,
            Job::Found(&master),
            &[&ended(*code, "x", &line(json!({})))],
            Live::NotAsked,
        ),
        Sight::Killed => look(
            test,
            second,
            Job::Found(&master),
            &[&ended(137, "Error", "")],
            Live::NotAsked,
        ),
        Sight::JobGone => look(test, second, Job::Gone, &[], Live::NotAsked),
        Sight::JobFailed => look(test, second, Job::Found(&failed), &[], Live::NotAsked),
    }
}

proptest! {
    /// Whatever is seen in whatever order: phases never go back, an end is complete, and looking twice at the same
    /// thing writes nothing the second time.
    #[test]
    fn a_run_only_goes_forward(sights in sights()) {
        let mut test = simple();
        for (index, sight) in sights.iter().enumerate() {
            let second = 5 + 40 * i64::try_from(index).unwrap();
            let before = test.status.clone().unwrap();
            let decision = see(&test, second, sight);
            prop_assert!(decision.status.phase >= before.phase, "{:?} -> {:?}", before.phase, decision.status.phase);
            prop_assert_eq!(decision.status.phase.unwrap().is_terminal(), decision.status.verdict.is_some());
            prop_assert_eq!(decision.status.start_time.is_some(), decision.status.run.as_ref().unwrap().load_start_time.is_some());
            if before.start_time.is_some() {
                prop_assert_eq!(&decision.status.start_time, &before.start_time);
            }
            test.status = Some(decision.status);
            if next_step(test.status.as_ref()) == Step::Ended {
                break;
            }
            let again = see(&test, second, sight);
            prop_assert_eq!(Some(&again.status), test.status.as_ref());
        }
    }
}

#[test]
fn tries_to_create_get_rarer_and_end_with_the_deadline() {
    let test = simple();
    let run = test.status.unwrap().run.unwrap();
    let seconds = |reason, now| next_try(&run, reason, at(310), at(now)).as_secs();
    let refused = [0, 2, 4, 8, 16, 60, 120, 300].map(|now| seconds(reasons::CREATE_FAILED, now));
    assert_eq!(refused, [2, 2, 4, 8, 16, 60, 60, 10]);
    let missing = [0, 100, 307].map(|now| seconds(reasons::CONFIG_MAP_NOT_FOUND, now));
    assert_eq!(missing, [5, 5, 3]);
}
