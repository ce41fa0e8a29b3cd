//! Candidates with clocks of their own, calls that are late or lost, processes that freeze, stop and start again: at
//! every instant of a common clock at most one leads.

use proptest::prelude::*;

use super::super::*;
use crate::cases::cases;

/// The common clock's step.
const TICK: Duration = Duration::from_millis(100);
/// So long a process waits for an answer.
const CALL_WITHIN: Duration = Duration::from_secs(5);
/// Ticks of trouble, and of quiet after it.
const TROUBLE: u32 = 900;
const QUIET: u32 = 400;

/// What becomes of a call: ticks until the request is there and the answer back; `None` when it is lost.
#[derive(Clone, Copy, Debug)]
struct Fate {
    there: Option<u32>,
    back: Option<u32>,
}

const QUICK: Fate = Fate {
    there: Some(0),
    back: Some(1),
};
const LOST: Fate = Fate {
    there: None,
    back: None,
};

#[derive(Clone, Debug)]
struct Clock {
    /// What it shows at the beginning.
    begin: Duration,
    /// How fast it runs, in percent.
    speed: u32,
    /// By how much the wall clock is wrong, in seconds.
    skew: i64,
}

impl Clock {
    fn at(&self, tick: u32) -> Now {
        let wall = i64::from(tick / 10) + 1_700_000_000 + self.skew;
        Now {
            moment: Moment(self.begin + TICK * tick * self.speed / 100),
            wall: Timestamp::from_second(wall).unwrap(),
        }
    }
}

/// What happens to one process.
#[derive(Clone, Debug)]
struct Plan {
    clock: Clock,
    /// Of its calls, one after the other; all later ones are quick.
    fates: Vec<Fate>,
    /// It stands still for so many ticks from this tick on.
    freezes: Vec<(u32, u32)>,
    /// It is told to stop; another takes its place.
    stops: Vec<u32>,
}

struct Call {
    number: usize,
    step: Step,
    asked: Moment,
    gives_up: Moment,
    answer: Option<(u32, Answer)>,
}

struct Process {
    plan: Plan,
    candidate: Candidate,
    call: Option<Call>,
    lives: u32,
    calls: usize,
    /// Begins again.
    starts: u32,
}

/// A request on its way.
struct Flight {
    process: usize,
    number: usize,
    step: Step,
    arrives: u32,
    back: Option<u32>,
}

#[derive(Default)]
struct Server {
    lease: Option<Stored>,
    version: u32,
}

impl Server {
    fn ask(&mut self, step: &Step) -> Answer {
        let Step::Write { record, over } = step else {
            return self.lease.clone().map_or(Answer::Missing, Answer::Stored);
        };
        let there = self.lease.as_ref().map(|lease| &lease.version);
        match (over, there) {
            (Some(_), None) => return Answer::Missing,
            (over, there) if over.as_ref() != there => return Answer::Conflict,
            _ => {}
        }
        self.version += 1;
        let stored = Stored {
            record: record.clone(),
            version: self.version.to_string(),
        };
        self.lease = Some(stored.clone());
        Answer::Stored(stored)
    }
}

struct World {
    timing: Timing,
    server: Server,
    flights: Vec<Flight>,
    processes: Vec<Process>,
}

impl World {
    fn new(plans: Vec<Plan>, timing: Timing) -> Self {
        let process = |(number, plan): (usize, Plan)| Process {
            plan,
            candidate: Candidate::new(format!("{number}.0"), timing),
            call: None,
            lives: 0,
            calls: 0,
            starts: 0,
        };
        Self {
            timing,
            server: Server::default(),
            flights: Vec::new(),
            processes: plans.into_iter().enumerate().map(process).collect(),
        }
    }

    fn leaders(&self, tick: u32) -> Vec<&str> {
        let leads = |process: &&Process| {
            let until = process.candidate.leads_until();
            until.is_some_and(|until| process.plan.clock.at(tick).moment < until)
        };
        let leaders = self.processes.iter().filter(leads);
        leaders.map(|process| process.candidate.name()).collect()
    }

    fn tick(&mut self, tick: u32) {
        let (now, later): (Vec<_>, _) = self
            .flights
            .drain(..)
            .partition(|flight| flight.arrives <= tick);
        self.flights = later;
        for flight in now {
            let answer = self.server.ask(&flight.step);
            let call = self.processes[flight.process].call.as_mut();
            // Whoever gave up hears nothing, and the write has happened all the same.
            if let Some(call) = call.filter(|call| call.number == flight.number) {
                call.answer = flight.back.map(|back| (tick + back, answer));
            }
        }
        for index in 0..self.processes.len() {
            self.act(index, tick);
        }
    }

