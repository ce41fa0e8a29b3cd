//! The status of a schedule.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use locust_api::{
    conditions, names, reasons,
    v2::{LocustSchedule, LocustScheduleSpec, LocustScheduleStatus, ScheduledRun, Verdict},
};

use super::{
    Held, News, RunKind, Start, hear::is_known, notices, seen::Purpose, timetable::Timetable,
};
use crate::{baseline, lifecycle::set_condition, problems::Problems, time::whole_seconds};

/// How many finished runs stay that Passed, that Failed or were an Error, and others.
const KEPT: [i32; 3] = [10, 5, 3];

/// Notes that the run of `start` exists, with this UID: from now on it is never made again. Says what people should hear
/// of, if it is news.
pub fn started(
    schedule: &LocustSchedule,
    status: &mut LocustScheduleStatus,
    start: &Start,
    uid: &str,
    now: Timestamp,
) -> Vec<News> {
    let mut news = Vec::new();
    missed(status, start, &mut news);
    if is_known(status, uid) {
        // Its name was taken by itself, long ago.
        settle(schedule, status, &start.purpose);
        return news;
    }
    let run = (start.kind, start.name.as_str(), &start.purpose);
    news.push(begin(schedule, status, run, uid, now));
    news
}

/// Notes that the run of `start` will never be made, and is an Error. What may work later is not noted at all, and decided
/// again. Says what people should hear of.
pub fn not_started(
    schedule: &LocustSchedule,
    status: &mut LocustScheduleStatus,
    start: &Start,
    reason: &str,
    words: &str,
    now: Timestamp,
) -> Vec<News> {
    let mut news = Vec::new();
    missed(status, start, &mut news);
    settle(schedule, status, &start.purpose);
    let at = Some(whole_seconds(now));
    let run = ScheduledRun {
        completion_time: at.clone(),
        verdict: Some(Verdict::Error),
        reason: Some(reason.to_owned()),
        message: Some(words.to_owned()),
        start_time: at,
        ..noted(start.kind, &start.name, &start.purpose)
    };
    count(status, &run);
    note_last_run(schedule, status, now);
    news.push(News::RunNotStarted(format!("{}: {words}", start.name)));
    news
}

fn missed(status: &mut LocustScheduleStatus, start: &Start, news: &mut Vec<News>) {
    if start.missed > 0 {
        add(&mut status.missed_runs, start.missed);
        news.push(News::RunsMissed(format!(
            "{} passed without a run before that of {}",
            start.missed, start.name
        )));
    }
}

/// Whether the verdict of this run is stored, so that its own retention may count.
pub fn has_noted(status: Option<&LocustScheduleStatus>, uid: &str) -> bool {
    let mut over = status.iter().flat_map(|status| &status.history);
    over.any(|run| run.uid.as_deref() == Some(uid))
}

/// Makes a run one that goes on.
pub(super) fn begin(
    schedule: &LocustSchedule,
    status: &mut LocustScheduleStatus,
    (kind, name, purpose): (RunKind, &str, &Purpose),
    uid: &str,
    now: Timestamp,
) -> News {
    settle(schedule, status, purpose);
    if purpose.time.is_some() && purpose.attempt <= 1 {
        add(&mut status.runs_started, 1);
    }
    let at = whole_seconds(now);
    let last = status.last_start_time.as_ref().map(|last| last.0);
    status.last_start_time = Some(Time(last.map_or(at.0, |last| last.max(at.0))));
    status.active.push(ScheduledRun {
        uid: Some(uid.to_owned()),
        start_time: Some(at),
        ..noted(kind, name, purpose)
    });
    note_active(status);
    News::RunStarted(format!("{} {name}", kind.as_str()))
}

fn noted(kind: RunKind, name: &str, purpose: &Purpose) -> ScheduledRun {
    ScheduledRun {
        kind: kind.as_str().to_owned(),
        name: name.to_owned(),
        schedule_time: purpose.time.map(Time),
        run_now: purpose.token.clone(),
        attempt: purpose.attempt,
        ..ScheduledRun::default()
    }
}

