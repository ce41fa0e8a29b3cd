//! A suite that runs: plan, act, write the status.

use std::collections::BTreeMap;

use kube::{
    Api,
    api::{Patch, PatchParams},
    runtime::reflector::ObjectRef,
};
use locust_api::v2::{LocustTest, LocustTestSuite, Verdict};
use locust_core::{
    suite::{self, ChildKind, News, Plan, Seen, Stop},
    view::JobView,
};
use serde_json::json;

use super::{
    Context, ask,
    children::{self, cached_job},
    make::{self, Made},
    namespace, steps, write,
};
use crate::control::{self, Action, JobWrite, ReconcileError, Tone, Trying};

/// Does what is next, once.
pub(super) async fn go_on(
    suite: &LocustTestSuite,
    context: &Context,
) -> Result<Action, ReconcileError> {
    let Plan {
        mut status,
        starts,
        stops,
        asks: _,
        mut news,
        look_again,
    } = plan(suite, context).await?;
    for it in &stops {
        stop(suite, it, context).await?;
    }
    let mut failed = None;
    for start in &starts {
        let made = match make::child(suite, start, &status, context).await {
            Ok(made) => made,
            // What was made so far is noted before the rest is tried again.
            Err(error) => {
                failed = Some(error);
                break;
            }
        };
        let now = (context.now)();
        news.extend(match made {
            Made::Child(uid) => suite::started(&mut status, start, &uid, now),
            Made::Never(reason, words) => {
                suite::not_started(&mut status, start, reason, &words, now)
            }
        });
    }
    write(suite, &status, context).await?;
    news.into_iter().for_each(|item| tell(suite, item, context));
    match failed {
        Some(error) => Err(error),
        None => Ok(Action::requeue(look_again)),
    }
}

/// What is next, with answers to what it asks.
pub(super) async fn plan(
    suite: &LocustTestSuite,
    context: &Context,
) -> Result<Plan, ReconcileError> {
    let children = children::of(suite, context).await?;
    let mut waits = BTreeMap::new();
    let now = (context.now)();
    let first = suite::plan(
        suite,
        &Seen {
            now,
            children: &children,
            waits: &waits,
        },
    );
    if first.asks.is_empty() {
        return Ok(first);
    }
    for asked in &first.asks {
        let Some(step) = steps(suite).find(|step| step.name == *asked) else {
            continue;
        };
        let known = suite.status.iter().flat_map(|status| &status.steps);
        let attempt = known
            .filter(|known| known.name == *asked)
            .map(|known| known.attempt)
            .sum::<i32>();
        let answer = ask::about(suite, step, attempt.saturating_add(1), context).await?;
        waits.insert(asked.clone(), answer);
    }
    Ok(suite::plan(
        suite,
        &Seen {
            now,
            children: &children,
            waits: &waits,
        },
    ))
}

/// Asks a child to end. It is asked once, and the cache shows whether it heard.
pub(super) async fn stop(
    suite: &LocustTestSuite,
    stop: &Stop,
    context: &Context,
) -> Result<(), ReconcileError> {
    let Stop { kind, name, uid } = stop;
    match kind {
        ChildKind::Test => stop_test(suite, name, uid, context).await,
        ChildKind::Job => stop_job(suite, name, uid, context).await,
    }
}

async fn stop_test(
    suite: &LocustTestSuite,
    name: &str,
    uid: &str,
    context: &Context,
) -> Result<(), ReconcileError> {
    let key = ObjectRef::new(name).within(namespace(suite));
    let known = context.hub.tests.store().get(&key);
    let is_told = known.is_some_and(|known| {
        known
            .0
            .as_ref()
            .is_ok_and(|test| test.spec.stop == Some(true))
    });
    if is_told || context.own_writes.has_told_job(uid, JobWrite::End) {
        return Ok(());
    }
    let api: Api<LocustTest> = Api::namespaced(context.client.clone(), namespace(suite));
    let patch = Patch::Merge(json!({"metadata": {"uid": uid}, "spec": {"stop": true}}));
    let stopped = api.patch(name, &PatchParams::default(), &patch).await;
    match stopped.trying("stop the test of a step") {
        // It is gone, or another one: the next look sees which.
        Err(error) if error.is_conflict() => return Ok(()),
        other => drop(other?),
    }
    context.own_writes.told_job(uid, JobWrite::End);
    tracing::info!(test = name, "stopped the test of a step");
    Ok(())
}

/// A deadline in the past makes the Job controller end the pods, and leaves the Job to be looked at.
async fn stop_job(
    suite: &LocustTestSuite,
    name: &str,
    uid: &str,
    context: &Context,
) -> Result<(), ReconcileError> {
    let is_over = cached_job(suite, name, context).is_some_and(|job| job.finished().is_some());
    if is_over || context.own_writes.has_told_job(uid, JobWrite::End) {
        return Ok(());
    }
    let api: Api<JobView> = Api::namespaced(context.client.clone(), namespace(suite));
    let patch =
        Patch::Merge(json!({"metadata": {"uid": uid}, "spec": {"activeDeadlineSeconds": 1}}));
    let stopped = api.patch(name, &PatchParams::default(), &patch).await;
    match stopped.trying("stop the Job of a step") {
        Err(error) if error.is_conflict() => return Ok(()),
        other => drop(other?),
    }
    context.own_writes.told_job(uid, JobWrite::End);
    tracing::info!(job = name, "stopped the Job of a step");
    Ok(())
}

fn tell(suite: &LocustTestSuite, news: News, context: &Context) {
    let tone_of = |verdict: Verdict| match verdict {
        Verdict::Passed => Tone::Normal,
        Verdict::Failed | Verdict::Inconclusive | Verdict::Error | Verdict::Aborted => {
            Tone::Warning
        }
    };
    let (tone, reason, note) = match news {
        News::StepStarted { step: _, note } => (Tone::Normal, "StepStarted", note),
        News::StepFinished {
            step: _,
            verdict,
            note,
        } => (tone_of(verdict), "StepFinished", note),
        News::SuiteFinished { verdict, note } => (tone_of(verdict), "Finished", note),
    };
    // Steps and attempts of one suite are no repetitions of each other.
    let action = control::action(&note);
    context
        .events
        .publish_action(suite, tone, reason, &action, note);
}
