//! Who converts between the versions, as a definition says it.

use serde::Deserialize;
use serde_json::{Value, json};

use super::VERSION;

/// `spec.conversion` of a definition.
#[derive(Clone, Debug, Deserialize)]
pub struct Conversion {
    strategy: String,
    webhook: Option<Webhook>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Webhook {
    client_config: Option<ClientConfig>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ClientConfig {
    ca_bundle: Option<String>,
    service: Option<Service>,
    url: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
struct Service {
    name: String,
    namespace: String,
}

impl Conversion {
    /// The host of the webhook server that is asked, if one is.
    pub fn asked(&self) -> Option<String> {
        let config = self.client_config()?;
        match (&config.service, &config.url) {
            (Some(Service { name, namespace }), _) => Some(format!("{name}.{namespace}.svc")),
            (None, Some(url)) => host(url),
            (None, None) => None,
        }
    }

    /// The authorities that are trusted to name that server: PEM, in base64.
    pub fn ca_bundle(&self) -> Option<&str> {
        self.client_config()?.ca_bundle.as_deref()
    }

    fn client_config(&self) -> Option<&ClientConfig> {
        let webhook = self.webhook.as_ref()?;
        let asks = self.strategy == "Webhook";
        webhook.client_config.as_ref().filter(|_| asks)
    }
}

/// The host in `https://host:port/path`.
fn host(url: &str) -> Option<String> {
    let (_, rest) = url.split_once("://")?;
    let authority = rest.split('/').next()?;
    let host = match authority.strip_prefix('[') {
        Some(v6) => v6.split(']').next()?,
        None => authority.split(':').next()?,
    };
    Some(host.to_owned()).filter(|host| !host.is_empty())
}

/// The definition as it has to be when the operator that answers under these names is gone: it asks nobody to convert,
/// and serves only what is stored. `None` when it asks somebody else, or nobody.
pub fn released(definition: &Value, hosts: &[String]) -> Option<Value> {
    let conversion = Conversion::deserialize(&definition["spec"]["conversion"]).ok()?;
    conversion.asked().filter(|asked| hosts.contains(asked))?;
    let mut released = definition.clone();
    released["spec"]["conversion"] = json!({"strategy": "None"});
    let versions = released["spec"]["versions"].as_array_mut();
    for version in versions.into_iter().flatten() {
        if version["name"] != VERSION {
            version["served"] = json!(false);
        }
    }
    Some(released)
}

/// Whether objects may be stored in another version than the one that stays.
pub fn stores_others(definition: &Value) -> bool {
    let stored = definition["status"]["storedVersions"].as_array();
    stored.into_iter().flatten().any(|stored| stored != VERSION)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn by_service() -> Value {
        json!({"strategy": "Webhook", "webhook": {"conversionReviewVersions": ["v1"], "clientConfig": {
            "caBundle": "Y2E=", "service": {"name": "hook", "namespace": "team", "path": "/convert", "port": 443}}}})
    }

    fn by_url(url: &str) -> Value {
        json!({"strategy": "Webhook", "webhook": {"clientConfig": {"url": url}}})
    }

    #[test]
    fn who_is_asked() {
        let none = json!({"strategy": "None"});
        let left_over = json!({"strategy": "None", "webhook": by_service()["webhook"]});
        for (conversion, asked) in [
            (by_service(), Some("hook.team.svc")),
            (by_url("https://127.0.0.1:9443/convert"), Some("127.0.0.1")),
            (by_url("https://hook.example.com"), Some("hook.example.com")),
            (by_url("https://[::1]:9443/convert"), Some("::1")),
            (by_url("nothing"), None),
            (none, None),
            (left_over, None),
        ] {
            let parsed: Conversion = serde_json::from_value(conversion.clone()).unwrap();
            assert_eq!(parsed.asked().as_deref(), asked, "{conversion}");
        }
        let parsed: Conversion = serde_json::from_value(by_service()).unwrap();
        assert_eq!(parsed.ca_bundle(), Some("Y2E="));
    }

    #[test]
    fn a_definition_is_released_only_by_who_is_asked() {
        let definition = json!({"metadata": {"name": "locusttests.locust.io", "resourceVersion": "7"},
            "spec": {"scope": "Namespaced", "conversion": by_service(), "versions": [
                {"name": "v2", "served": true, "storage": true}, {"name": "v1", "served": true, "storage": false}]}});
        let names = |names: &[&str]| {
            names
                .iter()
                .map(|name| (*name).to_owned())
                .collect::<Vec<_>>()
        };
        let released = released(&definition, &names(&["other", "hook.team.svc"])).unwrap();
        assert_eq!(
            released,
            json!({"metadata": {"name": "locusttests.locust.io", "resourceVersion": "7"},
                "spec": {"scope": "Namespaced", "conversion": {"strategy": "None"}, "versions": [
                    {"name": "v2", "served": true, "storage": true}, {"name": "v1", "served": false, "storage": false}]}})
        );
        assert_eq!(
            super::released(&definition, &names(&["hook.other.svc"])),
            None
        );
        assert_eq!(super::released(&released, &names(&["hook.team.svc"])), None);
    }

    #[test]
    fn what_is_stored() {
        let stored =
            |versions: Value| stores_others(&json!({"status": {"storedVersions": versions}}));
        assert!(!stored(json!(["v2"])));
        assert!(stored(json!(["v1", "v2"])));
        assert!(!stores_others(&json!({})));
    }
}
