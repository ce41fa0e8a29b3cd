use super::*;

/// Runs at each of these hours, with these verdicts.
fn history(spec: Value, verdicts: &[Verdict]) -> World {
    let mut world = World::new(spec);
    world.settle();
    for (hour, verdict) in (1..).zip(verdicts) {
        assert_eq!(world.at(&format!("{hour:02}:00")).len(), 1, "{hour}");
        world.end(*verdict);
        world.settle();
    }
    world
}

#[test]
fn failures_in_a_row_suspend() {
    use Verdict::{Aborted, Error, Failed, Inconclusive, Passed};
    let limit = json!({"suspendAfterConsecutiveFailures": 3});
    for (verdicts, failures) in [
        (vec![Failed, Failed], Some(2)),
        (vec![Failed, Inconclusive, Error, Aborted], Some(2)),
        (vec![Failed, Failed, Passed], None),
        (vec![Failed, Error, Inconclusive, Failed], Some(3)),
    ] {
        let world = history(limit.clone(), &verdicts);
        assert_eq!(
            world.status().consecutive_failures,
            failures,
            "{verdicts:?}"
        );
        let suspended = world.condition("Suspended");
        assert_eq!(
            suspended == "True/ConsecutiveFailures",
            failures == Some(3),
            "{verdicts:?}"
        );
    }
}

#[test]
fn three_ways_out_of_failures() {
    let limit = json!({"suspendAfterConsecutiveFailures": 1, "startingDeadlineSeconds": 86_400});
    let suspended = || {
        let mut world = history(limit.clone(), &[Verdict::Failed]);
        assert_eq!(world.at("03:00"), Vec::<String>::new());
        world
    };
    let mut by_token = suspended();
    by_token.annotate("locust.io/resume", "go on");
    let mut by_edit = suspended();
    by_edit.edit(|spec| spec.max_runs = Some(100));
    let mut by_run = suspended();
    by_run.annotate("locust.io/run-now", "try");
    assert_eq!(by_run.at("03:10").len(), 1);
    by_run.end(Verdict::Passed);
    for mut world in [by_token, by_edit, by_run] {
        assert_eq!(world.at("03:20"), Vec::<String>::new());
        assert_eq!(world.condition("Suspended"), "False/InForce");
        assert_eq!(world.at("04:00"), [name("04:00")]);
    }
    // One that fails again does not help.
    let mut world = suspended();
    world.annotate("locust.io/run-now", "try");
    world.at("03:10");
    world.end(Verdict::Failed);
    assert_eq!(world.at("04:00"), Vec::<String>::new());
    assert_eq!(world.status().consecutive_failures, Some(2));
}

#[test]
fn old_runs_go_by_their_verdicts() {
    use Verdict::{Aborted, Error, Failed, Inconclusive, Passed};
    let kept = json!({"history": {"passed": 1, "failed": 2, "other": 0}});
    let verdicts = [Failed, Passed, Error, Inconclusive, Failed, Passed, Aborted];
    let mut world = history(kept, &verdicts);
    world.sweep();
    world.settle();
    let left: Vec<&str> = world
        .status()
        .history
        .iter()
        .map(|run| run.name.as_str())
        .collect();
    assert_eq!(left, [name("06:00"), name("05:00"), name("03:00")]);
    let status = world.status();
    assert_eq!(
        (status.passed, status.failed, status.other),
        (Some(2), Some(3), Some(2))
    );
    assert_eq!(status.last_run.as_ref().unwrap().name, name("07:00"));
}

#[test]
fn nothing_goes_before_its_verdict_is_stored() {
    let mut world = World::new(json!({"history": {"passed": 0}}));
    world.at("01:00");
    world.end(Verdict::Passed);
    let uid = world.runs[0].uid.clone();
    assert!(!has_noted(world.schedule.status.as_ref(), &uid));
    let first = world.round();
    assert_eq!(first.deletes, []);
    assert!(has_noted(world.schedule.status.as_ref(), &uid));
    let second = world.round();
    assert_eq!(second.deletes.len(), 1);
    assert!(!second.deletes[0].replaced);
    assert_eq!(world.round().deletes, []);
}
