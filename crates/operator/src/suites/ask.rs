//! Looking at what a step waits for.

use k8s_openapi::api::apps::v1::Deployment;
use kube::Api;
use locust_api::{
    Duration,
    v2::{ConditionWait, HttpWait, LocustTestSuite, SuiteStep, WaitFor},
};
use locust_core::suite::{
    WaitState,
    children::{wait_job, wait_name},
};

use super::{
    Context,
    children::cached_job,
    make::{self, Made},
    name, namespace,
};
use crate::control::{ReconcileError, Trying};

/// How long what a step waits for may take, unless it says so.
const TIMEOUT: Duration = Duration::from_secs(300);
/// The condition of a Deployment that can be used.
const AVAILABLE: &str = "Available";

/// How what this step waits for is.
pub(super) async fn about(
    suite: &LocustTestSuite,
    step: &SuiteStep,
    attempt: i32,
    context: &Context,
) -> Result<WaitState, ReconcileError> {
    let Some(WaitFor {
        http,
        condition,
        timeout,
    }) = &step.wait_for
    else {
        return Ok(WaitState::Holds);
    };
    if let Some(condition) = condition {
        return deployment(suite, condition, context).await;
    }
    match http {
        Some(http) => {
            let timeout = timeout.unwrap_or(TIMEOUT);
            address(suite, step, attempt, http, timeout, context).await
        }
        None => Ok(WaitState::Holds),
    }
}

async fn deployment(
    suite: &LocustTestSuite,
    condition: &ConditionWait,
    context: &Context,
) -> Result<WaitState, ReconcileError> {
    let ConditionWait { deployment, type_ } = condition;
    let type_ = type_.as_deref().unwrap_or(AVAILABLE);
    let api: Api<Deployment> = Api::namespaced(context.client.clone(), namespace(suite));
    let found = api.get_opt(deployment).await;
    let Some(found) = found.trying("read the Deployment that a step waits for")? else {
        let words = format!("Deployment {deployment:?} does not exist");
        return Ok(WaitState::NotYet(words));
    };
    let status = found.status.unwrap_or_default();
    let conditions = status.conditions.unwrap_or_default();
    let known = conditions.iter().find(|known| known.type_ == type_);
    Ok(match known {
        Some(known) if known.status == "True" => WaitState::Holds,
        Some(known) => WaitState::NotYet(format!(
            "Deployment {deployment:?} is not {type_}: {}",
            known.message.as_deref().unwrap_or("it does not say why")
        )),
        None => WaitState::NotYet(format!(
            "Deployment {deployment:?} has no condition {type_} yet"
        )),
    })
}

async fn address(
    suite: &LocustTestSuite,
    step: &SuiteStep,
    attempt: i32,
    http: &HttpWait,
    timeout: Duration,
    context: &Context,
) -> Result<WaitState, ReconcileError> {
    let HttpWait { url } = http;
    let job = wait_name(name(suite), &step.name, attempt);
    let Some(known) = cached_job(suite, &job, context) else {
        let settings = &context.settings;
        let wanted = wait_job(suite, step, attempt, http, timeout, settings);
        return Ok(match make::create(suite, &wanted, context).await? {
            Made::Child(_) => WaitState::NotYet(format!("Job {job} asks {url}")),
            Made::Never(_, words) => WaitState::Failed(words),
        });
    };
    Ok(match known.finished() {
        None => WaitState::NotYet(format!("Job {job} asks {url}")),
        Some(finished) if finished.kind == "Complete" => WaitState::Holds,
        Some(_) => WaitState::Failed(format!(
            "{url} did not answer as it should within {timeout}; `kubectl logs job/{job}` tells what it said"
        )),
    })
}
