//! Whatever happens, in any order.

use std::collections::BTreeSet;

use locust_api::v2::ConcurrencyPolicy;
use proptest::prelude::*;

use super::*;
use crate::cases::cases;

const LINES: [&[&str]; 4] = [
    &["0 * * * *"],
    &["30 2 * * *"],
    &["0 * * * *", "30 2 * * *", "30 * * * *"],
    &[],
];

#[derive(Clone, Debug)]
enum Event {
    /// Time passes, in seconds.
    Pass(i64),
    /// The clock is put right or wrong, in seconds.
    Jump(i64),
    End(Verdict),
    /// Somebody deletes what runs.
    Delete,
    /// What is being deleted is gone.
    Sweep,
    Lines(usize),
    Suspend(bool),
    RunNow(u8),
    Resume(u8),
    /// The operator ends after it made what starts, and before it wrote that.
    Crash,
}

fn event() -> impl Strategy<Value = Event> {
    let verdict = prop_oneof![
        Just(Verdict::Passed),
        Just(Verdict::Failed),
        Just(Verdict::Inconclusive),
        Just(Verdict::Error),
        Just(Verdict::Aborted),
    ];
    prop_oneof![
        6 => (1..5000i64).prop_map(Event::Pass),
        1 => (1..7 * 86_400i64).prop_map(Event::Pass),
        1 => prop_oneof![Just(-86_400i64), Just(86_400), -4000..4000i64].prop_map(Event::Jump),
        5 => verdict.prop_map(Event::End),
        1 => Just(Event::Delete),
        3 => Just(Event::Sweep),
        1 => (0..LINES.len()).prop_map(Event::Lines),
        1 => any::<bool>().prop_map(Event::Suspend),
        1 => (0..3u8).prop_map(Event::RunNow),
        1 => (0..3u8).prop_map(Event::Resume),
        1 => Just(Event::Crash),
    ]
}

/// What was started so far, and what may not start any more.
#[derive(Default)]
struct Watch {
    made: BTreeSet<String>,
    times: BTreeSet<(Timestamp, i32)>,
    /// Nothing up to here may start: a timetable came into force then.
    settled: Option<Timestamp>,
}

impl Watch {
    /// Looks at what is about to start.
    fn start(&mut self, world: &World, start: &Start) {
        let policy = world.schedule.spec.concurrency_policy.unwrap_or_default();
        let live = world
            .runs
            .iter()
            .filter(|run| run.state == RunState::Active);
        if policy != ConcurrencyPolicy::Allow {
            assert_eq!(live.count(), 0, "{start:?} is not alone");
        }
        if let Some(time) = start.purpose.time {
            assert!(
                self.times.insert((time, start.purpose.attempt)),
                "{start:?} for the second time"
            );
            // A further attempt belongs to its run, whatever became of the clock.
            if start.purpose.attempt == 1 {
                assert!(time <= world.now, "{start:?} is early");
                assert!(
                    self.settled.is_none_or(|settled| time > settled),
                    "{start:?} is of the past"
                );
            }
        }
        self.made.insert(start.name.clone());
    }
}

fn play(spec: Value, events: Vec<Event>) {
    let mut world = World::new(spec);
    let mut watch = Watch::default();
    for event in events {
        match event {
            Event::Pass(seconds) => world.now += jiff::SignedDuration::from_secs(seconds),
            Event::Jump(seconds) => {
                world.now += jiff::SignedDuration::from_secs(seconds);
                // Then the past is not what it was.
                watch.settled = watch.settled.map(|settled| settled.min(world.now));
            }
            Event::End(verdict) => {
                if world.runs.iter().any(|run| run.state == RunState::Active) {
                    world.end(verdict);
                }
            }
            Event::Delete => world.runs.iter_mut().for_each(|run| run.is_leaving = true),
            Event::Sweep => world.sweep(),
            Event::Lines(index) => {
                let lines: Vec<String> =
                    LINES[index].iter().map(|line| (*line).to_owned()).collect();
                if world.schedule.spec.schedules != lines {
                    world.edit(|spec| spec.schedules = lines);
                    watch.settled = Some(world.now);
                }
            }
            Event::Suspend(suspend) => {
                if (world.schedule.spec.suspend == Some(true)) != suspend {
                    watch.settled = Some(world.now);
                }
                world.edit(|spec| spec.suspend = Some(suspend));
            }
            Event::RunNow(token) => world.annotate("locust.io/run-now", &token.to_string()),
            Event::Resume(token) => world.annotate("locust.io/resume", &token.to_string()),
            Event::Crash => {
                let decision = world.decide();
                for start in &decision.starts {
                    watch.start(&world, start);
                    world.create(start);
                }
            }
        }
        rest(&mut world, &mut watch);
    }
}

/// Decides until nothing changes, which is soon.
fn rest(world: &mut World, watch: &mut Watch) {
    for _ in 0..8 {
        let before = world.schedule.status.clone();
        let starts = world.decide().starts;
        for start in &starts {
            let is_there = |run: &Run| run.name == start.name && run.state != RunState::Gone;
            if !world.runs.iter().any(is_there) {
                watch.start(world, start);
            }
        }
        let decision = world.round();
        assert!(decision.look_again.as_secs() <= 3600);
        check(world);
        if before == world.schedule.status {
            assert_eq!(decision.starts, []);
            return;
        }
    }
    panic!("it does not come to rest: {:?}", world.schedule.status);
}

fn check(world: &World) {
    let status = world.status();
    let held = world.condition("Suspended").starts_with("True");
    let is_due_once_more = !held && !world.schedule.spec.schedules.is_empty();
    assert_eq!(status.next_schedule_time.is_some(), is_due_once_more);
    if let Some(next) = &status.next_schedule_time {
        assert!(next.0 > world.now);
    }
    assert_eq!(
        status.active_runs,
        Some(i32::try_from(status.active.len()).unwrap())
    );
    let known = status.active.iter().chain(&status.history);
    let uids: BTreeSet<_> = known.clone().map(|run| run.uid.clone()).collect();
    assert_eq!(uids.len(), known.count(), "a run is there twice");
    // Of what lives nothing is forgotten.
    let live = world.runs.iter().filter(|run| run.state != RunState::Gone);
    live.for_each(|run| {
        assert!(
            uids.contains(&Some(run.uid.clone())),
            "{run:?} is forgotten"
        )
    });
}

proptest! {
    #![proptest_config(cases(40))]

    #[test]
    fn no_time_is_fired_twice_or_early_or_after_it_was_settled(
        lines in 0..LINES.len(),
        (policy, conflict) in prop_oneof![
            Just(("Forbid", json!("Skip"))),
            Just(("Forbid", json!("Delay"))),
            Just(("Allow", json!(null))),
            Just(("Replace", json!(null))),
        ],
        deadline in prop_oneof![Just(10), Just(300), Just(86_400)],
        failures in prop_oneof![Just(json!(null)), Just(json!(2))],
        retries in 0..3,
        events in prop::collection::vec(event(), 1..60),
    ) {
        play(
            json!({"schedules": LINES[lines], "concurrencyPolicy": policy, "onConflict": conflict,
                "startingDeadlineSeconds": deadline, "suspendAfterConsecutiveFailures": failures,
                "retries": {"limit": retries}, "history": {"passed": 2, "failed": 1, "other": 0}}),
            events,
        );
    }
}
