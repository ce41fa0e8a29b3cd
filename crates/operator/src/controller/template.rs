//! Tests that are made from a template: what it gives is kept in a ControllerRevision when the run is claimed, and read
//! from there ever after.

use std::borrow::Cow;

use k8s_openapi::api::apps::v1::ControllerRevision;
use locust_api::v2::{LocustTest, LocustTestSpec, Pin};
use locust_core::{
    revision,
    schedule::child::scheduled_time,
    template::{self, Origin},
};

use super::{
    Context,
    status::{name, namespace},
};
use crate::{
    control::ReconcileError,
    pinned,
    templates::{self, Unusable},
};

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
        schedule_time: scheduled_time(&test.metadata),
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
    pinned::create(revision, &context.client).await?;
    context.specs.keep(&test.metadata, test.spec.clone());
    Ok(revision::rendered(revision)
        .ok()
        .map(|(provenance, spec)| Pin {
            template: Some(provenance.template),
            revision: revision.metadata.name.clone(),
            retention: spec.retention,
            ..Pin::default()
        }))
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
    let read = |found: &_| revision::rendered(found).map(|(_, spec)| spec);
    let rendered = context
        .specs
        .get(&test.metadata, name, read, &context.client)
        .await?;
    let spec = template::pinned(&rendered, &test.spec);
    Ok(Cow::Owned(with_spec(test, spec)))
}

fn with_spec(test: &LocustTest, spec: LocustTestSpec) -> LocustTest {
    LocustTest {
        metadata: test.metadata.clone(),
        spec,
        status: test.status.clone(),
    }
}
