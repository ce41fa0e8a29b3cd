//! The body of a notice.

use locust_api::v2::{LocustSchedule, Notice, NotifyEvent, NotifyFormat};
use serde_json::{Value, json};

/// More than Slack shows of a line.
const MAX_TEXT: usize = 3000;

/// What is posted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Its `Content-Type`.
    pub content_type: &'static str,
    /// The body.
    pub body: String,
}

/// The id of a notice. It says what it is about and nothing else, so that a receiver knows one that comes again.
pub fn id(schedule: &LocustSchedule, notice: &Notice) -> String {
    let of_schedule = schedule.metadata.uid.as_deref().unwrap_or_default();
    // A run that could not be made has no UID; the schedule gives its name to no other.
    let run = notice.run.uid.as_deref().unwrap_or(&notice.run.name);
    format!("{of_schedule}.{run}.{}", last_word(notice.event))
}

/// The notice in the form that the receiver understands.
pub fn message(schedule: &LocustSchedule, format: NotifyFormat, notice: &Notice) -> Message {
    match format {
        NotifyFormat::CloudEvents => Message {
            content_type: "application/cloudevents+json; charset=utf-8",
            body: cloud_event(schedule, notice).to_string(),
        },
        NotifyFormat::Slack => Message {
            content_type: "application/json; charset=utf-8",
            body: json!({ "text": line(schedule, notice) }).to_string(),
        },
    }
}

/// The last word of the type of an event.
const fn last_word(event: NotifyEvent) -> &'static str {
    match event {
        NotifyEvent::Failed => "failed",
        NotifyEvent::Regression => "regressed",
        NotifyEvent::Error => "error",
        NotifyEvent::Recovered => "recovered",
    }
}

fn place(schedule: &LocustSchedule) -> (&str, &str) {
    let metadata = &schedule.metadata;
    (
        metadata.namespace.as_deref().unwrap_or_default(),
        metadata.name.as_deref().unwrap_or_default(),
    )
}

/// CloudEvents 1.0, structured.
fn cloud_event(schedule: &LocustSchedule, notice: &Notice) -> Value {
    let (namespace, name) = place(schedule);
    let run = &notice.run;
    let mut event = json!({
        "specversion": "1.0",
        "id": id(schedule, notice),
        "source": format!("/apis/locust.io/v2/namespaces/{namespace}/locustschedules/{name}"),
        "type": format!("io.locust.schedule.run.{}", last_word(notice.event)),
        "subject": run.name,
        "time": run.completion_time,
        "datacontenttype": "application/json",
        "data": {
            "schedule": name,
            "namespace": namespace,
            "run": {"kind": run.kind, "name": run.name, "uid": run.uid},
            "verdict": run.verdict.map(|verdict| verdict.as_str()),
            "reason": run.reason,
            "message": run.message,
            "scheduleTime": run.schedule_time,
            "startTime": run.start_time,
            "completionTime": run.completion_time,
        },
    });
    drop_nulls(&mut event);
    event
}

/// Takes away fields without a value: an attribute of an event is never null.
fn drop_nulls(value: &mut Value) {
    if let Value::Object(fields) = value {
        fields.retain(|_, field| !field.is_null());
        fields.values_mut().for_each(drop_nulls);
    }
}

/// One line for people, as Slack's `text`.
fn line(schedule: &LocustSchedule, notice: &Notice) -> String {
    let (namespace, name) = place(schedule);
    let run = &notice.run;
    let what = format!(
        "{}: {} {} of the schedule {namespace}/{name}",
        notice.event.as_str(),
        run.kind,
        run.name
    );
    let why = [run.reason.as_deref(), run.message.as_deref()];
    let parts = std::iter::once(what.as_str()).chain(why.into_iter().flatten());
    let parts: Vec<&str> = parts.filter(|part| !part.is_empty()).collect();
    escaped(&parts.join(": "))
}

/// On one line, with Slack's three characters escaped, and not longer than it takes.
fn escaped(text: &str) -> String {
    let mut line = String::new();
    let mut length = 0;
    for c in text.chars() {
        let mut plain = [0; 4];
        let piece: &str = match c {
            '&' => "&amp;",
            '<' => "&lt;",
            '>' => "&gt;",
            c if c.is_control() => " ",
            c => c.encode_utf8(&mut plain),
        };
        length += piece.chars().count();
        if length >= MAX_TEXT {
            line.push('…');
            break;
        }
        line.push_str(piece);
    }
    line
}

