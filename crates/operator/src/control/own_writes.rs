//! What this process has written and its cache has not heard of yet.
//!
//! A cached version that a write of ours has replaced says nothing new: deciding by it would read the test again, or
//! end in a conflict. The watch brings the version that replaced it.

use std::{
    collections::{HashMap, HashSet},
    sync::{Mutex, MutexGuard, PoisonError},
};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

/// Versions that own writes have replaced, by the objects' UIDs, until the cache has a later one.
#[derive(Default)]
pub(crate) struct OwnWrites {
    replaced: Mutex<HashMap<String, Vec<String>>>,
    /// What Jobs were told, by their UIDs, until the cache shows it.
    told_jobs: Mutex<HashSet<(String, JobWrite)>>,
}

/// What a Job may be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum JobWrite {
    /// To end its pods.
    End,
    /// When to go.
    Retention,
    /// How many pods to have.
    Scale(i32),
}

impl JobWrite {
    fn is_replaced_by(self, later: Self) -> bool {
        matches!((self, later), (Self::Scale(_), Self::Scale(_)))
    }
}

impl OwnWrites {
    /// Notes that a write replaced this version.
    pub fn replaced(&self, version: &ObjectMeta) {
        if let Some((uid, version)) = identity(version) {
            let mut replaced = lock(&self.replaced);
            replaced.entry(uid).or_default().push(version);
        }
    }

    /// Whether this is a version that a write replaced. A later one ends the matter.
    pub fn have_replaced(&self, cached: &ObjectMeta) -> bool {
        let Some((uid, version)) = identity(cached) else {
            return false;
        };
        let mut replaced = lock(&self.replaced);
        let is_old = replaced
            .get(&uid)
            .is_some_and(|versions| versions.contains(&version));
        if !is_old {
            replaced.remove(&uid);
        }
        is_old
    }

    /// Notes that a Job was told this.
    pub fn told_job(&self, uid: &str, write: JobWrite) {
        let mut told = lock(&self.told_jobs);
        // Of several sizes the last counts: the Job may be told an earlier one again.
        told.retain(|(other, earlier)| other != uid || !earlier.is_replaced_by(write));
        told.insert((uid.to_owned(), write));
    }

    /// Whether a Job was told this, which its cached version may not show yet.
    pub fn has_told_job(&self, uid: &str, write: JobWrite) -> bool {
        lock(&self.told_jobs).contains(&(uid.to_owned(), write))
    }

    /// Notes that the cache shows that nobody has to tell a Job this, or not any more.
    pub fn job_knows(&self, uid: &str, write: JobWrite) {
        lock(&self.told_jobs).remove(&(uid.to_owned(), write));
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn identity(meta: &ObjectMeta) -> Option<(String, String)> {
    Some((meta.uid.clone()?, meta.resource_version.clone()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    fn test(uid: &str, version: &str) -> ObjectMeta {
        ObjectMeta {
            uid: Some(uid.to_owned()),
            resource_version: Some(version.to_owned()),
            ..ObjectMeta::default()
        }
    }

    #[test]
    fn replaced_versions_are_old_until_a_later_one_is_seen() {
        let writes = OwnWrites::default();
        writes.replaced(&test("a", "1"));
        writes.replaced(&test("a", "2"));
        assert!(writes.have_replaced(&test("a", "1")));
        assert!(writes.have_replaced(&test("a", "2")));
        assert!(!writes.have_replaced(&test("b", "2")));
        assert!(!writes.have_replaced(&test("a", "3")));
        assert!(writes.replaced.lock().unwrap().is_empty());
    }

    #[test]
    fn a_job_may_come_back_to_a_size() {
        use JobWrite::{End, Scale};
        let writes = OwnWrites::default();
        writes.told_job("a", End);
        writes.told_job("b", Scale(6));
        writes.told_job("a", Scale(6));
        assert!(writes.has_told_job("a", Scale(6)));
        writes.told_job("a", Scale(3));
        assert!(!writes.has_told_job("a", Scale(6)));
        assert!(writes.has_told_job("a", Scale(3)) && writes.has_told_job("a", End));
        assert!(writes.has_told_job("b", Scale(6)));
    }

    #[test]
    fn a_job_is_told_once_and_forgotten_when_the_cache_shows_it() {
        use JobWrite::{End, Retention};
        let writes = OwnWrites::default();
        assert!(!writes.has_told_job("a", End));
        writes.told_job("a", End);
        assert!(writes.has_told_job("a", End));
        assert!(!writes.has_told_job("b", End) && !writes.has_told_job("a", Retention));
        writes.job_knows("a", Retention);
        assert!(writes.has_told_job("a", End));
        writes.job_knows("a", End);
        assert!(!writes.has_told_job("a", End));
    }
}
