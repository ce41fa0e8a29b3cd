//! The gate before the claim: tests and suites that wait for others pass it one after the other.
//!
//! Decisions are made one at a time, from the cache and from what this process let pass and its cache has not heard of
//! yet. Before a group's next one passes, the API server is asked too: a cache that is new to its process may lack what
//! the one before wrote last.

mod wakes;

use std::{
    collections::{HashMap, HashSet},
    fmt::Debug,
    num::NonZeroUsize,
    sync::Arc,
    time::Duration,
};

use jiff::Timestamp;
use k8s_openapi::NamespaceResourceScope;
use kube::{Api, Client, Resource, api::ListParams};
use locust_core::queue::{self, Kind, Member, Place, Stage, Wait};
use serde::de::DeserializeOwned;
use tokio::sync::Mutex;

use crate::{
    control::{Common, ReconcileError, Trying},
    hub::{CachedSuite, CachedTest, Hub},
};
pub(crate) use wakes::Wakes;

/// Nothing tells when the last pod of a group has ended.
const LEFT_OVER: Duration = Duration::from_secs(1);
/// The change that ends the wait brings whoever waits back; this is for what nobody thought of.
const WAITING: Duration = Duration::from_secs(30);

/// Which tests and suites may pass.
pub(crate) struct Gate {
    client: Client,
    hub: Arc<Hub>,
    at_most: Option<NonZeroUsize>,
    now: fn() -> Timestamp,
    /// By namespace, the UIDs of those that passed, until the cache shows their claim.
    passed: Mutex<HashMap<String, HashSet<String>>>,
}

/// What a test or a suite is told.
pub(crate) enum Answer {
    /// It is its turn.
    Pass,
    /// It waits, and asks again after so long at the latest.
    Wait(Wait, Duration),
}

impl Gate {
    /// Nobody has passed yet.
    pub fn new(common: &Common) -> Self {
        Self {
            client: common.client.clone(),
            hub: common.hub.clone(),
            at_most: common.settings.max_running,
            now: common.now,
            passed: Mutex::default(),
        }
    }

    /// Asks whether it is the turn of `me`; `None` has nobody to wait for.
    pub async fn ask(&self, me: Option<Member>, namespace: &str) -> Result<Answer, ReconcileError> {
        let Some(me) = me.filter(|me| me.group.is_some() || self.limit_of(me).is_some()) else {
            return Ok(Answer::Pass);
        };
        let mut passed = self.passed.lock().await;
        let passed = passed.entry(namespace.to_owned()).or_default();
        let cached = self.cached(namespace);
        // One that was suspended before its claim was written has to pass again.
        passed.retain(|uid| {
            let known = cached.iter().find(|member| member.uid == *uid);
            known.is_some_and(|member| member.stage == Stage::Waiting)
        });
        if passed.contains(&me.uid) {
            return Ok(Answer::Pass);
        }
        let others = with_passed(cached, passed);
        if let Place::Wait(wait) = queue::place(&me, &others, self.at_most) {
            return Ok(Answer::Wait(wait, WAITING));
        }
        if let Some(group) = &me.group
            && !queue::has_turn_of_suite(&me, &others)
            && let Some(wait) = self.behind(&me, group, namespace, passed).await?
        {
            return Ok(Answer::Wait(wait, LEFT_OVER));
        }
        passed.insert(me.uid);
        Ok(Answer::Pass)
    }

    fn limit_of(&self, me: &Member) -> Option<NonZeroUsize> {
        self.at_most.filter(|_| me.kind == Kind::Test)
    }

    /// What the API server knows that is still in the way in a group.
    async fn behind(
        &self,
        me: &Member,
        group: &str,
        namespace: &str,
        passed: &HashSet<String>,
    ) -> Result<Option<Wait>, ReconcileError> {
        let selector = queue::selector(group);
        let labelled = ListParams::default().labels(&selector);
        let jobs = self.list(namespace, &labelled).await?;
        let pods = self.list(namespace, &labelled).await?;
        if let Some(what) = queue::left_over(&jobs, &pods, (self.now)()) {
            return Ok(Some(queue::behind_left_over(group, &what)));
        }
        let of_group = ListParams::default().fields(&format!("spec.concurrencyGroup={group}"));
        let tests: Vec<CachedTest> = self.list(namespace, &of_group).await?;
        let suites: Vec<CachedSuite> = self.list(namespace, &of_group).await?;
        let stored = tests.iter().filter_map(member);
        let stored = stored.chain(suites.iter().filter_map(member_of_suite));
        let others = with_passed(stored.collect(), passed);
        Ok(match queue::place(me, &others, None) {
            Place::Wait(wait) => Some(wait),
            Place::Turn => None,
        })
    }

    async fn list<K>(&self, namespace: &str, which: &ListParams) -> Result<Vec<K>, ReconcileError>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
            + Clone
            + Debug
            + DeserializeOwned,
    {
        let api: Api<K> = Api::namespaced(self.client.clone(), namespace);
        let listed = api.list(which).await;
        Ok(listed.trying("see who else is in the group")?.items)
    }

    /// Those of a namespace that wait or run.
    fn cached(&self, namespace: &str) -> Vec<Member> {
        let is_here = |found: Option<&String>| found.is_some_and(|found| found == namespace);
        let tests = self.hub.tests.store().state();
        let tests = tests
            .iter()
            .filter(|test| is_here(test.meta().namespace.as_ref()));
        let suites = self.hub.suites.store().state();
        let suites = suites
            .iter()
            .filter(|suite| is_here(suite.meta().namespace.as_ref()));
        tests
            .filter_map(|test| member(test))
            .chain(suites.filter_map(|suite| member_of_suite(suite)))
            .collect()
    }
}

fn with_passed(mut members: Vec<Member>, passed: &HashSet<String>) -> Vec<Member> {
    for member in &mut members {
        if passed.contains(&member.uid) {
            member.stage = Stage::Running;
        }
    }
    members
}

/// The test as the queue sees it; one that cannot be read neither waits nor runs.
fn member(test: &CachedTest) -> Option<Member> {
    queue::member(test.0.as_ref().ok()?)
}

/// The same of a suite.
fn member_of_suite(suite: &CachedSuite) -> Option<Member> {
    queue::member_of_suite(suite.0.as_ref().ok()?)
}
