//! The runs of a schedule: tests and suites.
//!
//! Names depend on nothing but the schedule and what a run is for: the name is the lock that keeps it from being made
//! twice.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use locust_api::{
    names,
    v2::{
        ComparisonNote, LocustSchedule, LocustScheduleSpec, LocustTest, LocustTestSpec,
        LocustTestSuite, LocustTestSuiteSpec, Phase, Verdict,
    },
};

use super::{Run, RunEnd, RunKind, RunState, Start, seen::Purpose, timetable::Timetable};
use crate::{
    baseline,
    claim::{cut, hex, label_value},
    render::reference_to,
};

/// The longest name of a run: the names of a test's own objects fit behind it.
const MAX_NAME: usize = 52;
/// How much of a long name is kept before the hash.
const KEPT: usize = 43;

/// What a run is.
#[derive(Clone, Debug, PartialEq)]
pub enum Object {
    /// A test.
    Test(Box<LocustTest>),
    /// A suite.
    Suite(Box<LocustTestSuite>),
}

/// The name of a run: `<schedule>-<minutes since 1970>`, on demand `<schedule>-r<8 hex digits of the token's hash>`, and
/// `-a<n>` behind it from the second attempt on. One that would be longer than 52 characters is cut, with a hash of the
/// whole.
pub fn run_name(schedule: &LocustSchedule, purpose: &Purpose) -> String {
    let name = name_of(schedule);
    let first = match (purpose.time, &purpose.token) {
        (Some(time), _) => format!("{name}-{}", time.as_second().div_euclid(60)),
        (None, token) => {
            let hash = hex(token.as_deref().unwrap_or_default().as_bytes());
            format!("{name}-r{}", &hash[..8])
        }
    };
    let whole = if purpose.attempt > 1 {
        format!("{first}-a{}", purpose.attempt)
    } else {
        first
    };
    if whole.len() <= MAX_NAME {
        return whole;
    }
    let hash = hex(whole.as_bytes());
    format!("{}-{}", cut(&whole, KEPT), &hash[..8])
}

/// What the schedule makes.
pub(super) const fn kind(spec: &LocustScheduleSpec) -> RunKind {
    if spec.run_template.suite.is_some() {
        RunKind::Suite
    } else {
        RunKind::Test
    }
}

/// The object of a run. A template is left to the test: it waits for it, and keeps what it gave.
pub fn object(schedule: &LocustSchedule, start: &Start, timetable: &Timetable) -> Object {
    let metadata = metadata(schedule, start, timetable);
    let template = &schedule.spec.run_template;
    let of_schedule = &schedule.spec.baseline;
    if let Some(suite) = &template.suite {
        return Object::Suite(Box::new(LocustTestSuite {
            metadata,
            spec: LocustTestSuiteSpec {
                baseline: suite.baseline.clone().or_else(|| of_schedule.clone()),
                ..(**suite).clone()
            },
            status: None,
        }));
    }
    let spec = template.test.as_deref().cloned();
    let spec = spec.unwrap_or_else(|| LocustTestSpec {
        template_ref: template.template_ref.clone(),
        ..LocustTestSpec::with_workers(0)
    });
    Object::Test(Box::new(LocustTest {
        metadata,
        spec: LocustTestSpec {
            baseline: spec.baseline.clone().or_else(|| of_schedule.clone()),
            ..spec
        },
        status: None,
    }))
}

fn name_of(schedule: &LocustSchedule) -> &str {
    schedule.metadata.name.as_deref().unwrap_or_default()
}

