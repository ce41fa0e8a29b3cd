//! The custom resource definition, as far as conversion goes.

use anyhow::Context as _;
use k8s_openapi::{
    ByteString, apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition,
};
use kube::{
    Client, Resource as _,
    api::{Patch, PatchParams, Request},
};
use locust_core::{
    definition::{Conversion, NAME},
    managed_fields,
};
use serde::Deserialize;
use serde_json::{Value, json};

/// Only the parts that matter: the schemas would take megabytes.
#[derive(Debug, Deserialize)]
pub(crate) struct Definition {
    metadata: Metadata,
    spec: Spec,
    #[serde(default)]
    status: Status,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    resource_version: String,
    /// Who owns which fields.
    #[serde(default)]
    managed_fields: Vec<Value>,
}

#[derive(Debug, Deserialize)]
struct Spec {
    conversion: Option<Conversion>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    #[serde(default)]
    stored_versions: Vec<String>,
}

impl Definition {
    /// As it is now; `None` when there is none.
    pub async fn read(client: &Client) -> anyhow::Result<Option<Self>> {
        let request = request().get(NAME, &kube::api::GetParams::default())?;
        match client.request(request).await {
            Ok(definition) => Ok(Some(definition)),
            Err(kube::Error::Api(status)) if status.is_not_found() => Ok(None),
            Err(error) => Err(error).context("cannot read the definition of LocustTest"),
        }
    }

    /// Whether it asks the webhook server with one of these names to convert.
    pub fn asks(&self, hosts: &[String]) -> bool {
        self.asked().is_some_and(|asked| hosts.contains(&asked))
    }

    /// Which other webhook server it asks to convert, if it does.
    pub fn asks_another(&self, hosts: &[String]) -> Option<String> {
        self.asked().filter(|asked| !hosts.contains(asked))
    }

    /// The host that it asks to convert.
    fn asked(&self) -> Option<String> {
        self.spec.conversion.as_ref()?.asked()
    }

    /// Whether it trusts exactly this bundle.
    pub fn trusts(&self, bundle: &str) -> bool {
        let conversion = self.spec.conversion.as_ref();
        let trusted = conversion.and_then(Conversion::ca_bundle);
        trusted.is_some_and(|trusted| trusted == in_base64(bundle))
    }

    /// Lets it trust this bundle, unless it has changed since it was read.
    pub async fn trust(&self, client: &Client, bundle: &str) -> anyhow::Result<()> {
        let patch = json!({
            "metadata": {"resourceVersion": self.metadata.resource_version},
            "spec": {"conversion": {"webhook": {"clientConfig": {
                "caBundle": in_base64(bundle)
            }}}}
        });
        let request = request().patch(NAME, &PatchParams::default(), &Patch::Merge(patch))?;
        let _: Self = client
            .request(request)
            .await
            .context("cannot write the CA into the definition of LocustTest")?;
        Ok(())
    }

    /// Hands the CA over to the Helm release that owns the rest of the stanza, so that what Helm puts in its place finds
    /// nothing left of it. Says whether there was anything to do.
    pub async fn hand_over(&self, client: &Client) -> anyhow::Result<bool> {
        let owners = managed_fields::ca_bundle_to_helm(&self.metadata.managed_fields);
        let Some(owners) = owners else {
            return Ok(false);
        };
        self.set_owners(client, owners).await?;
        Ok(true)
    }

    async fn set_owners(&self, client: &Client, owners: Vec<Value>) -> anyhow::Result<()> {
        let patch = json!({"metadata": {
            "resourceVersion": self.metadata.resource_version,
            "managedFields": owners
        }});
        let request = request().patch(NAME, &PatchParams::default(), &Patch::Merge(patch))?;
        let _: Self = client
            .request(request)
            .await
            .context("cannot write who owns the definition of LocustTest")?;
        Ok(())
    }

    /// Whether objects may be stored in another version than this.
    pub fn stores_older_than(&self, version: &str) -> bool {
        self.status
            .stored_versions
            .iter()
            .any(|stored| stored != version)
    }

    /// Says that all objects are stored in this version, unless the definition has changed since it was read.
    pub async fn stores_only(&self, client: &Client, version: &str) -> anyhow::Result<()> {
        let patch = json!({
            "metadata": {"resourceVersion": self.metadata.resource_version},
            "status": {"storedVersions": [version]}
        });
        let params = PatchParams::default();
        let request = request().patch_subresource("status", NAME, &params, &Patch::Merge(patch))?;
        let _: Self = client
            .request(request)
            .await
            .context("cannot write the stored versions into the definition of LocustTest")?;
        Ok(())
    }
}

fn in_base64(text: &str) -> Value {
    json!(ByteString(text.as_bytes().to_vec()))
}

fn request() -> Request {
    Request::new(CustomResourceDefinition::url_path(&(), None))
}
