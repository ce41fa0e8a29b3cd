use super::*;

#[test]
fn forbid_skips() {
    let mut world = World::new(json!({}));
    world.at("01:00");
    assert_eq!(world.at("02:00"), Vec::<String>::new());
    let skip = world.status().last_skip.clone().unwrap();
    assert_eq!(
        (skip.time.0, skip.reason.as_str()),
        (at("02:00"), reasons::PREVIOUS_RUN_ACTIVE)
    );
    assert!(skip.message.contains(&name("01:00")), "{}", skip.message);
    // It does not come later.
    world.end(Verdict::Passed);
    assert_eq!(world.at("02:02"), Vec::<String>::new());
    assert_eq!(world.at("03:00"), [name("03:00")]);
    // Nor does what somebody asks for.
    world.annotate("locust.io/run-now", "me too");
    assert_eq!(world.at("03:01"), Vec::<String>::new());
    world.end(Verdict::Passed);
    assert_eq!(world.at("03:02"), Vec::<String>::new());
    assert_eq!(world.status().last_run_now_token.as_deref(), Some("me too"));
}

#[test]
fn forbid_may_delay() {
    let mut world = World::new(json!({"onConflict": "Delay"}));
    world.at("01:00");
    assert_eq!(world.at("02:00"), Vec::<String>::new());
    assert_eq!(world.status().last_skip, None);
    world.end(Verdict::Passed);
    assert_eq!(world.at("02:04"), [name("02:00")]);
    assert_eq!(world.at("03:00"), Vec::<String>::new());
    let again = world.decide().look_again.as_secs();
    assert!((290..=302).contains(&again), "{again}");
    assert_eq!(world.at("03:06"), Vec::<String>::new());
    assert_eq!(world.skipped(), reasons::DEADLINE_EXCEEDED);
    assert_eq!(world.status().missed_runs, Some(1));
    // What somebody asks for waits as long as it takes.
    world.annotate("locust.io/run-now", "later");
    assert_eq!(world.at("03:30"), Vec::<String>::new());
    world.end(Verdict::Passed);
    assert_eq!(world.at("03:40").len(), 1);
}

#[test]
fn allow_starts_beside() {
    let mut world = World::new(json!({"concurrencyPolicy": "Allow"}));
    world.at("01:00");
    assert_eq!(world.at("02:00"), [name("02:00")]);
    world.annotate("locust.io/run-now", "and me");
    assert_eq!(world.at("02:01").len(), 1);
    assert_eq!(world.status().active_runs, Some(3));
}

#[test]
fn replace_waits_until_the_old_one_is_gone() {
    let mut world =
        World::new(json!({"concurrencyPolicy": "Replace", "startingDeadlineSeconds": 10}));
    world.at("01:00");
    world.now = at("02:00");
    // First the status says what is to come.
    let first = world.round();
    assert_eq!((first.starts, first.deletes), (vec![], vec![]));
    assert!(world.status().active[0].replaced);
    let second = world.round();
    assert_eq!(second.deletes.len(), 1);
    assert!(second.deletes[0].replaced);
    // Its pods take longer than the deadline to go.
    assert_eq!(world.at("02:03"), Vec::<String>::new());
    assert_eq!(world.decide().deletes, []);
    world.sweep();
    assert_eq!(world.at("02:05"), [name("02:00")]);
    let status = world.status();
    assert_eq!(
        (status.replacing.as_ref(), status.missed_runs),
        (None, None)
    );
    let last = status.last_run.as_ref().unwrap();
    assert_eq!(
        (last.verdict, last.reason.as_deref()),
        (Some(Verdict::Aborted), Some("Replaced"))
    );
    assert_eq!((status.other, status.history.len()), (Some(1), 0));
    // On demand as well.
    world.annotate("locust.io/run-now", "me");
    assert_eq!(world.at("02:10"), Vec::<String>::new());
    world.sweep();
    assert_eq!(world.at("02:11").len(), 1);
}

