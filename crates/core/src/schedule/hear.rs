//! What was seen of runs, taken over into the status.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use locust_api::{
    reasons,
    v2::{ComparisonState, LocustSchedule, LocustScheduleStatus, ScheduledRun, Verdict},
};

use super::{
    News, Run, RunEnd, RunState, Seen, notices,
    seen::Purpose,
    status::{begin, count, purpose},
};
use crate::{baseline, retries::limit_after, time::whole_seconds};

/// Takes over what was seen: runs that were made and not noted, those that are over, and those that are gone.
pub(super) fn hear(
    schedule: &LocustSchedule,
    status: &mut LocustScheduleStatus,
    seen: &Seen<'_>,
    may_try_again: bool,
    news: &mut Vec<News>,
) {
    for run in seen.runs {
        adopt(schedule, status, run, seen.now, news);
    }
    let known = status.active.iter().chain(&status.history);
    let known: Vec<Purpose> = known.map(purpose).collect();
    // A later attempt of the same run.
    let is_followed = |run: &ScheduledRun| {
        let this = purpose(run);
        known
            .iter()
            .any(|other| other.is_of_same_run(&this) && other.attempt > this.attempt)
    };
    for mut run in std::mem::take(&mut status.active) {
        let found = seen.run(run.uid.as_deref());
        match found.map(|found| &found.state) {
            None | Some(RunState::Active) => status.active.push(run),
            Some(RunState::Ended(end)) => {
                finish(&mut run, end, seen.now);
                run.replaced = false;
                news.push(finished(&run));
                news.extend(compare(status, &run, end));
                run.retry = may_try_again
                    && run.attempt <= limit_after(schedule.spec.retries.as_ref(), end.verdict)
                    && !is_followed(&run);
                // Another attempt decides.
                if !run.retry && !is_followed(&run) {
                    count(status, &run);
                }
                status.history.insert(0, run);
            }
            Some(RunState::Gone) => {
                let end = gone(run.replaced);
                finish(&mut run, &end, seen.now);
                news.push(finished(&run));
                if !is_followed(&run) {
                    count(status, &run);
                }
            }
        }
    }
    let is_gone = |run: &ScheduledRun| {
        let found = seen.run(run.uid.as_deref());
        found.is_some_and(|found| found.state == RunState::Gone)
    };
    // One that has another attempt before it is kept in mind until that is made.
    status.history.retain(|run| run.retry || !is_gone(run));
    if !may_try_again {
        give_up_attempts(status);
    }
}

/// Lets runs be over that were to be tried again.
pub(super) fn give_up_attempts(status: &mut LocustScheduleStatus) {
    // The latest is counted last.
    for index in (0..status.history.len()).rev() {
        let Some(run) = status.history.get_mut(index).filter(|run| run.retry) else {
            continue;
        };
        run.retry = false;
        let run = run.clone();
        count(status, &run);
    }
}

/// Notes a run that was made, unless it is known.
fn adopt(
    schedule: &LocustSchedule,
    status: &mut LocustScheduleStatus,
    run: &Run,
    now: Timestamp,
    news: &mut Vec<News>,
) {
    if run.state == RunState::Gone || is_known(status, &run.uid) {
        return;
    }
    let begun = run.created.unwrap_or(now);
    news.push(begin(
        schedule,
        status,
        (run.kind, &run.name, &run.purpose),
        &run.uid,
        begun,
    ));
}

/// Whether the status has the run with this UID.
pub(super) fn is_known(status: &LocustScheduleStatus, uid: &str) -> bool {
    let mut known = status.active.iter().chain(&status.history);
    known.any(|known| known.uid.as_deref() == Some(uid))
}

fn finish(run: &mut ScheduledRun, end: &RunEnd, now: Timestamp) {
    let RunEnd {
        verdict,
        reason,
        message,
        comparison: _,
        at,
    } = end;
    run.completion_time = Some(at.map_or_else(|| whole_seconds(now), Time));
    run.verdict = Some(*verdict);
    run.reason = Some(reason.clone());
    run.message = Some(message.clone()).filter(|message| !message.is_empty());
}

/// Takes over what the series says of a run, if it says something; says whether the service got slower, or is no more.
fn compare(status: &mut LocustScheduleStatus, run: &ScheduledRun, end: &RunEnd) -> Option<News> {
    let note = end.comparison.as_ref()?;
    let before = status.last_comparison.as_ref();
    let was = before.and_then(|before| before.state.is_regression());
    let is = note.state.is_regression();
    // A run that was no measure says nothing of the service.
    if note.state == ComparisonState::NotJudged && before.is_some() {
        return None;
    }
    status.last_comparison = Some(note.clone());
    let words = baseline::in_a_line(note);
    match (was, is) {
        (None | Some(false), Some(true)) => {
            notices::note_regression(status, run, reasons::REGRESSION, &words);
            Some(News::Regression(words))
        }
        (Some(true), Some(false)) => Some(News::RegressionOver(words)),
        (None | Some(false), None | Some(false)) | (Some(true), None | Some(true)) => None,
    }
}

/// How a run ended that was deleted before it had.
fn gone(replaced: bool) -> RunEnd {
    let (reason, message) = if replaced {
        (reasons::REPLACED, "deleted to make room for the next run")
    } else {
        (
            reasons::CHILD_DELETED,
            "somebody deleted it before it had ended; it is not made again",
        )
    };
    RunEnd {
        verdict: Verdict::Aborted,
        reason: reason.to_owned(),
        message: message.to_owned(),
        comparison: None,
        at: None,
    }
}

fn finished(run: &ScheduledRun) -> News {
    let verdict = run.verdict.unwrap_or(Verdict::Error);
    let parts = [Some(run.name.as_str()), Some(verdict.as_str())];
    let parts = parts
        .into_iter()
        .chain([run.reason.as_deref(), run.message.as_deref()]);
    let parts: Vec<&str> = parts.flatten().collect();
    News::RunFinished(verdict, parts.join(": "))
}
