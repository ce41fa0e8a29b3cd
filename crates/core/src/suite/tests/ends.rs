//! How steps and suites end.

use proptest::prelude::*;

use super::*;
use crate::{
    lifecycle::{Hold, Outcome, look_again_for_refs},
    queue::Wait,
    suite::{order::Item, rollup::rollup},
};

#[test]
fn after_a_failure_only_finally_starts() {
    let mut run = Run::new(json!({"execution": "Parallel", "maxParallel": 2, "steps": [
        step("a", json!({})),
        step("b", json!({})),
        step("c", json!({"when": "Always"})),
    ], "finally": [step("clean", json!({}))]}));
    run.round();
    let plan = run.end("a", Verdict::Failed).round();
    assert_eq!((run.phases().as_str(), plan.stops), ("FR-P", vec![]));
    assert_eq!(
        run.step("c").message.as_deref(),
        Some("step a did not pass, and its onFailure is Stop")
    );
    run.end("b", Verdict::Passed).round();
    assert_eq!(run.phases(), "FS-R");
    run.end("clean", Verdict::Error).round();
    assert_eq!(
        run.result(),
        (
            Phase::Failed,
            Verdict::Error,
            "StepError",
            "1 of 4 steps passed; step clean Error: Because: of this; 1 more did not pass"
        )
    );
    let status = run.status();
    let counts = [
        status.passed,
        status.failed,
        status.inconclusive,
        status.error,
        status.aborted,
        status.skipped,
        status.total,
    ];
    assert_eq!(counts, [1, 1, 0, 1, 0, 1, 4].map(Some));
}

/// Somebody deletes a Job that was made and not yet noted. The next operator makes it again, and dies; the one after that
/// reads a cache in which the first is still there, and notes that.
#[test]
fn what_was_made_twice_is_stopped() {
    let retries = json!({"retries": {"limit": 1}});
    let mut run =
        Run::new(json!({"steps": [step("a", retries)], "finally": [step("clean", json!({}))]}));
    run.round();
    run.end("a", Verdict::Error).round();
    run.becomes("a", ChildState::Gone);
    for name in ["night-a", "night-a-a2"] {
        run.appears(name, "second");
        let stop = Stop {
            kind: ChildKind::Job,
            name: name.to_owned(),
            uid: "second".to_owned(),
        };
        let plan = run.round();
        assert_eq!((plan.stops, plan.starts), (vec![stop], vec![]));
        assert_eq!(run.phases(), "FW");
        run.children.remove(name);
    }
    assert_eq!(names(&run.plan().starts), ["night-clean"]);
}

/// `finally` starts, the operator dies before that is noted, and what had passed is deleted before the next one looks.
#[test]
fn nothing_starts_once_finally_has_begun() {
    let mut run = Run::new(json!({"steps": [
        step("a", json!({"onFailure": "Continue"})),
        step("b", json!({"when": "OnFailed"})),
    ], "finally": [step("clean", json!({}))]}));
    run.round();
    run.appears("night-clean", "unnoted");
    run.becomes("a", ChildState::Gone).round();
    assert_eq!(run.phases(), "F-R");
    assert_eq!(
        run.step("b").message.as_deref(),
        Some("steps of finally have begun, and nothing else starts after that")
    );
}

/// Who looks after a crash may find the suite suspended, and then the step would wait anew.
#[test]
fn what_is_given_up_is_noted_before_anything_starts() {
    let waits = json!({"waitFor": {"http": {"url": "http://shop"}}});
    let mut run =
        Run::new(json!({"steps": [step("a", waits)], "finally": [step("clean", json!({}))]}));
    let failed = WaitState::Failed("no such host".to_owned());
    run.waits.insert("a".to_owned(), failed);
    let plan = run.round();
    assert_eq!((run.phases().as_str(), plan.starts), ("FW", vec![]));
    assert!(plan.look_again.as_secs() <= 1, "{:?}", plan.look_again);
    assert_eq!(names(&run.round().starts), ["night-clean"]);
}

/// `finally` has started, and a cache that is behind shows what was over before as running.
#[test]
fn finally_is_tried_again_when_all_is_over() {
    let retries = json!({"retries": {"limit": 1}});
    let mut run =
        Run::new(json!({"steps": [step("a", json!({}))], "finally": [step("clean", retries)]}));
    run.round();
    run.appears("night-clean", "unnoted").round();
    let plan = run.end("clean", Verdict::Error).round();
    assert_eq!((run.phases().as_str(), plan.starts), ("RW", vec![]));
    let plan = run.end("a", Verdict::Passed).round();
    assert_eq!(names(&plan.starts), ["night-clean-a2"]);
}

