mod interleavings;

use super::*;

/// A candidate `me` whose clock stands at this second.
#[derive(Clone)]
struct At {
    candidate: Candidate,
    second: u64,
}

impl At {
    fn start() -> Self {
        Self {
            candidate: Candidate::new("me".to_owned(), Timing::default()),
            second: 100,
        }
    }

    fn now(&self) -> Now {
        Now {
            moment: Moment(Duration::from_secs(self.second)),
            wall: Timestamp::UNIX_EPOCH,
        }
    }

    fn next(&self) -> Step {
        self.candidate.next(self.now())
    }

    /// The step that is due now gets this answer after so many seconds.
    fn answer(&mut self, answer: Answer, after: u64) -> Step {
        let asked = self.now().moment;
        let step = self.next();
        self.second += after;
        let now = self.now().moment;
        self.candidate.answered(&step, answer, asked, now);
        step
    }

    fn leads(&self) -> bool {
        let until = self.candidate.leads_until();
        until.is_some_and(|until| self.now().moment < until)
    }

    /// One that made the Lease just now, as version 1.
    fn leading() -> Self {
        let mut at = Self::start();
        assert_eq!(at.answer(Answer::Missing, 0), Step::Read);
        let made = written(&at.next(), 1);
        at.answer(made, 0);
        assert!(at.leads());
        at
    }
}

fn lease(holder: Option<&str>, renewed: i64, version: u32) -> Answer {
    Answer::Stored(Stored {
        record: Record {
            holder: holder.map(str::to_owned),
            held_for: Some(Duration::from_secs(15)),
            acquired: None,
            renewed: Timestamp::from_second(renewed).ok(),
            transitions: 4,
        },
        version: version.to_string(),
    })
}

/// The answer to a write that got through.
fn written(step: &Step, version: u32) -> Answer {
    let Step::Write { record, .. } = step else {
        panic!("{step:?} is no write");
    };
    Answer::Stored(Stored {
        record: record.clone(),
        version: version.to_string(),
    })
}

fn over(step: &Step) -> Option<&str> {
    match step {
        Step::Write { over, .. } => over.as_deref(),
        other => panic!("{other:?} is no write"),
    }
}

fn wait(second: u64) -> Step {
    Step::Wait(Moment(Duration::from_secs(second)))
}

#[test]
fn a_lease_that_is_missing_or_given_back_is_taken_at_once() {
    let mut at = At::start();
    at.answer(Answer::Missing, 0);
    assert_eq!(over(&at.next()), None);

    let mut at = At::start();
    at.answer(lease(None, 0, 7), 0);
    let Step::Write { record, over } = at.next() else {
        panic!("it waits");
    };
    assert_eq!(over.as_deref(), Some("7"));
    assert_eq!(record.holder.as_deref(), Some("me"));
    assert_eq!(record.transitions, 5);
    assert_eq!(record.held_for, Some(Duration::from_secs(15)));
}

#[test]
fn a_lease_of_another_is_taken_when_it_has_not_changed_for_its_time() {
    let mut at = At::start();
    // What the other's clock says does not matter.
    at.answer(lease(Some("other"), -1_000_000, 1), 0);
    for second in 101..115 {
        assert_eq!(at.next(), wait(second));
        at.second = second;
        // The version alone is no change.
        assert_eq!(
            at.answer(lease(Some("other"), -1_000_000, 2), 0),
            Step::Read
        );
    }
    at.second = 115;
    assert_eq!(over(&at.next()), Some("2"));
}

#[test]
fn every_change_of_the_lease_begins_a_new_wait() {
    let mut at = At::start();
    at.answer(lease(Some("other"), 0, 1), 0);
    at.second = 114;
    at.answer(lease(Some("other"), 2, 2), 0);
    at.second = 128;
    assert_eq!(at.answer(lease(Some("other"), 2, 2), 0), Step::Read);
    assert_eq!(at.next(), wait(129));
    at.second = 129;
    assert_eq!(over(&at.next()), Some("2"));
}

