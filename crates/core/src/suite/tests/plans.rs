//! What starts, and when.

use super::*;

#[test]
fn a_claim_lists_all_steps() {
    let run = Run::new(json!({
        "steps": [step("smoke", json!({})), step("load", json!({}))],
        "finally": [step("clean", json!({}))],
    }));
    let status = run.status();
    let names: Vec<(&str, bool)> = status
        .steps
        .iter()
        .map(|step| (step.name.as_str(), step.finally))
        .collect();
    assert_eq!(names, [("smoke", false), ("load", false), ("clean", true)]);
    assert_eq!(
        (status.total, status.progress.as_deref()),
        (Some(3), Some("0/3"))
    );
    assert_eq!(status.phase, Some(Phase::Pending));
    assert_eq!(status.observed_generation, Some(3));
    assert_eq!(run.condition("Completed").unwrap().0, "False");
    assert_eq!(run.condition("Succeeded").unwrap().0, "Unknown");
    assert_eq!(run.condition("Reconciling").unwrap().0, "True");
    assert_eq!(next_step(None), Step::Claim);
    assert_eq!(next_step(Some(status)), Step::Run);
}

#[test]
fn what_is_not_claimed_does_nothing() {
    let mut run = Run::new(json!({"steps": [step("a", json!({}))]}));
    run.suite.status = None;
    let plan = run.plan();
    assert_eq!(
        (plan.starts, plan.status),
        (vec![], LocustTestSuiteStatus::default())
    );
}

#[test]
fn sequential_steps_follow_each_other() {
    let mut run = Run::new(json!({
        "steps": [{"name": "smoke", "test": {"worker": {"replicas": 1}}}, step("load", json!({}))],
        "finally": [step("clean", json!({})), step("tell", json!({}))],
    }));
    let plan = run.round();
    assert_eq!(
        plan.starts,
        [Start {
            step: "smoke".to_owned(),
            attempt: 1,
            name: "night-smoke".to_owned(),
            kind: ChildKind::Test,
        }]
    );
    assert_eq!(run.status().phase, Some(Phase::Running));
    assert_eq!(run.status().message.as_deref(), Some("running: smoke"));
    assert_eq!(run.plan().status, *run.status(), "nothing new is no write");
    for (step, next) in [
        ("smoke", "night-load"),
        ("load", "night-clean"),
        ("clean", "night-tell"),
    ] {
        assert_eq!(names(&run.round().starts), Vec::<&str>::new());
        assert_eq!(
            names(&run.end(step, Verdict::Passed).round().starts),
            [next]
        );
    }
    let plan = run.wait(7).end("tell", Verdict::Passed).round();
    assert_eq!(
        run.result(),
        (
            Phase::Succeeded,
            Verdict::Passed,
            "AllPassed",
            "4 of 4 steps passed"
        )
    );
    assert_eq!(run.status().completion_time, Some(Time(at(7))));
    assert_eq!(run.status().progress.as_deref(), Some("4/4"));
    assert_eq!(run.condition("Completed").unwrap().0, "True");
    assert_eq!(run.condition("Succeeded").unwrap().0, "True");
    assert_eq!(run.condition("Reconciling"), None);
    assert!(matches!(&plan.news[..], [
        News::StepFinished { step, verdict: Verdict::Passed, .. },
        News::SuiteFinished { verdict: Verdict::Passed, note },
    ] if step == "tell" && note == "Passed (AllPassed): 4 of 4 steps passed"));
    assert_eq!(run.plan().status, *run.status());
    assert_eq!(next_step(run.suite.status.as_ref()), Step::Ended);
}

#[test]
fn parallel_steps_start_as_there_is_room() {
    let steps = || ["a", "b", "c"].map(|name| step(name, json!({})));
    let mut run = Run::new(json!({"execution": "Parallel", "steps": steps()}));
    assert_eq!(
        names(&run.round().starts),
        ["night-a", "night-b", "night-c"]
    );
    let mut run = Run::new(json!({"execution": "Parallel", "maxParallel": 2, "steps": steps()}));
    assert_eq!(names(&run.round().starts), ["night-a", "night-b"]);
    assert_eq!(
        names(&run.end("b", Verdict::Passed).round().starts),
        ["night-c"]
    );
}

