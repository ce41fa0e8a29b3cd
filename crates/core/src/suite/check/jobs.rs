//! Steps that are Jobs.

use serde_json::Value;

use super::Place;
use crate::{problems::Problem, suite::children::job_spec};

/// What is wrong with the Jobs of steps.
pub(super) fn check(places: &[Place<'_>]) -> Vec<Problem> {
    let jobs = places
        .iter()
        .filter_map(|place| Some((place, place.step.job.as_ref()?)));
    jobs.flat_map(|(place, job)| of_job(place, job)).collect()
}

fn of_job(place: &Place<'_>, written: &Value) -> Vec<Problem> {
    let job = match job_spec(Some(written)) {
        Ok(job) => job,
        Err(words) => return vec![place.problem("job", words)],
    };
    let mut problems = Vec::new();
    let read = serde_json::to_value(&job).unwrap_or_default();
    for field in unread(written, &read, "job".to_owned()) {
        problems.push(place.problem(
            &field,
            "is no field of a Job's spec; correct its name, or leave it out",
        ));
    }
    if job.suspend == Some(true) {
        problems.push(place.problem(
            "job.suspend",
            "nothing would end the wait; leave it out, and use spec.suspend of the suite",
        ));
    }
    let pod = job.template.spec.unwrap_or_default();
    if pod.containers.is_empty() {
        problems.push(place.problem(
            "job.template.spec.containers",
            "a Job needs at least one container; name it, with its image",
        ));
    }
    match pod.restart_policy.as_deref() {
        Some("Never" | "OnFailure") => {}
        other => {
            let found = other.map_or_else(|| "missing".to_owned(), |other| format!("{other:?}"));
            problems.push(place.problem(
                "job.template.spec.restartPolicy",
                format!("is {found}; pods of a Job take Never or OnFailure"),
            ));
        }
    }
    problems
}

/// Fields that were written and not read, because there are none of their names.
fn unread(written: &Value, read: &Value, path: String) -> Vec<String> {
    match (written, read) {
        (Value::Object(written), Value::Object(read)) => written
            .iter()
            .filter(|(_, value)| !value.is_null())
            .flat_map(|(name, value)| {
                let path = format!("{path}.{name}");
                match read.get(name) {
                    Some(read) => unread(value, read, path),
                    None => vec![path],
                }
            })
            .collect(),
        (Value::Array(written), Value::Array(read)) => {
            let each = written.iter().zip(read).enumerate();
            each.flat_map(|(index, (written, read))| {
                unread(written, read, format!("{path}[{index}]"))
            })
            .collect()
        }
        _ => Vec::new(),
    }
}
