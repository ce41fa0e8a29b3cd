//! One look at a suite that runs, from what was seen to what follows.

use std::{collections::BTreeSet, time::Duration};

use jiff::Timestamp;
use locust_api::{
    Duration as ApiDuration, conditions, reasons,
    v2::{LocustTestSuite, LocustTestSuiteStatus, Phase, StepPhase, StepStatus},
};

use super::{
    Child, ChildKind, ChildState, News, Plan, Seen, Start, Stop, WaitState,
    attempt::{self, deadline, is_overdue},
    names::child_name,
    order::{Halt, Item, Turn, halt, is_stopped, is_suspended, items, turn},
    rollup::{Rollup, rollup},
    status::{
        NOTE_LIMIT, Writer, begin, end, finish, finished_news, fresh, give_up, note_progress,
        verdict_of,
    },
};
use crate::time::{after, until, whole_seconds};

/// How long a `waitFor` may take that says no `timeout`.
const WAIT_TIMEOUT: ApiDuration = ApiDuration::from_secs(300);
/// How long until a thing that should come about is looked at again.
const PACE: Duration = Duration::from_secs(5);

/// One look at a suite.
pub(super) struct Round<'a> {
    suite: &'a LocustTestSuite,
    seen: Seen<'a>,
    items: Vec<Item<'a>>,
    /// What follows; its status has its steps in the order of `items`.
    pub plan: Plan,
}

/// What a step that waits does.
enum Wait {
    /// The suite is suspended.
    Held,
    /// Its delay lasts until then.
    Until(Timestamp),
    /// Its `waitFor` is to be looked at.
    Ask,
    /// What it waits for is not so.
    NotYet(String),
    /// It cannot start any more: reason and words.
    Failed(&'static str, String),
    /// It starts.
    Over,
}

impl<'a> Round<'a> {
    pub fn new(suite: &'a LocustTestSuite, status: LocustTestSuiteStatus, seen: Seen<'a>) -> Self {
        Self {
            suite,
            seen,
            items: items(&suite.spec),
            plan: Plan::idle(status),
        }
    }

    fn steps(&self) -> &[StepStatus] {
        &self.plan.status.steps
    }

    fn halt(&self) -> Option<Halt<'a>> {
        halt(&self.suite.spec, self.steps())
    }

    fn next_name(&self, step: &StepStatus) -> String {
        let suite = self.suite.metadata.name.as_deref().unwrap_or_default();
        child_name(suite, &step.name, step.attempt.saturating_add(1))
    }

    fn look_in(&mut self, pause: Duration) {
        self.plan.look_again = self.plan.look_again.min(pause);
    }

