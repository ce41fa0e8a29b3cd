use super::*;
use proptest::prelude::*;
use serde_json::{Value, json};

mod suites;

fn of(name: &str, created: &str, spec: Value, status: Value) -> LocustTest {
    let mut spec = spec;
    spec["worker"] = json!({"replicas": 1});
    let mut test = json!({"apiVersion": "locust.io/v2", "kind": "LocustTest", "spec": spec,
        "metadata": {"name": name, "namespace": "n", "uid": name, "generation": 1,
            "creationTimestamp": format!("2026-01-01T00:00:{created}Z")}});
    if !status.is_null() {
        test["status"] = status;
    }
    serde_json::from_value(test).unwrap()
}

fn claimed(phase: &str) -> Value {
    json!({"phase": phase, "run": {"id": "u", "specHash": "h", "masterName": "a-master", "workerName": "a-worker",
        "serviceName": "a-master", "claimedAt": "2026-01-01T00:00:00Z"}})
}

#[test]
fn those_that_wait_or_run_are_members() {
    let group = json!({"concurrencyGroup": "g"});
    for (spec, status, stage) in [
        (group.clone(), Value::Null, Some(Stage::Waiting)),
        (
            group.clone(),
            json!({"phase": "Pending"}),
            Some(Stage::Waiting),
        ),
        (group.clone(), claimed("Pending"), Some(Stage::Running)),
        (group.clone(), claimed("Running"), Some(Stage::Running)),
        (group.clone(), claimed("Succeeded"), None),
        (group.clone(), json!({"phase": "Failed"}), None),
        (json!({"suspend": true}), Value::Null, None),
        (json!({"stop": true}), Value::Null, None),
        (
            group.clone(),
            json!({"phase": "Pending", "reason": "InvalidSpec", "observedGeneration": 1}),
            None,
        ),
        (
            group,
            json!({"phase": "Pending", "reason": "InvalidSpec", "observedGeneration": 0}),
            Some(Stage::Waiting),
        ),
    ] {
        let found = member(&of("a", "00", spec.clone(), status.clone()));
        assert_eq!(found.map(|it| it.stage), stage, "{spec} {status}");
    }
    let mut leaving = of("a", "00", json!({}), Value::Null);
    leaving.metadata.deletion_timestamp = leaving.metadata.creation_timestamp.clone();
    assert_eq!(member(&leaving), None);
    leaving.status = of("a", "00", json!({}), claimed("Running")).status;
    assert_eq!(member(&leaving).map(|it| it.stage), Some(Stage::Running));
}

fn one(name: &str, created: i64, group: &str, stage: Stage) -> Member {
    Member {
        kind: Kind::Test,
        uid: name.to_owned(),
        parent: None,
        name: name.to_owned(),
        group: (!group.is_empty()).then(|| group.to_owned()),
        stage,
        created: Timestamp::from_second(created).unwrap(),
    }
}

#[test]
fn a_group_runs_one_test_at_a_time_in_the_order_of_creation() {
    use Stage::{Running, Waiting};
    let others = [
        one("late-and-running", 9, "g", Running),
        one("second", 2, "g", Waiting),
        one("first", 1, "g", Waiting),
        one("other-group", 0, "h", Running),
        one("no-group", 0, "", Running),
    ];
    let words = |test: &Member, others: &[Member]| match place(test, others, None) {
        Place::Turn => "turn".to_owned(),
        Place::Wait(Wait { reason, message }) => {
            assert_eq!(reason, "GroupBusy");
            message
        }
    };
    let third = one("third", 2, "g", Waiting);
    assert_eq!(words(&third, &others), "4th of 4 in group g, behind second");
    assert_eq!(
        words(&others[2], &others),
        "2nd of 3 in group g, behind late-and-running"
    );
    assert_eq!(
        words(&others[1], &others[1..]),
        "2nd of 2 in group g, behind first"
    );
    assert_eq!(words(&others[2], &others[1..]), "turn");
    assert_eq!(words(&one("alone", 5, "i", Waiting), &others), "turn");
    assert_eq!(words(&one("free", 5, "", Waiting), &others), "turn");
}

