//! Whom to tell how runs went, and when to try again.
//!
//! What is to be told is noted in the status by the write that notes the end of the run, and taken away by one after it
//! got through. So nothing is lost, and what is told twice, because the process ended in between, has the same id.
//!
//! * Notices go in the order in which things happened: the next one waits until the one before got through or was given
//!   up. A new one has those before it tried again at once: that the receiver comes back is as likely as it gets.
//! * A try that failed is followed by another after a growing pause, ten in about a day. What the receiver refuses is
//!   given up at once, because the same request has the same answer.
//! * What was given up waits for a change of the spec, and is forgotten when a later notice gets through.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use locust_api::{
    conditions, reasons,
    v2::{LocustSchedule, LocustScheduleStatus, Notice, NotifyEvent, ScheduledRun, Verdict},
};

use super::News;
use crate::{
    lifecycle::set_condition,
    notify::{Message, Sent, id, message},
    time::{until, whole_seconds},
};

/// How many notices wait at most; of more the newest.
const KEPT: usize = 10;
/// The pause after each try in vain, in seconds. After one more it is given up.
const PAUSES: [i64; 9] = [10, 60, 300, 900, 1800, 3600, 10_800, 21_600, 43_200];

/// What became of notices, and whether any may be sent.
#[derive(Clone, Copy, Debug)]
pub struct Told<'a> {
    /// Now.
    pub now: Timestamp,
    /// Whether the operator tells anybody at all.
    pub is_on: bool,
    /// What came of tries. One that the status has taken into account already changes nothing.
    pub outcomes: &'a [Outcome],
}

/// Which try of which notice.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Try {
    /// The id of the notice.
    pub id: String,
    /// The number of the try; 1 is the first.
    pub number: i32,
    /// The generation of the spec that says where to.
    pub generation: Option<i64>,
}

/// What came of a try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Which.
    pub of: Try,
    /// What came of it.
    pub sent: Sent,
}

/// Something to send, once the status is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Post {
    /// Which try of which notice: whoever has begun it does not begin it again.
    pub of: Try,
    /// What to send.
    pub message: Message,
}

/// What is next.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Next {
    /// What to send now.
    pub post: Option<Post>,
    /// When to look again for one that waits.
    pub look_again: Option<Duration>,
}

/// Notes what may be news of a run that is over and not tried again. [`settle`] keeps what the spec asks for.
pub(super) fn note(status: &mut LocustScheduleStatus, run: &ScheduledRun) {
    let was_failing = status.failing;
    let event = match run.verdict.unwrap_or(Verdict::Error) {
        Verdict::Passed => {
            status.failing = false;
            was_failing.then_some(NotifyEvent::Recovered)
        }
        Verdict::Failed => Some(NotifyEvent::Failed),
        Verdict::Error => Some(NotifyEvent::Error),
        // They are no answer.
        Verdict::Inconclusive | Verdict::Aborted => None,
    };
    status.failing |= matches!(event, Some(NotifyEvent::Failed | NotifyEvent::Error));
    if let Some(event) = event {
        add(status, event, run.clone());
    }
}

/// Notes that a run became slower than its baseline allows: why, in a word and in a sentence. For whoever makes the
/// condition `Regression` true, in the same round; [`settle`] keeps it if the spec asks for it.
pub fn note_regression(
    status: &mut LocustScheduleStatus,
    run: &ScheduledRun,
    reason: &str,
    words: &str,
) {
    let run = ScheduledRun {
        reason: Some(reason.to_owned()),
        message: Some(words.to_owned()),
        ..run.clone()
    };
    add(status, NotifyEvent::Regression, run);
}

fn add(status: &mut LocustScheduleStatus, event: NotifyEvent, run: ScheduledRun) {
    let run = ScheduledRun {
        retry: false,
        ..run
    };
    for waiting in status.notices.iter_mut().filter(|it| !is_given_up(it)) {
        if let (Some(at), Some(now)) = (&mut waiting.retry_at, &run.completion_time) {
            *at = now.clone();
        }
    }
    status.notices.push(Notice {
        event,
        run,
        tries: 0,
        retry_at: None,
    });
}

const fn is_given_up(notice: &Notice) -> bool {
    notice.tries > 0 && notice.retry_at.is_none()
}

/// Takes over what came of tries, keeps what the spec asks for, says how it stands in the condition, and what to send once
/// the status is written.
///
/// For the end of a round, when everything else is noted in `status`.
pub fn settle(
    schedule: &LocustSchedule,
    status: &mut LocustScheduleStatus,
    told: &Told<'_>,
    news: &mut Vec<News>,
) -> Next {
    let Some(notify) = &schedule.spec.notify else {
        status.notices.clear();
        let kind = conditions::NOTIFICATIONS_DELIVERED;
        status.conditions.retain(|known| known.type_ != kind);
        return Next::default();
    };
    let mut round = Round {
        schedule,
        status,
        now: told.now,
        news,
    };
    if !told.is_on {
        round.status.notices.clear();
        let words = "the operator runs with --notifications=false and tells nobody";
        round.say("False", reasons::NOTIFICATIONS_OFF, words);
        return Next::default();
    }
    if round.is_new_spec() {
        for notice in &mut round.status.notices {
            (notice.tries, notice.retry_at) = (0, None);
        }
    }
    let is_wanted =
        |notice: &Notice| notify.events.is_empty() || notify.events.contains(&notice.event);
    round.status.notices.retain(is_wanted);
    for outcome in told.outcomes {
        round.take(outcome);
    }
    round.bound();
    round.say_if_nothing_waits();
    round.next()
}

