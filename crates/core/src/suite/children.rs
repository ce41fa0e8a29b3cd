//! The objects of a suite's steps: tests, Jobs, and pods that wait for an address.
//!
//! Names depend on nothing but suite, step and attempt: the name is the lock that keeps a step from being made twice.

mod wait;

use std::collections::BTreeMap;

use k8s_openapi::{
    api::batch::v1::{Job, JobSpec},
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use locust_api::{
    names,
    v2::{LocustTest, LocustTestSpec, LocustTestSuite, Retention, SuiteStep},
};
use serde::Deserialize;
use serde_json::Value;

use crate::{
    claim::{cut, hex, label_value},
    problems::Problem,
    render::reference_to,
    revision::Provenance,
};

pub use wait::{wait_job, wait_name};

/// The longest name of a child: the names of a test's own objects fit behind it.
const MAX_NAME: usize = 52;
/// How much of a long name is kept before the hash.
const KEPT: usize = 43;
/// How much of a parameter's value the annotation shows, in characters: annotations of an object have 256 KiB in all.
const SHOWN: usize = 256;

/// The name of what an attempt of a step makes: `<suite>-<step>`, and `-a<n>` from the second attempt on. One that would
/// be longer than 52 characters is cut, with a hash of the whole.
pub fn child_name(suite: &str, step: &str, attempt: i32) -> String {
    let whole = if attempt > 1 {
        format!("{suite}-{step}-a{attempt}")
    } else {
        format!("{suite}-{step}")
    };
    if whole.len() <= MAX_NAME {
        return whole;
    }
    let hash = hex(whole.as_bytes());
    format!("{}-{}", cut(&whole, KEPT), &hash[..8])
}

/// The test of an attempt of a step, with the spec that its template gave, if it has one.
///
/// It stands on its own: it names no template, so a later edit of that changes nothing.
pub fn test(
    suite: &LocustTestSuite,
    step: &SuiteStep,
    attempt: i32,
    spec: LocustTestSpec,
    provenance: Option<&Provenance>,
) -> LocustTest {
    let group = spec
        .concurrency_group
        .clone()
        .or_else(|| suite.spec.concurrency_group.clone());
    let retention = retention(suite, spec.retention.clone());
    let baseline = spec
        .baseline
        .clone()
        .or_else(|| suite.spec.baseline.clone());
    let spec = LocustTestSpec {
        template_ref: None,
        baseline,
        concurrency_group: group,
        retention,
        // Both belong to the suite.
        suspend: None,
        stop: None,
        ..spec
    };
    let mut metadata = metadata(suite, step, attempt, child(suite, step, attempt));
    metadata.annotations = provenance.map(annotations);
    LocustTest {
        metadata,
        spec,
        status: None,
    }
}

/// The test's own retention; when its pods go, the suite says where the test does not.
fn retention(suite: &LocustTestSuite, own: Option<Retention>) -> Option<Retention> {
    let of_suite = suite.spec.retention.as_ref();
    let Some(of_suite) = of_suite.and_then(|of_suite| of_suite.pods_after_finished) else {
        return own;
    };
    let mut own = own.unwrap_or_default();
    own.pods_after_finished.get_or_insert(of_suite);
    Some(own)
}

/// Where the test comes from, for people.
fn annotations(provenance: &Provenance) -> BTreeMap<String, String> {
    let Provenance {
        template,
        parameters,
    } = provenance;
    let parameters: serde_json::Map<String, Value> = parameters
        .iter()
        .map(|(name, value)| {
            let value = match serde_json::to_value(value).unwrap_or_default() {
                Value::String(text) if text.chars().count() > SHOWN => {
                    let kept: String = text.chars().take(SHOWN).collect();
                    format!("{kept}…").into()
                }
                value => value,
            };
            (name.clone(), value)
        })
        .collect();
    BTreeMap::from([
        (
            names::ANNOTATION_TEMPLATE.to_owned(),
            format!("{}/{}", template.namespace, template.name),
        ),
        (
            names::ANNOTATION_PARAMETERS.to_owned(),
            Value::Object(parameters).to_string(),
        ),
    ])
}

/// The Job of an attempt of a step.
///
/// Its pods are as the user wrote them, but for labels that tell whose they are. The suite's group is busy until they have
/// ended: a Job may load the service as well.
///
/// # Errors
/// When the step's `job` is no spec of a Job.
pub fn job(suite: &LocustTestSuite, step: &SuiteStep, attempt: i32) -> Result<Job, Problem> {
    let mut spec = job_spec(step.job.as_ref()).map_err(|words| {
        let name = &step.name;
        Problem::new("spec.steps", format!("the job of step {name:?} {words}"))
    })?;
    if let Some(timeout) = step.timeout {
        let seconds = i64::try_from(timeout.as_secs_ceil()).unwrap_or(i64::MAX);
        // Kubernetes refuses 0, which is over at once.
        spec.active_deadline_seconds.get_or_insert(seconds.max(1));
    }
    let mut metadata = metadata(suite, step, attempt, child(suite, step, attempt));
    if let Some(group) = &suite.spec.concurrency_group {
        let labels = metadata.labels.get_or_insert_default();
        labels.insert(names::LABEL_GROUP.to_owned(), group.clone());
    }
    let ours = metadata.labels.iter().flatten();
    let pods = spec.template.metadata.get_or_insert_default();
    let labels = pods.labels.get_or_insert_default();
    labels.extend(ours.map(|(key, value)| (key.clone(), value.clone())));
    Ok(Job {
        metadata,
        spec: Some(spec),
        ..Job::default()
    })
}

/// The Job's spec, or what is wrong with it.
pub(super) fn job_spec(written: Option<&Value>) -> Result<JobSpec, String> {
    let written = written.ok_or("is missing; write the spec of a Job")?;
    JobSpec::deserialize(written).map_err(|error| {
        format!("is not the spec of a Job: {error}; `kubectl explain job.spec` tells its fields")
    })
}

fn child(suite: &LocustTestSuite, step: &SuiteStep, attempt: i32) -> String {
    child_name(name_of(suite), &step.name, attempt)
}

fn name_of(suite: &LocustTestSuite) -> &str {
    suite.metadata.name.as_deref().unwrap_or_default()
}

/// The id of the suite's run: the claimed one; before the claim, what it will be.
fn run_id(suite: &LocustTestSuite) -> String {
    let claim = suite.status.as_ref().and_then(|status| status.run.as_ref());
    claim.map_or_else(
        || suite.metadata.uid.clone().unwrap_or_default(),
        |claim| claim.id.clone(),
    )
}

/// Metadata of a child, with labels that tell which attempt of which step it is.
fn metadata(suite: &LocustTestSuite, step: &SuiteStep, attempt: i32, name: String) -> ObjectMeta {
    let (managed_by, operator) = names::MANAGED_BY;
    let first = (attempt > 1).then(|| label_value(&child(suite, step, 1)));
    let labels = [
        (managed_by, Some(operator.to_owned())),
        (names::LABEL_SUITE, Some(label_value(name_of(suite)))),
        (names::LABEL_SUITE_RUN, Some(run_id(suite))),
        (names::LABEL_STEP, Some(label_value(&step.name))),
        (names::LABEL_ATTEMPT, Some(attempt.to_string())),
        (names::LABEL_ATTEMPT_OF, first),
    ];
    let labels = labels
        .into_iter()
        .filter_map(|(key, value)| Some((key.to_owned(), value?)));
    ObjectMeta {
        name: Some(name),
        namespace: suite.metadata.namespace.clone(),
        owner_references: Some(vec![reference_to(suite)]),
        labels: Some(labels.collect()),
        ..ObjectMeta::default()
    }
}

#[cfg(test)]
mod tests;