#[test]
fn graph_steps_start_after_those_they_depend_on() {
    let mut run = Run::new(json!({"execution": "Graph", "steps": [
        step("last", json!({"dependsOn": ["a", "b"]})),
        step("a", json!({})),
        step("b", json!({})),
    ]}));
    assert_eq!(names(&run.round().starts), ["night-a", "night-b"]);
    assert_eq!(run.end("a", Verdict::Passed).round().starts, []);
    assert_eq!(
        names(&run.end("b", Verdict::Passed).round().starts),
        ["night-last"]
    );
}

#[test]
fn a_graph_without_a_way_ends() {
    let mut run = Run::new(json!({"execution": "Graph", "steps": [
        step("a", json!({"dependsOn": ["b"]})),
        step("b", json!({"dependsOn": ["a"]})),
        step("c", json!({"dependsOn": ["nobody"]})),
    ], "finally": [step("clean", json!({}))]}));
    assert_eq!(names(&run.round().starts), ["night-clean"]);
    run.end("clean", Verdict::Passed).round();
    assert_eq!(run.phases(), "---S");
    assert_eq!(run.result().1, Verdict::Error);
    assert_eq!(run.result().2, "NothingRan");
}

#[test]
fn when_decides_after_a_failure_that_goes_on() {
    let go_on = json!({"onFailure": "Continue"});
    let mut run = Run::new(json!({"steps": [
        step("a", go_on.clone()),
        step("usual", json!({})),
        step("rescue", json!({"when": "OnFailed"})),
        step("any", json!({"when": "Always"})),
    ]}));
    run.round();
    run.end("a", Verdict::Failed).round();
    assert_eq!(run.phases(), "F-RP");
    assert_eq!(run.step("usual").reason.as_deref(), Some("WhenNotMet"));
    run.end("rescue", Verdict::Passed).round();
    run.end("any", Verdict::Passed).round();
    assert_eq!(run.phases(), "F-SS");
    assert_eq!(
        run.result(),
        (
            Phase::Failed,
            Verdict::Failed,
            "StepFailed",
            "2 of 4 steps passed; step a Failed: Because: of this"
        )
    );
}

#[test]
fn a_rescue_that_was_not_needed_is_in_the_way_only_in_a_graph() {
    let steps = |depends: bool| {
        let after = |name: &str| if depends { json!([name]) } else { json!([]) };
        json!([
            step("a", json!({})),
            step(
                "rescue",
                json!({"when": "OnFailed", "dependsOn": after("a")})
            ),
            step("b", json!({"dependsOn": after("rescue")})),
        ])
    };
    for (execution, depends, phases) in [("Sequential", false, "S-R"), ("Graph", true, "S--")] {
        let mut run = Run::new(json!({"execution": execution, "steps": steps(depends)}));
        run.round();
        run.end("a", Verdict::Passed).round();
        assert_eq!(run.phases(), phases, "{execution}");
    }
}

#[test]
fn a_delay_begins_when_it_is_the_steps_turn() {
    let mut run = Run::new(json!({"steps": [
        step("a", json!({})), step("b", json!({"delay": "30s"})),
    ]}));
    run.round();
    let plan = run.wait(100).end("a", Verdict::Passed).round();
    assert_eq!(
        (run.phases().as_str(), plan.look_again.as_secs()),
        ("SW", 30)
    );
    assert_eq!(
        run.step("b").message.as_deref(),
        Some("waits for its delay of 30s")
    );
    assert_eq!(run.wait(29).round().starts, []);
    assert_eq!(names(&run.wait(1).round().starts), ["night-b"]);
}

