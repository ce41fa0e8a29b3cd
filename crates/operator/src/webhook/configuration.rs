//! The configuration that makes the API server ask for validation, as far as trust goes.

use anyhow::Context as _;
use k8s_openapi::{
    ByteString,
    api::admissionregistration::v1::{ValidatingWebhook, ValidatingWebhookConfiguration},
};
use kube::{
    Api, Client,
    api::{Patch, PatchParams},
};
use serde_json::json;

/// A ValidatingWebhookConfiguration.
#[derive(Clone, Debug)]
pub(super) struct Configuration {
    name: String,
    resource_version: Option<String>,
    webhooks: Vec<ValidatingWebhook>,
}

impl Configuration {
    /// As it is now; `None` when there is none.
    pub async fn read(client: &Client, name: &str) -> anyhow::Result<Option<Self>> {
        let found = api(client).get_opt(name).await;
        let found = found
            .with_context(|| format!("cannot read the ValidatingWebhookConfiguration {name}"))?;
        Ok(found.map(|found| Self {
            name: name.to_owned(),
            resource_version: found.metadata.resource_version,
            webhooks: found.webhooks.unwrap_or_default(),
        }))
    }

    /// Whether all its webhooks trust exactly this bundle.
    pub fn trusts(&self, bundle: &str) -> bool {
        let trusts = |webhook: &ValidatingWebhook| {
            let trusted = webhook.client_config.ca_bundle.as_ref();
            trusted.is_some_and(|trusted| trusted.0 == bundle.as_bytes())
        };
        self.webhooks.iter().all(trusts)
    }

    /// Lets all its webhooks trust this bundle, unless it has changed since it was read. Everything else in it is
    /// whoever's made it.
    pub async fn trust(&self, client: &Client, bundle: &str) -> anyhow::Result<()> {
        let authority = ByteString(bundle.as_bytes().to_vec());
        let webhooks: Vec<_> = self
            .webhooks
            .iter()
            .map(|webhook| json!({"name": webhook.name, "clientConfig": {"caBundle": authority}}))
            .collect();
        let patch = json!({
            "metadata": {"resourceVersion": self.resource_version},
            "webhooks": webhooks
        });
        // A strategic patch knows webhooks by their names.
        let patch = Patch::Strategic(patch);
        api(client)
            .patch(&self.name, &PatchParams::default(), &patch)
            .await
            .with_context(|| {
                let name = &self.name;
                format!("cannot write the CA into the ValidatingWebhookConfiguration {name}")
            })?;
        Ok(())
    }
}

fn api(client: &Client) -> Api<ValidatingWebhookConfiguration> {
    Api::all(client.clone())
}
