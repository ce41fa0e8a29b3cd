//! Which steps of a suite wait, start, or are not to run.

use jiff::Timestamp;
use locust_api::{
    Duration, reasons,
    v2::{StepPhase, StepStatus},
};

use super::{
    ChildKind, Start, WaitState,
    order::{Halt, Item, Turn, is_suspended, turn},
    plan::SOON,
    round::{PACE, Round},
    status::{end, finished_news, give_up},
};
use crate::time::{after, whole_seconds};

/// How long a `waitFor` may take that says no `timeout`.
const WAIT_TIMEOUT: Duration = Duration::from_secs(300);

/// What a step that waits does.
enum Wait {
    /// The suite is suspended, or what is to be over before it is tried again is not.
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

impl Round<'_> {
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
            Halt::Finally => (
                reasons::WHEN_NOT_MET,
                "steps of finally have begun, and nothing else starts after that".to_owned(),
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
        let turn = self.turn(index, item);
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

    fn turn(&self, index: usize, item: Item<'_>) -> Turn {
        if !item.finally {
            return turn(&self.suite.spec, index, self.steps());
        }
        let is_over = |step: &StepStatus| step.phase.is_terminal();
        if self.steps().iter().take(index).all(is_over) {
            Turn::Now
        } else {
            Turn::NotYet
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
                self.has_given_up = true;
                moved = true;
            }
        }
        moved
    }

    /// What the step at `index` does, if it waits.
    fn wait(&self, index: usize) -> Option<Wait> {
        let item = self.items.get(index).copied()?;
        let step = self.steps().get(index)?;
        if step.phase != StepPhase::Waiting {
            return None;
        }
        if self.turn(index, item) == Turn::NotYet {
            return Some(Wait::Held);
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
            skip(step, reasons::INVALID_SPEC, words, self.seen.now);
        }
        true
    }

    /// Says what starts, and what is to be looked at before.
    ///
    /// What was given up is noted first: nobody who looks later, when the suite was suspended in between, would find it so
    /// again, and what starts now may start because of it. What is not noted is stopped first: it makes load.
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
                Wait::Over if self.has_given_up => self.look_in(SOON),
                Wait::Over if self.has_strays => {}
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
}

fn skip(step: &mut StepStatus, reason: &str, words: &str, now: Timestamp) {
    step.reason = Some(reason.to_owned());
    step.message = Some(words.to_owned());
    end(step, StepPhase::Skipped, now);
}
