//! The start of a run: claim it, then create its objects.

use std::time::Duration;

use k8s_openapi::api::core::v1::ConfigMap;
use kube::{Api, Resource, core::error_boundary::InvalidObject, runtime::reflector::ObjectRef};
use locust_api::{
    reasons,
    v2::{LocustTest, LocustTestStatus, RunClaim},
};
use locust_core::{
    claim::{self, Naming},
    lifecycle::{self, Hold, Outcome, Unresolved},
    queue,
    references::{self, Reference},
    render::{self, RunObjects},
};

use super::{
    Context,
    create::{self, Creation},
    others,
    status::{api, name, namespace, write},
    take_over, template,
};
use crate::control::{self, Action, ReconcileError, Tone, Trying};
use crate::{gate::Answer, hub::CachedTest, templates::Unusable};

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
    if test.spec.is_stopped() {
        return give_up(test, Outcome::aborted("stopped before it began"), context).await;
    }
    if let Some(hold) = Hold::of(test.spec.is_suspended(), &context.settings) {
        let status = lifecycle::held(test, hold, now);
        return wait(test, &status, None, context).await;
    }
    let expanded = match template::expand(test, context).await? {
        Ok(expanded) => expanded,
        Err(unusable) => return unresolved(test, &unusable, context).await,
    };
    let test = &*expanded.test;
    let preferred = claim::claim(&test.metadata, &test.spec, Naming::Published, now);
    let claim = if is_taken(test, &preferred, context) {
        claim::claim(&test.metadata, &test.spec, Naming::Unique, now)
    } else {
        preferred
    };
    if let Err(problems) = render::run_objects(test, &claim, &context.settings) {
        let status = lifecycle::invalid(test, &problems.to_string(), now);
        if Some(&status) != test.status.as_ref() {
            write(test, &status, context).await?;
            context.events.publish(
                test,
                Tone::Warning,
                reasons::INVALID_SPEC,
                problems.to_string(),
            );
        }
        // The spec is not frozen yet; mending it brings the test back.
        return Ok(Action::await_change());
    }
    let turn = context.gate.ask(queue::member(test), namespace(test));
    if let Answer::Wait(why, again) = turn.await? {
        let status = lifecycle::queued(test, &why, now);
        return wait(test, &status, Some(again), context).await;
    }
    let mut status = lifecycle::claimed(test, claim, now);
    if let Some(pin) = template::pin(&expanded, context).await? {
        status.pin = Some(pin);
    }
    let claimed = write(test, &status, context).await?;
    create_objects(&*template::pinned(&claimed, context).await?, context).await
}

/// Says why nothing can be made from the template, and gives up when that was so for long enough.
async fn unresolved(
    test: &LocustTest,
    unusable: &Unusable,
    context: &Context,
) -> Result<Action, ReconcileError> {
    let Unusable { reason, words } = unusable;
    let now = (context.now)();
    match lifecycle::unresolved(test, reason, words, &context.settings, now) {
        Unresolved::GiveUp(outcome) => give_up(test, outcome, context).await,
        Unresolved::Wait(status, again) => {
            if Some(&*status) != test.status.as_ref() {
                context.events.publish_action(
                    test,
                    Tone::Warning,
                    reason,
                    &control::action(words),
                    words.clone(),
                );
            }
            wait(test, &status, Some(again), context).await
        }
    }
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
    if fresh.spec.is_stopped() {
        return give_up(&fresh, Outcome::aborted("stopped before any load"), context).await;
    }
    create_objects(&*template::pinned(&fresh, context).await?, context).await
}

/// Says that nothing is made for now. Whoever changes that brings the test back.
async fn wait(
    test: &LocustTest,
    status: &LocustTestStatus,
    again: Option<Duration>,
    context: &Context,
) -> Result<Action, ReconcileError> {
    if Some(status) != test.status.as_ref() {
        write(test, status, context).await?;
    }
    Ok(again.map_or_else(Action::await_change, Action::requeue))
}

/// Whether something else in the namespace has these names.
fn is_taken(test: &LocustTest, wanted: &RunClaim, context: &Context) -> bool {
    let claims_them = |other: &CachedTest| {
        other.0.as_ref().is_ok_and(|other| {
            let run = other.status.as_ref().and_then(|status| status.run.as_ref());
            run.is_some_and(|run| run.master_name == wanted.master_name)
                && other.metadata.namespace == test.metadata.namespace
                && other.metadata.uid != test.metadata.uid
        })
    };
    let is_of_others = |name: &String| {
        let key = ObjectRef::new(name).within(namespace(test));
        context.hub.jobs.store().get(&key).is_some_and(|job| {
            let mut owners = job.metadata.owner_references.iter().flatten();
            owners.all(|owner| Some(&owner.uid) != test.metadata.uid.as_ref())
        })
    };
    [&wanted.master_name, &wanted.worker_name]
        .into_iter()
        .any(is_of_others)
        || context.hub.tests.store().find(claims_them).is_some()
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
        Err(problems) => {
            let outcome = Outcome::error(reasons::INVALID_SPEC, problems.to_string());
            return give_up(test, outcome, context).await;
        }
    };
    if let Some(missing) = missing_config_map(test, context).await? {
        let words = missing.missing_in(namespace(test));
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
                .publish(test, Tone::Normal, "Started", started_note(&objects));
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
        Creation::Taken {
            for_this_test: true,
            what,
        } => started_by_another(test, &run, &what, context).await,
        Creation::Taken {
            for_this_test: false,
            what,
        } => rename(test, &run, &what, context).await,
    }
}

fn started_note(objects: &RunObjects) -> String {
    let RunObjects {
        config_map,
        service,
        network_policy,
        web_ui,
        worker,
        master,
        warnings,
    } = objects;
    let created = [
        Some(named(config_map)),
        Some(named(service)),
        network_policy.as_ref().map(named),
        web_ui.as_ref().map(named),
        Some(named(worker)),
        Some(named(master)),
    ];
    let created: Vec<String> = created.into_iter().flatten().collect();
    let warnings: String = warnings
        .iter()
        .map(|warning| format!(". Warning: {warning}"))
        .collect();
    format!("created {}{warnings}", created.join(", "))
}

/// Kind and name.
fn named<K: Resource<DynamicType = ()>>(object: &K) -> String {
    let name = object.meta().name.as_deref().unwrap_or_default();
    format!("{} {name}", K::kind(&()))
}

/// Another operator has begun to make this very run. With its Job the run exists, and must not be made again under
/// another name; before that it may be about to make it, if it is still there.
async fn started_by_another(
    test: &LocustTest,
    run: &RunClaim,
    what: &str,
    context: &Context,
) -> Result<Action, ReconcileError> {
    if let Some(jobs) = take_over::jobs_of_another(test, context).await? {
        return take_over::take_over(test, jobs, context).await;
    }
    match context.lookout.sign((context.now)()) {
        Some(sign) => Ok(others::stand_back(test, &sign, context)),
        None => rename(test, run, what, context).await,
    }
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
) -> Result<Option<Reference>, ReconcileError> {
    let api: Api<ConfigMap> = Api::namespaced(context.client.clone(), namespace(test));
    for reference in references::of_test_files(&test.spec) {
        let found = api.get_metadata_opt(&reference.name).await;
        if found.trying("look for a ConfigMap")?.is_none() {
            return Ok(Some(reference));
        }
    }
    Ok(None)
}
