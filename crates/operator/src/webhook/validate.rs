//! `POST /validate`: an `AdmissionReview` in, an `AdmissionReview` out.
//!
//! What is said of a test is decided in [`locust_core::admission`]; here is only what that cannot do: look up whether
//! what a test names exists.

use std::{sync::Arc, time::Duration};

use axum::{Router, body::Bytes, extract::State, response::Response, routing::post};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::{
    Api, Client, Resource as _,
    core::{
        DynamicObject, Status,
        admission::{AdmissionRequest, AdmissionResponse, AdmissionReview},
        response::{StatusCause, StatusDetails},
    },
};
use locust_api::v2::{LocustSchedule, LocustTemplate, LocustTest, LocustTestSuite, TemplateRef};
use locust_core::{
    admission::{self, Judgement},
    problems::Problems,
    references::Reference,
    schedule,
    settings::RunSettings,
    suite::check,
    template,
};
use serde::Deserialize;
use serde_json::Value;
use tokio::sync::Semaphore;

use super::respond;

/// A write does not wait longer for a warning.
const LOOK_WITHIN: Duration = Duration::from_millis(500);
/// ConfigMaps that are looked up for one write.
const MOST_LOOKS: usize = 8;
/// Writes that may look at the same time; others go without. Who floods the server must not flood the API server, too.
const AT_ONCE: usize = 4;

struct Validator {
    client: Client,
    settings: RunSettings,
    looking: Semaphore,
}

pub(super) fn routes(client: Client, settings: RunSettings) -> Router {
    let validator = Arc::new(Validator {
        client,
        settings,
        looking: Semaphore::new(AT_ONCE),
    });
    Router::new()
        .route("/validate", post(validate))
        .with_state(validator)
}

async fn validate(State(validator): State<Arc<Validator>>, body: Bytes) -> Response {
    respond(validator.answer(&body).await)
}

impl Validator {
    /// The answer as JSON. An error is what is no request at all.
    async fn answer(&self, body: &[u8]) -> Result<Vec<u8>, String> {
        let request = read(body)?;
        let Judgement {
            problems,
            mut warnings,
            references,
        } = self.judge(&request)?;
        let namespace = request.namespace.as_deref().unwrap_or_default();
        warnings.extend(self.missing(namespace, references).await);
        if problems.is_empty() && request.kind.kind == LocustTest::kind(&()) {
            warnings.extend(self.beside_template(namespace, &request).await);
        }
        let mut response = AdmissionResponse::from(&request);
        if !warnings.is_empty() {
            response.warnings = Some(admission::few(warnings));
        }
        if !problems.is_empty() {
            response.allowed = false;
            response.result = refusal(&request, &problems);
        }
        serde_json::to_vec(&response.into_review()).map_err(|error| error.to_string())
    }

    fn judge(&self, request: &AdmissionRequest<DynamicObject>) -> Result<Judgement, String> {
        let json = |object: &DynamicObject| {
            serde_json::to_value(object).map_err(|error| error.to_string())
        };
        let new: Option<Value> = request.object.as_ref().map(json).transpose()?;
        let old: Option<Value> = request.old_object.as_ref().map(json).transpose()?;
        // Deletions have no object.
        Ok(new.map_or_else(Judgement::default, |new| {
            let (old, settings) = (old.as_ref(), &self.settings);
            let kind = request.kind.kind.as_str();
            if kind == LocustTemplate::kind(&()) {
                admission::judge_template(&new, old, settings)
            } else if kind == LocustTestSuite::kind(&()) {
                check::judge_suite(&new, old, settings, &template::paths)
            } else if kind == LocustSchedule::kind(&()) {
                let now = Timestamp::now();
                schedule::check::judge_schedule(&new, old, settings, &template::paths, now)
            } else {
                admission::judge(&new, old, settings)
            }
        }))
    }

    /// What is said of a new test that names a template; nothing, if that cannot be found out soon.
    async fn beside_template(
        &self,
        namespace: &str,
        request: &AdmissionRequest<DynamicObject>,
    ) -> Vec<String> {
        let Some(new) = request
            .object
            .as_ref()
            .filter(|_| request.old_object.is_none())
        else {
            return Vec::new();
        };
        let reference = TemplateRef::deserialize(&new.data["spec"]["templateRef"]);
        let (Ok(reference), Ok(_permit)) = (reference, self.looking.try_acquire()) else {
            return Vec::new();
        };
        // Who may not see a template of another namespace must not learn from it.
        let home = reference.namespace.as_deref().unwrap_or(namespace);
        if home != namespace {
            return Vec::new();
        }
        let api: Api<LocustTemplate> = Api::namespaced(self.client.clone(), home);
        let found = tokio::time::timeout(LOOK_WITHIN, api.get_opt(&reference.name)).await;
        match found {
            Ok(Ok(None)) => vec![format!(
                "there is no LocustTemplate {:?} in namespace {home:?} yet; the test waits for it",
                reference.name
            )],
            Ok(Ok(Some(found))) => {
                let new = serde_json::to_value(new).unwrap_or_default();
                admission::beside_template(&new, &found)
            }
            Ok(Err(_)) | Err(_) => Vec::new(),
        }
    }

    /// What is said of those that do not exist; nothing, if that cannot be found out soon.
    async fn missing(&self, namespace: &str, references: Vec<Reference>) -> Vec<String> {
        if references.is_empty() {
            return Vec::new();
        }
        let Ok(_permit) = self.looking.try_acquire() else {
            return Vec::new();
        };
        let api: Api<ConfigMap> = Api::namespaced(self.client.clone(), namespace);
        let looks = references
            .into_iter()
            .take(MOST_LOOKS)
            .map(async |reference| {
                let found = api.get_metadata_opt(&reference.name).await;
                matches!(found, Ok(None)).then(|| reference.missing_in(namespace))
            });
        let looks = tokio::time::timeout(LOOK_WITHIN, futures::future::join_all(looks));
        let found = looks.await.unwrap_or_default();
        found.into_iter().flatten().collect()
    }
}

fn read(body: &[u8]) -> Result<AdmissionRequest<DynamicObject>, String> {
    let review: AdmissionReview<DynamicObject> = serde_json::from_slice(body)
        .map_err(|error| format!("the body is no AdmissionReview: {error}"))?;
    review
        .try_into()
        .map_err(|_| "the AdmissionReview has no request".to_owned())
}

/// A name that the API server has still to make up is empty.
fn name_of(request: &AdmissionRequest<DynamicObject>) -> &str {
    let of_object = || request.object.as_ref()?.metadata.name.as_deref();
    Some(request.name.as_str())
        .filter(|name| !name.is_empty())
        .or_else(of_object)
        .unwrap_or_default()
}

/// In the form in which the API server refuses what does not fit a definition: kubectl then lists all problems.
fn refusal(request: &AdmissionRequest<DynamicObject>, problems: &Problems) -> Status {
    let causes = problems.iter().map(|problem| StatusCause {
        reason: "FieldValueInvalid".to_owned(),
        message: problem.words.clone(),
        field: problem.field.clone(),
    });
    Status::failure(&problems.to_string(), "Invalid")
        .with_code(422)
        .with_details(StatusDetails {
            name: name_of(request).to_owned(),
            group: request.kind.group.clone(),
            kind: request.kind.kind.clone(),
            uid: String::new(),
            causes: causes.collect(),
            retry_after_seconds: 0,
        })
}

#[cfg(test)]
mod tests;