/// What a run is for, as the status has it.
pub(super) fn purpose(run: &ScheduledRun) -> Purpose {
    Purpose {
        time: run.schedule_time.as_ref().map(|time| time.0),
        token: run.run_now.clone(),
        attempt: run.attempt,
    }
}

/// Notes that this is settled: nothing starts for it any more.
fn settle(schedule: &LocustSchedule, status: &mut LocustScheduleStatus, purpose: &Purpose) {
    for run in status.history.iter_mut().filter(|run| run.retry) {
        let before = self::purpose(run);
        run.retry = !(before.is_of_same_run(purpose) && before.attempt < purpose.attempt);
    }
    if let Some(time) = purpose.time {
        let later = |known: &Option<Time>| {
            let known = known.as_ref().map(|known| known.0);
            Some(Time(known.map_or(time, |known| known.max(time))))
        };
        status.cursor = later(&status.cursor);
        status.last_schedule_time = later(&status.last_schedule_time);
        if status.replacing.as_ref().is_some_and(|it| it.0 <= time) {
            status.replacing = None;
        }
    }
    if let Some(token) = &purpose.token {
        let annotations = schedule.metadata.annotations.as_ref();
        let asked = annotations.and_then(|all| all.get(names::ANNOTATION_RUN_NOW));
        if asked == Some(token) {
            status.last_run_now_token = Some(token.clone());
        }
    }
}

/// Counts a run that is over and not tried again.
pub(super) fn count(status: &mut LocustScheduleStatus, run: &ScheduledRun) {
    notices::note(status, run);
    let verdict = run.verdict.unwrap_or(Verdict::Error);
    match verdict {
        Verdict::Passed => {
            add(&mut status.passed, 1);
            status.consecutive_failures = None;
            status.last_successful_time.clone_from(&run.completion_time);
        }
        Verdict::Failed | Verdict::Error => {
            add(&mut status.failed, 1);
            let failures = status.consecutive_failures.unwrap_or_default();
            status.consecutive_failures = Some(failures.saturating_add(1));
        }
        Verdict::Inconclusive | Verdict::Aborted => add(&mut status.other, 1),
    }
    status.last_run = Some(ScheduledRun {
        retry: false,
        ..run.clone()
    });
}

/// The finished runs beyond those that are kept, by the status.
pub(super) fn too_many<'a>(
    spec: &LocustScheduleSpec,
    status: &'a LocustScheduleStatus,
) -> Vec<&'a ScheduledRun> {
    let history = spec.history.clone().unwrap_or_default();
    let limits = [history.passed, history.failed, history.other];
    let mut room = [0, 1, 2].map(|class: usize| {
        let limit = limits.get(class).copied().flatten();
        limit.or(KEPT.get(class).copied()).unwrap_or_default()
    });
    let is_beyond = |run: &&ScheduledRun| {
        let class = match run.verdict {
            Some(Verdict::Passed) => 0,
            Some(Verdict::Failed | Verdict::Error) => 1,
            Some(Verdict::Inconclusive | Verdict::Aborted) | None => 2,
        };
        let Some(room) = room.get_mut(class) else {
            return false;
        };
        *room = room.saturating_sub(1);
        // The verdict of one that is tried again is none yet.
        *room < 0 && !run.retry
    };
    status.history.iter().filter(is_beyond).collect()
}

/// Whether somebody lets the schedule go on after failures: by a new spec or a new token. The token is noted.
pub(super) fn is_resumed(schedule: &LocustSchedule, status: &mut LocustScheduleStatus) -> bool {
    let annotations = schedule.metadata.annotations.as_ref();
    let token = annotations.and_then(|all| all.get(names::ANNOTATION_RESUME));
    let is_new_token = token.is_some() && token != status.last_resume_token.as_ref();
    if let Some(token) = token {
        status.last_resume_token = Some(token.clone());
    }
    let generation = schedule.metadata.generation;
    is_new_token
        || (status.observed_generation.is_some() && status.observed_generation != generation)
}

/// Counts on.
pub(super) fn add(counter: &mut Option<i64>, by: u64) {
    let by = i64::try_from(by).unwrap_or(i64::MAX);
    let sum = counter.unwrap_or_default().saturating_add(by);
    if by > 0 {
        *counter = Some(sum);
    }
}