#[test]
fn abort_stops_what_runs_and_tries_nothing_again() {
    let mut run = Run::new(json!({"execution": "Parallel", "steps": [
        step("a", json!({"onFailure": "Abort"})),
        step("b", json!({"retries": {"limit": 3}})),
    ]}));
    run.round();
    let plan = run.end("a", Verdict::Inconclusive).round();
    assert_eq!(
        plan.stops,
        [Stop {
            kind: ChildKind::Job,
            name: "night-b".to_owned(),
            uid: "uid-night-b".to_owned(),
        }]
    );
    assert_eq!(run.round().stops.len(), 1, "until it has ended");
    run.end("b", Verdict::Error).round();
    assert_eq!(run.step("b").verdict, Some(Verdict::Aborted));
    assert_eq!(run.result().2, "StepInconclusive");
}

#[test]
fn a_step_is_tried_again_as_its_retries_say() {
    let retries = json!({"delay": "5s", "retries": {"limit": 2, "after": ["Error"]}});
    let mut run = Run::new(json!({"steps": [step("a", retries)]}));
    run.round();
    run.wait(5).round();
    run.end("a", Verdict::Error).round();
    let waiting = run.step("a");
    assert_eq!((waiting.phase, waiting.attempt), (StepPhase::Waiting, 1));
    assert_eq!(waiting.message.as_deref(), Some("attempt 1 of 3: of this"));
    let status = run.status();
    assert_eq!(
        (status.error, status.progress.as_deref()),
        (Some(0), Some("0/1"))
    );
    let plan = run.wait(5).round();
    assert_eq!(names(&plan.starts), ["night-a-a2"]);
    assert!(matches!(&plan.news[..], [News::StepStarted { note, .. }]
        if note == "step a runs as Job night-a-a2, attempt 2"));
    run.end("a", Verdict::Error).round();
    assert_eq!(names(&run.wait(5).round().starts), ["night-a-a3"]);
    run.end("a", Verdict::Error).round();
    assert_eq!((run.phases().as_str(), run.result().2), ("F", "StepError"));

    for verdict in [Verdict::Inconclusive, Verdict::Failed, Verdict::Aborted] {
        let retries = json!({"retries": {"limit": 2, "after": ["Error"]}});
        let mut run = Run::new(json!({"steps": [step("a", retries)]}));
        run.round();
        run.end("a", verdict).round();
        assert_eq!((run.phases().as_str(), run.result().1), ("F", verdict));
    }
}

#[test]
fn what_waits_to_be_tried_again_ends_with_what_it_has() {
    let mut run = Run::new(json!({"steps": [
        step("a", json!({"delay": "5s", "retries": {"limit": 2}})), step("b", json!({})),
    ]}));
    run.round();
    run.wait(5).round();
    run.end("a", Verdict::Inconclusive).round();
    run.suite.spec.stop = Some(true);
    run.round();
    assert_eq!(run.phases(), "F-");
    assert_eq!(run.step("a").verdict, Some(Verdict::Inconclusive));
    assert_eq!(run.result().1, Verdict::Aborted);
}

#[test]
fn an_attempt_past_its_timeout_is_stopped() {
    let run = || {
        let mut run = Run::new(json!({"steps": [step("a", json!({"timeout": "1m"}))]}));
        assert_eq!(run.round().stops, []);
        run
    };
    let mut late = run();
    assert_eq!(late.plan().look_again.as_secs(), 60);
    assert_eq!(late.wait(60).round().stops.len(), 1);
    assert_eq!(late.wait(60).round().stops.len(), 1, "until it has ended");
    late.end("a", Verdict::Passed).round();
    assert_eq!(late.result().1, Verdict::Inconclusive);
    assert_eq!(late.step("a").reason.as_deref(), Some("StepTimeout"));
    assert_eq!(
        late.step("a").message.as_deref(),
        Some("took longer than its timeout of 1m and was stopped; it said Passed: of this")
    );
    // Nobody looked in between: it says itself when it ended.
    for (seconds, verdict) in [(59, Verdict::Passed), (60, Verdict::Inconclusive)] {
        let mut run = run();
        let ChildState::Ended(end) = ended(Verdict::Passed, "AllPassed", "") else {
            unreachable!()
        };
        let at = Some(at(seconds));
        run.becomes("a", ChildState::Ended(ChildEnd { at, ..end }));
        run.wait(600).round();
        assert_eq!(run.result().1, verdict);
    }
    let mut deleted = run();
    deleted.wait(60).round();
    deleted.becomes("a", ChildState::Gone).round();
    assert_eq!(deleted.result().1, Verdict::Inconclusive);
}

