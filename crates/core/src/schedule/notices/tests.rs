use locust_api::v2::{Notify, NotifyFormat, NotifySecretRef};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn at(clock: &str) -> Timestamp {
    format!("2026-01-05T{clock}Z").parse().unwrap()
}

/// A schedule, a receiver that answers as a test says, and what the shell does between them.
struct World {
    schedule: LocustSchedule,
    outcomes: Vec<Outcome>,
    is_on: bool,
    now: Timestamp,
    news: Vec<News>,
}

impl World {
    fn new(notify: Value) -> Self {
        let mut schedule: LocustSchedule = serde_json::from_value(json!({
            "apiVersion": "locust.io/v2", "kind": "LocustSchedule",
            "metadata": {"name": "nightly", "namespace": "team", "uid": "s", "generation": 1},
            "spec": {"notify": notify, "runTemplate": {"templateRef": {"name": "shop"}}},
            "status": {"observedGeneration": 1},
        }))
        .unwrap();
        schedule.status.get_or_insert_default();
        Self {
            schedule,
            outcomes: Vec::new(),
            is_on: true,
            now: at("00:00:00"),
            news: Vec::new(),
        }
    }

    fn status(&mut self) -> &mut LocustScheduleStatus {
        self.schedule.status.as_mut().unwrap()
    }

    /// Runs that are over, with these verdicts.
    fn over(&mut self, verdicts: &[Verdict]) {
        let now = self.now;
        for verdict in verdicts {
            let status = self.status();
            let number = status.passed.unwrap_or_default() + 1;
            status.passed = Some(number);
            let run = ScheduledRun {
                kind: "LocustTest".to_owned(),
                name: format!("run-{number}"),
                uid: Some(format!("r{number}")),
                verdict: Some(*verdict),
                completion_time: Some(whole_seconds(now)),
                retry: true,
                ..ScheduledRun::default()
            };
            note(status, &run);
        }
    }

    /// A round of the controller.
    fn round(&mut self) -> Next {
        let mut status = self.schedule.status.clone().unwrap();
        status.observed_generation = self.schedule.metadata.generation;
        let told = Told {
            now: self.now,
            is_on: self.is_on,
            outcomes: &self.outcomes,
        };
        let next = settle(&self.schedule, &mut status, &told, &mut self.news);
        self.schedule.status = Some(status);
        next
    }

    /// The id and number of what is to be sent now.
    fn due(&mut self) -> Option<(String, i32)> {
        let post = self.round().post?;
        Some((post.of.id, post.of.number))
    }

    /// What is due gets this answer.
    fn answer(&mut self, sent: Sent) {
        let post = self.round().post.unwrap();
        self.outcomes.push(Outcome { of: post.of, sent });
        self.round();
    }

    fn pass(&mut self, seconds: i64) {
        self.now += SignedDuration::from_secs(seconds);
    }

    fn edit(&mut self, change: impl FnOnce(&mut Notify)) {
        change(self.schedule.spec.notify.as_mut().unwrap());
        *self.schedule.metadata.generation.as_mut().unwrap() += 1;
    }

    /// What waits, and how often it was tried.
    fn waiting(&mut self) -> Vec<(NotifyEvent, i32)> {
        let notices = &self.status().notices;
        notices.iter().map(|it| (it.event, it.tries)).collect()
    }

    fn said(&self) -> (&str, &str, &str) {
        let status = self.schedule.status.as_ref().unwrap();
        let kind = conditions::NOTIFICATIONS_DELIVERED;
        let found = status
            .conditions
            .iter()
            .find(|it| it.type_ == kind)
            .unwrap();
        (&found.status, &found.reason, &found.message)
    }
}

fn anywhere() -> Value {
    json!({"url": "http://sink/"})
}

fn down() -> Sent {
    Sent::Unanswered("no answer within 10 s".to_owned())
}