#[test]
fn a_namespace_runs_no_more_tests_than_allowed() {
    use Stage::{Running, Waiting};
    let two = NonZeroUsize::new(2);
    let running = one("running", 0, "g", Running);
    let blocked = one("blocked", 1, "g", Waiting);
    let [first, second] = [one("first", 2, "", Waiting), one("second", 3, "", Waiting)];
    let others = [running, blocked, first.clone(), second.clone()];
    // The one that waits for its group keeps nobody else from running.
    assert_eq!(place(&first, &others, two), Place::Turn);
    let Place::Wait(wait) = place(&second, &others, two) else {
        panic!("there is no room");
    };
    assert_eq!(
        (wait.reason, wait.message.as_str()),
        (
            "NamespaceBusy",
            "the operator runs at most 2 test(s) of a namespace at once, and others are first"
        )
    );
    assert_eq!(place(&second, &others, NonZeroUsize::new(3)), Place::Turn);
    assert_eq!(place(&second, &others, None), Place::Turn);
}

#[test]
fn a_group_is_busy_until_everything_of_it_has_ended() {
    let job = |status: Value| -> JobView {
        serde_json::from_value(json!({"metadata": {"name": "j"}, "status": status})).unwrap()
    };
    let pod = |phase: &str, deleted: Option<&str>| -> PodView {
        serde_json::from_value(json!({"metadata": {"name": "p", "deletionTimestamp": deleted}, "status": {"phase": phase}}))
            .unwrap()
    };
    let ended = json!({"conditions": [{"type": "Failed", "status": "True"}]});
    let now: Timestamp = "2026-01-01T00:01:00Z".parse().unwrap();
    for (jobs, pods, left) in [
        (vec![], vec![], None),
        (
            vec![job(ended.clone())],
            vec![pod("Succeeded", None), pod("Failed", None)],
            None,
        ),
        (vec![job(ended), job(json!({}))], vec![], Some("Job j")),
        (vec![], vec![pod("Running", None)], Some("pod p")),
        (
            vec![],
            vec![pod("Pending", Some("2026-01-01T00:00:31Z"))],
            Some("pod p"),
        ),
        (
            vec![],
            vec![pod("Running", Some("2026-01-01T00:00:30Z"))],
            None,
        ),
    ] {
        assert_eq!(
            left_over(&jobs, &pods, now).as_deref(),
            left,
            "{jobs:?} {pods:?}"
        );
    }
}

#[test]
fn ordinals_are_english() {
    let words: Vec<String> = [1, 2, 3, 4, 11, 12, 13, 21, 22, 23, 101, 111]
        .map(ordinal)
        .into();
    assert_eq!(
        words,
        [
            "1st", "2nd", "3rd", "4th", "11th", "12th", "13th", "21st", "22nd", "23rd", "101st",
            "111th"
        ]
    );
}

fn members() -> impl Strategy<Value = Vec<Member>> {
    let member = (0..5_i64, prop::sample::select(vec!["", "g", "h"]));
    proptest::collection::vec(member, 1..12).prop_map(|members| {
        let members = members.into_iter().enumerate();
        members
            .map(|(index, (created, group))| {
                one(&format!("t{index:02}"), created, group, Stage::Waiting)
            })
            .collect()
    })
}

proptest! {
    /// Whoever has its turn takes it, in any order, and runs for a while: each runs once, none waits for ever, a group
    /// keeps its order, and no limit is passed.
    #[test]
    fn everyone_gets_a_turn_in_order(mut waiting in members(), limit in 1..4_usize, seed: u64) {
        let at_most = NonZeroUsize::new(limit);
        let mut running: Vec<Member> = Vec::new();
        let mut ran: Vec<Member> = Vec::new();
        let mut random = seed;
        while !waiting.is_empty() || !running.is_empty() {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let all: Vec<Member> = waiting.iter().chain(&running).cloned().collect();
            let turns: Vec<usize> = (0..waiting.len())
                .filter(|index| place(&waiting[*index], &all, at_most) == Place::Turn)
                .collect();
            prop_assert!(!turns.is_empty() || !running.is_empty(), "{waiting:?} wait for nothing");
            let choice = usize::try_from(random >> 33).unwrap_or(0);
            if turns.is_empty() || (choice % 2 == 0 && !running.is_empty()) {
                running.swap_remove(choice % running.len());
            } else {
                let mut test = waiting.remove(turns[choice % turns.len()]);
                prop_assert!(test.group.is_none() || running.iter().all(|other| other.group != test.group));
                let before = |other: &&Member| test.group.is_some() && other.group == test.group && order(other, &test).is_lt();
                prop_assert_eq!(waiting.iter().find(before), None);
                test.stage = Stage::Running;
                ran.push(test.clone());
                running.push(test);
                prop_assert!(running.len() <= limit);
            }
        }
        let later = |a: &Member, b: &Member| a.group.is_some() && a.group == b.group && order(b, a).is_lt();
        for (index, test) in ran.iter().enumerate() {
            prop_assert!(ran[index..].iter().all(|other| !later(test, other)));
        }
    }
}
