//! What is wrong with a schedule: what the definition cannot say.
//!
//! Said when somebody writes the schedule, and again whenever it is looked at, by the same functions.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use locust_api::v2::{
    ConcurrencyPolicy, LocustSchedule, LocustScheduleSpec, LocustTest, LocustTestSpec,
    LocustTestSuite, LocustTestSuiteSpec, SuiteStep,
};
use serde::Deserialize;
use serde_json::Value;

use super::{child::run_name, seen::Purpose, timetable::Timetable};
use crate::{
    admission::{self, Judgement},
    claim::label_value,
    notify,
    problems::{Problem, Problems},
    references::Reference,
    settings::RunSettings,
    suite::check::{self as suite_check, Paths, moved},
};

/// The time zone of schedules that name none.
pub(super) const DEFAULT_ZONE: &str = "Etc/UTC";
/// Labels and annotations that are the operator's.
const OURS: &str = "locust.io/";

const TEST: &str = "spec.runTemplate.test";
const SUITE: &str = "spec.runTemplate.suite";

/// Reads the timetable of a schedule. What is wrong with it comes with what was understood, and when that would be.
///
/// # Errors
/// When something makes no sense: all that does not.
pub fn timetable(spec: &LocustScheduleSpec, now: Timestamp) -> Result<Timetable, Problems> {
    let zone = spec.time_zone.as_deref().unwrap_or(DEFAULT_ZONE);
    let problems = match Timetable::parse(&spec.schedules, zone) {
        Ok(timetable) => return Ok(timetable),
        Err(problems) => problems,
    };
    let understood: Vec<&String> = spec
        .schedules
        .iter()
        .filter(|line| Timetable::parse(&[line], DEFAULT_ZONE).is_ok())
        .collect();
    if understood.is_empty() {
        return Err(problems);
    }
    // A zone that does not exist shifts the times, and they show what is meant all the same.
    let timetable = Timetable::parse(&understood, zone);
    let timetable = timetable.or_else(|_| Timetable::parse(&understood, DEFAULT_ZONE))?;
    let next = timetable.next_three(now).join(", ");
    let words = format!("; understood was: {}; next: {next}", timetable.words());
    let last = problems.iter().len().saturating_sub(1);
    let numbered = problems.iter().enumerate();
    let with_words = numbered.map(
        |(
            index,
            Problem {
                field,
                words: wrong,
            },
        )| {
            let understood = if index == last { words.as_str() } else { "" };
            Problem::new(field.as_str(), format!("{wrong}{understood}"))
        },
    );
    Err(with_words.collect())
}

/// All that is said of a schedule, and its timetable, if nothing is wrong.
pub fn check(
    schedule: &LocustSchedule,
    settings: &RunSettings,
    paths: Paths<'_>,
    now: Timestamp,
) -> (Judgement, Option<Timetable>) {
    let spec = &schedule.spec;
    let mut judgement = Judgement::default();
    let timetable = timetable(spec, now);
    let timetable = judgement.problems.collect(timetable.map(Some));
    if spec.end_time.as_ref().is_some_and(|end| end.0 <= now) {
        judgement
            .warnings
            .push("spec.endTime has passed: no time will start a run".to_owned());
    }
    metadata(spec, &mut judgement.problems);
    let of_notify = spec.notify.iter().flat_map(notify::problems);
    of_notify.for_each(|problem| judgement.problems.add(problem));
    let template = &spec.run_template;
    let given = [
        template.test.is_some(),
        template.suite.is_some(),
        template.template_ref.is_some(),
    ];
    if given.iter().filter(|given| **given).count() != 1 {
        judgement.problems.add(Problem::new(
            "spec.runTemplate",
            "has one of test, suite and templateRef",
        ));
    }
    if let Some(test) = &template.test {
        of_test(schedule, test, settings, &mut judgement);
    }
    if let Some(suite) = &template.suite {
        of_suite(schedule, suite, settings, paths, &mut judgement);
    }
    let timetable = timetable.filter(|_| judgement.problems.is_empty());
    (judgement, timetable)
}

/// Judges a write of a schedule: the object as it is to be stored, and as it is stored. A schedule is never frozen.
///
/// A write that leaves the spec alone is never refused, whatever the spec says: annotations, finalizers and status must
/// stay writable.
pub fn judge_schedule(
    new: &Value,
    old: Option<&Value>,
    settings: &RunSettings,
    paths: Paths<'_>,
    now: Timestamp,
) -> Judgement {
    let is_same = old.is_some_and(|old| old["spec"] == new["spec"]);
    if is_same || !new["metadata"]["deletionTimestamp"].is_null() {
        return Judgement::default();
    }
    match LocustSchedule::deserialize(new) {
        Ok(schedule) => check(&schedule, settings, paths, now).0,
        // The definition judges it, and whoever made that newer than this program meant something by it.
        Err(error) => Judgement {
            warnings: vec![format!(
                "this operator cannot read the schedule and will leave it alone: {error}"
            )],
            ..Judgement::default()
        },
    }
}

