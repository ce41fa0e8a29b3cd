//! Whether another operator works on the same tests.
//!
//! The published operators put a finalizer on every test they see, before anything else. So a test that had none of
//! theirs, and has one now, was written by one that is at work at this moment. Replicas and releases that share a Lease
//! never meet like this: whoever does not hold it does not look.
//!
//! What two operators of this kind do beside each other is harmless, and so there is nothing to see of it: each test is
//! claimed by one write.

use std::collections::HashSet;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use locust_api::Duration;

use crate::{lifecycle::taken_over::FINALIZERS, time::after};

/// So long after the last sign of it another operator counts as at work. Then its finalizers are removed again, and if it
/// is still there it shows.
const QUIET: Duration = Duration::from_secs(60);

/// What is known of other operators.
#[derive(Debug, Default)]
pub struct Others {
    /// UIDs of the tests that were seen without a finalizer of theirs.
    clean: HashSet<String>,
    last: Option<Sign>,
}

/// A sign of another operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sign {
    /// `namespace/name` of a test.
    pub test: String,
    /// What was put on it.
    pub finalizer: &'static str,
    at: Timestamp,
}

impl Others {
    /// Notes a test as it is stored now, or that it is gone. Says whether this is the first sign after a quiet time.
    pub fn note(&mut self, test: &ObjectMeta, is_gone: bool, now: Timestamp) -> bool {
        let Some(uid) = &test.uid else {
            return false;
        };
        if is_gone {
            self.clean.remove(uid);
            return false;
        }
        let Some(finalizer) = finalizer(test) else {
            self.clean.insert(uid.clone());
            return false;
        };
        if !self.clean.remove(uid) {
            return false;
        }
        let is_news = !self.at_work(now);
        let part = |part: &Option<String>| part.clone().unwrap_or_default();
        self.last = Some(Sign {
            test: format!("{}/{}", part(&test.namespace), part(&test.name)),
            finalizer,
            at: now,
        });
        is_news
    }

    /// Whether another operator is at work.
    pub fn at_work(&self, now: Timestamp) -> bool {
        self.sign(now).is_some()
    }

    /// The latest sign of another operator that is at work.
    pub fn sign(&self, now: Timestamp) -> Option<&Sign> {
        self.last.as_ref().filter(|sign| now < sign.until())
    }
}

impl Sign {
    /// Up to when it counts.
    pub fn until(&self) -> Timestamp {
        after(self.at, QUIET)
    }

    /// What it means and what to do.
    pub fn words(&self) -> String {
        let Self {
            test,
            finalizer,
            at: _,
        } = self;
        format!(
            "another operator works on LocustTests here: the finalizer {finalizer} came onto {test} while this one was at \
             work. No test is started until a minute after the last such sign. Scale the published operator to 0 \
             (`kubectl get deployments -A -l app.kubernetes.io/name=locust-k8s-operator` finds it); if there is none, see \
             what writes that finalizer"
        )
    }
}

fn finalizer(test: &ObjectMeta) -> Option<&'static str> {
    let mut names = test.finalizers.iter().flatten();
    names.find_map(|name| FINALIZERS.into_iter().find(|known| known == name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    fn test(uid: &str, finalizers: &[&str]) -> ObjectMeta {
        ObjectMeta {
            uid: Some(uid.to_owned()),
            name: Some("demo".to_owned()),
            namespace: Some("perf".to_owned()),
            finalizers: Some(finalizers.iter().map(|name| (*name).to_owned()).collect()),
            ..ObjectMeta::default()
        }
    }

    const PUBLISHED: &str = "locust.io/cleanup";

    #[test]
    fn a_finalizer_that_comes_is_a_sign_and_one_that_was_there_is_not() {
        let mut others = Others::default();
        assert!(!others.note(&test("left", &[PUBLISHED]), false, at(0)));
        assert!(!others.note(&test("mine", &["team/own"]), false, at(0)));
        assert!(!others.note(&test("mine", &["team/own", "team/more"]), false, at(1)));
        assert!(!others.at_work(at(1)));
        assert!(others.note(&test("mine", &["team/own", PUBLISHED]), false, at(2)));
        assert!(others.at_work(at(2)) && others.at_work(at(61)) && !others.at_work(at(62)));
        let words = others.sign(at(3)).unwrap().words();
        assert!(
            words.contains("perf/demo") && words.contains(PUBLISHED),
            "{words}"
        );
    }

    #[test]
    fn version_1_is_seen_too() {
        let mut others = Others::default();
        others.note(&test("a", &[]), false, at(0));
        assert!(others.note(
            &test("a", &["locusttests.locust.io/finalizer"]),
            false,
            at(1)
        ));
    }

    /// The operator removes finalizers that were left; who puts them back is there.
    #[test]
    fn a_finalizer_that_comes_back_is_a_sign() {
        let mut others = Others::default();
        others.note(&test("a", &[PUBLISHED]), false, at(0));
        others.note(&test("a", &[]), false, at(1));
        assert!(others.note(&test("a", &[PUBLISHED]), false, at(2)));
    }

    #[test]
    fn later_signs_prolong_and_are_no_news() {
        let mut others = Others::default();
        for uid in ["a", "b", "c"] {
            others.note(&test(uid, &[]), false, at(0));
        }
        assert!(others.note(&test("a", &[PUBLISHED]), false, at(10)));
        assert!(
            !others.note(&test("a", &[PUBLISHED]), false, at(20)),
            "seen before"
        );
        assert!(!others.note(&test("b", &[PUBLISHED]), false, at(50)));
        assert!(others.at_work(at(109)) && !others.at_work(at(110)));
        assert!(
            others.note(&test("c", &[PUBLISHED]), false, at(200)),
            "after a quiet time"
        );
    }

    #[test]
    fn tests_that_are_gone_are_forgotten() {
        let mut others = Others::default();
        others.note(&test("a", &[]), false, at(0));
        others.note(&test("a", &[]), true, at(1));
        assert!(others.clean.is_empty());
        assert!(!others.note(&test("a", &[PUBLISHED]), false, at(2)));
    }
}
