//! Suites, and the tests that are part of them.

use super::*;

fn suite(name: &str, created: i64, group: &str, stage: Stage) -> Member {
    Member {
        kind: Kind::Suite,
        ..one(name, created, group, stage)
    }
}

fn part(of: &str, name: &str, created: i64, group: &str, stage: Stage) -> Member {
    Member {
        parent: Some(of.to_owned()),
        ..one(name, created, group, stage)
    }
}

#[test]
fn suites_that_wait_or_run_are_members() {
    let run = json!({"id": "u", "claimedAt": "2026-01-01T00:00:00Z"});
    for (spec, status, stage) in [
        (json!({}), Value::Null, Some(Stage::Waiting)),
        (json!({"suspend": true}), Value::Null, None),
        (json!({"stop": true}), Value::Null, None),
        (
            json!({"suspend": true, "stop": true}),
            json!({"phase": "Running", "run": run}),
            Some(Stage::Running),
        ),
        (json!({}), json!({"phase": "Failed", "run": run}), None),
        (
            json!({}),
            json!({"phase": "Pending", "reason": "InvalidSpec", "observedGeneration": 1}),
            None,
        ),
        (
            json!({}),
            json!({"phase": "Pending", "reason": "InvalidSpec", "observedGeneration": 0}),
            Some(Stage::Waiting),
        ),
    ] {
        let mut spec = spec;
        spec["steps"] = json!([]);
        spec["concurrencyGroup"] = json!("g");
        let written: LocustTestSuite = serde_json::from_value(
            json!({"apiVersion": "locust.io/v2", "kind": "LocustTestSuite", "spec": spec, "status": status,
                "metadata": {"name": "s", "namespace": "n", "uid": "s", "generation": 1,
                    "creationTimestamp": "1970-01-01T00:00:05Z"}}),
        )
        .unwrap();
        let wanted = stage.map(|stage| suite("s", 5, "g", stage));
        assert_eq!(member_of_suite(&written), wanted, "{spec} {status}");
    }
}

#[test]
fn a_test_is_part_of_the_suite_that_controls_it() {
    for (kind, version, controller, parent) in [
        ("LocustTestSuite", "locust.io/v2", true, Some("s")),
        ("LocustTestSuite", "locust.io/v2", false, None),
        ("LocustTestSuite", "example.org/v2", true, None),
        ("LocustSchedule", "locust.io/v2", true, None),
    ] {
        let mut test = of("a", "00", json!({}), Value::Null);
        let owners = json!([{"apiVersion": version, "kind": kind, "name": "s", "uid": "s", "controller": controller}]);
        test.metadata.owner_references = serde_json::from_value(owners).unwrap();
        let found = member(&test).unwrap().parent;
        assert_eq!(found.as_deref(), parent, "{kind} {version}");
    }
}

#[test]
fn the_tests_of_a_suite_are_part_of_it() {
    use Stage::{Running, Waiting};
    let holder = suite("nightly", 1, "g", Running);
    let [first, second] = [
        part("nightly", "nightly-a", 5, "g", Running),
        part("nightly", "nightly-b", 6, "g", Waiting),
    ];
    let [early, late] = [one("early", 0, "g", Waiting), one("late", 9, "g", Waiting)];
    let elsewhere = part("nightly", "nightly-c", 6, "h", Waiting);
    let of_ended = part("ended", "ended-a", 0, "g", Running);
    let busy = [
        holder,
        first.clone(),
        second.clone(),
        early.clone(),
        late.clone(),
    ];
    let waiting_suite = suite("weekly", 2, "g", Waiting);
    let words = |me: &Member, others: &[Member]| match place(me, others, None) {
        Place::Turn => "turn".to_owned(),
        Place::Wait(wait) => wait.message,
    };
    for (me, others, said) in [
        // In the turn of its suite, beside its sibling and before one that was created first.
        (&second, &busy[..], "turn"),
        // Neither it nor its sibling counts.
        (&early, &busy, "2nd of 3 in group g, behind suite nightly"),
        (&late, &busy, "3rd of 3 in group g, behind early"),
        (&waiting_suite, &busy, "3rd of 4 in group g, behind early"),
        // Another group than the suite's.
        (&elsewhere, &busy, "turn"),
        (
            &elsewhere,
            &[suite("nightly", 1, "g", Running), one("x", 9, "h", Running)],
            "2nd of 2 in group h, behind x",
        ),
        // What is left of a suite that is over counts by itself, and is no excuse for others.
        (
            &early,
            std::slice::from_ref(&of_ended),
            "2nd of 2 in group g, behind ended-a",
        ),
        (
            &second,
            std::slice::from_ref(&of_ended),
            "2nd of 2 in group g, behind ended-a",
        ),
    ] {
        assert_eq!(words(me, others), said, "{} among {others:?}", me.name);
    }
    assert!(has_turn_of_suite(&second, &busy));
    assert!(!has_turn_of_suite(&early, &busy));
}

#[test]
fn suites_take_no_room_and_their_tests_do() {
    use Stage::{Running, Waiting};
    let one_at_once = NonZeroUsize::new(1);
    let holder = suite("nightly", 1, "g", Running);
    let child = part("nightly", "nightly-a", 5, "g", Waiting);
    let other = one("other", 6, "", Waiting);
    let waiting = suite("weekly", 0, "", Waiting);
    let all = [
        holder.clone(),
        child.clone(),
        other.clone(),
        waiting.clone(),
    ];
    assert_eq!(place(&child, &all, one_at_once), Place::Turn);
    assert_eq!(place(&waiting, &all, one_at_once), Place::Turn);
    assert!(matches!(place(&other, &all, one_at_once), Place::Wait(_)));
    let alone = [holder, other.clone()];
    assert_eq!(place(&other, &alone, one_at_once), Place::Turn);
    // Who runs comes first, and then there is room for nobody.
    let running = Member {
        stage: Running,
        ..other
    };
    let full = [all[0].clone(), running, child.clone()];
    let Place::Wait(wait) = place(&child, &full, one_at_once) else {
        panic!("there is no room");
    };
    assert_eq!(wait.reason, "NamespaceBusy");
}
