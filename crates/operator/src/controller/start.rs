//! The start of a run: claim it, then create its objects.

use std::time::Duration;

use k8s_openapi::api::core::v1::ConfigMap;
use kube::{Api, core::error_boundary::InvalidObject, runtime::controller::Action};
use locust_api::{
    reasons,
    v2::{LocustTest, RunClaim},
};
use locust_core::{
    claim::{self, Naming},
    lifecycle::{self, Outcome},
    render::{self, RunObjects},
};

use super::{
    Context,
    create::{self, Creation},
    error::{ReconcileError, Trying},
    events::Tone,
    status::{api, name, namespace, write},
};

/// A test that is stored and does not decode: the schema was loosened, or written by another version.
pub(super) fn report_unreadable(
    unreadable: &InvalidObject,
    context: &Context,
) -> Result<Action, ReconcileError> {
    let metadata = &unreadable.metadata;
    tracing::error!(
        namespace = metadata.namespace,
        name = metadata.name,
        error = unreadable.error,
        "cannot read a LocustTest; it is left alone"
    );
    context
        .metrics
        .reconciled("test", "unreadable", Duration::ZERO);
    Ok(Action::await_change())
}

/// Checks the spec, writes the claim, and goes on to create.
pub(super) async fn claim(test: &LocustTest, context: &Context) -> Result<Action, ReconcileError> {
    let now = (context.now)();
    let naming = if is_taken(test, context) {
        Naming::Unique
    } else {
        Naming::Published
    };
    let claim = claim::claim(&test.metadata, &test.spec, naming, now);
    if let Err(error) = render::run_objects(test, &claim, &context.settings) {
        let status = lifecycle::invalid(test, &error.to_string(), now);
        if Some(&status) != test.status.as_ref() {
            write(test, &status, context).await?;
            context.events.publish(
                test,
                Tone::Warning,
                reasons::INVALID_SPEC,
                error.to_string(),
            );
        }
        // The spec is not frozen yet; mending it brings the test back.
        return Ok(Action::await_change());
    }
    let claimed = write(test, &lifecycle::claimed(test, claim, now), context).await?;
    create_objects(&claimed, context).await
}

/// Goes on with a run that was claimed before, perhaps by a process that is gone.
pub(super) async fn resume(test: &LocustTest, context: &Context) -> Result<Action, ReconcileError> {
    // A stale cache may not know that the Jobs existed already, and a Job is never made twice.
    let fresh = api(test, context)
        .get(name(test))
        .await
        .trying("read the test")?;
    if fresh.metadata.deletion_timestamp.is_some()
        || lifecycle::next_step(fresh.status.as_ref()) != lifecycle::Step::Create
    {
        return Ok(Action::requeue(Duration::from_secs(1)));
    }
    create_objects(&fresh, context).await
}

/// Whether another test in the namespace has the published names.
fn is_taken(test: &LocustTest, context: &Context) -> bool {
    let wanted = claim::claim(
        &test.metadata,
        &test.spec,
        Naming::Published,
        (context.now)(),
    );
    let others = context.hub.tests.store().state();
    let by_claim = others
        .iter()
        .filter_map(|other| other.0.as_ref().ok())
        .any(|other| {
            other.metadata.uid != test.metadata.uid
                && other.metadata.namespace == test.metadata.namespace
                && other
                    .status
                    .as_ref()
                    .and_then(|status| status.run.as_ref())
                    .is_some_and(|run| run.master_name == wanted.master_name)
        });
    by_claim
        || context.hub.jobs.store().state().iter().any(|job| {
            job.metadata.namespace == test.metadata.namespace
                && job
                    .metadata
                    .name
                    .as_ref()
                    .is_some_and(|name| *name == wanted.master_name || *name == wanted.worker_name)
                && job
                    .metadata
                    .owner_references
                    .iter()
                    .flatten()
                    .all(|owner| Some(&owner.uid) != test.metadata.uid.as_ref())
        })
}

