//! The verdict over a run that Locust brought to an end itself.

use locust_api::{reasons, v2::LocustTest};

use super::outcome::{Evidence, Outcome};
use crate::{
    report::{Report, RunLine},
    threshold::{self, Judgement},
    validity::{self, Doubt},
};

/// More breaches than this nobody reads in a sentence; the status has them all.
const NAMED: usize = 5;

/// What is known of a run that ended by itself.
pub(super) struct Final<'a> {
    /// Its test.
    pub test: &'a LocustTest,
    /// The workers it was made with.
    pub workers: i32,
    /// The last word of its master.
    pub report: &'a Report,
    /// The master's exit code.
    pub code: i32,
}

/// The outcome. What speaks against the run itself comes first: its numbers mean nothing then.
pub(super) fn of(ended: &Final<'_>, evidence: Evidence<'_>) -> Outcome {
    let Final {
        test,
        workers,
        report,
        code,
    } = ended;
    let run = &report.run;
    if let Some(outcome) = cut_short(run, evidence) {
        return outcome;
    }
    let counts = counts(run);
    if let Some(outcome) = doubted(&validity::doubts(&test.spec, *workers, run), &counts) {
        return outcome;
    }
    let is_users = run.exit_by.as_deref() == Some("user");
    if is_users && *code != 0 {
        return Outcome::failed(
            reasons::EXIT_CODE,
            format!("the locustfile ended Locust with exit code {code} ({counts})"),
        );
    }
    if !test.spec.thresholds.is_empty() {
        return judged(test, report, *code);
    }
    if *code == 0 {
        return Outcome::passed(counts);
    }
    if run.f > 0 || run.exc > 0 {
        let exceptions = if run.exc > 0 {
            format!(", {} uncaught exceptions", run.exc)
        } else {
            String::new()
        };
        return Outcome::failed(reasons::REQUESTS_FAILED, format!("{counts}{exceptions}"));
    }
    Outcome::failed(
        reasons::EXIT_CODE,
        format!("Locust ended with exit code {code} ({counts})"),
    )
}

fn counts(run: &RunLine) -> String {
    format!("{} requests, {} failed", run.n, run.f)
}

/// The outcome of a load that did not last as it should, or did nothing.
fn cut_short(run: &RunLine, evidence: Evidence<'_>) -> Option<Outcome> {
    let Evidence {
        ended: _,
        report: _,
        problem,
        disruption,
    } = evidence;
    let counts = counts(run);
    // What the pods say may be why.
    let pods = problem.map_or_else(String::new, |problem| format!("; {}", problem.message));
    match run.reason.as_deref() {
        Some("WorkersLost") => Some(Outcome::inconclusive(
            reasons::WORKERS_LOST,
            format!("all workers left in the middle of the load ({counts}){pods}"),
        )),
        Some("Terminated") => Some(Outcome::inconclusive(
            reasons::MASTER_LOST,
            format!(
                "the master was told to end in the middle of the load: {}; the numbers are those until then ({counts})",
                disruption.unwrap_or("its pod was deleted")
            ),
        )),
        Some("StoppedEarly" | "StopRequested") => Some(Outcome::inconclusive(
            reasons::STOPPED_EARLY,
            format!("the load was stopped before its run time ({counts})"),
        )),
        Some(_) | None if run.n == 0 => Some(Outcome::inconclusive(
            reasons::NO_REQUESTS,
            format!(
                "the load ended without a single request; is a host set, do the users have tasks, and do the workers load the same user classes as the master?{pods}"
            ),
        )),
        Some(_) | None => None,
    }
}

fn doubted(doubts: &[Doubt], counts: &str) -> Option<Outcome> {
    let Doubt { reason, words: _ } = doubts.first()?;
    let words: Vec<_> = doubts.iter().map(|doubt| doubt.words.as_str()).collect();
    Some(Outcome::inconclusive(
        reason,
        format!("{} ({counts})", words.join("; ")),
    ))
}

/// By the thresholds.
fn judged(test: &LocustTest, report: &Report, code: i32) -> Outcome {
    let run = &report.run;
    let counts = counts(run);
    let Judgement {
        thresholds,
        breached,
        unjudged,
        warnings,
    } = judgement(test, report);
    let all = thresholds.len();
    if let Some(index) = run.abort {
        let words = thresholds.get(index).map_or_else(
            || "a threshold".to_owned(),
            |it| {
                let actual = it.actual.as_deref().unwrap_or("unknown");
                format!("{}: {}, was {actual}", it.name, it.limit)
            },
        );
        return Outcome::failed(
            reasons::THRESHOLD_ABORT,
            format!("the load was ended early by {words} ({counts})"),
        );
    }
    if !unjudged.is_empty() {
        return Outcome::inconclusive(
            reasons::THRESHOLD_NO_DATA,
            format!(
                "{} of {all} thresholds had nothing to judge: {} ({counts})",
                unjudged.len(),
                few(&unjudged)
            ),
        );
    }
    if !breached.is_empty() {
        return Outcome::failed(
            reasons::THRESHOLD_BREACHED,
            format!(
                "{} of {all} thresholds did not hold: {} ({counts})",
                breached.len(),
                few(&breached)
            ),
        );
    }
    if code != 0 {
        return Outcome::failed(
            reasons::EXIT_CODE,
            format!("Locust ended with exit code {code} ({counts})"),
        );
    }
    let warned = match warnings {
        0 => String::new(),
        1 => ", 1 with a warning".to_owned(),
        more => format!(", {more} with a warning"),
    };
    let thresholds = if all == 1 { "threshold" } else { "thresholds" };
    Outcome::passed(format!(
        "{all} {thresholds} judged, none failed{warned} ({counts})"
    ))
}

/// What the thresholds of `test` say of `report`.
pub(super) fn judgement(test: &LocustTest, report: &Report) -> Judgement {
    // A spec with limits that make no sense is never run.
    let limits = threshold::parse(&test.spec.thresholds).unwrap_or_default();
    threshold::judge(&limits, &report.actuals)
}

fn few(all: &[String]) -> String {
    let named = all.iter().take(NAMED).map(String::as_str);
    let mut words = named.collect::<Vec<_>>().join("; ");
    let more = all.len().saturating_sub(NAMED);
    if more > 0 {
        words += &format!("; and {more} more");
    }
    words
}