#[test]
fn a_leader_renews_every_two_seconds_and_counts_from_when_it_asked() {
    let mut at = At::leading();
    assert_eq!(at.next(), wait(102));
    at.second = 102;
    let renewal = at.next();
    assert_eq!(over(&renewal), Some("1"));
    at.answer(written(&renewal, 2), 3);
    assert_eq!(
        at.candidate.leads_until(),
        Some(Moment(Duration::from_secs(112)))
    );
    // That took longer than the pause.
    assert_eq!(over(&at.next()), Some("2"));
}

#[test]
fn a_leader_that_cannot_renew_for_ten_seconds_has_lost() {
    let mut at = At::leading();
    at.second = 102;
    at.answer(Answer::Failed, 5);
    assert!(at.leads());
    at.answer(Answer::Failed, 1);
    assert_eq!(at.next(), wait(109));
    at.second = 109;
    at.answer(Answer::Failed, 0);
    assert_eq!(at.next(), wait(110), "not longer than its term");
    at.second = 110;
    assert!(!at.leads());
    let lost = Step::Lost(Loss::NotRenewed(Duration::from_secs(10)));
    assert_eq!(at.next(), lost);
}

#[test]
fn an_answer_after_the_end_of_the_term_changes_nothing() {
    let mut at = At::leading();
    at.second = 109;
    let renewal = at.next();
    at.answer(written(&renewal, 2), 2);
    assert!(!at.leads() && matches!(at.next(), Step::Lost(_)));

    // One that does not lead yet tries again.
    let mut at = At::start();
    at.answer(Answer::Missing, 0);
    let take = at.next();
    at.answer(written(&take, 1), 10);
    assert!(!at.leads());
    let Answer::Stored(mine) = written(&take, 1) else {
        return;
    };
    at.answer(Answer::Stored(mine), 0);
    assert_eq!(over(&at.next()), Some("1"));
}

#[test]
fn after_a_conflict_the_lease_is_read() {
    let mut at = At::leading();
    at.second = 102;
    let renewal = at.answer(Answer::Conflict, 0);
    assert_eq!(at.next(), Step::Read);
    // An own write of which no answer came.
    let mut mine = at.clone();
    mine.answer(written(&renewal, 2), 0);
    assert_eq!(over(&mine.next()), Some("2"));
    // Somebody else's.
    at.answer(lease(Some("other"), 0, 2), 0);
    let lost = Step::Lost(Loss::Taken(Some("other".to_owned())));
    assert_eq!(at.next(), lost);
}

#[test]
fn a_leader_whose_lease_is_gone_makes_it_again_or_loses() {
    let mut at = At::leading();
    at.second = 102;
    at.answer(Answer::Missing, 0);
    at.answer(Answer::Missing, 0);
    assert_eq!(over(&at.next()), None);
    at.answer(Answer::Conflict, 0);
    at.answer(lease(Some("other"), 0, 1), 0);
    assert!(matches!(at.next(), Step::Lost(Loss::Taken(_))));
}

#[test]
fn failures_of_a_candidate_are_tried_again_after_a_pause() {
    let mut at = At::start();
    at.answer(Answer::Failed, 0);
    assert_eq!(at.next(), wait(102));
    at.second = 102;
    assert_eq!(at.answer(Answer::Missing, 0), Step::Read);
    at.answer(Answer::Failed, 5);
    assert_eq!(over(&at.next()), None, "the pause is over already");
}

#[test]
fn only_who_leads_gives_the_lease_back() {
    assert_eq!(At::start().candidate.release(At::start().now()), None);
    let mut at = At::leading();
    let Some(Step::Write { record, over }) = at.candidate.release(at.now()) else {
        panic!("nothing is given back");
    };
    assert_eq!((record.holder, over.as_deref()), (None, Some("1")));
    at.second = 110;
    assert_eq!(at.candidate.release(at.now()), None, "not after its term");
}

#[test]
fn losses_are_said_in_words() {
    let said = [
        Loss::NotRenewed(Duration::from_secs(10)),
        Loss::Taken(Some("other".to_owned())),
        Loss::Taken(None),
    ]
    .map(|loss| loss.to_string());
    assert_eq!(
        said,
        [
            "it was not renewed within 10s",
            "\"other\" holds it now",
            "it was given back by somebody else"
        ]
    );
}
