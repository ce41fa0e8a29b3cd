//! Making the child of a step, once: its name is the lock.

use std::{fmt::Debug, sync::Arc};

use k8s_openapi::{NamespaceResourceScope, api::batch::v1::Job};
use kube::{Api, Resource, api::PostParams};
use locust_api::{
    reasons,
    v2::{LocustTest, LocustTestSpec, LocustTestSuite, LocustTestSuiteStatus, SuiteStep},
};
use locust_core::{
    revision::{self, Provenance},
    schedule::child::scheduled_time,
    suite::{self, ChildKind, Start, outputs},
    template::{self, Origin},
};
use serde::{Serialize, de::DeserializeOwned};

use super::{Context, children::is_of, name, namespace, steps, template_of};
use crate::control::{ReconcileError, Trying};

/// What became of a child.
pub(super) enum Made {
    /// It exists, with this UID.
    Child(String),
    /// It will never exist: why, in a word and in a sentence.
    Never(&'static str, String),
}

/// Makes the child of `start`. `status` is the suite's as it is planned to be.
pub(super) async fn child(
    suite: &LocustTestSuite,
    start: &Start,
    status: &LocustTestSuiteStatus,
    context: &Context,
) -> Result<Made, ReconcileError> {
    let Some(step) = steps(suite).find(|step| step.name == start.step) else {
        return Ok(Made::Never(
            reasons::INVALID_SPEC,
            format!("there is no step {:?}", start.step),
        ));
    };
    match start.kind {
        ChildKind::Job => match suite::children::job(suite, step, start.attempt) {
            Ok(job) => create::<Job>(suite, &job, context).await,
            Err(problem) => Ok(Made::Never(reasons::INVALID_SPEC, problem.to_string())),
        },
        ChildKind::Test => match spec(suite, step, start, status, context).await? {
            Ok((spec, provenance)) => {
                let attempt = start.attempt;
                let test = suite::children::test(suite, step, attempt, spec, provenance.as_ref());
                create::<LocustTest>(suite, &test, context).await
            }
            Err((reason, words)) => Ok(Made::Never(reason, words)),
        },
    }
}

type Unusable = (&'static str, String);

/// The spec of the step's test, with what its template gives.
async fn spec(
    suite: &LocustTestSuite,
    step: &SuiteStep,
    start: &Start,
    status: &LocustTestSuiteStatus,
    context: &Context,
) -> Result<Result<(LocustTestSpec, Option<Provenance>), Unusable>, ReconcileError> {
    let own = step.test.as_deref().cloned();
    let Some(reference) = template_of(step) else {
        return Ok(own
            .map(|own| (own, None))
            .ok_or_else(|| (reasons::INVALID_SPEC, "the step has no test".to_owned())));
    };
    let claim = suite.status.as_ref().and_then(|status| status.run.as_ref());
    let templates = match claim.and_then(|claim| claim.revision.as_ref()) {
        Some(kept) => {
            let kept =
                context
                    .templates
                    .get(&suite.metadata, kept, revision::templates, &context.client);
            kept.await?
        }
        None => Arc::default(),
    };
    let home = reference.namespace.as_deref().unwrap_or(namespace(suite));
    let key = (home.to_owned(), reference.name.clone());
    let Some((identity, template)) = templates.get(&key) else {
        let words = format!(
            "LocustTemplate {:?} was not kept at the start",
            reference.name
        );
        return Ok(Err((reasons::TEMPLATE_NOT_FOUND, words)));
    };
    let is_last = status
        .steps
        .iter()
        .any(|known| known.name == step.name && known.finally);
    let verdict = is_last.then(|| suite::verdict_so_far(suite, status));
    let known = outputs::context(suite, status, verdict);
    let knows = |name: &str| template.parameters.iter().any(|it| it.name == name);
    let of_suite = &suite.spec.parameters;
    let resolved = outputs::resolve(reference, &known, of_suite, &knows, &template::text);
    let reference = match resolved {
        Ok(reference) => reference,
        Err(words) => return Ok(Err((reasons::OUTPUT_UNAVAILABLE, words))),
    };
    let provenance = Provenance::of(identity.clone(), &reference.parameters);
    let instance = LocustTestSpec {
        template_ref: Some(reference),
        ..own.unwrap_or_else(|| LocustTestSpec::with_workers(0))
    };
    let origin = Origin {
        run_name: &start.name,
        schedule_time: scheduled_time(&suite.metadata),
    };
    Ok(match template::expand(template, &instance, &origin) {
        Ok(spec) => Ok((spec, Some(provenance))),
        Err(problems) => Err((
            reasons::PARAMETERS_INVALID,
            format!("LocustTemplate {:?}: {problems}", identity.name),
        )),
    })
}

/// Creates an object; one of this name that the suite owns already is the one.
pub(super) async fn create<K>(
    suite: &LocustTestSuite,
    object: &K,
    context: &Context,
) -> Result<Made, ReconcileError>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
        + Clone
        + Debug
        + Serialize
        + DeserializeOwned,
{
    let api: Api<K> = Api::namespaced(context.client.clone(), namespace(suite));
    let wanted = object.meta().name.as_deref().unwrap_or_default();
    let what = format!("{} {wanted:?}", K::kind(&()));
    let made = |uid: Option<String>| Ok(Made::Child(uid.unwrap_or_default()));
    match api.create(&PostParams::default(), object).await {
        Ok(created) => made(created.meta().uid.clone()),
        Err(kube::Error::Api(status)) if status.is_already_exists() => {
            let found = api.get_metadata_opt(wanted).await;
            let found = found.trying("read an object that exists")?;
            match found {
                Some(found) if is_of(suite, &found) => made(found.metadata.uid),
                Some(_) => Ok(Made::Never(
                    reasons::NAME_CONFLICT,
                    format!(
                        "{what} exists and belongs to something else; delete it, or give the suite {:?} another name",
                        name(suite)
                    ),
                )),
                // Deleted in between; the next try makes it.
                None => Err(kube::Error::Api(status)).trying("create the child of a step"),
            }
        }
        // The request is at fault, not the way to the server.
        Err(kube::Error::Api(status))
            if (400..500).contains(&status.code) && status.code != 429 =>
        {
            let words = format!("the API server refuses the {what}: {}", status.message);
            Ok(Made::Never(reasons::CREATE_FAILED, words))
        }
        Err(source) => Err(source).trying("create the child of a step"),
    }
}
