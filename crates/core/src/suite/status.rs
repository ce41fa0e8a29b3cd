//! The status of a suite at each step of its run.

use jiff::Timestamp;
use locust_api::{
    conditions, reasons,
    v2::{
        LocustTestSuite, LocustTestSuiteStatus, Phase, StepChild, StepPhase, StepStatus,
        SuiteClaim, Verdict,
    },
};

use super::{News, Start, order::items};
use crate::{
    baseline,
    lifecycle::{Outcome, set_condition},
    time::whole_seconds,
};

/// A status under construction.
pub(super) struct Writer<'a> {
    status: &'a mut LocustTestSuiteStatus,
    generation: Option<i64>,
    now: Timestamp,
}

impl<'a> Writer<'a> {
    pub fn new(
        status: &'a mut LocustTestSuiteStatus,
        suite: &LocustTestSuite,
        now: Timestamp,
    ) -> Self {
        Self {
            status,
            generation: suite.metadata.generation,
            now,
        }
    }

    pub fn set(&mut self, kind: &str, word: &str, reason: &str, message: &str) {
        set_condition(
            &mut self.status.conditions,
            kind,
            word,
            reason,
            message,
            self.generation,
            self.now,
        );
    }

    pub fn remove(&mut self, kind: &str) {
        self.status
            .conditions
            .retain(|condition| condition.type_ != kind);
    }
}

/// The status that claims a suite: written before any step starts.
pub fn claimed(
    suite: &LocustTestSuite,
    claim: SuiteClaim,
    now: Timestamp,
) -> LocustTestSuiteStatus {
    const WORDS: &str = "the suite is under way";
    let mut status = suite.status.clone().unwrap_or_default();
    status.phase = Some(Phase::Pending);
    (status.reason, status.message) = (None, None);
    status.start_time = Some(claim.claimed_at.clone());
    status.run = Some(claim);
    status.observed_generation = suite.metadata.generation;
    status.steps = items(&suite.spec)
        .iter()
        .map(|item| fresh(&item.step.name, item.finally))
        .collect();
    recount(&mut status);
    let mut writer = Writer::new(&mut status, suite, now);
    for kind in [
        conditions::STALLED,
        conditions::QUEUED,
        conditions::SUSPENDED,
    ] {
        writer.remove(kind);
    }
    writer.set(
        conditions::RESOLVED_REFS,
        "True",
        reasons::REFS_FOUND,
        "everything the spec names exists",
    );
    for (kind, word) in [
        (conditions::COMPLETED, "False"),
        (conditions::SUCCEEDED, "Unknown"),
        (conditions::RECONCILING, "True"),
    ] {
        writer.set(kind, word, reasons::SUITE_IN_PROGRESS, WORDS);
    }
    status
}

/// A step of which nothing was done.
pub(super) fn fresh(name: &str, finally: bool) -> StepStatus {
    StepStatus {
        name: name.to_owned(),
        finally,
        ..StepStatus::default()
    }
}

/// Notes that the child of `start` exists, with this UID: from now on it is never made again. Says what people should
/// hear of, if it is news.
pub fn started(
    status: &mut LocustTestSuiteStatus,
    start: &Start,
    uid: &str,
    now: Timestamp,
) -> Option<News> {
    let step = startable(status, start)?;
    let news = begin(step, start, uid, now);
    status.phase = status.phase.max(Some(Phase::Running));
    note_progress(status);
    Some(news)
}

/// Notes that the child of `start` will never be made. It is final: the step is an Error, whatever its `retries`. What
/// may work later is not noted at all, and planned again. Says what people should hear of, if it is news.
pub fn not_started(
    status: &mut LocustTestSuiteStatus,
    start: &Start,
    reason: &str,
    words: &str,
    now: Timestamp,
) -> Option<News> {
    let step = startable(status, start)?;
    let news = give_up(step, reason, words, now);
    note_progress(status);
    Some(news)
}

/// The step, if it is one for which `start` was planned.
fn startable<'a>(
    status: &'a mut LocustTestSuiteStatus,
    start: &Start,
) -> Option<&'a mut StepStatus> {
    let is_over = status.phase.is_some_and(Phase::is_terminal);
    let is_it = |step: &&mut StepStatus| {
        step.name == start.step
            && step.phase < StepPhase::Running
            && step.attempt.saturating_add(1) == start.attempt
    };
    status.steps.iter_mut().filter(|_| !is_over).find(is_it)
}

/// Makes a step one that runs.
pub(super) fn begin(step: &mut StepStatus, start: &Start, uid: &str, now: Timestamp) -> News {
    let Start {
        step: _,
        attempt,
        name,
        kind,
    } = start;
    step.phase = StepPhase::Running;
    step.attempt = *attempt;
    step.child = Some(StepChild {
        kind: kind.as_str().to_owned(),
        name: name.clone(),
        uid: Some(uid.to_owned()),
    });
    step.start_time = Some(whole_seconds(now));
    (step.verdict, step.reason, step.message) = (None, None, None);
    step.ready_time = None;
    step.outputs.clear();
    step.comparison = None;
    let again = if *attempt > 1 {
        format!(", attempt {attempt}")
    } else {
        String::new()
    };
    News::StepStarted {
        step: step.name.clone(),
        note: format!("step {} runs as {} {name}{again}", step.name, kind.as_str()),
    }
}