#[test]
fn what_is_told_of_which_runs() {
    use NotifyEvent::{Error as Broken, Failed, Recovered};
    for (verdicts, wanted) in [
        (vec![Verdict::Passed, Verdict::Passed], vec![]),
        (vec![Verdict::Failed], vec![Failed]),
        (vec![Verdict::Error], vec![Broken]),
        (vec![Verdict::Failed, Verdict::Failed], vec![Failed, Failed]),
        (
            vec![Verdict::Failed, Verdict::Passed, Verdict::Passed],
            vec![Failed, Recovered],
        ),
        (
            vec![Verdict::Error, Verdict::Passed],
            vec![Broken, Recovered],
        ),
        // They are no answer, and do not end the row.
        (
            vec![
                Verdict::Failed,
                Verdict::Inconclusive,
                Verdict::Aborted,
                Verdict::Passed,
            ],
            vec![Failed, Recovered],
        ),
        (
            vec![Verdict::Passed, Verdict::Inconclusive, Verdict::Passed],
            vec![],
        ),
    ] {
        let mut world = World::new(anywhere());
        world.over(&verdicts);
        world.round();
        let notices = world.status().notices.clone();
        let told: Vec<NotifyEvent> = notices.iter().map(|notice| notice.event).collect();
        assert_eq!(told, wanted, "{verdicts:?}");
        assert!(notices.iter().all(|notice| !notice.run.retry));
    }
}

#[test]
fn only_what_is_asked_for_is_kept() {
    let mut world =
        World::new(json!({"url": "http://sink/", "events": ["Recovered", "Regression"]}));
    world.over(&[Verdict::Failed, Verdict::Passed]);
    let run = ScheduledRun {
        name: "run-2".to_owned(),
        uid: Some("r2".to_owned()),
        ..ScheduledRun::default()
    };
    note_regression(
        world.status(),
        &run,
        "Slower",
        "p95 is 20 % above the baseline",
    );
    assert_eq!(world.due(), Some(("s.r2.recovered".to_owned(), 1)));
    assert_eq!(
        world.waiting(),
        [(NotifyEvent::Recovered, 0), (NotifyEvent::Regression, 0)]
    );
    world.answer(Sent::Accepted(200));
    let post = world.round().post.unwrap();
    assert_eq!(post.of.id, "s.r2.regressed");
    assert!(post.message.body.contains("p95 is 20 % above the baseline"));
    // Without a word of it nobody is told, and nothing is said.
    world.schedule.spec.notify = None;
    world.over(&[Verdict::Failed]);
    assert_eq!(world.round(), Next::default());
    assert!(world.status().notices.is_empty() && world.status().conditions.is_empty());
    assert!(world.status().failing);
}

#[test]
fn a_notice_goes_once_and_in_order() {
    let mut world = World::new(anywhere());
    assert_eq!(world.round(), Next::default());
    assert_eq!(world.said().0, "Unknown");
    world.over(&[Verdict::Failed, Verdict::Passed]);
    assert_eq!(world.due(), Some(("s.r1.failed".to_owned(), 1)));
    // Nothing has come of it yet: it is the same try.
    assert_eq!(world.due(), Some(("s.r1.failed".to_owned(), 1)));
    world.answer(Sent::Accepted(202));
    assert_eq!(
        world.said(),
        (
            "True",
            "Delivered",
            "the notice Failed of run-1: the receiver took it with status 202"
        )
    );
    // The outcome is still there, and changes nothing any more.
    assert_eq!(world.due(), Some(("s.r2.recovered".to_owned(), 1)));
    world.answer(Sent::Accepted(200));
    assert_eq!(world.round(), Next::default());
    assert!(world.news.is_empty());
}

#[test]
fn ten_tries_in_about_a_day() {
    let mut world = World::new(anywhere());
    world.over(&[Verdict::Failed]);
    let begin = world.now;
    for number in 1..=10 {
        assert_eq!(world.due(), Some(("s.r1.failed".to_owned(), number)));
        world.answer(down());
        let Next { post, look_again } = world.round();
        assert_eq!(post, None);
        if number == 10 {
            assert_eq!(look_again, None);
            break;
        }
        assert_eq!(world.said().1, "Retrying");
        let wait = i64::try_from(look_again.unwrap().as_secs()).unwrap();
        assert_eq!(wait, PAUSES[usize::try_from(number - 1).unwrap()]);
        world.pass(wait);
    }
    let hours = world.now.duration_since(begin).as_hours();
    assert!((20..=25).contains(&hours), "{hours} h");
    let (word, reason, message) = world.said();
    assert_eq!((word, reason), ("False", "GaveUp"));
    assert!(
        message.contains("no answer within 10 s; given up after 10 tries"),
        "{message}"
    );
    assert!(matches!(&world.news[..], [News::NoticeGivenUp(words)] if words == message));
    world.pass(1_000_000);
    assert_eq!(world.due(), None);
}