struct Round<'a> {
    schedule: &'a LocustSchedule,
    status: &'a mut LocustScheduleStatus,
    now: Timestamp,
    news: &'a mut Vec<News>,
}

impl Round<'_> {
    fn is_new_spec(&self) -> bool {
        let status = self.schedule.status.as_ref();
        let known = status.and_then(|status| status.observed_generation);
        known.is_some() && known != self.schedule.metadata.generation
    }

    fn say(&mut self, word: &str, reason: &str, message: &str) {
        set_condition(
            &mut self.status.conditions,
            conditions::NOTIFICATIONS_DELIVERED,
            word,
            reason,
            message,
            self.schedule.metadata.generation,
            self.now,
        );
    }

    fn take(&mut self, outcome: &Outcome) {
        let Outcome { of, sent } = outcome;
        let mut notices = self.status.notices.iter();
        let is_it = |notice: &Notice| id(self.schedule, notice) == of.id;
        let Some(index) = notices.position(is_it) else {
            return;
        };
        if matches!(sent, Sent::Accepted(_)) {
            let notice = self.status.notices.remove(index);
            self.status.notices.retain(|other| !is_given_up(other));
            let words = format!("{}: {}", what(&notice), sent.words());
            self.say("True", reasons::NOTICE_DELIVERED, &words);
            return;
        }
        let generation = self.schedule.metadata.generation;
        let now = self.now;
        let Some(notice) = self.status.notices.get_mut(index) else {
            return;
        };
        // Noted before, or an answer to what the spec said before.
        if of.number != notice.tries.saturating_add(1) || of.generation != generation {
            return;
        }
        notice.tries = of.number;
        let pause = usize::try_from(of.number - 1).ok();
        let pause = pause.and_then(|index| PAUSES.get(index));
        let pause = pause.filter(|_| sent.may_pass());
        notice.retry_at = pause.map(|pause| {
            let later = now.checked_add(SignedDuration::from_secs(*pause));
            whole_seconds(later.unwrap_or(Timestamp::MAX))
        });
        let (tries, what) = (notice.tries, what(notice));
        let is_over = notice.retry_at.is_none();
        let words = format!("{what}: {}", sent.words());
        if is_over {
            let words = format!("{words}; given up after {tries} tries until the spec changes");
            self.say("False", reasons::NOTICE_GIVEN_UP, &words);
            self.news.push(News::NoticeGivenUp(words));
            return;
        }
        let reason = match sent {
            Sent::NoSecret(_) => reasons::SECRET_NOT_READABLE,
            Sent::Accepted(_) | Sent::Refused(_) | Sent::Unanswered(_) | Sent::Impossible(_) => {
                reasons::NOTICE_RETRYING
            }
        };
        let words = format!("{words}; tried {tries} of {} times", PAUSES.len() + 1);
        self.say("False", reason, &words);
    }

    /// Lets the oldest go where there are too many.
    fn bound(&mut self) {
        let beyond = self.status.notices.len().saturating_sub(KEPT);
        for notice in self.status.notices.drain(..beyond) {
            if !is_given_up(&notice) {
                self.news.push(News::NoticeGivenUp(format!(
                    "{}: given up after {} tries, because {KEPT} later notices wait",
                    what(&notice),
                    notice.tries
                )));
            }
        }
    }

    /// A condition about a notice that is not there any more says nothing.
    fn say_if_nothing_waits(&mut self) {
        let kind = conditions::NOTIFICATIONS_DELIVERED;
        let mut conditions = self.status.conditions.iter();
        let said = conditions.find(|condition| condition.type_ == kind);
        let is_waiting = self.status.notices.iter().any(|it| !is_given_up(it));
        let holds = said.is_some_and(|said| match said.reason.as_str() {
            reasons::NOTICE_DELIVERED | reasons::NOTICE_GIVEN_UP | reasons::NO_NOTICE_YET => true,
            reasons::NOTICE_RETRYING | reasons::SECRET_NOT_READABLE => is_waiting,
            _ => false,
        });
        if !holds {
            let words = "nothing has happened yet that spec.notify asks for";
            self.say("Unknown", reasons::NO_NOTICE_YET, words);
        }
    }

    fn next(&self) -> Next {
        let mut waiting = self.status.notices.iter().filter(|it| !is_given_up(it));
        let Some(notice) = waiting.next() else {
            return Next::default();
        };
        let wait = notice.retry_at.as_ref().map(|at| until(self.now, at.0));
        let longest = PAUSES.last().copied().and_then(|it| u64::try_from(it).ok());
        // A clock that was ahead has promised what nobody waits for.
        let wait = wait.filter(|wait| Some(wait.as_secs()) <= longest);
        if let Some(wait) = wait.filter(|wait| !wait.is_zero()) {
            return Next {
                post: None,
                look_again: Some(wait),
            };
        }
        let format = self.schedule.spec.notify.as_ref();
        let format = format.and_then(|notify| notify.format).unwrap_or_default();
        Next {
            post: Some(Post {
                of: Try {
                    id: id(self.schedule, notice),
                    number: notice.tries.saturating_add(1),
                    generation: self.schedule.metadata.generation,
                },
                message: message(self.schedule, format, notice),
            }),
            look_again: None,
        }
    }
}

/// What a notice is about, for people.
fn what(notice: &Notice) -> String {
    format!(
        "the notice {} of {}",
        notice.event.as_str(),
        notice.run.name
    )
}

#[cfg(test)]
mod tests;
