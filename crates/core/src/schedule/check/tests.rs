use serde_json::json;

use super::*;

fn now() -> Timestamp {
    "2026-01-05T12:00:00Z".parse().unwrap()
}

fn write(spec: Value) -> Value {
    json!({"apiVersion": "locust.io/v2", "kind": "LocustSchedule", "metadata": {"name": "night", "namespace": "team"},
        "spec": spec})
}

/// The problems of a schedule with this spec, each in a line.
fn problems(spec: Value) -> Vec<String> {
    let settings = crate::settings::for_tests();
    let judged = judge_schedule(
        &write(spec),
        None,
        &settings,
        &crate::template::paths,
        now(),
    );
    judged.problems.iter().map(ToString::to_string).collect()
}

fn test() -> Value {
    json!({"run": {"host": "http://shop", "runTime": "1m"}, "worker": {"replicas": 1}})
}

#[test]
fn what_makes_sense_is_accepted() {
    for spec in [
        json!({"runTemplate": {"test": test()}}),
        json!({"schedules": ["0 2 * * *"], "runTemplate": {"test": test()}}),
        json!({"schedules": ["0 2 * * *"], "runTemplate": {"templateRef": {"name": "shop"}}}),
        json!({"concurrencyPolicy": "Allow", "runTemplate": {"test": {"worker": {"replicas": 1}}}}),
        json!({"runTemplate": {"test": {"worker": {"replicas": 1}, "timeout": "1h"}}}),
        json!({"runTemplate": {"metadata": {"labels": {"team": "shop"}}, "test": {"templateRef": {"name": "shop"}}}}),
        json!({"runTemplate": {"suite": {"steps": [{"name": "a", "test": test()}]}}}),
    ] {
        assert_eq!(problems(spec.clone()), Vec::<String>::new(), "{spec}");
    }
}

#[test]
fn what_does_not_is_refused_with_all_reasons() {
    let endless = json!({"worker": {"replicas": 1}});
    for (spec, wanted) in [
        (
            json!({"runTemplate": {"test": endless}}),
            vec!["spec.runTemplate.test: has neither run.runTime nor timeout"],
        ),
        (
            json!({"runTemplate": {"suite": {"steps": [{"name": "a", "test": endless}, {"name": "b", "test": endless, "timeout": "1h"}]}}}),
            vec!["spec.runTemplate.suite.steps[0].test: has neither run.runTime nor timeout"],
        ),
        (
            json!({"runTemplate": {"test": {"suspend": true, "run": {"runTime": "1m"}, "worker": {"replicas": 1, "command": "'"}}}}),
            vec![
                "spec.runTemplate.test.suspend: is for one run",
                "spec.runTemplate.test.worker.command: ",
            ],
        ),
        (
            json!({"runTemplate": {"suite": {"maxParallel": 2, "steps": [{"name": "a", "test": test()}]}}}),
            vec!["spec.runTemplate.suite.maxParallel: is not for execution Sequential"],
        ),
        (
            json!({"runTemplate": {"metadata": {"labels": {"locust.io/step": "a", "team": "-"}}, "test": test()}}),
            vec![
                "spec.runTemplate.metadata.labels: \"locust.io/step\" is the operator's",
                "spec.runTemplate.metadata.labels: \"team\" is \"-\"",
            ],
        ),
        (
            json!({"notify": {"url": "https://me:password@host"}, "runTemplate": {"test": test()}}),
            vec!["spec.notify.url: has a user or a password before the host"],
        ),
        (
            json!({"notify": {"format": "Slack"}, "runTemplate": {"test": test()}}),
            vec!["spec.notify: has no url, and no secretRef"],
        ),
        (
            json!({"runTemplate": {}}),
            vec!["spec.runTemplate: has one of test, suite and templateRef"],
        ),
    ] {
        let found = problems(spec.clone());
        assert_eq!(found.len(), wanted.len(), "{found:?}");
        for (found, wanted) in found.iter().zip(wanted) {
            assert!(found.starts_with(wanted), "{found}");
        }
    }
}

#[test]
fn a_timetable_is_refused_with_what_was_understood() {
    let found = problems(
        json!({"schedules": ["0 14 * * *", "every night", "61 * * * *"], "runTemplate": {"test": test()}}),
    );
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[0].starts_with("spec.schedules[1]: "), "{found:?}");
    assert!(!found[0].contains("understood"), "{found:?}");
    assert!(found[1].starts_with("spec.schedules[2]: "), "{found:?}");
    let next = "next: Mon 2026-01-05 14:00 +00:00, Tue 2026-01-06 14:00 +00:00, Wed 2026-01-07 14:00 +00:00";
    assert!(
        found[1].contains("; understood was: ") && found[1].ends_with(next),
        "{found:?}"
    );
}

#[test]
fn what_leaves_the_spec_alone_passes() {
    let settings = crate::settings::for_tests();
    let wrong = write(json!({"schedules": ["never"], "runTemplate": {}}));
    let mut annotated = wrong.clone();
    annotated["metadata"]["annotations"] = json!({"locust.io/run-now": "1"});
    let judge =
        |new: &Value, old| judge_schedule(new, old, &settings, &crate::template::paths, now());
    assert_eq!(judge(&annotated, Some(&wrong)), Judgement::default());
    let mut leaving = annotated;
    leaving["metadata"]["deletionTimestamp"] = json!("2026-01-05T12:00:00Z");
    leaving["spec"]["suspend"] = json!(true);
    assert_eq!(judge(&leaving, Some(&wrong)), Judgement::default());
    assert!(!judge(&leaving, None).warnings.iter().any(|_| true));
    let strange = write(json!({"schedules": 5}));
    assert_eq!(judge(&strange, None).warnings.len(), 1);
    let ended = write(json!({"endTime": "2026-01-01T00:00:00Z", "runTemplate": {"test": test()}}));
    assert_eq!(
        judge(&ended, None).warnings,
        ["spec.endTime has passed: no time will start a run"]
    );
}
