//! What is to start now: further attempts, the time that is due, and what somebody asks for.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use locust_api::{
    names, reasons,
    v2::{ConcurrencyPolicy, LocustSchedule, LocustScheduleStatus, OnConflict, ScheduledRun, Skip},
};

use super::{
    Decision, Held, News, Start,
    child::{kind, run_name},
    decide::policy,
    hear::give_up_attempts,
    seen::Purpose,
    status::{add, purpose},
    timetable::Timetable,
};
use crate::time::{until, whole_seconds};

/// How late a run may start, in seconds, unless `spec.startingDeadlineSeconds` says it.
const DEADLINE_SECONDS: i64 = 300;

/// What is to start now.
pub(super) struct Fire<'a> {
    pub schedule: &'a LocustSchedule,
    pub timetable: &'a Timetable,
    pub held: Option<Held>,
    pub now: Timestamp,
    pub decision: &'a mut Decision,
}

/// What `concurrencyPolicy` says of another run.
enum Way {
    Free,
    Skip,
    Wait,
    Replace,
}

impl Fire<'_> {
    pub fn fire(mut self) {
        let due = self.due();
        self.attempts(due.is_some());
        match due {
            Some((time, missed)) => self.time(time, missed),
            None => self.decision.status.replacing = None,
        }
        self.on_demand();
    }

    fn status(&mut self) -> &mut LocustScheduleStatus {
        &mut self.decision.status
    }

    /// Whether a run is in the way of another, by the policy.
    fn way(&self) -> Way {
        let is_free = self.decision.status.active.is_empty() && self.decision.starts.is_empty();
        match policy(self.schedule) {
            ConcurrencyPolicy::Allow => Way::Free,
            _ if is_free => Way::Free,
            ConcurrencyPolicy::Replace => Way::Replace,
            ConcurrencyPolicy::Forbid => match self.schedule.spec.on_conflict.unwrap_or_default() {
                OnConflict::Skip => Way::Skip,
                OnConflict::Delay => Way::Wait,
            },
        }
    }

    /// The latest time that is due and not too late, and how many were missed before it. What is too late is settled.
    fn due(&mut self) -> Option<(Timestamp, u64)> {
        if self.held.is_some() {
            return None;
        }
        let cursor = self.decision.status.cursor.as_ref()?.0;
        let end = self.schedule.spec.end_time.as_ref().map(|end| end.0);
        let until = end.map_or(self.now, |end| end.min(self.now));
        if until <= cursor {
            return None;
        }
        let due = self.timetable.due(cursor, until);
        let latest = due.latest?;
        let is_promised =
            self.decision.status.replacing.as_ref().map(|time| time.0) == Some(latest);
        if is_promised || self.now <= self.deadline(latest) {
            return Some((latest, due.missed));
        }
        let missed = due.missed.saturating_add(1);
        let clock = self.timetable.on_clock(latest);
        let words = format!(
            "{missed} passed without a run; the last one was {}, and it could not start within {} s",
            clock.strftime("%Y-%m-%d %H:%M %:z"),
            self.seconds()
        );
        let status = self.status();
        status.cursor = Some(Time(latest));
        add(&mut status.missed_runs, missed);
        self.skip(latest, reasons::DEADLINE_EXCEEDED, words.clone());
        self.decision.news.push(News::RunsMissed(words));
        None
    }

    fn seconds(&self) -> i64 {
        let seconds = self.schedule.spec.starting_deadline_seconds;
        seconds.unwrap_or(DEADLINE_SECONDS).max(0)
    }

    /// Until when a run of this time may start.
    fn deadline(&self, time: Timestamp) -> Timestamp {
        let length = SignedDuration::from_secs(self.seconds());
        time.checked_add(length).unwrap_or(Timestamp::MAX)
    }

    fn skip(&mut self, time: Timestamp, reason: &str, message: String) {
        self.status().last_skip = Some(Skip {
            time: whole_seconds(time),
            reason: reason.to_owned(),
            message,
        });
    }

    /// Further attempts of runs that ended.
    fn attempts(&mut self, is_due: bool) {
        let policy = policy(self.schedule);
        if policy == ConcurrencyPolicy::Replace && is_due {
            give_up_attempts(self.status());
            return;
        }
        let history = &self.decision.status.history;
        let waiting: Vec<Purpose> = history
            .iter()
            .filter(|run| run.retry)
            .map(purpose)
            .collect();
        for before in waiting {
            if matches!(self.way(), Way::Free) {
                self.start(
                    Purpose {
                        attempt: before.attempt.saturating_add(1),
                        ..before
                    },
                    0,
                );
            }
        }
    }

    /// The time that is due.
    fn time(&mut self, time: Timestamp, missed: u64) {
        let purpose = Purpose {
            time: Some(time),
            token: None,
            attempt: 1,
        };
        match self.way() {
            Way::Free => self.start(purpose, missed),
            Way::Wait => {
                let (now, until_then) = (self.now, self.deadline(time));
                let wait = until(now, until_then).saturating_add(Duration::from_secs(1));
                self.decision.look_again = self.decision.look_again.min(wait);
            }
            Way::Replace => {
                self.status().replacing = Some(Time(time));
                self.make_room();
            }
            Way::Skip => {
                let words = self.in_the_way();
                let status = self.status();
                status.cursor = Some(Time(time));
                add(&mut status.missed_runs, missed);
                self.skip(time, reasons::PREVIOUS_RUN_ACTIVE, words.clone());
                let clock = self.timetable.on_clock(time);
                let clock = clock.strftime("%Y-%m-%d %H:%M %:z");
                let news = News::RunSkipped(format!("the run of {clock}: {words}"));
                self.decision.news.push(news);
            }
        }
    }

    /// What somebody asks for by a token that is new.
    fn on_demand(&mut self) {
        let annotations = self.schedule.metadata.annotations.as_ref();
        let token = annotations.and_then(|all| all.get(names::ANNOTATION_RUN_NOW));
        let Some(token) = token.filter(|token| !token.is_empty()).cloned() else {
            return;
        };
        if self.decision.status.last_run_now_token.as_ref() == Some(&token) {
            return;
        }
        let purpose = Purpose {
            time: None,
            token: Some(token.clone()),
            attempt: 1,
        };
        let name = run_name(self.schedule, &purpose);
        let status = &self.decision.status;
        let mut known = status.active.iter().chain(&status.history);
        let is_it = |run: &ScheduledRun| run.name == name || run.run_now.as_ref() == Some(&token);
        if known.any(is_it) {
            let words =
                format!("{name} is the run for {token:?}; to have another, give another value");
            return self.refuse(token, reasons::RUN_NOW_REPEATED, words);
        }
        if self.held == Some(Held::Operator) {
            let words = "the operator runs with --suspend-new and starts nothing".to_owned();
            return self.refuse(token, reasons::HELD, words);
        }
        match self.way() {
            Way::Free => self.start(purpose, 0),
            Way::Wait => {}
            Way::Replace => self.make_room(),
            Way::Skip => {
                let words = self.in_the_way();
                self.refuse(token, reasons::PREVIOUS_RUN_ACTIVE, words);
            }
        }
    }

    /// Settles a token without a run.
    fn refuse(&mut self, token: String, reason: &str, words: String) {
        self.decision.news.push(News::RunSkipped(format!(
            "the run that {} asked for: {words}",
            names::ANNOTATION_RUN_NOW
        )));
        self.status().last_run_now_token = Some(token);
        self.skip(self.now, reason, words);
    }

    fn in_the_way(&self) -> String {
        let active = self.decision.status.active.iter().map(|run| &run.name);
        let starting = self.decision.starts.iter().map(|start| &start.name);
        let names: Vec<&str> = active.chain(starting).map(String::as_str).collect();
        format!(
            "{} is not over, and concurrencyPolicy is Forbid",
            names.join(", ")
        )
    }

    /// Marks what is in the way. It is deleted once the stored status says so, and the new run waits until it is gone.
    fn make_room(&mut self) {
        let Decision { status, news, .. } = &mut *self.decision;
        for run in status.active.iter_mut().filter(|run| !run.replaced) {
            run.replaced = true;
            news.push(News::RunReplaced(format!(
                "{} is deleted to make room for the next run",
                run.name
            )));
        }
    }

    fn start(&mut self, purpose: Purpose, missed: u64) {
        let name = run_name(self.schedule, &purpose);
        self.decision.starts.push(Start {
            kind: kind(&self.schedule.spec),
            name,
            purpose,
            missed,
        });
    }
}
