use jiff::Timestamp;
use locust_api::{
    reasons,
    v2::{LocustSchedule, LocustScheduleStatus, Verdict},
};
use serde_json::{Value, json};

use super::{timetable::Timetable, *};

mod history;
mod policies;
mod simulation;
mod times;
mod told;

/// 2026-01-05, a Monday, at this time.
fn at(clock: &str) -> Timestamp {
    on("2026-01-05", clock)
}

fn on(day: &str, clock: &str) -> Timestamp {
    format!("{day}T{clock}:00Z").parse().unwrap()
}

/// A schedule with these fields in its spec, created at midnight.
fn schedule(spec: Value) -> LocustSchedule {
    let mut whole = json!({"schedules": ["0 * * * *"],
        "runTemplate": {"test": {"run": {"runTime": "1m"}, "worker": {"replicas": 1}}}});
    for (key, value) in spec.as_object().unwrap() {
        whole[key] = value.clone();
    }
    serde_json::from_value(json!({
        "apiVersion": "locust.io/v2", "kind": "LocustSchedule",
        "metadata": {"name": "nightly", "namespace": "team", "uid": "schedule-uid", "generation": 1,
            "creationTimestamp": "2026-01-05T00:00:00Z"},
        "spec": whole,
    }))
    .unwrap()
}

/// A schedule in a cluster where every object is made at once and ends when the test says so.
struct World {
    schedule: LocustSchedule,
    /// All that ever was.
    runs: Vec<Run>,
    suspends_new: bool,
    now: Timestamp,
}

impl World {
    fn new(spec: Value) -> Self {
        Self {
            schedule: schedule(spec),
            runs: Vec::new(),
            suspends_new: false,
            now: at("00:00"),
        }
    }

    fn decide(&self) -> Decision {
        let spec = &self.schedule.spec;
        let zone = spec.time_zone.as_deref().unwrap_or("Etc/UTC");
        let timetable = Timetable::parse(&spec.schedules, zone);
        let seen = Seen {
            now: self.now,
            runs: &self.runs,
        };
        decide(&self.schedule, timetable.as_ref(), self.suspends_new, &seen)
    }

    /// Creates an object, unless there is one of this name.
    fn create(&mut self, start: &Start) -> String {
        let mut there = self.runs.iter().filter(|run| run.state != RunState::Gone);
        if let Some(run) = there.find(|run| run.name == start.name) {
            return run.uid.clone();
        }
        let uid = format!("uid-{}", self.runs.len());
        self.runs.push(Run {
            kind: start.kind,
            name: start.name.clone(),
            uid: uid.clone(),
            purpose: start.purpose.clone(),
            created: Some(self.now),
            state: RunState::Active,
            is_leaving: false,
        });
        uid
    }

    /// Decides, makes what starts, writes the status and deletes.
    fn round(&mut self) -> Decision {
        let mut decision = self.decide();
        for start in decision.starts.clone() {
            let uid = self.create(&start);
            let news = started(&self.schedule, &mut decision.status, &start, &uid, self.now);
            decision.news.extend(news);
        }
        self.tell(&mut decision.status, &mut decision.news);
        self.schedule.status = Some(decision.status.clone());
        for delete in &decision.deletes {
            let mut runs = self.runs.iter_mut();
            runs.find(|run| run.uid == delete.uid).unwrap().is_leaving = true;
        }
        decision
    }

    /// What is to be told goes nowhere.
    fn tell(&self, status: &mut LocustScheduleStatus, news: &mut Vec<News>) {
        let told = notices::Told {
            now: self.now,
            is_on: true,
            outcomes: &[],
        };
        notices::settle(&self.schedule, status, &told, news);
    }

    /// Decides until nothing changes; returns the names of the runs that were started.
    fn settle(&mut self) -> Vec<String> {
        let mut names = Vec::new();
        for _ in 0..8 {
            let before = self.schedule.status.clone();
            let decision = self.round();
            names.extend(decision.starts.into_iter().map(|start| start.name));
            if before == self.schedule.status {
                return names;
            }
        }
        panic!("it does not come to rest: {:?}", self.schedule.status);
    }

    /// The same at this time.
    fn at(&mut self, clock: &str) -> Vec<String> {
        self.now = at(clock);
        self.settle()
    }

    /// Ends the run that goes on.
    fn end(&mut self, verdict: Verdict) {
        let now = self.now;
        let mut active = self.runs.iter_mut();
        let run = active.find(|run| run.state == RunState::Active);
        run.unwrap().state = RunState::Ended(RunEnd {
            verdict,
            reason: "Why".to_owned(),
            message: "because".to_owned(),
            comparison: None,
            at: Some(now),
        });
    }

    /// Lets what is being deleted be gone.
    fn sweep(&mut self) {
        for run in self.runs.iter_mut().filter(|run| run.is_leaving) {
            run.state = RunState::Gone;
        }
    }

    fn annotate(&mut self, name: &str, value: &str) {
        let annotations = self.schedule.metadata.annotations.get_or_insert_default();
        annotations.insert(name.to_owned(), value.to_owned());
    }

    /// Changes the spec.
    fn edit(&mut self, change: impl FnOnce(&mut locust_api::v2::LocustScheduleSpec)) {
        change(&mut self.schedule.spec);
        *self.schedule.metadata.generation.as_mut().unwrap() += 1;
    }

    fn status(&self) -> &LocustScheduleStatus {
        self.schedule.status.as_ref().unwrap()
    }

    /// `True/Reason` of a condition.
    fn condition(&self, kind: &str) -> String {
        let mut conditions = self.status().conditions.iter();
        let found = conditions
            .find(|condition| condition.type_ == kind)
            .unwrap();
        format!("{}/{}", found.status, found.reason)
    }

