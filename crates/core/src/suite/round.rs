//! One look at a suite that runs, from what was seen to what follows.

use std::{collections::BTreeSet, time::Duration};

use jiff::Timestamp;
use locust_api::{
    conditions, reasons,
    v2::{LocustTestSuite, LocustTestSuiteStatus, Phase, StepPhase, StepStatus},
};

use super::{
    Child, ChildKind, ChildState, News, Plan, Seen, Start, Stop,
    attempt::{self, deadline, is_overdue},
    children::child_name,
    order::{Halt, Item, halt, is_stopped, is_suspended, items},
    rollup::{Rollup, rollup},
    status::{NOTE_LIMIT, Writer, begin, finish, finished_news, fresh, note_progress, verdict_of},
};
use crate::time::until;

/// How long until a thing that should come about is looked at again.
pub(super) const PACE: Duration = Duration::from_secs(5);
/// The most attempts that a step may have (`retries.limit` is 5 at most), and one more.
const ATTEMPTS: usize = 7;

/// One look at a suite.
pub(super) struct Round<'a> {
    /// The suite.
    pub suite: &'a LocustTestSuite,
    /// What was seen.
    pub seen: Seen<'a>,
    /// Its steps.
    pub items: Vec<Item<'a>>,
    /// What follows; its status has its steps in the order of `items`.
    pub plan: Plan,
    /// Whether a step was given up now.
    pub has_given_up: bool,
    /// Whether something runs that is not noted and is being stopped.
    pub has_strays: bool,
}

impl<'a> Round<'a> {
    pub fn new(suite: &'a LocustTestSuite, status: LocustTestSuiteStatus, seen: Seen<'a>) -> Self {
        Self {
            suite,
            seen,
            items: items(&suite.spec),
            plan: Plan::idle(status),
            has_given_up: false,
            has_strays: false,
        }
    }

    pub fn steps(&self) -> &[StepStatus] {
        &self.plan.status.steps
    }