async fn create_objects(test: &LocustTest, context: &Context) -> Result<Action, ReconcileError> {
    let run = test
        .status
        .as_ref()
        .and_then(|status| status.run.clone())
        .ok_or(ReconcileError::ClaimGone)?;
    let now = (context.now)();
    let objects = match render::run_objects(test, &run, &context.settings) {
        Ok(objects) => objects,
        Err(error) => {
            return give_up(
                test,
                Outcome::error(reasons::INVALID_SPEC, error.to_string()),
                context,
            )
            .await;
        }
    };
    if let Some(missing) = missing_config_map(test, context).await? {
        let words = format!(
            "ConfigMap {missing:?}, which spec.testFiles names, does not exist in namespace {:?}; create it and the run starts",
            namespace(test)
        );
        return block(test, &run, reasons::CONFIG_MAP_NOT_FOUND, &words, context).await;
    }
    match create::all(test, &run, &objects, context).await? {
        Creation::Done {
            master_job_uid,
            worker_job_uid,
        } => {
            let status = lifecycle::created(test, master_job_uid, worker_job_uid, now);
            write(test, &status, context).await?;
            context
                .events
                .publish(test, Tone::Normal, "Started", started_note(&run, &objects));
            Ok(Action::await_change())
        }
        Creation::Refused { what, words } => {
            block(
                test,
                &run,
                reasons::CREATE_FAILED,
                &format!("the API server refuses the {what}: {words}"),
                context,
            )
            .await
        }
        Creation::Taken { what } => rename(test, &run, &what, context).await,
    }
}

fn started_note(run: &RunClaim, objects: &RunObjects) -> String {
    let RunClaim {
        master_name,
        worker_name,
        service_name,
        ..
    } = run;
    let warnings: String = objects
        .warnings
        .iter()
        .map(|warning| format!(". Warning: {warning}"))
        .collect();
    format!(
        "created ConfigMap {master_name}, Service {service_name}, Job {worker_name}, Job {master_name}{warnings}"
    )
}

/// A name belongs to somebody else: take names of our own, and if these are taken too, give up.
async fn rename(
    test: &LocustTest,
    run: &RunClaim,
    what: &str,
    context: &Context,
) -> Result<Action, ReconcileError> {
    let now = (context.now)();
    let unique = claim::claim(&test.metadata, &test.spec, Naming::Unique, run.claimed_at.0);
    if unique.master_name == run.master_name {
        let words = format!(
            "{what} exists and belongs to something else; delete it, or give the test another name"
        );
        return give_up(test, Outcome::error(reasons::NAME_CONFLICT, words), context).await;
    }
    write(test, &lifecycle::claimed(test, unique, now), context).await?;
    Ok(Action::requeue(Duration::from_millis(100)))
}

/// The run cannot start yet: say why, and try again until its deadline.
async fn block(
    test: &LocustTest,
    run: &RunClaim,
    reason: &'static str,
    words: &str,
    context: &Context,
) -> Result<Action, ReconcileError> {
    let now = (context.now)();
    let deadline = lifecycle::start_deadline(&test.spec, run, &context.settings);
    if deadline <= now {
        return give_up(test, lifecycle::not_created_in_time(reason, words), context).await;
    }
    let (status, news) = lifecycle::blocked(test, reason, words, now);
    write(test, &status, context).await?;
    if news {
        context
            .events
            .publish(test, Tone::Warning, reason, words.to_owned());
    }
    Ok(Action::requeue(lifecycle::next_try(
        run, reason, deadline, now,
    )))
}

async fn give_up(
    test: &LocustTest,
    outcome: Outcome,
    context: &Context,
) -> Result<Action, ReconcileError> {
    let note = lifecycle::finished_note(&outcome, None);
    let verdict = outcome.verdict.as_str();
    let reason = outcome.reason.clone();
    write(
        test,
        &lifecycle::refuse(test, outcome, (context.now)()),
        context,
    )
    .await?;
    context.metrics.run_finished(verdict, &reason);
    context
        .events
        .publish(test, Tone::Warning, "Finished", note);
    Ok(Action::await_change())
}

/// The first ConfigMap of the test files that does not exist.
async fn missing_config_map(
    test: &LocustTest,
    context: &Context,
) -> Result<Option<String>, ReconcileError> {
    let api: Api<ConfigMap> = Api::namespaced(context.client.clone(), namespace(test));
    let Some(files) = &test.spec.test_files else {
        return Ok(None);
    };
    let named = [&files.config_map_ref, &files.lib_config_map_ref];
    for name in named.into_iter().flatten().filter(|name| !name.is_empty()) {
        if api
            .get_metadata_opt(name)
            .await
            .trying("look for a ConfigMap")?
            .is_none()
        {
            return Ok(Some(name.clone()));
        }
    }
    Ok(None)
}
