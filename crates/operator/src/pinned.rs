//! What templates gave when a run started: in ControllerRevisions, which nobody changes, and in memory while the run goes
//! on.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use k8s_openapi::{
    api::apps::v1::ControllerRevision, apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use kube::{Api, Client, api::PostParams};

use crate::control::{ReconcileError, Trying};

/// What revisions hold, by the UIDs of their owners.
pub(crate) struct Pinned<T> {
    known: Mutex<HashMap<String, Arc<T>>>,
}

impl<T> Default for Pinned<T> {
    fn default() -> Self {
        Self {
            known: Mutex::default(),
        }
    }
}

impl<T> Pinned<T> {
    /// Forgets what nobody needs any more.
    pub fn forget(&self, owner: &ObjectMeta) {
        self.lock().remove(uid(owner));
    }

    /// Remembers what a revision of this owner holds.
    pub fn keep(&self, owner: &ObjectMeta, content: T) -> Arc<T> {
        let content = Arc::new(content);
        self.lock().insert(uid(owner).to_owned(), content.clone());
        content
    }

    /// What the revision of this name holds, as `read` finds it.
    pub async fn get(
        &self,
        owner: &ObjectMeta,
        revision: &str,
        read: impl FnOnce(&ControllerRevision) -> Result<T, String>,
        client: &Client,
    ) -> Result<Arc<T>, ReconcileError> {
        let known = self.lock().get(uid(owner)).cloned();
        if let Some(known) = known {
            return Ok(known);
        }
        let namespace = owner.namespace.as_deref().unwrap_or_default();
        let api: Api<ControllerRevision> = Api::namespaced(client.clone(), namespace);
        let found = api.get_opt(revision).await;
        let found = found.trying("read what a template gave")?;
        let content = found
            .ok_or_else(|| format!("ControllerRevision {revision:?} is gone"))
            .and_then(|found| read(&found))
            .map_err(ReconcileError::PinnedSpecGone)?;
        Ok(self.keep(owner, content))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Arc<T>>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn uid(owner: &ObjectMeta) -> &str {
    owner.uid.as_deref().unwrap_or_default()
}

/// Makes a revision. Its name is a hash of its content: one that exists is this one.
pub(crate) async fn create(
    revision: &ControllerRevision,
    client: &Client,
) -> Result<(), ReconcileError> {
    let namespace = revision.metadata.namespace.as_deref().unwrap_or_default();
    let api: Api<ControllerRevision> = Api::namespaced(client.clone(), namespace);
    match api.create(&PostParams::default(), revision).await {
        Err(kube::Error::Api(status)) if status.is_already_exists() => Ok(()),
        created => created.trying("keep what a template gave").map(drop),
    }
}
