//! The start of a suite: check the spec, wait for its turn, keep the templates, write the claim.

use k8s_openapi::{api::apps::v1::ControllerRevision, apimachinery::pkg::apis::meta::v1::Time};
use locust_api::{
    reasons,
    v2::{LocustTemplate, LocustTestSuite, LocustTestSuiteStatus, SuiteClaim, Verdict},
};
use locust_core::{
    lifecycle::{self, Hold, Outcome},
    queue, revision,
    suite::{self, check},
    template,
    time::whole_seconds,
};

use super::{Context, namespace, run, steps, template_of, uid, write};
use crate::{
    control::{self, Action, ReconcileError, Tone},
    gate::Answer,
    pinned,
    templates::{self, Unusable},
};

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
    let is_suspended = suite.spec.suspend == Some(true);
    if let Some(hold) = Hold::of(is_suspended, &context.settings) {
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
    let within = context.settings.start_deadline;
    let Some(again) = lifecycle::look_again_for_refs(&status.conditions, within, now) else {
        let words =
            format!("the suite could not start within the operator's --start-deadline: {words}");
        return give_up(suite, Outcome::error(reason, words), context).await;
    };
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
