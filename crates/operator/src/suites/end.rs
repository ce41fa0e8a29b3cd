//! After the end of a suite: nothing of it may go on, and nothing stays longer than was asked for.

use std::time::Duration;

use kube::{
    Api,
    api::{DeleteParams, Preconditions},
};
use locust_api::v2::LocustTestSuite;
use locust_core::{suite::retention, time::until};

use super::{Context, name, namespace, run};
use crate::{
    control::{Action, ReconcileError, Trying},
    hub,
};

/// When to look again at a suite whose schedule has not stored its verdict yet.
const HELD: Duration = Duration::from_secs(5);

/// No later than this a suite that is over looks for children that were made and never noted.
const STRAYS: Duration = Duration::from_secs(60);

/// Stops what was made and never noted, and deletes the suite when its time is over.
pub(super) async fn clean_up(
    suite: &LocustTestSuite,
    context: &Context,
) -> Result<Action, ReconcileError> {
    context.templates.forget(&suite.metadata);
    let plan = run::plan(suite, context).await?;
    for stop in &plan.stops {
        run::stop(suite, stop, context).await?;
    }
    let status = suite.status.as_ref();
    let expiry = status.and_then(|status| retention::expiry(&suite.spec, status));
    let now = (context.now)();
    match expiry {
        Some(_) if hub::is_held_by_schedule(suite, &context.hub) => Ok(Action::requeue(HELD)),
        Some(at) if at <= now => {
            delete(suite, context).await?;
            Ok(Action::await_change())
        }
        Some(at) => Ok(Action::requeue(until(now, at))),
        None if plan.stops.is_empty() => Ok(Action::await_change()),
        None => Ok(Action::requeue(STRAYS)),
    }
}

/// Deletes a suite, and with it all that it owns: exactly the one that was looked at, so that a longer `retention` that
/// somebody has just written holds.
async fn delete(suite: &LocustTestSuite, context: &Context) -> Result<(), ReconcileError> {
    let parameters = DeleteParams::background().preconditions(Preconditions {
        uid: suite.metadata.uid.clone(),
        resource_version: suite.metadata.resource_version.clone(),
    });
    let api: Api<LocustTestSuite> = Api::namespaced(context.client.clone(), namespace(suite));
    let deleted = api.delete(name(suite), &parameters).await;
    match deleted.trying("delete a suite that was to stay no longer") {
        // Its deletion, or the change that forbade it, is on its way to the cache.
        Err(error) if error.is_conflict() => return Ok(()),
        other => drop(other?),
    }
    tracing::info!(
        suite = name(suite),
        "deleted a suite that was to stay no longer"
    );
    Ok(())
}
