//! Who is to look again because of what became of somebody else.

use std::{
    collections::HashMap,
    num::NonZeroUsize,
    sync::{Arc, Mutex, PoisonError},
};

use kube::{Resource, runtime::reflector::ObjectRef};
use locust_core::queue::{Kind, Member, Stage};

use super::{member, member_of_suite};
use crate::{
    control::Asker,
    hub::{CachedSuite, CachedTest, Hub},
};

/// A test or a suite.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Key {
    is_suite: bool,
    namespace: String,
    name: String,
}

/// Remembers who waits and who runs, to tell those that wait when that changes.
pub(crate) struct Wakes {
    at_most: Option<NonZeroUsize>,
    known: HashMap<Key, Member>,
}

impl Wakes {
    /// From now on asks for those whose wait may be over.
    pub fn start(
        hub: &Hub,
        at_most: Option<NonZeroUsize>,
        tests: &Asker<CachedTest>,
        suites: &Asker<CachedSuite>,
    ) {
        let wakes = Arc::new(Mutex::new(Self {
            at_most,
            known: HashMap::new(),
        }));
        let (askers, store) = ((tests.clone(), suites.clone()), hub.tests.store().clone());
        let known = wakes.clone();
        hub.tests.subscribe(move |test| {
            let now = store.get(&ObjectRef::from_obj(test));
            let now = now.and_then(|test| member(&test));
            tell(&known, key(test, false), now, &askers);
        });
        let (askers, store) = ((tests.clone(), suites.clone()), hub.suites.store().clone());
        hub.suites.subscribe(move |suite| {
            let now = store.get(&ObjectRef::from_obj(suite));
            let now = now.and_then(|suite| member_of_suite(&suite));
            tell(&wakes, key(suite, true), now, &askers);
        });
    }

    /// Who is to look again because of what became of this one.
    fn note(&mut self, key: &Key, now: Option<Member>) -> Vec<Key> {
        let now = now.filter(|member| {
            let is_limited = member.kind == Kind::Test && self.at_most.is_some();
            member.group.is_some() || is_limited
        });
        let before = self.known.get(key).cloned();
        match &now {
            Some(member) => drop(self.known.insert(key.clone(), member.clone())),
            None => drop(self.known.remove(key)),
        }
        let stage = |member: &Option<Member>| member.as_ref().map(|member| member.stage);
        if stage(&before) == stage(&now) {
            return Vec::new();
        }
        // A newcomer is behind everybody, which only the length of a group's queue tells.
        let is_newcomer = before.is_none();
        let group = before.or(now).and_then(|member| member.group);
        let limited = self.at_most.is_some() && !is_newcomer;
        if group.is_none() && !limited {
            return Vec::new();
        }
        self.known
            .iter()
            .filter(|(other, member)| {
                member.stage == Stage::Waiting
                    && other.namespace == key.namespace
                    && *other != key
                    && (limited || member.group == group)
            })
            .map(|(other, _)| other.clone())
            .collect()
    }
}

fn key<K: Resource>(object: &K, is_suite: bool) -> Key {
    let metadata = object.meta();
    Key {
        is_suite,
        namespace: metadata.namespace.clone().unwrap_or_default(),
        name: metadata.name.clone().unwrap_or_default(),
    }
}

fn tell(
    wakes: &Mutex<Wakes>,
    key: Key,
    now: Option<Member>,
    (tests, suites): &(Asker<CachedTest>, Asker<CachedSuite>),
) {
    let mut wakes = wakes.lock().unwrap_or_else(PoisonError::into_inner);
    for Key {
        is_suite,
        namespace,
        name,
    } in wakes.note(&key, now)
    {
        if is_suite {
            suites.ask([ObjectRef::new(&name).within(&namespace)]);
        } else {
            tests.ask([ObjectRef::new(&name).within(&namespace)]);
        }
    }
}