/// Labels and annotations of runs.
fn metadata(spec: &LocustScheduleSpec, problems: &mut Problems) {
    let Some(metadata) = &spec.run_template.metadata else {
        return;
    };
    let labels = metadata.labels.iter().map(|entry| ("labels", entry));
    let annotations = metadata.annotations.iter();
    let annotations = annotations.map(|entry| ("annotations", entry));
    for (field, (key, value)) in labels.chain(annotations) {
        let path = format!("spec.runTemplate.metadata.{field}");
        if key.starts_with(OURS) {
            problems.add(Problem::new(
                path.as_str(),
                format!("{key:?} is the operator's; leave it out"),
            ));
        }
        if field == "labels" && !is_label_value(value) {
            problems.add(Problem::new(
                path,
                format!("{key:?} is {value:?}; a label's value has at most 63 letters, digits, dashes, dots and underscores, and begins and ends with a letter or digit"),
            ));
        }
    }
}

fn is_label_value(value: &str) -> bool {
    let is_inner = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let is_outer = |c: Option<char>| c.is_none_or(|c| c.is_ascii_alphanumeric());
    value.chars().all(is_inner)
        && is_outer(value.chars().next())
        && is_outer(value.chars().last())
        && label_value(value) == value
}

/// A run's name as long as it may be.
fn sample(schedule: &LocustSchedule) -> ObjectMeta {
    let purpose = Purpose {
        time: None,
        token: Some("sample".to_owned()),
        attempt: 1,
    };
    ObjectMeta {
        name: Some(run_name(schedule, &purpose)),
        namespace: schedule.metadata.namespace.clone(),
        ..ObjectMeta::default()
    }
}

/// The test of the schedule, judged as if it stood alone.
fn of_test(
    schedule: &LocustSchedule,
    spec: &LocustTestSpec,
    settings: &RunSettings,
    judgement: &mut Judgement,
) {
    let of_one_run = [("suspend", spec.suspend), ("stop", spec.stop)];
    one_run(TEST, of_one_run, &mut judgement.problems);
    if policy(schedule) != ConcurrencyPolicy::Allow && may_last_forever(spec, settings) {
        judgement.problems.add(Problem::new(TEST, ENDLESS));
    }
    if spec.template_ref.is_some() {
        return;
    }
    let test = LocustTest {
        metadata: sample(schedule),
        spec: spec.clone(),
        status: None,
    };
    take(
        TEST,
        admission::before_the_start(&test, settings),
        judgement,
    );
}

/// The suite of the schedule, judged as if it stood alone.
fn of_suite(
    schedule: &LocustSchedule,
    spec: &LocustTestSuiteSpec,
    settings: &RunSettings,
    paths: Paths<'_>,
    judgement: &mut Judgement,
) {
    let of_one_run = [("suspend", spec.suspend), ("stop", spec.stop)];
    one_run(SUITE, of_one_run, &mut judgement.problems);
    if policy(schedule) != ConcurrencyPolicy::Allow {
        let is_endless = |step: &SuiteStep| {
            let test = step.test.as_deref();
            step.timeout.is_none() && test.is_some_and(|test| may_last_forever(test, settings))
        };
        let lists = [("steps", &spec.steps), ("finally", &spec.finally)];
        for (list, steps) in lists {
            let endless = steps
                .iter()
                .enumerate()
                .filter(|(_, step)| is_endless(step));
            for (index, _) in endless {
                let field = format!("{SUITE}.{list}[{index}].test");
                judgement.problems.add(Problem::new(field, ENDLESS));
            }
        }
    }
    let suite = LocustTestSuite {
        metadata: sample(schedule),
        spec: spec.clone(),
        status: None,
    };
    take(
        SUITE,
        suite_check::before_the_start(&suite, settings, paths),
        judgement,
    );
}

const ENDLESS: &str = "has neither run.runTime nor timeout, so a run may never end, and no other would start then; set one of them, or concurrencyPolicy: Allow";

/// Whether nothing ends the test's load by itself. What a template gives nobody knows yet.
fn may_last_forever(spec: &LocustTestSpec, settings: &RunSettings) -> bool {
    spec.template_ref.is_none() && spec.effective_timeout(settings.default_timeout).is_none()
}

fn one_run(field: &str, given: [(&str, Option<bool>); 2], problems: &mut Problems) {
    for (name, _) in given.iter().filter(|(_, given)| given.is_some()) {
        problems.add(Problem::new(
            format!("{field}.{name}"),
            "is for one run, and every run would have it; leave it out. To hold the schedule, set spec.suspend",
        ));
    }
}

fn policy(schedule: &LocustSchedule) -> ConcurrencyPolicy {
    schedule.spec.concurrency_policy.unwrap_or_default()
}

/// Takes over what is said of a spec that is at this path.
fn take(path: &str, said: Judgement, judgement: &mut Judgement) {
    let prefix = format!("{path}.");
    let here = |text: &str| moved(text, &prefix);
    let Judgement {
        problems,
        warnings,
        references,
    } = said;
    for Problem { field, words } in problems.iter() {
        judgement
            .problems
            .add(Problem::new(here(field), here(words)));
    }
    let warnings = warnings.iter().map(|warning| here(warning));
    judgement.warnings.extend(warnings);
    let references = references.into_iter();
    judgement
        .references
        .extend(references.map(|Reference { field, name }| Reference {
            field: here(&field),
            name,
        }));
}

#[cfg(test)]
mod tests;