/// Ends a step that never ran.
pub(super) fn give_up(step: &mut StepStatus, reason: &str, words: &str, now: Timestamp) -> News {
    step.verdict = Some(Verdict::Error);
    step.reason = Some(reason.to_owned());
    step.message = Some(words.to_owned());
    end(step, StepPhase::Failed, now);
    finished_news(step, Verdict::Error)
}

/// Makes a step terminal.
pub(super) fn end(step: &mut StepStatus, phase: StepPhase, now: Timestamp) {
    step.phase = phase;
    step.ready_time = None;
    step.completion_time = Some(whole_seconds(now));
}

/// What people should hear of a step that is over.
pub(super) fn finished_news(step: &StepStatus, verdict: Verdict) -> News {
    let note = format!("step {} {}", step.name, how(step, verdict));
    News::StepFinished {
        step: step.name.clone(),
        verdict,
        note: note.chars().take(NOTE_LIMIT).collect(),
    }
}

/// Longest note of an event.
pub(super) const NOTE_LIMIT: usize = 1000;

/// How a step went: `Failed: ThresholdBreached: p95 is 612ms`.
pub(super) fn how(step: &StepStatus, verdict: Verdict) -> String {
    let why = [&step.reason, &step.message];
    let why = why.into_iter().flatten().filter(|word| !word.is_empty());
    why.fold(verdict.as_str().to_owned(), |text, word| {
        format!("{text}: {word}")
    })
}

/// Counts the steps of a suite that is not over, and says which are under way.
pub(super) fn note_progress(status: &mut LocustTestSuiteStatus) {
    recount(status);
    let named = |phase: StepPhase, verb: &str| {
        let steps = status.steps.iter().filter(|step| step.phase == phase);
        let names: Vec<&str> = steps.map(|step| step.name.as_str()).collect();
        (!names.is_empty()).then(|| format!("{verb}: {}", names.join(", ")))
    };
    let parts = [
        named(StepPhase::Running, "running"),
        named(StepPhase::Waiting, "waiting"),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    status.message = Some(if parts.is_empty() {
        "no step runs".to_owned()
    } else {
        parts.join("; ")
    });
}

/// Counts the steps by how they went.
fn recount(status: &mut LocustTestSuiteStatus) {
    let steps = &status.steps;
    let count = |matches: &dyn Fn(&StepStatus) -> bool| {
        let found = steps.iter().filter(|step| matches(step)).count();
        i32::try_from(found).unwrap_or(i32::MAX)
    };
    let judged = |verdict| count(&|step| verdict_of(step) == Some(verdict));
    status.passed = Some(judged(Verdict::Passed));
    status.failed = Some(judged(Verdict::Failed));
    status.inconclusive = Some(judged(Verdict::Inconclusive));
    status.error = Some(judged(Verdict::Error));
    status.aborted = Some(judged(Verdict::Aborted));
    status.skipped = Some(count(&|step| step.phase == StepPhase::Skipped));
    let total = count(&|_| true);
    status.total = Some(total);
    let finished = count(&|step| step.phase.is_terminal());
    status.progress = Some(format!("{finished}/{total}"));
}

/// The verdict of a step that ran and is over. One that is tried again has the verdict of its last attempt, which does
/// not count.
pub(super) fn verdict_of(step: &StepStatus) -> Option<Verdict> {
    match step.phase {
        StepPhase::Succeeded => Some(Verdict::Passed),
        StepPhase::Failed => Some(step.verdict.unwrap_or(Verdict::Error)),
        StepPhase::Pending | StepPhase::Waiting | StepPhase::Running | StepPhase::Skipped => None,
    }
}

/// Makes the status of the suite terminal.
pub(super) fn finish(
    status: &mut LocustTestSuiteStatus,
    suite: &LocustTestSuite,
    outcome: Outcome,
    now: Timestamp,
) {
    let Outcome {
        phase,
        verdict,
        reason,
        message,
    } = outcome;
    status.completion_time = Some(whole_seconds(now));
    let notes = status
        .steps
        .iter()
        .filter_map(|step| step.comparison.as_ref());
    let note = baseline::heaviest(notes).cloned();
    let mut writer = Writer::new(status, suite, now);
    if let Some(note) = &note {
        let (word, reason) = baseline::condition(note.state);
        let words = baseline::in_a_line(note);
        writer.set(conditions::REGRESSION, word, reason, &words);
    }
    writer.set(conditions::COMPLETED, "True", &reason, &message);
    let succeeded = if verdict == Verdict::Passed {
        "True"
    } else {
        "False"
    };
    writer.set(conditions::SUCCEEDED, succeeded, &reason, &message);
    for kind in [
        conditions::RECONCILING,
        conditions::STALLED,
        conditions::STOPPING,
        conditions::SUSPENDED,
        conditions::QUEUED,
    ] {
        writer.remove(kind);
    }
    status.phase = Some(phase);
    status.verdict = Some(verdict);
    status.reason = Some(reason);
    status.message = Some(message);
}
