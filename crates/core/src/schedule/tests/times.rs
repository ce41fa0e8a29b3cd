use super::*;

#[test]
fn the_latest_is_made_up_for_once_if_it_is_not_too_late() {
    for (deadline, back, starts, missed) in [
        (json!(null), "05:04", vec![name("05:00")], 4),
        (json!(null), "05:06", vec![], 5),
        (json!(3000), "05:40", vec![name("05:00")], 4),
        (json!(10), "05:00", vec![name("05:00")], 4),
        (json!(10), "05:01", vec![], 5),
    ] {
        let mut world = World::new(json!({"startingDeadlineSeconds": deadline}));
        world.settle();
        assert_eq!(world.at(back), starts, "{deadline} {back}");
        assert_eq!(
            world.status().missed_runs,
            Some(missed),
            "{deadline} {back}"
        );
        // Once.
        world.end_if_any();
        assert_eq!(world.at("05:50"), Vec::<String>::new());
        assert_eq!(
            world.status().missed_runs,
            Some(missed),
            "{deadline} {back}"
        );
        assert_eq!(world.at("06:00"), [name("06:00")]);
    }
}

impl World {
    fn end_if_any(&mut self) {
        if self.runs.iter().any(|run| run.state == RunState::Active) {
            self.end(Verdict::Passed);
        }
    }
}

#[test]
fn a_week_away_makes_up_for_one_run() {
    let mut world =
        World::new(json!({"schedules": ["30 2 * * *"], "startingDeadlineSeconds": 86_400}));
    world.settle();
    world.now = on("2026-01-12", "09:00");
    let last = on("2026-01-12", "02:30").as_second() / 60;
    assert_eq!(world.settle(), [format!("nightly-{last}")]);
    assert_eq!(world.status().missed_runs, Some(7));
}

#[test]
fn an_edit_fires_nothing_of_the_past() {
    let mut world = World::new(json!({"startingDeadlineSeconds": 86_400}));
    world.at("01:00");
    world.end(Verdict::Passed);
    for (clock, line) in [
        ("04:10", "5 * * * *"),
        ("08:20", "0 8 * * *"),
        ("09:20", "0 * * * *"),
    ] {
        world.edit(|spec| spec.schedules = vec![line.to_owned()]);
        assert_eq!(world.at(clock), Vec::<String>::new(), "{line}");
        assert_eq!(world.status().missed_runs, None, "{line}");
    }
    assert_eq!(world.at("10:00"), [name("10:00")]);
    // What is run may be changed at any time.
    world.end(Verdict::Passed);
    world.edit(|spec| spec.starting_deadline_seconds = Some(3600));
    assert_eq!(world.at("11:10"), [name("11:00")]);
}

#[test]
fn the_end_of_a_suspension_fires_nothing_of_the_past() {
    let mut world = World::new(json!({"startingDeadlineSeconds": 86_400}));
    world.at("00:30");
    world.edit(|spec| spec.suspend = Some(true));
    assert_eq!(world.at("00:40"), Vec::<String>::new());
    assert_eq!(world.condition("Suspended"), "True/Suspended");
    assert_eq!(world.status().next_schedule_time, None);
    assert_eq!(world.at("05:00"), Vec::<String>::new());
    world.edit(|spec| spec.suspend = Some(false));
    assert_eq!(world.at("05:10"), Vec::<String>::new());
    assert_eq!(world.condition("Suspended"), "False/InForce");
    assert_eq!(world.at("06:00"), [name("06:00")]);
    world.end(Verdict::Passed);
    // The same of an operator that starts nothing.
    world.suspends_new = true;
    world.annotate("locust.io/run-now", "restored");
    assert_eq!(world.at("07:00"), Vec::<String>::new());
    assert_eq!(world.condition("Suspended"), "True/HeldByOperator");
    assert_eq!(world.skipped(), "HeldByOperator");
    world.suspends_new = false;
    assert_eq!(world.at("07:30"), Vec::<String>::new());
    assert_eq!(world.at("08:00"), [name("08:00")]);
}

#[test]
fn a_clock_that_was_wrong_fires_nothing_twice() {
    let mut world = World::new(json!({}));
    world.at("01:00");
    world.end(Verdict::Passed);
    // A day ahead.
    world.now = on("2026-01-06", "03:00");
    assert_eq!(world.settle().len(), 1);
    assert_eq!(world.status().missed_runs, Some(25));
    world.end(Verdict::Passed);
    assert_eq!(world.at("02:00"), Vec::<String>::new());
    world.now = on("2026-01-06", "03:00");
    assert_eq!(world.settle(), Vec::<String>::new());
    world.now = on("2026-01-06", "04:00");
    assert_eq!(world.settle().len(), 1);
}

#[test]
fn a_clock_that_was_ahead_and_fired_nothing_does_no_harm() {
    let mut world = World::new(json!({}));
    world.at("01:00");
    world.end(Verdict::Passed);
    world.now = on("2026-01-06", "03:30");
    assert_eq!(world.settle(), Vec::<String>::new());
    assert_eq!(world.at("01:30"), Vec::<String>::new());
    assert_eq!(world.at("02:00"), [name("02:00")]);
}

#[test]
fn it_ends() {
    let mut world = World::new(json!({"endTime": "2026-01-05T02:30:00Z"}));
    world.at("01:00");
    world.end(Verdict::Passed);
    assert_eq!(world.at("02:00"), [name("02:00")]);
    assert_eq!(world.status().next_schedule_time, None);
    assert_eq!(world.condition("Suspended"), "True/EndTimeReached");
    world.end(Verdict::Passed);
    assert_eq!(world.at("03:00"), Vec::<String>::new());
    // What is due before the end is not too late after it.
    let mut late = World::new(json!({"endTime": "2026-01-05T01:00:00Z"}));
    late.settle();
    assert_eq!(late.at("01:02"), [name("01:00")]);
    // And it may be put off.
    world.edit(|spec| spec.end_time = None);
    assert_eq!(world.at("03:04"), Vec::<String>::new());
    assert_eq!(world.at("04:00"), [name("04:00")]);

    let mut world = World::new(json!({"maxRuns": 2}));
    assert_eq!(world.at("01:00").len(), 1);
    world.end(Verdict::Failed);
    world.annotate("locust.io/run-now", "besides");
    assert_eq!(world.at("01:10").len(), 1);
    world.end(Verdict::Failed);
    assert_eq!(world.at("02:00").len(), 1);
    world.end(Verdict::Failed);
    assert_eq!(world.at("03:00"), Vec::<String>::new());
    assert_eq!(world.condition("Suspended"), "True/MaxRunsReached");
    world.annotate("locust.io/run-now", "after the end");
    assert_eq!(world.at("03:10").len(), 1);
}