    fn skipped(&self) -> &str {
        &self.status().last_skip.as_ref().unwrap().reason
    }
}

/// The name of the run of this time.
fn name(clock: &str) -> String {
    format!("nightly-{}", at(clock).as_second() / 60)
}

#[test]
fn a_schedule_runs_at_its_times() {
    let mut world = World::new(json!({}));
    assert_eq!(world.settle(), Vec::<String>::new());
    assert_eq!(
        world.status().next_schedule_time.as_ref().unwrap().0,
        at("01:00")
    );
    assert_eq!(world.condition("LastRunPassed"), "Unknown/NoRunYet");
    assert_eq!(world.at("01:00"), [name("01:00")]);
    assert_eq!(world.status().active_runs, Some(1));
    world.end(Verdict::Passed);
    assert_eq!(world.at("01:20"), Vec::<String>::new());
    let status = world.status();
    assert_eq!(status.last_schedule_time.as_ref().unwrap().0, at("01:00"));
    assert_eq!(status.last_successful_time.as_ref().unwrap().0, at("01:00"));
    assert_eq!(status.next_schedule_time.as_ref().unwrap().0, at("02:00"));
    let last = status.last_run.as_ref().unwrap();
    assert_eq!(
        (&last.name, last.verdict),
        (&name("01:00"), Some(Verdict::Passed))
    );
    assert_eq!(
        (status.passed, status.runs_started, status.missed_runs),
        (Some(1), Some(1), None)
    );
    assert_eq!(world.condition("LastRunPassed"), "True/Why");
    assert_eq!(world.condition("Ready"), "True/ScheduleValid");
    assert_eq!(world.condition("Suspended"), "False/InForce");
    assert_eq!(world.at("02:01"), [name("02:00")]);
}

#[test]
fn what_was_made_and_not_noted_is_found() {
    let mut world = World::new(json!({}));
    world.settle();
    world.now = at("01:00");
    let decision = world.decide();
    world.create(&decision.starts[0]);
    // Nobody was there for the next time either, and the spec was changed meanwhile.
    world.edit(|spec| spec.schedules = vec!["30 * * * *".to_owned()]);
    assert_eq!(world.at("02:10"), Vec::<String>::new());
    let status = world.status();
    assert_eq!(status.active[0].name, name("01:00"));
    assert_eq!(status.last_schedule_time.as_ref().unwrap().0, at("01:00"));
    assert_eq!((status.runs_started, status.missed_runs), (Some(1), None));
    world.end(Verdict::Failed);
    assert_eq!(world.at("02:30"), [name("02:30")]);
    assert_eq!(world.status().failed, Some(1));
}

#[test]
fn what_cannot_be_made_is_an_error() {
    let mut world = World::new(json!({"suspendAfterConsecutiveFailures": 2}));
    world.settle();
    for clock in ["01:00", "02:00"] {
        world.now = at(clock);
        let mut decision = world.decide();
        let start = decision.starts.remove(0);
        let status = &mut decision.status;
        let news = not_started(
            &world.schedule,
            status,
            &start,
            "ResourcesFailed",
            "no",
            world.now,
        );
        assert_eq!(news, [News::RunNotStarted(format!("{}: no", name(clock)))]);
        world.schedule.status = Some(decision.status);
        assert_eq!(world.settle(), Vec::<String>::new());
    }
    assert_eq!(world.condition("LastRunPassed"), "False/ResourcesFailed");
    assert_eq!(world.condition("Suspended"), "True/ConsecutiveFailures");
    assert_eq!(world.status().failed, Some(2));
}

#[test]
fn a_spec_that_makes_no_sense_starts_nothing_and_hears_all_the_same() {
    let mut world = World::new(json!({}));
    world.at("01:00");
    world.edit(|spec| spec.schedules.push("never".to_owned()));
    world.end(Verdict::Passed);
    assert_eq!(world.at("02:00"), Vec::<String>::new());
    assert_eq!(world.condition("Ready"), "False/InvalidSpec");
    assert_eq!(world.condition("Suspended"), "True/InvalidSpec");
    assert_eq!(world.condition("LastRunPassed"), "True/Why");
    assert_eq!(world.status().next_schedule_time, None);
    world.edit(|spec| spec.schedules.truncate(1));
    assert_eq!(world.at("02:01"), Vec::<String>::new());
    assert_eq!(world.condition("Ready"), "True/ScheduleValid");
    assert_eq!(world.at("03:00"), [name("03:00")]);
}

#[test]
fn without_a_timetable_it_runs_on_demand() {
    let mut world = World::new(json!({"schedules": []}));
    assert_eq!(world.settle(), Vec::<String>::new());
    assert_eq!(world.condition("Suspended"), "False/OnDemand");
    assert_eq!(world.status().schedule.as_deref(), Some("on demand"));
    world.annotate("locust.io/run-now", "one");
    let names = world.at("01:07");
    assert_eq!(names.len(), 1);
    assert!(names[0].starts_with("nightly-r") && names[0].len() == "nightly-r".len() + 8);
    let status = world.status();
    assert_eq!(status.last_run_now_token.as_deref(), Some("one"));
    assert_eq!(
        (status.last_schedule_time.as_ref(), status.runs_started),
        (None, None)
    );
    world.end(Verdict::Passed);
    assert_eq!(world.at("01:10"), Vec::<String>::new());
    world.annotate("locust.io/run-now", "two");
    assert_eq!(world.at("01:11").len(), 1);
    world.end(Verdict::Passed);
    // Back to the first: its run is still there.
    world.annotate("locust.io/run-now", "one");
    assert_eq!(world.at("01:12"), Vec::<String>::new());
    assert_eq!(world.skipped(), reasons::RUN_NOW_REPEATED);
}
