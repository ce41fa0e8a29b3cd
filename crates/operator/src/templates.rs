//! Templates: each is judged when it changes, and whoever is made from one finds it here.

use std::sync::Arc;

use futures::StreamExt;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Namespace;
use kube::{Api, Client, core::DeserializeGuard, runtime::reflector::ObjectRef};
use locust_api::{
    reasons,
    v2::{LocustTemplate, NamespacesFrom, TemplateRef},
};
use locust_core::{problems::Problems, settings::RunSettings, template};

use crate::{
    control::{
        self, Action, Backoff, Common, Events, ReconcileError, Reconciler, Requests, Tone, Trying,
    },
    hub::Hub,
    metrics::Metrics,
};

/// A template, or what is known of one that does not decode.
pub(crate) type CachedTemplate = DeserializeGuard<LocustTemplate>;

/// Why a template cannot be used.
pub(crate) struct Unusable {
    /// In a word.
    pub reason: &'static str,
    /// In a sentence.
    pub words: String,
}

impl Unusable {
    /// It cannot be filled in.
    pub fn parameters(template: &LocustTemplate, problems: &Problems) -> Self {
        let name = template.metadata.name.as_deref().unwrap_or_default();
        Self {
            reason: reasons::PARAMETERS_INVALID,
            words: format!("LocustTemplate {name:?}: {problems}"),
        }
    }
}

/// The template that is named by something in `namespace`, if that may use it.
pub(crate) async fn find(
    reference: &TemplateRef,
    namespace: &str,
    hub: &Hub,
    client: &Client,
) -> Result<Result<LocustTemplate, Unusable>, ReconcileError> {
    let TemplateRef {
        name,
        namespace: named,
        parameters: _,
    } = reference;
    let home = named.as_deref().unwrap_or(namespace);
    let refuse = |reason, words| Ok(Err(Unusable { reason, words }));
    if home != namespace && hub.namespace().is_some() {
        let words = format!(
            "LocustTemplate {name:?} is in namespace {home:?}, and this operator watches {namespace:?} only"
        );
        return refuse(reasons::REF_NOT_PERMITTED, words);
    }
    let key = ObjectRef::new(name).within(home);
    let Some(cached) = hub.templates.store().get(&key) else {
        let words = format!(
            "there is no LocustTemplate {name:?} in namespace {home:?}; apply it and the run starts"
        );
        return refuse(reasons::TEMPLATE_NOT_FOUND, words);
    };
    let template = match &cached.0 {
        Ok(template) => template,
        Err(unreadable) => {
            let words = format!(
                "LocustTemplate {name:?} cannot be read: {}",
                unreadable.error
            );
            return refuse(reasons::PARAMETERS_INVALID, words);
        }
    };
    if !may_use(template, namespace, client).await? {
        let words = format!(
            "LocustTemplate {name:?} of namespace {home:?} may not be used in namespace {namespace:?}: its spec.allowedNamespaces does not name it"
        );
        return refuse(reasons::REF_NOT_PERMITTED, words);
    }
    Ok(Ok(template.clone()))
}

/// The labels of a namespace are read only where they matter.
async fn may_use(
    template: &LocustTemplate,
    namespace: &str,
    client: &Client,
) -> Result<bool, ReconcileError> {
    let allowed = template.spec.allowed_namespaces.as_ref();
    let is_by_labels = allowed.is_some_and(|allowed| allowed.from == NamespacesFrom::Selector);
    if !is_by_labels || template::may_use(template, namespace, None) {
        return Ok(template::may_use(template, namespace, None));
    }
    let api: Api<Namespace> = Api::all(client.clone());
    let found = api.get_metadata_opt(namespace).await;
    let found = found.trying("read the labels of a namespace")?;
    let labels = found.and_then(|found| found.metadata.labels);
    let labels = labels.unwrap_or_default();
    Ok(template::may_use(template, namespace, Some(&labels)))
}

/// What judging a template needs.
struct Judge {
    client: Client,
    settings: RunSettings,
    metrics: Arc<Metrics>,
    events: Events,
    backoff: Backoff<CachedTemplate>,
    now: fn() -> Timestamp,
}

impl Reconciler for Judge {
    type Object = CachedTemplate;
    const KIND: &'static str = "template";

    fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    fn backoff(&self) -> &Backoff<CachedTemplate> {
        &self.backoff
    }

    async fn reconcile(&self, object: &CachedTemplate) -> Result<Action, ReconcileError> {
        let template = match &object.0 {
            Ok(template) => template,
            Err(unreadable) => {
                let error = &unreadable.error;
                tracing::error!(
                    name = unreadable.metadata.name,
                    error,
                    "cannot read a LocustTemplate"
                );
                return Ok(Action::await_change());
            }
        };
        let judged = template::judge(&template.spec, &self.settings);
        let status = template::status(template, &judged, (self.now)());
        let written = control::write(template, &status, &self.client).await?;
        if let (Some(_), Err(problems)) = (written, &judged) {
            let words = problems.to_string();
            let (reason, action) = (reasons::TEMPLATE_INVALID, control::action(&words));
            self.events
                .publish_action(template, Tone::Warning, reason, &action, words);
        }
        Ok(Action::await_change())
    }
}

/// Judges templates until `stop`.
pub(crate) async fn run(common: Common) {
    let Common {
        client,
        hub,
        settings,
        metrics,
        now,
        stop,
    } = common;
    if stop.run_until_cancelled(hub.synced()).await.is_none() {
        return;
    }
    let Requests { asker, stream } = Requests::default();
    hub.templates
        .subscribe(move |template| asker.ask([ObjectRef::from_obj(template)]));
    let (events, published) = Events::start(client.clone());
    let judge = Arc::new(Judge {
        client,
        settings,
        metrics,
        events,
        backoff: Backoff::default(),
        now,
    });
    let requests = stream.take_until(stop.cancelled_owned());
    control::run(judge, hub.templates.store().clone(), requests).await;
    if published.await.is_err() {
        tracing::warn!("events were not published");
    }
}