#[test]
fn what_is_refused_waits_for_another_spec() {
    for (sent, is_over) in [
        (Sent::Refused(404), true),
        (Sent::Refused(302), true),
        (Sent::Impossible("x".to_owned()), true),
        (Sent::Refused(408), false),
        (Sent::Refused(429), false),
        (Sent::Refused(503), false),
    ] {
        let mut world = World::new(anywhere());
        world.over(&[Verdict::Failed]);
        world.answer(sent.clone());
        assert_eq!(world.said().1 == "GaveUp", is_over, "{sent:?}");
        assert_eq!(world.news.len(), usize::from(is_over), "{sent:?}");
        assert_eq!(world.due(), None);
        world.edit(|notify| notify.format = Some(NotifyFormat::Slack));
        assert_eq!(world.due(), Some(("s.r1.failed".to_owned(), 1)), "{sent:?}");
    }
}

#[test]
fn an_answer_to_an_old_spec_counts_if_it_is_a_good_one() {
    let mut world = World::new(anywhere());
    world.over(&[Verdict::Failed]);
    let old = world.round().post.unwrap().of;
    world.edit(|notify| notify.url = Some("http://other/".to_owned()));
    world.outcomes.push(Outcome {
        of: old.clone(),
        sent: Sent::Refused(404),
    });
    assert_eq!(world.due(), Some(("s.r1.failed".to_owned(), 1)));
    assert_eq!(world.waiting(), [(NotifyEvent::Failed, 0)]);
    world.outcomes.push(Outcome {
        of: old,
        sent: Sent::Accepted(200),
    });
    assert_eq!(world.due(), None);
    assert_eq!(world.said().1, "Delivered");
}

#[test]
fn what_was_given_up_is_forgotten_when_a_later_one_gets_through() {
    let mut world = World::new(anywhere());
    world.over(&[Verdict::Failed]);
    world.answer(Sent::Refused(400));
    world.over(&[Verdict::Passed]);
    assert_eq!(world.due(), Some(("s.r2.recovered".to_owned(), 1)));
    assert_eq!(
        world.waiting(),
        [(NotifyEvent::Failed, 1), (NotifyEvent::Recovered, 0)]
    );
    world.answer(Sent::Accepted(200));
    assert_eq!(world.waiting(), []);
    assert_eq!(world.said().0, "True");
}

#[test]
fn a_new_one_has_those_before_it_tried_at_once() {
    let mut world = World::new(anywhere());
    world.over(&[Verdict::Failed]);
    world.answer(down());
    world.pass(10);
    world.answer(down());
    world.pass(5);
    assert_eq!(world.due(), None);
    world.over(&[Verdict::Passed]);
    assert_eq!(world.due(), Some(("s.r1.failed".to_owned(), 3)));
    world.answer(down());
    assert_eq!(world.due(), None);
    assert_eq!(
        world.waiting(),
        [(NotifyEvent::Failed, 3), (NotifyEvent::Recovered, 0)]
    );
}

#[test]
fn a_secret_that_cannot_be_read_is_said_and_tried_again() {
    let mut world = World::new(json!({"secretRef": {"name": "slack"}}));
    world.over(&[Verdict::Error]);
    world.answer(Sent::NoSecret("there is no Secret \"slack\"".to_owned()));
    let (word, reason, message) = world.said();
    assert_eq!((word, reason), ("False", "SecretNotReadable"));
    assert!(
        message.contains("there is no Secret") && message.contains("tried 1 of 10"),
        "{message}"
    );
    world.pass(10);
    world.answer(Sent::Accepted(200));
    assert_eq!(world.said().1, "Delivered");
    // Nothing waits any more that the condition could be about.
    world.over(&[Verdict::Error]);
    world.answer(Sent::NoSecret("none".to_owned()));
    world.edit(|notify| {
        notify.secret_ref = Some(NotifySecretRef {
            name: "other".to_owned(),
        });
        notify.events = vec![NotifyEvent::Recovered];
    });
    assert_eq!(world.due(), None);
    assert_eq!(world.said().1, "NoNoticeYet");
}

