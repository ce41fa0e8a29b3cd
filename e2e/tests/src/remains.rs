//! A run happens once: what was written for it, and what must be the same at its end however it came there.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::Kubectl;
use crate::audit::{AuditLog, Filter, Request};

/// A test, what its run made, and its events, as one look at them shows.
#[derive(Clone, Debug)]
pub struct Remains {
    /// The LocustTest.
    pub test: Value,
    /// ConfigMap, Service, NetworkPolicy and Jobs of the run by `kinds/name`.
    pub objects: BTreeMap<String, Value>,
    /// The reasons of the test's events, sorted.
    pub events: Vec<String>,
}

/// What an operator wrote in a namespace.
#[derive(Clone, Debug)]
pub struct Writes {
    /// All but events, in order.
    pub objects: Vec<Request>,
    /// Events.
    pub events: Vec<Request>,
}

impl Remains {
    /// Of the test with this name.
    pub fn of(kubectl: &Kubectl, name: &str) -> Result<Self> {
        let kinds = "locusttests,configmaps,services,networkpolicies,jobs,events.events.k8s.io";
        let all = kubectl.list(kinds, "")?;
        let test = all
            .iter()
            .find(|object| object["kind"] == "LocustTest" && object["metadata"]["name"] == name)
            .context("the test is gone")?
            .clone();
        let run = &test["status"]["run"]["id"];
        let mut objects = BTreeMap::new();
        let mut events = Vec::new();
        for object in all {
            let metadata = &object["metadata"];
            if object["regarding"]["uid"] == test["metadata"]["uid"] {
                events.push(object["reason"].as_str().unwrap_or_default().to_owned());
            } else if metadata["labels"]["locust.io/run-id"] == *run && run.is_string() {
                let kind = object["kind"].as_str().unwrap_or_default().to_lowercase();
                let name = metadata["name"].as_str().unwrap_or_default();
                let kinds = match kind.strip_suffix('y') {
                    Some(stem) => format!("{stem}ies"),
                    None => format!("{kind}s"),
                };
                objects.insert(format!("{kinds}/{name}"), object);
            }
        }
        events.sort();
        Ok(Self {
            test,
            objects,
            events,
        })
    }

    /// What must be the same however the run came to its end; times and what Locust counted are left out.
    pub fn outline(&self) -> Value {
        let status = &self.test["status"];
        let conditions: BTreeMap<&str, String> = status["conditions"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|condition| {
                let word = |field: &str| condition[field].as_str().unwrap_or_default();
                (
                    word("type"),
                    format!("{}/{}", word("status"), word("reason")),
                )
            })
            .collect();
        let deadlines: BTreeMap<&String, &Value> = self
            .objects
            .iter()
            .map(|(key, object)| (key, &object["spec"]["activeDeadlineSeconds"]))
            .collect();
        json!({
            "generation": self.test["metadata"]["generation"],
            "phase": status["phase"], "verdict": status["verdict"], "reason": status["reason"],
            "workers": status["workers"]["text"],
            "conditions": conditions,
            "objects and their deadlines": deadlines,
        })
    }
}

impl Writes {
    /// All that this user wrote in the namespace.
    pub fn of(audit: &AuditLog, user: &str, namespace: &str) -> Result<Self> {
        let all = audit.requests(&Filter {
            user,
            namespace,
            verb: "create|update|patch|delete|deletecollection",
            ..Filter::default()
        })?;
        let (events, objects) = all
            .into_iter()
            .partition(|request| request.resource() == "events");
        Ok(Self { objects, events })
    }

    /// Those from this time on.
    pub fn since(mut self, time: Timestamp) -> Self {
        let is_since = |write: &Request| {
            let received: Option<Timestamp> = write.received().parse().ok();
            received.is_some_and(|received| received >= time)
        };
        self.objects.retain(is_since);
        self.events.retain(is_since);
        self
    }

    /// Fails unless each object of the run was created exactly once and is still that one, and nothing was deleted.
    pub fn check_once(&self, remains: &Remains) -> Result<()> {
        let mut created: Vec<String> = self.good("create").map(key).collect();
        created.sort();
        let there: Vec<&String> = remains.objects.keys().collect();
        ensure!(
            created.iter().eq(there.iter().copied()),
            "created {created:?}, and there are {there:?}"
        );
        for post in self
            .good("create")
            .filter(|write| write.resource() == "jobs")
        {
            let made = &post.event["responseObject"]["metadata"]["uid"];
            let there = &remains.objects[&key(post)]["metadata"]["uid"];
            ensure!(made == there, "{} is another one now", key(post));
        }
        let deleted = self
            .objects
            .iter()
            .find(|write| write.verb().starts_with("delete"));
        ensure!(deleted.is_none(), "{deleted:?}");
        Ok(())
    }

    /// Fails if a Job was told to end more than once.
    pub fn check_told_once(&self) -> Result<()> {
        let mut told: Vec<String> = self
            .good("patch")
            .filter(|write| write.resource() == "jobs")
            .map(key)
            .collect();
        told.sort();
        let twice = told.windows(2).find(|pair| pair[0] == pair[1]);
        ensure!(twice.is_none(), "told to end more than once: {told:?}");
        Ok(())
    }

    fn good(&self, verb: &str) -> impl Iterator<Item = &Request> {
        let all = self.objects.iter();
        all.filter(move |write| write.verb() == verb && write.succeeded())
    }
}

fn key(write: &Request) -> String {
    format!("{}/{}", write.resource(), write.name())
}