#[test]
fn what_ends_before_it_is_deleted_counts() {
    let mut world = World::new(json!({"concurrencyPolicy": "Replace"}));
    world.at("01:00");
    world.now = at("02:00");
    world.round();
    world.end(Verdict::Passed);
    assert_eq!(world.decide().deletes, []);
    assert_eq!(world.settle(), [name("02:00")]);
    assert_eq!(world.status().passed, Some(1));
}

#[test]
fn a_run_that_somebody_deletes_was_aborted() {
    let mut world = World::new(json!({"suspendAfterConsecutiveFailures": 1}));
    world.at("01:00");
    world.runs[0].is_leaving = true;
    assert_eq!(world.at("01:01"), Vec::<String>::new());
    assert_eq!(world.status().active_runs, Some(1));
    world.sweep();
    assert_eq!(world.at("01:02"), Vec::<String>::new());
    let last = world.status().last_run.as_ref().unwrap();
    assert_eq!(
        (last.verdict, last.reason.as_deref()),
        (Some(Verdict::Aborted), Some("ChildDeleted"))
    );
    assert_eq!(world.at("02:00"), [name("02:00")]);
}

#[test]
fn what_was_not_valid_is_tried_again() {
    let mut world =
        World::new(json!({"retries": {"limit": 2}, "suspendAfterConsecutiveFailures": 1}));
    world.at("01:00");
    world.end(Verdict::Inconclusive);
    assert_eq!(world.at("01:10"), [format!("{}-a2", name("01:00"))]);
    world.end(Verdict::Error);
    // Under Forbid a further attempt comes before the next time.
    assert_eq!(world.at("02:00"), [format!("{}-a3", name("01:00"))]);
    assert_eq!(world.skipped(), reasons::PREVIOUS_RUN_ACTIVE);
    let status = world.status();
    assert_eq!(
        (status.failed, status.other, status.runs_started),
        (None, None, Some(1))
    );
    assert_eq!(world.condition("LastRunPassed"), "Unknown/NoRunYet");
    world.end(Verdict::Error);
    assert_eq!(world.at("02:10"), Vec::<String>::new());
    assert_eq!(world.status().failed, Some(1));
    assert_eq!(world.condition("Suspended"), "True/ConsecutiveFailures");
    let attempts: Vec<i32> = world
        .status()
        .history
        .iter()
        .map(|run| run.attempt)
        .collect();
    assert_eq!(attempts, [3, 2, 1]);
    assert!(world.status().history.iter().all(|run| !run.retry));
}

#[test]
fn what_failed_is_an_answer_and_a_suspension_ends_the_row() {
    let mut world = World::new(json!({"retries": {"limit": 2, "after": ["Error"]}}));
    for (clock, verdict) in [
        ("01:00", Verdict::Failed),
        ("02:00", Verdict::Inconclusive),
        ("03:00", Verdict::Aborted),
    ] {
        assert_eq!(world.at(clock).len(), 1);
        world.end(verdict);
        assert_eq!(world.settle(), Vec::<String>::new());
    }
    assert_eq!(world.at("04:00").len(), 1);
    world.edit(|spec| spec.suspend = Some(true));
    world.end(Verdict::Error);
    assert_eq!(world.settle(), Vec::<String>::new());
    assert_eq!(
        (world.status().failed, world.status().other),
        (Some(2), Some(2))
    );
}

#[test]
fn a_further_attempt_that_could_not_be_made_is_not_lost() {
    let mut world = World::new(json!({"retries": {"limit": 1}}));
    world.at("01:00");
    world.end(Verdict::Error);
    world.now = at("01:10");
    let decision = world.decide();
    assert_eq!(decision.starts.len(), 1);
    world.schedule.status = Some(decision.status);
    // The run is gone before the way to the API server is free again.
    world.runs[0].is_leaving = true;
    world.sweep();
    assert_eq!(world.at("01:11"), [format!("{}-a2", name("01:00"))]);
    world.end(Verdict::Passed);
    assert_eq!(world.settle(), Vec::<String>::new());
    assert_eq!(
        (world.status().passed, world.status().failed),
        (Some(1), None)
    );
}