#[test]
fn a_deleted_child_is_not_made_again() {
    let mut run = Run::new(json!({"steps": [step("a", json!({"retries": {"limit": 5}}))]}));
    run.round();
    let children = std::mem::take(&mut run.children);
    let plan = run.round();
    assert_eq!(
        (run.phases().as_str(), plan.starts),
        ("R", vec![]),
        "it may only be unseen"
    );
    run.children = children;
    run.becomes("a", ChildState::Gone).round();
    assert_eq!(run.step("a").reason.as_deref(), Some("ChildDeleted"));
    assert_eq!(run.step("a").verdict, Some(Verdict::Error));
    assert_eq!(run.result().2, "StepError");
}

#[test]
fn what_cannot_be_made_is_an_error() {
    let mut run = Run::new(json!({"steps": [
        step("a", json!({"retries": {"limit": 5}})), step("b", json!({})),
    ]}));
    let mut plan = run.plan();
    let start = plan.starts[0].clone();
    let news = not_started(
        &mut plan.status,
        &start,
        "InvalidSpec",
        "spec.x: no",
        run.now,
    );
    assert!(matches!(news, Some(News::StepFinished { note, .. })
        if note == "step a Error: InvalidSpec: spec.x: no"));
    run.suite.status = Some(plan.status);
    assert_eq!(run.status().progress.as_deref(), Some("1/2"));
    run.round();
    assert_eq!(run.phases(), "F-");
    assert_eq!(
        run.result().3,
        "0 of 2 steps passed; step a Error: InvalidSpec: spec.x: no"
    );
}

#[test]
fn a_stopped_suite_is_aborted_after_its_finally() {
    let mut run = Run::new(json!({"steps": [
        step("a", json!({})), step("b", json!({})),
    ], "finally": [step("clean", json!({"retries": {"limit": 1}}))]}));
    run.round();
    run.suite.spec.stop = Some(true);
    let plan = run.round();
    assert_eq!((run.phases().as_str(), plan.stops.len()), ("R-P", 1));
    assert_eq!(run.condition("Stopping").unwrap().1, "StopRequested");
    run.end("a", Verdict::Inconclusive).round();
    assert_eq!(run.step("a").verdict, Some(Verdict::Aborted));
    assert_eq!((run.phases().as_str(), run.round().stops), ("F-R", vec![]));
    run.end("clean", Verdict::Error).round();
    run.end("clean", Verdict::Passed).round();
    let (phase, verdict, reason, message) = run.result();
    assert_eq!(
        (phase, verdict, reason),
        (Phase::Failed, Verdict::Aborted, "Stopped")
    );
    assert!(message.starts_with("spec.stop was set; 1 of 3 steps passed; step a Aborted"));
    assert_eq!(run.condition("Stopping"), None);
}

#[test]
fn an_optional_step_may_fail() {
    let mut run = Run::new(json!({"steps": [
        step("a", json!({"optional": true, "onFailure": "Abort"})), step("b", json!({})),
    ]}));
    run.round();
    run.end("a", Verdict::Failed).round();
    assert_eq!(run.phases(), "FR");
    run.end("b", Verdict::Passed).round();
    assert_eq!(run.result().1, Verdict::Passed);
    assert_eq!(
        run.result().3,
        "1 of 2 steps passed; optional step a Failed: Because: of this"
    );
    assert_eq!(run.condition("OptionalStepFailed").unwrap().0, "True");
}