    fn act(&mut self, index: usize, tick: u32) {
        let timing = self.timing;
        let process = &mut self.processes[index];
        let frozen = |(from, length): &(u32, u32)| (*from..from + length).contains(&tick);
        if tick < process.starts || process.plan.freezes.iter().any(frozen) {
            return;
        }
        let now = process.plan.clock.at(tick);
        if process.plan.stops.contains(&tick) {
            let release = process.candidate.release(now);
            process.begin_again(index, tick, timing);
            if let Some(step) = release {
                self.send(index, step, tick);
            }
            return;
        }
        if let Some(call) = process.call.take() {
            match &call.answer {
                Some((at, answer)) if *at <= tick => {
                    let answer = answer.clone();
                    process
                        .candidate
                        .answered(&call.step, answer, call.asked, now.moment);
                }
                _ if now.moment >= call.gives_up => {
                    process
                        .candidate
                        .answered(&call.step, Answer::Failed, call.asked, now.moment);
                }
                _ => {
                    process.call = Some(call);
                    return;
                }
            }
        }
        match process.candidate.next(now) {
            Step::Wait(until) => assert!(until > now.moment, "it would wait for the past"),
            Step::Lost(_) => process.begin_again(index, tick, timing),
            step @ (Step::Read | Step::Write { .. }) => {
                let limit = now.moment + CALL_WITHIN;
                let until = process.candidate.leads_until().unwrap_or(limit);
                process.call = Some(Call {
                    number: process.calls,
                    step: step.clone(),
                    asked: now.moment,
                    gives_up: limit.min(until),
                    answer: None,
                });
                self.send(index, step, tick);
            }
        }
    }

    fn send(&mut self, index: usize, step: Step, tick: u32) {
        let process = &mut self.processes[index];
        let number = process.calls;
        process.calls += 1;
        let fate = process.plan.fates.get(number).copied().unwrap_or(QUICK);
        let Fate { there, back } = if tick < TROUBLE { fate } else { QUICK };
        self.flights.extend(there.map(|there| Flight {
            process: index,
            number,
            step,
            arrives: tick + 1 + there,
            back,
        }));
    }
}

impl Process {
    /// Ends; another process with another name takes its place.
    fn begin_again(&mut self, index: usize, tick: u32, timing: Timing) {
        self.lives += 1;
        self.candidate = Candidate::new(format!("{index}.{}", self.lives), timing);
        self.call = None;
        self.starts = tick + 10;
    }
}

fn fate() -> impl Strategy<Value = Fate> {
    let ticks = prop_oneof![
        6 => (0..4u32).prop_map(Some),
        2 => (0..60u32).prop_map(Some),
        1 => (0..300u32).prop_map(Some),
        2 => Just(None),
    ];
    (ticks.clone(), ticks).prop_map(|(there, back)| Fate { there, back })
}

fn plan() -> impl Strategy<Value = Plan> {
    let clock =
        (0..1_000_000u64, 90..=110u32, -100_000..100_000i64).prop_map(|(begin, speed, skew)| {
            Clock {
                begin: Duration::from_secs(begin),
                speed,
                skew,
            }
        });
    let freezes = prop::collection::vec((0..TROUBLE, 1..300u32), 0..3);
    let stops = prop::collection::vec(0..TROUBLE, 0..2);
    let fates = prop::collection::vec(fate(), 0..200);
    (clock, fates, freezes, stops).prop_map(|(clock, fates, mut freezes, stops)| {
        for (from, length) in &mut freezes {
            *length = (*length).min(TROUBLE - *from);
        }
        Plan {
            clock,
            fates,
            freezes,
            stops,
        }
    })
}

proptest! {
    #![proptest_config(cases(128))]

    #[test]
    fn never_two_lead_and_in_the_end_one_does(plans in prop::collection::vec(plan(), 2..=3)) {
        let mut world = World::new(plans, Timing::default());
        for tick in 0..TROUBLE + QUIET {
            world.tick(tick);
            let leaders = world.leaders(tick);
            prop_assert!(leaders.len() <= 1, "{leaders:?} lead at tick {tick}");
        }
        prop_assert_eq!(world.leaders(TROUBLE + QUIET - 1).len(), 1);
    }
}

/// The first leader, which hears nothing any more from the fourth call on, and one that waits.
fn cut_off() -> Vec<Plan> {
    let plan = |begin, fates| Plan {
        clock: Clock {
            begin: Duration::from_secs(begin),
            speed: 100,
            skew: 0,
        },
        fates,
        freezes: Vec::new(),
        stops: Vec::new(),
    };
    let mut lost = vec![QUICK; 3];
    lost.extend([LOST; 50]);
    let mut late = plan(500, Vec::new());
    late.freezes = vec![(0, 5)];
    vec![plan(0, lost), late]
}

/// Who leads at each tick.
fn reigns(timing: Timing) -> Vec<Vec<String>> {
    let mut world = World::new(cut_off(), timing);
    let each = (0..300).map(|tick| {
        world.tick(tick);
        let leaders = world.leaders(tick);
        leaders.into_iter().map(str::to_owned).collect()
    });
    each.collect()
}

#[test]
fn a_leader_that_is_cut_off_is_followed_after_a_gap() {
    let reigns = reigns(Timing::default());
    let last = reigns.iter().rposition(|leaders| leaders == &["0.0"]);
    let first = reigns.iter().position(|leaders| leaders == &["1.0"]);
    let (last, first) = (last.unwrap(), first.unwrap());
    assert!((last..last + 80).contains(&first), "{last} {first}");
    assert!(reigns.iter().all(|leaders| leaders.len() <= 1));
}

/// What is tested above can fail.
#[test]
fn with_a_lease_that_is_shorter_than_a_term_two_lead() {
    let reigns = reigns(Timing {
        held_for: Duration::from_secs(6),
        ..Timing::default()
    });
    assert!(reigns.iter().any(|leaders| leaders.len() == 2));
}
