//! Changing the number of workers of a run that is under way.

use locust_api::v2::LocustTest;
use locust_core::lifecycle::Scale;
use serde_json::json;

use super::{Context, end::tell_job, observe::cached_job, status::name};
use crate::control::{JobWrite, ReconcileError};

/// Tells the master first, so that it takes no worker for lost that leaves because of this, and then the Job. A master
/// that does not hear is told at the next look, and what it took for lost meanwhile is taken back.
pub(super) async fn workers(
    test: &LocustTest,
    scale: Scale,
    context: &Context,
) -> Result<(), ReconcileError> {
    let Scale { workers, tell, job } = scale;
    let Some(run) = test.status.as_ref().and_then(|status| status.run.as_ref()) else {
        return Ok(());
    };
    if let Some(address) = tell {
        let heard = context.listener.scale(&address, &run.id, workers).await;
        tracing::debug!(
            test = name(test),
            workers,
            heard,
            "told the master how many workers there are to be"
        );
    }
    let cached = cached_job(test, &run.worker_name, run.worker_job_uid.as_ref(), context);
    match cached.filter(|_| job) {
        Some(cached) => {
            // An Indexed Job takes only both at once.
            let spec = json!({"parallelism": workers, "completions": workers});
            tell_job(test, &cached, JobWrite::Scale(workers), spec, context).await
        }
        None => Ok(()),
    }
}