    fn look_at(&mut self, instant: Timestamp) {
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

    /// Moves steps on until nothing moves: each pass that goes on ends a step or lets one wait, so there is an end.
    pub fn settle(&mut self) {
        loop {
            let mut moved = false;
            for index in 0..self.items.len() {
                moved |= self.halt_step(index) || self.take_turn(index);
            }
            self.keep_time();
            moved |= self.fail_waits();
            if !moved && !self.skip_stuck() {
                return;
            }
        }
    }

    /// Ends a step that is not to start any more.
    fn halt_step(&mut self, index: usize) -> bool {
        let (Some(halt), Some(item)) = (self.halt(), self.items.get(index)) else {
            return false;
        };
        let is_finally = item.finally;
        let Some(step) = self.plan.status.steps.get_mut(index) else {
            return false;
        };
        if is_finally || step.phase >= StepPhase::Running {
            return false;
        }
        if let Some(verdict) = step.verdict.filter(|_| step.attempt > 0) {
            // It ran, and is not tried again.
            end(step, StepPhase::Failed, self.seen.now);
            self.plan.news.push(finished_news(step, verdict));
            return true;
        }
        let (reason, words) = match halt {
            Halt::Stopped => (reasons::STOPPED, "spec.stop was set".to_owned()),
            Halt::Abort(name) => (
                reasons::EARLIER_STEP,
                format!("step {name} did not pass, and its onFailure is Abort"),
            ),
            Halt::Stop(name) => (
                reasons::EARLIER_STEP,
                format!("step {name} did not pass, and its onFailure is Stop"),
            ),
        };
        skip(step, reason, &words, self.seen.now);
        true
    }

    /// Lets a step wait for its start when it is its turn, or ends it when that never comes.
    fn take_turn(&mut self, index: usize) -> bool {
        let Some(item) = self.items.get(index).copied() else {
            return false;
        };
        let is_pending = |step: &StepStatus| step.phase == StepPhase::Pending;
        if !self.steps().get(index).is_some_and(is_pending) {
            return false;
        }
        let turn = if item.finally {
            let before = self.steps().iter().take(index);
            if before.into_iter().all(|step| step.phase.is_terminal()) {
                Turn::Now
            } else {
                Turn::NotYet
            }
        } else {
            turn(&self.suite.spec, index, self.steps())
        };
        let may_wait = !is_suspended(&self.suite.spec) && (item.finally || self.has_room());
        let Some(step) = self.plan.status.steps.get_mut(index) else {
            return false;
        };
        match turn {
            Turn::Now if may_wait => {
                step.phase = StepPhase::Waiting;
                step.message = item
                    .step
                    .delay
                    .map(|delay| format!("waits for its delay of {delay}"));
                true
            }
            Turn::Never(words) => {
                skip(step, reasons::WHEN_NOT_MET, &words, self.seen.now);
                true
            }
            Turn::Now | Turn::NotYet => false,
        }
    }

    /// Whether one more step may wait or run.
    fn has_room(&self) -> bool {
        let Some(most) = self.suite.spec.max_parallel else {
            return true;
        };
        let is_active = |step: &&StepStatus| {
            matches!(step.phase, StepPhase::Waiting | StepPhase::Running) && !step.finally
        };
        let active = self.steps().iter().filter(is_active).count();
        active < usize::try_from(most).unwrap_or(0).max(1)
    }

    /// Keeps the time since when only `delay` and `waitFor` keep a step from starting: not while the suite is suspended,
    /// so that a service comes to rest after that as well, and nothing waits too long for it.
    fn keep_time(&mut self) {
        let is_held = is_suspended(&self.suite.spec);
        let now = whole_seconds(self.seen.now);
        for step in &mut self.plan.status.steps {
            if step.phase == StepPhase::Waiting {
                if is_held {
                    step.ready_time = None;
                } else {
                    step.ready_time.get_or_insert_with(|| now.clone());
                }
            }
        }
    }

    fn fail_waits(&mut self) -> bool {
        let mut moved = false;
        for index in 0..self.items.len() {
            if let Some(Wait::Failed(reason, words)) = self.wait(index)
                && let Some(step) = self.plan.status.steps.get_mut(index)
            {
                let news = give_up(step, reason, &words, self.seen.now);
                self.plan.news.push(news);
                moved = true;
            }
        }
        moved
    }

    /// What the step at `index` does, if it waits.
    fn wait(&self, index: usize) -> Option<Wait> {
        let item = self.items.get(index)?;
        let step = self.steps().get(index)?;
        if step.phase != StepPhase::Waiting {
            return None;
        }
        let Some(ready) = &step.ready_time else {
            return Some(Wait::Held);
        };
        let due = item
            .step
            .delay
            .map_or(ready.0, |delay| after(ready.0, delay));
        if due > self.seen.now {
            return Some(Wait::Until(due));
        }
        let state = match &item.step.wait_for {
            None => Wait::Over,
            Some(wait_for) => match self.seen.waits.get(&step.name) {
                None => Wait::Ask,
                Some(WaitState::Holds) => Wait::Over,
                Some(WaitState::Failed(words)) => {
                    Wait::Failed(reasons::WAIT_FOR_FAILED, words.clone())
                }
                Some(WaitState::NotYet(words)) => {
                    let timeout = wait_for.timeout.unwrap_or(WAIT_TIMEOUT);
                    if after(due, timeout) <= self.seen.now {
                        let words = format!("not so within {timeout}: {words}");
                        Wait::Failed(reasons::WAIT_FOR_FAILED, words)
                    } else {
                        Wait::NotYet(words.clone())
                    }
                }
            },
        };
        Some(match state {
            Wait::Over => self.clash(step).unwrap_or(Wait::Over),
            other => other,
        })
    }

    /// Whether the name of the next attempt belongs to another step's child: `load-a2` may be a step, too.
    fn clash(&self, step: &StepStatus) -> Option<Wait> {
        let name = self.next_name(step);
        let has_it =
            |other: &&StepStatus| other.child.as_ref().is_some_and(|child| child.name == name);
        let other = self.steps().iter().find(has_it)?;
        let words = format!("{name} is the name of what step {} made", other.name);
        Some(Wait::Failed(reasons::NAME_CONFLICT, words))
    }

    /// Ends the steps whose turn never comes, when nothing else moves any more.
    fn skip_stuck(&mut self) -> bool {
        let spec = &self.suite.spec;
        let steps = || self.steps().iter().filter(|step| !step.finally);
        let is_stuck = steps().enumerate().all(|(index, step)| match step.phase {
            StepPhase::Pending => turn(spec, index, self.steps()) == Turn::NotYet,
            StepPhase::Waiting | StepPhase::Running => false,
            StepPhase::Succeeded | StepPhase::Failed | StepPhase::Skipped => true,
        });
        if !is_stuck || steps().all(|step| step.phase.is_terminal()) {
            return false;
        }
        let words = "it depends on steps that never finish";
        let pending = |step: &&mut StepStatus| !step.finally && step.phase == StepPhase::Pending;
        for step in self.plan.status.steps.iter_mut().filter(pending) {
            skip(step, reasons::NEVER_ITS_TURN, words, self.seen.now);
        }
        true
    }

    /// Says what starts, and what is to be looked at before.
    pub fn start(&mut self) {
        for index in 0..self.items.len() {
            let (Some(wait), Some(step), Some(item)) = (
                self.wait(index),
                self.steps().get(index),
                self.items.get(index),
            ) else {
                continue;
            };
            match wait {
                Wait::Held | Wait::Failed(..) => {}
                Wait::Until(due) => self.look_at(due),
                Wait::Ask => {
                    let name = step.name.clone();
                    self.plan.asks.push(name);
                    self.look_in(PACE);
                }
                Wait::NotYet(words) => {
                    self.look_in(PACE);
                    if let Some(step) = self.plan.status.steps.get_mut(index)
                        && step.attempt == 0
                    {
                        step.message = Some(words);
                    }
                }
                Wait::Over => {
                    let start = Start {
                        step: step.name.clone(),
                        attempt: step.attempt.saturating_add(1),
                        name: self.next_name(step),
                        kind: ChildKind::of(item.step),
                    };
                    self.plan.starts.push(start);
                    self.look_in(PACE);
                }
            }
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

    /// Stops what was made for a step that is over, and never noted: whoever made it ended before.
    pub fn stop_strays(&mut self) {
        let noted = self.noted_uids();
        let over = self.steps().iter().filter(|step| step.phase.is_terminal());
        let strays: Vec<Stop> = over
            .filter_map(|step| {
                let name = self.next_name(step);
                let Child { kind, uid, state } = self.seen.children.get(&name)?;
                let is_stray = *state == ChildState::Active && !noted.contains(uid.as_str());
                is_stray.then(|| Stop {
                    kind: *kind,
                    name,
                    uid: uid.clone(),
                })
            })
            .collect();
        if !strays.is_empty() {
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

fn skip(step: &mut StepStatus, reason: &str, words: &str, now: Timestamp) {
    step.reason = Some(reason.to_owned());
    step.message = Some(words.to_owned());
    end(step, StepPhase::Skipped, now);
}