#[cfg(test)]
mod tests {
    use locust_api::v2::{ScheduledRun, Verdict};
    use proptest::prelude::*;

    use super::*;

    fn schedule() -> LocustSchedule {
        serde_json::from_value(json!({
            "apiVersion": "locust.io/v2", "kind": "LocustSchedule",
            "metadata": {"name": "nightly", "namespace": "team", "uid": "s-1"},
            "spec": {"runTemplate": {"templateRef": {"name": "shop"}}},
        }))
        .unwrap()
    }

    fn notice(on: NotifyEvent, message: &str) -> Notice {
        let run: ScheduledRun = serde_json::from_value(json!({
            "kind": "LocustTest", "name": "nightly-1", "uid": "r-1", "attempt": 1,
            "scheduleTime": "2026-01-05T01:00:00Z", "startTime": "2026-01-05T01:00:01Z",
            "completionTime": "2026-01-05T01:10:00Z", "verdict": "Failed", "reason": "ThresholdBreached",
            "message": message,
        }))
        .unwrap();
        Notice {
            event: on,
            run,
            tries: 0,
            retry_at: None,
        }
    }

    #[test]
    fn a_cloud_event_says_all_that_is_known() {
        let notice = notice(NotifyEvent::Failed, "p95 is 3 s");
        let Message { content_type, body } =
            message(&schedule(), NotifyFormat::CloudEvents, &notice);
        assert_eq!(content_type, "application/cloudevents+json; charset=utf-8");
        assert_eq!(
            serde_json::from_str::<Value>(&body).unwrap(),
            json!({
                "specversion": "1.0", "id": "s-1.r-1.failed",
                "source": "/apis/locust.io/v2/namespaces/team/locustschedules/nightly",
                "type": "io.locust.schedule.run.failed", "subject": "nightly-1", "time": "2026-01-05T01:10:00Z",
                "datacontenttype": "application/json",
                "data": {"schedule": "nightly", "namespace": "team",
                    "run": {"kind": "LocustTest", "name": "nightly-1", "uid": "r-1"},
                    "verdict": "Failed", "reason": "ThresholdBreached", "message": "p95 is 3 s",
                    "scheduleTime": "2026-01-05T01:00:00Z", "startTime": "2026-01-05T01:00:01Z",
                    "completionTime": "2026-01-05T01:10:00Z"},
            })
        );
    }

    #[test]
    fn what_is_not_known_is_left_out() {
        let notice = Notice {
            event: NotifyEvent::Error,
            run: ScheduledRun {
                kind: "LocustTest".to_owned(),
                name: "nightly-2".to_owned(),
                verdict: Some(Verdict::Error),
                ..ScheduledRun::default()
            },
            tries: 3,
            retry_at: None,
        };
        let body = message(&schedule(), NotifyFormat::CloudEvents, &notice).body;
        let event: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(event["id"], "s-1.nightly-2.error");
        assert!(!body.contains("null"), "{body}");
    }

    #[test]
    fn slack_gets_a_line() {
        let text = |on, words: &str| -> String {
            let Message { content_type, body } =
                message(&schedule(), NotifyFormat::Slack, &notice(on, words));
            assert_eq!(content_type, "application/json; charset=utf-8");
            let body: Value = serde_json::from_str(&body).unwrap();
            assert_eq!(body.as_object().unwrap().len(), 1);
            body["text"].as_str().unwrap().to_owned()
        };
        assert_eq!(
            text(NotifyEvent::Failed, "p95 < 2s\nof <!channel> & more"),
            "Failed: LocustTest nightly-1 of the schedule team/nightly: ThresholdBreached: p95 &lt; 2s of &lt;!channel&gt; &amp; more"
        );
        assert!(text(NotifyEvent::Regression, "").ends_with("team/nightly: ThresholdBreached"));
        let long = text(NotifyEvent::Failed, &"<".repeat(9000));
        assert!(
            long.chars().count() <= MAX_TEXT && long.ends_with("&lt;…"),
            "{long}"
        );
    }

    proptest! {
        #[test]
        fn a_line_is_short_and_commands_nothing(text in any::<String>()) {
            let line = escaped(&text);
            prop_assert!(line.chars().count() <= MAX_TEXT);
            let is_free = |c: char| c == '<' || c == '>' || c.is_control();
            prop_assert!(!line.contains(is_free));
        }
    }
}