#[test]
fn a_suite_says_why_it_waits() {
    let mut suite = suite(json!({"steps": [step("a", json!({}))]}));
    let wait = Wait {
        reason: "GroupBusy",
        message: "2nd of 2 in group g, behind x".to_owned(),
    };
    let kinds = |status: &LocustTestSuiteStatus| -> Vec<String> {
        assert_eq!(status.phase, Some(Phase::Pending));
        let of = |it: &k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition| it.type_.clone();
        status.conditions.iter().map(of).collect()
    };
    for (status, reason, expected) in [
        (invalid(&suite, "no", at(0)), "InvalidSpec", vec!["Stalled"]),
        (
            held(&suite, Hold::Spec, at(0)),
            "Suspended",
            vec!["Suspended"],
        ),
        (
            held(&suite, Hold::Operator, at(0)),
            "HeldByOperator",
            vec![],
        ),
        (queued(&suite, &wait, at(0)), "GroupBusy", vec!["Queued"]),
        (
            refs_unresolved(&suite, "X", "y", at(0)),
            "X",
            vec!["ResolvedRefs"],
        ),
    ] {
        assert_eq!(status.reason.as_deref(), Some(reason));
        assert_eq!(kinds(&status), expected, "{reason}");
        assert_eq!(next_step(Some(&status)), Step::Claim);
        suite.status = Some(status);
        let claimed = claimed(&suite, claim(at(1)), at(1));
        assert_eq!(
            kinds(&claimed)
                .iter()
                .filter(|kind| matches!(kind.as_str(), "Stalled" | "Suspended" | "Queued"))
                .count(),
            0
        );
        suite.status = None;
    }
    let status = ended_unclaimed(&suite, Outcome::aborted("stopped before the start"), at(2));
    assert_eq!(next_step(Some(&status)), Step::Ended);
    assert_eq!(status.verdict, Some(Verdict::Aborted));
}

#[test]
fn the_wait_for_a_template_begins_again_after_any_other_wait() {
    let unresolved = |suite: &LocustTestSuite, now| refs_unresolved(suite, "X", "y", at(now));
    let first = suite(json!({"steps": [step("a", json!({}))]}));
    let began = unresolved(&first, 0);
    let again = |status: &LocustTestSuiteStatus, now| {
        let within = locust_api::Duration::from_secs(120);
        look_again_for_refs(&status.conditions, within, at(now))
    };
    let waits = LocustTestSuite {
        status: Some(began),
        ..first
    };
    assert!(again(&unresolved(&waits, 119), 119).is_some());
    assert!(again(&unresolved(&waits, 120), 120).is_none());

    let wait = Wait {
        reason: "GroupBusy",
        message: "2nd of 2 in group g, behind x".to_owned(),
    };
    for other in [
        held(&waits, Hold::Spec, at(60)),
        held(&waits, Hold::Operator, at(60)),
        queued(&waits, &wait, at(60)),
        invalid(&waits, "no", at(60)),
    ] {
        let reason = other.reason.clone();
        let released = LocustTestSuite {
            status: Some(other),
            ..waits.clone()
        };
        let status = unresolved(&released, 900);
        assert!(again(&status, 900).is_some(), "{reason:?}");
        assert!(again(&status, 1020).is_none(), "{reason:?}");
    }
}

const ALL: [Verdict; 5] = [
    Verdict::Passed,
    Verdict::Aborted,
    Verdict::Inconclusive,
    Verdict::Failed,
    Verdict::Error,
];

proptest! {
    #[test]
    fn the_worst_required_step_counts_in_any_order(
        steps in proptest::collection::vec((0usize..5, any::<bool>()), 1..8),
        turned in 0usize..8,
    ) {
        let verdict_of = |steps: &[(usize, bool)]| {
            let specs: Vec<locust_api::v2::SuiteStep> = steps
                .iter()
                .map(|(_, optional)| locust_api::v2::SuiteStep {
                    optional: Some(*optional),
                    ..Default::default()
                })
                .collect();
            let items: Vec<Item<'_>> =
                specs.iter().map(|step| Item { step, finally: false }).collect();
            let statuses: Vec<StepStatus> = steps
                .iter()
                .map(|(verdict, _)| StepStatus {
                    phase: if *verdict == 0 { StepPhase::Succeeded } else { StepPhase::Failed },
                    verdict: Some(ALL[*verdict]),
                    ..StepStatus::default()
                })
                .collect();
            let outcome = rollup(&items, &statuses, false).outcome;
            (outcome.verdict, outcome.reason)
        };
        let (verdict, reason) = verdict_of(&steps);
        let worst = steps.iter().filter(|(_, optional)| !optional).map(|(it, _)| *it).max();
        prop_assert_eq!(verdict, ALL[worst.unwrap_or(0)]);
        let mut other = steps.clone();
        other.rotate_left(turned % steps.len());
        prop_assert_eq!(verdict_of(&other), (verdict, reason.clone()));
        other.reverse();
        prop_assert_eq!(verdict_of(&other), (verdict, reason));
    }
}