fn note_active(status: &mut LocustScheduleStatus) {
    let count = status.active.len();
    status.active_runs = Some(i32::try_from(count).unwrap_or(i32::MAX));
}

/// What the status says besides what happened.
pub(super) fn conclude(
    schedule: &LocustSchedule,
    status: &mut LocustScheduleStatus,
    timetable: Result<&Timetable, &Problems>,
    held: Option<Held>,
    now: Timestamp,
    news: &mut Vec<News>,
) {
    let spec = &schedule.spec;
    status.observed_generation = schedule.metadata.generation;
    status.schedule = Some(in_a_line(spec));
    note_active(status);
    let (word, reason, message) = match timetable {
        Ok(timetable) => ("True", reasons::SCHEDULE_VALID, timetable.words()),
        Err(problems) => ("False", reasons::INVALID_SPEC, problems.to_string()),
    };
    set(
        schedule,
        status,
        conditions::READY,
        (word, reason, &message),
        now,
    );
    let failures = status.consecutive_failures.unwrap_or_default();
    let (word, (reason, message)) = match held {
        Some(held) => ("True", held.words(spec, failures)),
        None if spec.schedules.is_empty() => (
            "False",
            (
                reasons::ON_DEMAND,
                "runs are started on demand only".to_owned(),
            ),
        ),
        None => (
            "False",
            (
                reasons::IN_FORCE,
                "runs are started by the timetable".to_owned(),
            ),
        ),
    };
    let values = (word, reason, message.as_str());
    let is_news = set(schedule, status, conditions::SUSPENDED, values, now);
    if is_news && matches!(held, Some(Held::Failures | Held::MaxRuns | Held::EndTime)) {
        news.push(News::Suspended(message));
    }
    note_last_run(schedule, status, now);
    note_comparison(schedule, status, now);
}

/// Says whether the service got slower, once a run was compared.
fn note_comparison(schedule: &LocustSchedule, status: &mut LocustScheduleStatus, now: Timestamp) {
    let Some(note) = &status.last_comparison else {
        return;
    };
    let (word, reason) = baseline::condition(note.state);
    let message = baseline::in_a_line(note);
    let values = (word, reason, message.as_str());
    set(schedule, status, conditions::REGRESSION, values, now);
}

fn in_a_line(spec: &LocustScheduleSpec) -> String {
    let lines = spec.schedules.join("; ");
    match &spec.time_zone {
        _ if lines.is_empty() => "on demand".to_owned(),
        Some(zone) => format!("{lines} {zone}"),
        None => lines,
    }
}

/// Says how the run went that was over last.
fn note_last_run(schedule: &LocustSchedule, status: &mut LocustScheduleStatus, now: Timestamp) {
    let (word, reason, message) = match &status.last_run {
        None => (
            "Unknown",
            reasons::NO_RUN_YET.to_owned(),
            "no run is over yet".to_owned(),
        ),
        Some(run) => {
            let verdict = run.verdict.unwrap_or(Verdict::Error);
            let word = if verdict == Verdict::Passed {
                "True"
            } else {
                "False"
            };
            let message = run.message.as_deref().unwrap_or_default();
            let message = format!("{} {}: {message}", run.name, verdict.as_str());
            let reason = run.reason.clone().filter(|reason| !reason.is_empty());
            (
                word,
                reason.unwrap_or_else(|| verdict.as_str().to_owned()),
                message.trim_end_matches([':', ' ']).to_owned(),
            )
        }
    };
    let values = (word, reason.as_str(), message.as_str());
    set(schedule, status, conditions::LAST_RUN_PASSED, values, now);
}

fn set(
    schedule: &LocustSchedule,
    status: &mut LocustScheduleStatus,
    kind: &str,
    (word, reason, message): (&str, &str, &str),
    now: Timestamp,
) -> bool {
    set_condition(
        &mut status.conditions,
        kind,
        word,
        reason,
        message,
        schedule.metadata.generation,
        now,
    )
}
