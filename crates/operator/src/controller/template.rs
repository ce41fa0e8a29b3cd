//! Tests that are made from a template: what it gives is kept in a ControllerRevision when the run is claimed, and read
//! from there ever after.

use std::{
    borrow::Cow,
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use k8s_openapi::api::apps::v1::ControllerRevision;
use kube::{Api, api::PostParams};
use locust_api::v2::{LocustTest, LocustTestSpec, Pin};
use locust_core::{
    revision,
    template::{self, Origin},
};

use super::{
    Context,
    status::{name, namespace},
};
use crate::{
    control::{ReconcileError, Trying},
    templates::{self, Unusable},
};

/// What the templates of claimed tests gave, by the tests' UIDs.
#[derive(Default)]
pub(super) struct Specs {
    known: Mutex<HashMap<String, Arc<LocustTestSpec>>>,
}

impl Specs {
    /// Forgets what nobody needs any more.
    pub fn forget(&self, test: &LocustTest) {
        self.lock().remove(uid(test));
    }

    fn get(&self, test: &LocustTest) -> Option<Arc<LocustTestSpec>> {
        self.lock().get(uid(test)).cloned()
    }

    fn keep(&self, test: &LocustTest, spec: LocustTestSpec) -> Arc<LocustTestSpec> {
        let spec = Arc::new(spec);
        self.lock().insert(uid(test).to_owned(), spec.clone());
        spec
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Arc<LocustTestSpec>>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A test as its template makes it, before its claim.
pub(super) struct Expanded<'a> {
    /// The test with the spec that is to run.
    pub test: Cow<'a, LocustTest>,
    /// What keeps that spec; `None` without a template.
    revision: Option<ControllerRevision>,
}

/// Fills in the template of a test that is not claimed yet.
pub(super) async fn expand<'a>(
    test: &'a LocustTest,
    context: &Context,
) -> Result<Result<Expanded<'a>, Unusable>, ReconcileError> {
    let Some(reference) = &test.spec.template_ref else {
        return Ok(Ok(Expanded {
            test: Cow::Borrowed(test),
            revision: None,
        }));
    };
    let found = templates::find(reference, namespace(test), &context.hub, &context.client).await?;
    let template = match found {
        Ok(template) => template,
        Err(unusable) => return Ok(Err(unusable)),
    };
    let origin = Origin {
        run_name: name(test),
        schedule_time: None,
    };
    let expanded = template::expand(&template.spec, &test.spec, &origin)
        .and_then(|spec| Ok((revision::of_test(test, &template, &spec)?, spec)));
    Ok(match expanded {
        Ok((revision, spec)) => Ok(Expanded {
            test: Cow::Owned(with_spec(test, spec)),
            revision: Some(revision),
        }),
        Err(problems) => Err(Unusable::parameters(&template, &problems)),
    })
}

/// Keeps what the template gave, before the claim says where that is.
pub(super) async fn pin(
    expanded: &Expanded<'_>,
    context: &Context,
) -> Result<Option<Pin>, ReconcileError> {
    let Expanded { test, revision } = expanded;
    let Some(revision) = revision else {
        return Ok(None);
    };
    create(revision, context).await?;
    context.specs.keep(test, test.spec.clone());
    Ok(revision::rendered(revision)
        .ok()
        .map(|(provenance, spec)| Pin {
            template: Some(provenance.template),
            revision: revision.metadata.name.clone(),
            retention: spec.retention,
            ..Pin::default()
        }))
}

/// The name is a hash of the content: one that exists is this one.
async fn create(revision: &ControllerRevision, context: &Context) -> Result<(), ReconcileError> {
    let namespace = revision.metadata.namespace.as_deref().unwrap_or_default();
    let api: Api<ControllerRevision> = Api::namespaced(context.client.clone(), namespace);
    match api.create(&PostParams::default(), revision).await {
        Err(kube::Error::Api(status)) if status.is_already_exists() => Ok(()),
        created => created.trying("keep what the template gave").map(drop),
    }
}

/// A claimed test with the spec that runs.
pub(super) async fn pinned<'a>(
    test: &'a LocustTest,
    context: &Context,
) -> Result<Cow<'a, LocustTest>, ReconcileError> {
    let pin = test.status.as_ref().and_then(|status| status.pin.as_ref());
    let Some(name) = pin.and_then(|pin| pin.revision.as_ref()) else {
        return Ok(Cow::Borrowed(test));
    };
    let rendered = match context.specs.get(test) {
        Some(rendered) => rendered,
        None => context.specs.keep(test, read(test, name, context).await?),
    };
    let spec = template::pinned(&rendered, &test.spec);
    Ok(Cow::Owned(with_spec(test, spec)))
}

async fn read(
    test: &LocustTest,
    name: &str,
    context: &Context,
) -> Result<LocustTestSpec, ReconcileError> {
    let api: Api<ControllerRevision> = Api::namespaced(context.client.clone(), namespace(test));
    let found = api.get_opt(name).await;
    let found = found.trying("read what the template gave")?;
    let read = found
        .ok_or_else(|| format!("ControllerRevision {name:?} is gone"))
        .and_then(|found| revision::rendered(&found));
    read.map(|(_, spec)| spec)
        .map_err(ReconcileError::PinnedSpecGone)
}

fn with_spec(test: &LocustTest, spec: LocustTestSpec) -> LocustTest {
    LocustTest {
        metadata: test.metadata.clone(),
        spec,
        status: test.status.clone(),
    }
}

fn uid(test: &LocustTest) -> &str {
    test.metadata.uid.as_deref().unwrap_or_default()
}