    pub fn halt(&self) -> Option<Halt<'a>> {
        halt(&self.suite.spec, self.steps())
    }

    pub fn next_name(&self, step: &StepStatus) -> String {
        self.name_of(step, step.attempt.saturating_add(1))
    }

    fn name_of(&self, step: &StepStatus, attempt: i32) -> String {
        let suite = self.suite.metadata.name.as_deref().unwrap_or_default();
        child_name(suite, &step.name, attempt)
    }

    pub fn look_in(&mut self, pause: Duration) {
        self.plan.look_again = self.plan.look_again.min(pause);
    }

    pub fn look_at(&mut self, instant: Timestamp) {
        self.look_in(until(self.seen.now, instant));
    }

    /// Takes over what was seen of the children.
    pub fn hear(&mut self) {
        let spec = &self.suite.spec;
        self.plan.status.observed_generation = self.suite.metadata.generation;
        self.align();
        let stops = self.halt().is_some_and(Halt::stops_what_runs);
        for index in 0..self.items.len() {
            // The attempt after one that is over may exist as well.
            while self.hear_step(index, stops) {}
        }
        self.note_wishes(is_stopped(spec), is_suspended(spec));
    }

    /// Takes over what was seen of the child of a step; says whether there may be another attempt.
    fn hear_step(&mut self, index: usize, stops: bool) -> bool {
        self.adopt(index);
        let (Some(item), Some(step)) =
            (self.items.get(index), self.plan.status.steps.get_mut(index))
        else {
            return false;
        };
        if step.phase != StepPhase::Running {
            return false;
        }
        let child = noted(self.seen, step);
        let is_stopped = stops && !item.finally;
        attempt::hear(item.step, step, child, is_stopped, self.seen.now);
        let verdict = verdict_of(step);
        let news = verdict.map(|verdict| finished_news(step, verdict));
        self.plan.news.extend(news);
        step.phase == StepPhase::Waiting
    }

    /// Brings the steps of the status into the order of the spec. They are, unless somebody else wrote the status.
    fn align(&mut self) {
        let mut old = std::mem::take(&mut self.plan.status.steps);
        let of_item = |item: &Item<'_>| {
            let is_it =
                |step: &StepStatus| step.name == item.step.name && step.finally == item.finally;
            let place = old.iter().position(is_it);
            place.map_or_else(
                || fresh(&item.step.name, item.finally),
                |at| old.swap_remove(at),
            )
        };
        self.plan.status.steps = self.items.iter().map(of_item).collect();
    }

    /// Takes what exists under the name of the next attempt as started: it was made, and that was not noted.
    fn adopt(&mut self, index: usize) {
        let Some(step) = self.steps().get(index) else {
            return;
        };
        if step.phase >= StepPhase::Running {
            return;
        }
        let name = self.next_name(step);
        let known = self.noted_uids();
        let child =
            self.seen.children.get(&name).filter(|child| {
                child.state != ChildState::Gone && !known.contains(child.uid.as_str())
            });
        let Some(child) = child else {
            return;
        };
        let start = Start {
            step: step.name.clone(),
            attempt: step.attempt.saturating_add(1),
            name,
            kind: child.kind,
        };
        if let Some(step) = self.plan.status.steps.get_mut(index) {
            let news = begin(step, &start, &child.uid, self.seen.now);
            self.plan.news.push(news);
            let status = &mut self.plan.status;
            status.phase = status.phase.max(Some(Phase::Running));
        }
    }

    fn noted_uids(&self) -> BTreeSet<&str> {
        let children = self.steps().iter().filter_map(|step| step.child.as_ref());
        children.filter_map(|child| child.uid.as_deref()).collect()
    }

    fn note_wishes(&mut self, stopped: bool, suspended: bool) {
        let mut writer = Writer::new(&mut self.plan.status, self.suite, self.seen.now);
        if stopped {
            writer.set(
                conditions::STOPPING,
                "True",
                reasons::STOP_REQUESTED,
                "spec.stop is set: what runs is being stopped, and only finally starts",
            );
        }
        if suspended {
            writer.set(
                conditions::SUSPENDED,
                "True",
                reasons::SUSPENDED,
                "spec.suspend is set: what runs goes on, and nothing starts until it is not",
            );
        } else {
            writer.remove(conditions::SUSPENDED);
        }
    }

    /// Says which children are to be stopped.
    pub fn stop(&mut self) {
        let stops = self.halt().is_some_and(Halt::stops_what_runs);
        for index in 0..self.items.len() {
            let (Some(item), Some(step)) = (self.items.get(index), self.steps().get(index)) else {
                continue;
            };
            if step.phase != StepPhase::Running {
                continue;
            }
            let is_unseen = noted(self.seen, step).is_none();
            let due = deadline(item.step, step).map(|(at, _)| at);
            let stop = step.child.as_ref().and_then(|child| {
                Some(Stop {
                    kind: ChildKind::from_name(&child.kind),
                    name: child.name.clone(),
                    uid: child.uid.clone()?,
                })
            });
            let stop = stop.filter(|_| (stops && !item.finally) || is_overdue(step));
            if stop.is_some() || is_unseen {
                self.look_in(PACE);
            } else if let Some(due) = due {
                self.look_at(due);
            }
            self.plan.stops.extend(stop);
        }
    }

    /// Stops what was made for a step that is over, and never noted: whoever made it ended before. It is of the attempt
    /// after the last one, or of one that was noted, if that was deleted and a cache that was behind showed it once more.
    pub fn stop_strays(&mut self) {
        let noted = self.noted_uids();
        let over = self.steps().iter().filter(|step| step.phase.is_terminal());
        let names = over.flat_map(|step| {
            let attempts = (1..=step.attempt.saturating_add(1)).rev().take(ATTEMPTS);
            attempts.map(|attempt| self.name_of(step, attempt))
        });
        let strays: Vec<Stop> = names
            .filter_map(|name| {
                let Child { kind, uid, state } = self.seen.children.get(&name)?;
                let is_stray = *state == ChildState::Active && !noted.contains(uid.as_str());
                is_stray.then(|| Stop {
                    kind: *kind,
                    name,
                    uid: uid.clone(),
                })
            })
            .collect();
        self.has_strays = !strays.is_empty();
        if self.has_strays {
            self.look_in(PACE);
        }
        self.plan.stops.extend(strays);
    }

    /// Counts, says how far the suite is, and ends it when all steps are over.
    pub fn conclude(&mut self) {
        note_progress(&mut self.plan.status);
        if !self.steps().iter().all(|step| step.phase.is_terminal()) {
            return;
        }
        let Rollup { outcome, optional } =
            rollup(&self.items, self.steps(), is_stopped(&self.suite.spec));
        let note = format!(
            "{} ({}): {}",
            outcome.verdict.as_str(),
            outcome.reason,
            outcome.message
        );
        self.plan.news.push(News::SuiteFinished {
            verdict: outcome.verdict,
            note: note.chars().take(NOTE_LIMIT).collect(),
        });
        if let Some(words) = optional {
            Writer::new(&mut self.plan.status, self.suite, self.seen.now).set(
                conditions::OPTIONAL_STEP_FAILED,
                "True",
                reasons::OPTIONAL_STEP,
                &words,
            );
        }
        finish(&mut self.plan.status, self.suite, outcome, self.seen.now);
    }
}

/// The child that the status notes, if it was seen. Another object of its name is none.
fn noted<'a>(seen: Seen<'a>, step: &StepStatus) -> Option<&'a Child> {
    let noted = step.child.as_ref()?;
    let uid = noted.uid.as_deref()?;
    seen.children
        .get(&noted.name)
        .filter(|child| child.uid == uid)
}
