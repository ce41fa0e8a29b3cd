//! The start of a suite: check the spec, wait for its turn, keep the templates, write the claim.

use k8s_openapi::{api::apps::v1::ControllerRevision, apimachinery::pkg::apis::meta::v1::Time};
use kube::runtime::controller::Action;
use locust_api::{
    conditions, reasons,
    v2::{LocustTemplate, LocustTestSuite, LocustTestSuiteStatus, SuiteClaim, Verdict},
};
use locust_core::{
    lifecycle::{Hold, Outcome},
    queue, revision,
    suite::{self, check},
    template,
    time::{after, until, whole_seconds},
};

use super::{Context, namespace, run, steps, template_of, uid, write};
use crate::{
    control::{self, ReconcileError, Tone},
    gate::Answer,
    pinned,
    templates::{self, Unusable},
};

/// How soon templates are looked for again, should nothing tell of their change.
const AGAIN: std::time::Duration = std::time::Duration::from_secs(30);

/// Checks the spec, writes the claim, and goes on to the first steps.
pub(super) async fn claim(
    suite: &LocustTestSuite,
    context: &Context,
) -> Result<Action, ReconcileError> {
    let now = (context.now)();
    if suite.spec.stop == Some(true) {
        return give_up(suite, Outcome::aborted("stopped before it began"), context).await;
    }
    let checked = check::before_the_start(suite, &context.settings, &template::paths);
    if !checked.problems.is_empty() {
        let words = checked.problems.to_string();
        let status = suite::invalid(suite, &words, now);
        // The spec is not frozen yet; mending it brings the suite back.
        return wait(
            suite,
            status,
            Some((reasons::INVALID_SPEC, words)),
            None,
            context,
        )
        .await;
    }
    if let Some(hold) = held(suite, context) {
        return wait(suite, suite::held(suite, hold, now), None, None, context).await;
    }
    let kept = match find_templates(suite, context).await? {
        Ok(kept) => kept,
        Err(unusable) => return unresolved(suite, unusable, context).await,
    };
    let turn = context
        .gate
        .ask(queue::member_of_suite(suite), namespace(suite));
    if let Answer::Wait(why, again) = turn.await? {
        let status = suite::queued(suite, &why, now);
        return wait(suite, status, None, Some(again), context).await;
    }
    if let Some(revision) = &kept {
        pinned::create(revision, &context.client).await?;
    }
    let claim = SuiteClaim {
        id: uid(suite).to_owned(),
        revision: kept.and_then(|revision| revision.metadata.name),
        claimed_at: Time(whole_seconds(now).0),
    };
    let claimed = write(suite, &suite::claimed(suite, claim, now), context).await?;
    context.events.publish(
        suite,
        Tone::Normal,
        "Started",
        format!("{} steps", steps(suite).count()),
    );
    run::go_on(&claimed, context).await
}

/// Who keeps this suite from starting, if anyone does.
fn held(suite: &LocustTestSuite, context: &Context) -> Option<Hold> {
    if suite.spec.suspend == Some(true) {
        Some(Hold::Spec)
    } else {
        context.settings.suspend_new.then_some(Hold::Operator)
    }
}

/// Says that nothing is made for now, and tells of a problem once. Whoever changes that brings the suite back.
async fn wait(
    suite: &LocustTestSuite,
    status: LocustTestSuiteStatus,
    problem: Option<(&str, String)>,
    again: Option<std::time::Duration>,
    context: &Context,
) -> Result<Action, ReconcileError> {
    if Some(&status) != suite.status.as_ref() {
        write(suite, &status, context).await?;
        if let Some((reason, words)) = problem {
            let action = control::action(&words);
            context
                .events
                .publish_action(suite, Tone::Warning, reason, &action, words);
        }
    }
    Ok(again.map_or_else(Action::await_change, Action::requeue))
}

/// Says which template cannot be used, and gives up when that was so for as long as a test may take to start.
async fn unresolved(
    suite: &LocustTestSuite,
    unusable: Unusable,
    context: &Context,
) -> Result<Action, ReconcileError> {
    let Unusable { reason, words } = unusable;
    let now = (context.now)();
    let status = suite::refs_unresolved(suite, reason, &words, now);
    let mut conditions = status.conditions.iter();
    let since = conditions
        .find(|condition| condition.type_ == conditions::RESOLVED_REFS)
        .map_or(now, |condition| condition.last_transition_time.0);
    let deadline = after(since, context.settings.start_deadline);
    if deadline <= now {
        let words =
            format!("the suite could not start within the operator's --start-deadline: {words}");
        return give_up(suite, Outcome::error(reason, words), context).await;
    }
    let again = until(now, deadline).min(AGAIN);
    wait(suite, status, Some((reason, words)), Some(again), context).await
}

async fn give_up(
    suite: &LocustTestSuite,
    outcome: Outcome,
    context: &Context,
) -> Result<Action, ReconcileError> {
    let Outcome {
        phase: _,
        verdict,
        reason,
        message,
    } = &outcome;
    let note = format!("{}: {reason}: {message}", Verdict::as_str(*verdict));
    let status = suite::ended_unclaimed(suite, outcome.clone(), (context.now)());
    write(suite, &status, context).await?;
    context
        .events
        .publish(suite, Tone::Warning, "Finished", note);
    Ok(Action::await_change())
}

/// All templates of a suite, to be kept; `None` when it names none.
async fn find_templates(
    suite: &LocustTestSuite,
    context: &Context,
) -> Result<Result<Option<ControllerRevision>, Unusable>, ReconcileError> {
    let mut found: Vec<LocustTemplate> = Vec::new();
    for reference in steps(suite).filter_map(template_of) {
        match templates::find(reference, namespace(suite), &context.hub, &context.client).await? {
            Ok(template) => found.push(template),
            Err(unusable) => return Ok(Err(unusable)),
        }
    }
    if found.is_empty() {
        return Ok(Ok(None));
    }
    let found: Vec<&LocustTemplate> = found.iter().collect();
    Ok(revision::of_suite(suite, &found)
        .map(Some)
        .map_err(|problem| Unusable {
            reason: reasons::PARAMETERS_INVALID,
            words: problem.to_string(),
        }))
}