#[test]
fn an_operator_that_tells_nobody_says_so() {
    let mut world = World::new(anywhere());
    world.is_on = false;
    world.over(&[Verdict::Failed]);
    assert_eq!(world.due(), None);
    assert_eq!(
        (world.waiting(), world.said().1),
        (vec![], "NotificationsOff")
    );
    world.is_on = true;
    assert_eq!(world.due(), None);
    assert_eq!(world.said().1, "NoNoticeYet");
    world.over(&[Verdict::Passed]);
    assert_eq!(world.due(), Some(("s.r2.recovered".to_owned(), 1)));
}

#[test]
fn of_too_many_the_newest_stay() {
    let mut world = World::new(anywhere());
    world.over(&[Verdict::Failed; 13]);
    assert_eq!(world.due(), Some(("s.r4.failed".to_owned(), 1)));
    assert_eq!((world.waiting().len(), world.news.len()), (10, 3));
    assert!(matches!(&world.news[0], News::NoticeGivenUp(words) if words.contains("run-1")));
}

#[test]
fn a_clock_that_was_ahead_does_not_hold_a_notice() {
    let mut world = World::new(anywhere());
    world.over(&[Verdict::Failed]);
    world.pass(10 * 86_400);
    world.answer(down());
    assert_eq!(world.due(), None);
    world.pass(-10 * 86_400);
    assert_eq!(world.due(), Some(("s.r1.failed".to_owned(), 2)));
}

#[derive(Clone, Debug)]
enum Event {
    Over(Verdict),
    Pass(i64),
    Answer(u16),
    Silence,
    Edit,
    Switch(bool),
}

fn event() -> impl Strategy<Value = Event> {
    let verdict = prop_oneof![
        Just(Verdict::Passed),
        Just(Verdict::Failed),
        Just(Verdict::Error),
        Just(Verdict::Inconclusive),
    ];
    prop_oneof![
        4 => verdict.prop_map(Event::Over),
        4 => (1..50_000i64).prop_map(Event::Pass),
        6 => prop_oneof![Just(200u16), Just(404), Just(429), Just(503)].prop_map(Event::Answer),
        4 => Just(Event::Silence),
        1 => Just(Event::Edit),
        1 => any::<bool>().prop_map(Event::Switch),
    ]
}

proptest! {
    #[test]
    fn whatever_happens_nothing_is_told_for_ever(events in prop::collection::vec(event(), 0..80)) {
        let mut world = World::new(anywhere());
        let mut accepted: Vec<String> = Vec::new();
        for event in events {
            match event {
                Event::Over(verdict) => world.over(&[verdict]),
                Event::Pass(seconds) => world.pass(seconds),
                Event::Edit => world.edit(|_| {}),
                Event::Switch(is_on) => world.is_on = is_on,
                Event::Answer(_) | Event::Silence => {
                    let Some(Post { of, .. }) = world.round().post else { continue };
                    prop_assert!(of.number <= 10, "{of:?}");
                    prop_assert!(!accepted.contains(&of.id), "{of:?} was told before");
                    let sent = match event {
                        Event::Answer(code) => Sent::answered(code),
                        _ => down(),
                    };
                    if matches!(sent, Sent::Accepted(_)) {
                        accepted.push(of.id.clone());
                    }
                    world.outcomes.push(Outcome { of, sent });
                }
            }
            world.round();
            prop_assert!(world.waiting().len() <= KEPT);
            // At rest: the same round again changes nothing and says nothing.
            let (before, told) = (world.schedule.status.clone(), world.news.len());
            world.round();
            prop_assert_eq!(&before, &world.schedule.status);
            prop_assert_eq!(told, world.news.len());
        }
    }
}
