use super::*;

fn schedule(spec: &Value) -> Value {
    json!({"apiVersion": "locust.io/v2", "kind": "LocustSchedule",
        "metadata": {"name": "nightly", "namespace": "team", "uid": "0b"}, "spec": spec})
}

/// At these times, a test that makes sense.
fn at(lines: &[&str]) -> Value {
    json!({"schedules": lines, "runTemplate": {"test": {"run": {"runTime": "1m"}, "worker": {"replicas": 1}}}})
}

async fn judged(operation: &str, new: &Value, old: Option<&Value>) -> Value {
    let old = old.map_or(Value::Null, schedule);
    answer(&validator(None), operation, schedule(new), old).await
}

/// Field and words of each reason of a refusal.
fn causes(response: &Value) -> Vec<(&str, &str)> {
    assert_eq!(response["allowed"], false, "{response}");
    let details = &response["status"]["details"];
    assert_eq!(
        (&details["kind"], &response["status"]["reason"]),
        (&json!("LocustSchedule"), &json!("Invalid"))
    );
    let causes = details["causes"].as_array().unwrap();
    causes
        .iter()
        .map(|cause| {
            (
                cause["field"].as_str().unwrap(),
                cause["message"].as_str().unwrap(),
            )
        })
        .collect()
}

#[tokio::test]
async fn a_schedule_that_makes_sense_is_allowed() {
    for spec in [
        at(&["30 2 * * 1-5", "@hourly"]),
        at(&[]),
        json!({"schedules": ["0 2 * * *"], "timeZone": "Europe/Berlin", "runTemplate": {"templateRef": {"name": "shop"}}}),
    ] {
        let response = judged("CREATE", &spec, None).await;
        assert_eq!(response["allowed"], true, "{spec}: {response}");
        assert_eq!(response.get("warnings"), None, "{spec}");
    }
}

#[tokio::test]
async fn what_is_no_timetable_is_refused_with_what_was_understood() {
    for (line, why) in [
        // As some write it for every ten seconds.
        ("*/10 * * * * *", "minute"),
        ("0 0 30 2 *", "never"),
        ("61 2 * * *", "61"),
        ("every night", ""),
    ] {
        let response = judged("CREATE", &at(&["30 2 * * *", line]), None).await;
        let causes = causes(&response);
        let [(field, words)] = causes[..] else {
            panic!("{line}: {causes:?}")
        };
        assert_eq!(field, "spec.schedules[1]", "{line}");
        assert!(words.contains(why), "{line}: {words}");
        let (_, understood) = words.split_once("understood was: ").unwrap();
        let (_, next) = understood.split_once("next: ").unwrap();
        assert_eq!(next.matches(" 02:30 +00:00").count(), 3, "{line}: {words}");
        // `kubectl apply` prints the message.
        let message = response["status"]["message"].as_str().unwrap();
        assert!(message.contains(words), "{message}");
    }
}

#[tokio::test]
async fn without_a_line_that_is_understood_there_are_no_next_times() {
    let response = judged("CREATE", &at(&["every night"]), None).await;
    let causes = causes(&response);
    assert_eq!(causes.len(), 1);
    assert!(!causes[0].1.contains("next:"), "{causes:?}");
}

#[tokio::test]
async fn all_that_is_wrong_is_listed() {
    let mut wrong = at(&["0 0 30 2 *"]);
    wrong["timeZone"] = json!("Europe/Atlantis");
    wrong["runTemplate"]["test"]["suspend"] = json!(true);
    let response = judged("CREATE", &wrong, None).await;
    let mut fields: Vec<&str> = causes(&response).iter().map(|cause| cause.0).collect();
    fields.sort_unstable();
    assert_eq!(
        fields,
        [
            "spec.runTemplate.test.suspend",
            "spec.schedules[0]",
            "spec.timeZone"
        ]
    );
}

#[tokio::test]
async fn a_schedule_may_change_to_what_makes_sense() {
    let (good, other, wrong) = (
        at(&["30 2 * * *"]),
        at(&["45 3 * * *"]),
        at(&["0 0 30 2 *"]),
    );
    for (new, old, allowed) in [
        (&other, &good, true),
        (&wrong, &good, false),
        (&good, &wrong, true),
        // Annotations and status of what is stored stay writable.
        (&wrong, &wrong, true),
    ] {
        let response = judged("UPDATE", new, Some(old)).await;
        assert_eq!(response["allowed"], allowed, "{old} to {new}");
    }
    let deleted = answer(&validator(None), "DELETE", Value::Null, schedule(&wrong)).await;
    assert_eq!(deleted["allowed"], true);
}

#[tokio::test]
async fn a_schedule_that_is_over_is_a_warning() {
    let mut over = at(&["30 2 * * *"]);
    over["endTime"] = json!("2020-01-01T00:00:00Z");
    let response = judged("CREATE", &over, None).await;
    assert_eq!(response["allowed"], true);
    let warnings = response["warnings"].to_string();
    assert!(warnings.contains("spec.endTime has passed"), "{warnings}");
}