/// Metadata of a run: the template's, and what tells which run it is.
fn metadata(schedule: &LocustSchedule, start: &Start, timetable: &Timetable) -> ObjectMeta {
    let Start {
        kind: _,
        name,
        purpose,
        missed: _,
    } = start;
    let of_template = schedule.spec.run_template.metadata.clone();
    let of_template = of_template.unwrap_or_default();
    let (managed_by, operator) = names::MANAGED_BY;
    let first = (purpose.attempt > 1).then(|| {
        let first = Purpose {
            attempt: 1,
            ..purpose.clone()
        };
        label_value(&run_name(schedule, &first))
    });
    let ours = [
        (managed_by, Some(operator.to_owned())),
        (names::LABEL_SCHEDULE, Some(label_value(name_of(schedule)))),
        (names::LABEL_ATTEMPT, Some(purpose.attempt.to_string())),
        (names::LABEL_ATTEMPT_OF, first),
    ];
    let mut labels = of_template.labels;
    labels.extend(
        ours.into_iter()
            .filter_map(|(key, value)| Some((key.to_owned(), value?))),
    );
    let time = purpose.time.map(|time| in_zone(time, timetable));
    let ours = [
        (names::ANNOTATION_SCHEDULED_TIME, time),
        (names::ANNOTATION_RUN_NOW, purpose.token.clone()),
    ];
    let mut annotations = of_template.annotations;
    annotations.extend(
        ours.into_iter()
            .filter_map(|(key, value)| Some((key.to_owned(), value?))),
    );
    ObjectMeta {
        name: Some(name.clone()),
        namespace: schedule.metadata.namespace.clone(),
        owner_references: Some(vec![reference_to(schedule)]),
        labels: Some(labels),
        annotations: Some(annotations).filter(|annotations| !annotations.is_empty()),
        ..ObjectMeta::default()
    }
}

/// RFC 3339, on the clock of the schedule.
fn in_zone(time: Timestamp, timetable: &Timetable) -> String {
    let clock = timetable.on_clock(time);
    clock.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()
}

/// The time for which a schedule made this object, if one did.
pub fn scheduled_time(metadata: &ObjectMeta) -> Option<Timestamp> {
    let annotations = metadata.annotations.as_ref()?;
    let text = annotations.get(names::ANNOTATION_SCHEDULED_TIME)?;
    text.parse().ok()
}

/// A test as a run of its schedule.
pub fn run_of_test(test: &LocustTest) -> Run {
    let status = test.status.as_ref();
    let end = status.and_then(|status| {
        end(
            (status.phase, status.verdict),
            (status.reason.as_ref(), status.message.as_ref()),
            baseline::note(test),
            status.completion_time.as_ref().map(|time| time.0),
        )
    });
    run(RunKind::Test, &test.metadata, end)
}

/// A suite as a run of its schedule.
pub fn run_of_suite(suite: &LocustTestSuite) -> Run {
    let status = suite.status.as_ref();
    let end = status.and_then(|status| {
        let steps = status.steps.iter();
        let notes = steps.filter_map(|step| step.comparison.as_ref());
        end(
            (status.phase, status.verdict),
            (status.reason.as_ref(), status.message.as_ref()),
            baseline::heaviest(notes).cloned(),
            status.completion_time.as_ref().map(|time| time.0),
        )
    });
    run(RunKind::Suite, &suite.metadata, end)
}

fn end(
    (phase, verdict): (Option<Phase>, Option<Verdict>),
    (reason, message): (Option<&String>, Option<&String>),
    comparison: Option<ComparisonNote>,
    at: Option<Timestamp>,
) -> Option<RunEnd> {
    let is_over = phase.is_some_and(Phase::is_terminal);
    Some(RunEnd {
        verdict: verdict.filter(|_| is_over)?,
        reason: reason.cloned().unwrap_or_default(),
        message: message.cloned().unwrap_or_default(),
        comparison,
        at,
    })
}

fn run(kind: RunKind, metadata: &ObjectMeta, end: Option<RunEnd>) -> Run {
    let labels = metadata.labels.as_ref();
    let attempt = labels.and_then(|labels| labels.get(names::LABEL_ATTEMPT)?.parse().ok());
    let annotations = metadata.annotations.as_ref();
    let token = annotations.and_then(|all| all.get(names::ANNOTATION_RUN_NOW));
    Run {
        kind,
        name: metadata.name.clone().unwrap_or_default(),
        uid: metadata.uid.clone().unwrap_or_default(),
        purpose: Purpose {
            time: scheduled_time(metadata),
            token: token.cloned(),
            attempt: attempt.unwrap_or(1),
        },
        created: metadata.creation_timestamp.as_ref().map(|time| time.0),
        state: end.map_or(RunState::Active, RunState::Ended),
        is_leaving: metadata.deletion_timestamp.is_some(),
    }
}

#[cfg(test)]
mod tests;
