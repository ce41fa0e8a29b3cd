//! Runs that somebody stops, at each moment of their lives.

use super::*;

fn stopped(more: Value) -> LocustTest {
    let mut spec = json!({"worker": {"replicas": 3}, "stop": true, "run": {"stopTimeout": "5s"}});
    spec.as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    created_test(spec)
}

fn said(test: &LocustTest, second: i64, pods: &[&PodView], live: Live<'_>) -> Decision {
    let master = job(json!([]));
    look(test, second, Job::Found(&master), pods, live)
}

/// The test after this decision was written.
fn after_this(test: &LocustTest, decision: &Decision) -> LocustTest {
    let mut test = test.clone();
    test.status = Some(decision.status.clone());
    test
}

#[test]
fn before_any_load_it_is_over_at_once() {
    let test = stopped(json!({}));
    let waiting = waiting();
    let pod = running();
    for (name, pods, live) in [
        ("no pods", vec![], Live::NotAsked),
        ("waiting for workers", vec![&pod], Live::Report(&waiting)),
    ] {
        let decision = said(&test, 20, &pods, live);
        assert_eq!(
            (decision.status.verdict, decision.status.reason.as_deref()),
            (Some(Verdict::Aborted), Some("Stopped")),
            "{name}"
        );
        assert_eq!(decision.stop, None, "{name}");
        assert!(
            matches!(
                &decision.news[..],
                [News::Finished {
                    verdict: Verdict::Aborted,
                    ..
                }]
            ),
            "{name}: {:?}",
            decision.news
        );
    }
}

#[test]
fn a_load_is_asked_to_end_and_then_judged_as_aborted() {
    let (test, pod, live) = (stopped(json!({})), running(), loading());
    let asked = said(&test, 20, &[&pod], Live::Report(&live));
    assert_eq!(asked.status.verdict, None);
    assert!(matches!(asked.stop, Some(StopLoad::Ask { .. })));
    assert!(asked.news.contains(&News::Stopping));
    assert_eq!(
        condition(&asked.status, conditions::STOPPING),
        ("True", "StopRequested")
    );
    let test = after_this(&test, &asked);
    let again = said(&test, 30, &[&pod], Live::Report(&live));
    assert!(matches!(again.stop, Some(StopLoad::Ask { .. })));
    assert!(!again.news.contains(&News::Stopping));

    let last = line(json!({"reason": "StopRequested", "exit": 3, "exitBy": "plugin"}));
    let over = said(&test, 32, &[&ended(3, "Error", &last)], Live::NotAsked);
    assert_eq!(over.status.verdict, Some(Verdict::Aborted));
    assert!(over.status.summary.is_some());
    assert_eq!(condition(&over.status, conditions::STOPPING), ("", ""));
    assert_eq!(
        condition(&over.status, conditions::COMPLETED),
        ("True", "Stopped")
    );
}

#[test]
fn what_was_over_already_keeps_its_verdict() {
    let test = stopped(json!({}));
    let passed = ended(0, "Completed", &line(json!({})));
    let decision = said(&test, 60, &[&passed], Live::NotAsked);
    assert_eq!(decision.status.verdict, Some(Verdict::Passed));
}

#[test]
fn a_master_that_cannot_be_asked_is_ended_through_its_pod() {
    let (test, pod, live) = (stopped(json!({})), running(), loading());
    let first = said(&test, 20, &[&pod], Live::Report(&live));
    let test = after_this(&test, &first);
    let soon = said(&test, 25, &[&pod], Live::Unreachable);
    assert!(
        matches!(soon.stop, Some(StopLoad::Ask { .. })),
        "it may be busy"
    );
    let later = said(&test, 31, &[&pod], Live::Unreachable);
    assert!(matches!(later.stop, Some(StopLoad::EndPod { .. })));
    // It answers and does not end: 5 s of stop timeout, 30 s more.
    let patient = said(&test, 54, &[&pod], Live::Report(&live));
    assert!(matches!(patient.stop, Some(StopLoad::Ask { .. })));
    let late = said(&test, 56, &[&pod], Live::Report(&live));
    assert!(matches!(late.stop, Some(StopLoad::EndPod { .. })));
    let mut told = pod.clone();
    told.spec.active_deadline_seconds = Some(1);
    assert_eq!(said(&test, 56, &[&told], Live::Unreachable).stop, None);
    let given_up = said(&test, 86, &[&told], Live::Unreachable);
    assert_eq!(given_up.status.verdict, Some(Verdict::Aborted));

    let last = line(json!({"reason": "Terminated", "exit": 0}));
    let ended = said(&test, 60, &[&ended(0, "Completed", &last)], Live::NotAsked);
    assert_eq!(ended.status.verdict, Some(Verdict::Aborted));
}

#[test]
fn a_silent_master_may_load_and_is_not_called_over_at_once() {
    let (test, pod) = (stopped(json!({})), running());
    for silence in [Live::Unreachable, Live::Closed] {
        let decision = said(&test, 20, &[&pod], silence);
        assert_eq!(decision.status.verdict, None);
        assert!(matches!(decision.stop, Some(StopLoad::Ask { .. })));
    }
}

#[test]
fn a_suspended_test_says_so_and_is_not_claimed() {
    let mut test = simple();
    test.status = None;
    let status = held(&test, Hold::Spec, at(1));
    assert_eq!(status.run, None);
    assert_eq!(
        condition(&status, conditions::READY),
        ("False", "Suspended")
    );
    test.status = Some(status.clone());
    assert_eq!(next_step(test.status.as_ref()), Step::Claim);
    assert_eq!(held(&test, Hold::Spec, at(9)), status, "written once");
}
