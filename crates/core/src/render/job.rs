//! The Jobs of master and workers.

use k8s_openapi::{
    api::{
        batch::v1::{
            Job, JobSpec, PodFailurePolicy, PodFailurePolicyOnPodConditionsPattern,
            PodFailurePolicyRule,
        },
        core::v1::PodTemplateSpec,
    },
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};

use super::{Run, labels, pod};
use crate::{argv::Role, problems::Problems};

/// How often one worker may crash before it is given up, while the others go on.
const WORKER_RETRIES: i32 = 3;

pub(super) fn master(run: &Run<'_>, args: Vec<String>) -> Result<Job, Problems> {
    let spec = JobSpec {
        parallelism: Some(1),
        completions: Some(1),
        // A master that is started again would run the test again.
        backoff_limit: Some(0),
        template: template(run, Role::Master, args)?,
        ..JobSpec::default()
    };
    Ok(job(run, Role::Master, spec))
}

pub(super) fn worker(run: &Run<'_>, args: Vec<String>) -> Result<Job, Problems> {
    let replicas = run.spec.worker.replicas;
    let spec = JobSpec {
        // Only an Indexed Job may be scaled after one of its pods has succeeded.
        completion_mode: Some("Indexed".to_owned()),
        completions: Some(replicas),
        parallelism: Some(replicas),
        backoff_limit_per_index: Some(WORKER_RETRIES),
        pod_failure_policy: Some(PodFailurePolicy {
            rules: vec![PodFailurePolicyRule {
                action: "Ignore".to_owned(),
                on_pod_conditions: Some(vec![PodFailurePolicyOnPodConditionsPattern {
                    type_: "DisruptionTarget".to_owned(),
                    status: "True".to_owned(),
                }]),
                ..PodFailurePolicyRule::default()
            }],
        }),
        template: template(run, Role::Worker, args)?,
        ..JobSpec::default()
    };
    Ok(job(run, Role::Worker, spec))
}

fn job(run: &Run<'_>, role: Role, spec: JobSpec) -> Job {
    let mut metadata = run.metadata(run.node_name(role));
    metadata
        .labels
        .get_or_insert_default()
        .extend(labels::of_pod(run, role));
    Job {
        metadata,
        spec: Some(spec),
        ..Job::default()
    }
}

fn template(run: &Run<'_>, role: Role, args: Vec<String>) -> Result<PodTemplateSpec, Problems> {
    let annotations = pod::annotations(run, role);
    Ok(PodTemplateSpec {
        metadata: Some(ObjectMeta {
            labels: Some(labels::of_pod(run, role)),
            annotations: (!annotations.is_empty()).then_some(annotations),
            ..ObjectMeta::default()
        }),
        spec: Some(pod::spec(run, role, args)?),
    })
}