#[test]
fn a_step_waits_for_what_it_names() {
    let spec = json!({"steps": [step("a", json!({
        "delay": "10s", "waitFor": {"http": {"url": "http://shop"}, "timeout": "1m"},
    }))]});
    let mut run = Run::new(spec.clone());
    assert_eq!(run.round().asks, Vec::<String>::new());
    let plan = run.wait(10).plan();
    assert_eq!((plan.asks, plan.starts), (vec!["a".to_owned()], vec![]));
    let not_yet = WaitState::NotYet("http://shop answers 503".to_owned());
    run.waits.insert("a".to_owned(), not_yet);
    let plan = run.wait(59).round();
    assert_eq!((plan.asks, plan.starts), (vec![], vec![]));
    assert_eq!(
        run.step("a").message.as_deref(),
        Some("http://shop answers 503")
    );
    let mut late = Run::new(spec.clone());
    late.suite = run.suite.clone();
    late.now = run.now;
    late.wait(1);
    assert_eq!(late.round().asks, ["a"], "nothing fails unasked");
    late.waits.clone_from(&run.waits);
    late.round();
    assert_eq!(late.step("a").reason.as_deref(), Some("WaitForFailed"));
    assert_eq!(late.result().2, "StepError");
    run.waits.insert("a".to_owned(), WaitState::Holds);
    assert_eq!(names(&run.round().starts), ["night-a"]);
    let mut never = Run::new(spec);
    let failed = WaitState::Failed("no such host".to_owned());
    never.waits.insert("a".to_owned(), failed);
    never.round();
    assert_eq!(never.phases(), "W", "not before its delay");
    never.wait(10).round();
    assert_eq!(never.step("a").message.as_deref(), Some("no such host"));
}

#[test]
fn what_was_made_and_not_noted_is_found() {
    let mut run = Run::new(json!({"steps": [step("a", json!({}))]}));
    let before = run.suite.status.clone();
    run.round();
    run.suite.status = before.clone();
    let plan = run.plan();
    assert_eq!(plan.starts, []);
    assert!(matches!(&plan.news[..], [News::StepStarted { note, .. }]
        if note == "step a runs as Job night-a"));
    // The cache may be behind: the same is made again, and the API server says that it exists.
    let children = std::mem::take(&mut run.children);
    assert_eq!(names(&run.plan().starts), ["night-a"]);
    run.children = children;
    // Stopped in between, it is no longer wanted: it is found later and stopped.
    run.suite.spec.stop = Some(true);
    let children = std::mem::take(&mut run.children);
    run.round();
    assert_eq!(run.phases(), "-");
    run.children = children;
    assert_eq!(run.plan().stops[0].uid, "uid-night-a");
}

#[test]
fn a_start_is_noted_once() {
    let mut run = Run::new(json!({"steps": [step("a", json!({}))]}));
    let start = run.plan().starts[0].clone();
    let mut status = run.round().status;
    assert_eq!(started(&mut status, &start, "other", run.now), None);
    assert_eq!(not_started(&mut status, &start, "X", "y", run.now), None);
    assert_eq!(status, *run.status());
}

#[test]
fn two_steps_never_share_a_child() {
    let mut run = Run::new(json!({"execution": "Parallel", "steps": [
        step("load", json!({"retries": {"limit": 1}})), step("load-a2", json!({})),
    ]}));
    run.round();
    run.end("load", Verdict::Error).round();
    assert_eq!(run.phases(), "FR");
    assert_eq!(run.step("load").reason.as_deref(), Some("NameConflict"));
}

#[test]
fn a_suspended_suite_starts_nothing() {
    let mut run = Run::new(json!({"steps": [
        step("a", json!({})), step("b", json!({"delay": "10s"})),
    ], "finally": [step("clean", json!({}))]}));
    run.round();
    run.suite.spec.suspend = Some(true);
    run.end("a", Verdict::Passed).round();
    assert_eq!(run.phases(), "SPP");
    assert_eq!(run.condition("Suspended").unwrap().0, "True");
    run.suite.spec.suspend = None;
    run.wait(5).round();
    assert_eq!(
        (run.phases().as_str(), run.condition("Suspended")),
        ("SWP", None)
    );
    run.suite.spec.suspend = Some(true);
    assert_eq!(run.wait(60).round().starts, []);
    run.suite.spec.suspend = Some(false);
    assert_eq!(run.round().starts, [], "the delay begins anew");
    assert_eq!(names(&run.wait(10).round().starts), ["night-b"]);
    // A stopped suite ends although it is suspended.
    (run.suite.spec.suspend, run.suite.spec.stop) = (Some(true), Some(true));
    assert_eq!(run.round().stops[0].name, "night-b");
    assert_eq!(
        names(&run.end("b", Verdict::Aborted).round().starts),
        ["night-clean"]
    );
}
