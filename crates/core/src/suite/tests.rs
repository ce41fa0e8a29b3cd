use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use locust_api::v2::{
    LocustTestSuite, LocustTestSuiteStatus, Phase, StepPhase, StepStatus, SuiteClaim, Verdict,
};
use serde_json::{Value, json};

use super::*;

mod ends;
mod plans;
mod simulation;
mod stories;

/// A suite with this spec, not claimed.
fn suite(spec: Value) -> LocustTestSuite {
    serde_json::from_value(json!({
        "apiVersion": "locust.io/v2", "kind": "LocustTestSuite",
        "metadata": {"name": "night", "namespace": "team", "uid": "suite-uid", "generation": 3},
        "spec": spec,
    }))
    .unwrap()
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap()
}

fn claim(now: Timestamp) -> SuiteClaim {
    SuiteClaim {
        id: "suite-uid".to_owned(),
        revision: None,
        claimed_at: Time(now),
    }
}

fn ended(verdict: Verdict, reason: &str, message: &str) -> ChildState {
    ChildState::Ended(ChildEnd {
        verdict,
        reason: reason.to_owned(),
        message: message.to_owned(),
        outputs: BTreeMap::new(),
        comparison: None,
        at: None,
    })
}

/// A suite that runs in a cluster where every object is made at once and ends when the test says so.
struct Run {
    suite: LocustTestSuite,
    children: BTreeMap<String, Child>,
    waits: BTreeMap<String, WaitState>,
    now: Timestamp,
}

impl Run {
    fn new(spec: Value) -> Self {
        let mut suite = suite(spec);
        suite.status = Some(claimed(&suite, claim(at(0)), at(0)));
        Self {
            suite,
            children: BTreeMap::new(),
            waits: BTreeMap::new(),
            now: at(0),
        }
    }

    fn plan(&self) -> Plan {
        let seen = Seen {
            now: self.now,
            children: &self.children,
            waits: &self.waits,
        };
        plan(&self.suite, &seen)
    }

    /// Plans, makes what starts and writes the status.
    fn round(&mut self) -> Plan {
        let mut plan = self.plan();
        for start in &plan.starts {
            let uid = format!("uid-{}", start.name);
            self.put(start.kind, &start.name, &uid);
            let news = started(&mut plan.status, start, &uid, self.now);
            plan.news.extend(news);
        }
        self.suite.status = Some(plan.status.clone());
        plan
    }

    fn wait(&mut self, seconds: i64) -> &mut Self {
        self.now += SignedDuration::from_secs(seconds);
        self
    }

    fn end(&mut self, step: &str, verdict: Verdict) -> &mut Self {
        self.becomes(step, ended(verdict, "Because", "of this"))
    }

    fn becomes(&mut self, step: &str, state: ChildState) -> &mut Self {
        let name = self.step(step).child.unwrap().name;
        self.children.get_mut(&name).unwrap().state = state;
        self
    }

    /// A Job is there that was made for the suite, and not noted.
    fn appears(&mut self, name: &str, uid: &str) -> &mut Self {
        self.put(ChildKind::Job, name, uid);
        self
    }

    fn put(&mut self, kind: ChildKind, name: &str, uid: &str) {
        let child = Child {
            kind,
            uid: uid.to_owned(),
            state: ChildState::Active,
        };
        self.children.insert(name.to_owned(), child);
    }

    fn status(&self) -> &LocustTestSuiteStatus {
        self.suite.status.as_ref().unwrap()
    }

    fn step(&self, name: &str) -> StepStatus {
        let steps = &self.status().steps;
        steps.iter().find(|step| step.name == name).unwrap().clone()
    }

    /// The phases of all steps, by their first letters but for S of Skipped, which is `-`.
    fn phases(&self) -> String {
        let letter = |step: &StepStatus| match step.phase {
            StepPhase::Pending => 'P',
            StepPhase::Waiting => 'W',
            StepPhase::Running => 'R',
            StepPhase::Succeeded => 'S',
            StepPhase::Failed => 'F',
            StepPhase::Skipped => '-',
        };
        self.status().steps.iter().map(letter).collect()
    }

    fn condition(&self, kind: &str) -> Option<(String, String)> {
        let mut all = self.status().conditions.iter();
        let found = all.find(|condition| condition.type_ == kind)?;
        Some((found.status.clone(), found.reason.clone()))
    }

    fn result(&self) -> (Phase, Verdict, &str, &str) {
        let status = self.status();
        (
            status.phase.unwrap(),
            status.verdict.unwrap(),
            status.reason.as_deref().unwrap(),
            status.message.as_deref().unwrap(),
        )
    }
}

fn names(starts: &[Start]) -> Vec<&str> {
    starts.iter().map(|start| start.name.as_str()).collect()
}

/// A step with a Job, and these fields besides.
fn step(name: &str, more: Value) -> Value {
    let mut step = json!({"name": name, "job": {}});
    let fields = step.as_object_mut().unwrap();
    fields.extend(more.as_object().unwrap().clone());
    step
}
