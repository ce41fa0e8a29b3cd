//! Kubeconfig files.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use crate::pki::Certified;

/// A kubeconfig for one user of one cluster. JSON is YAML, and every reader
/// of kubeconfigs takes it.
pub fn text(cluster: &str, server: &str, authority: &str, user: &Certified) -> String {
    let config = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": cluster, "cluster": {
            "server": server,
            "certificate-authority-data": STANDARD.encode(authority),
        }}],
        "users": [{"name": "user", "user": {
            "client-certificate-data": STANDARD.encode(&user.certificate),
            "client-key-data": STANDARD.encode(&user.key),
        }}],
        "contexts": [{"name": cluster, "context": {"cluster": cluster, "user": "user"}}],
        "current-context": cluster,
    });
    format!("{config:#}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_context_leads_to_server_and_user() {
        let user = Certified {
            certificate: "CERT".into(),
            key: "KEY".into(),
        };
        let text = text("locust-node", "https://10.88.0.1:6443", "CA", &user);
        let config: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(config["current-context"], "locust-node");
        assert_eq!(config["contexts"][0]["name"], config["current-context"]);
        assert_eq!(
            config["contexts"][0]["context"]["cluster"],
            config["clusters"][0]["name"]
        );
        assert_eq!(
            config["contexts"][0]["context"]["user"],
            config["users"][0]["name"]
        );
        assert_eq!(
            config["clusters"][0]["cluster"]["server"],
            "https://10.88.0.1:6443"
        );
        assert_eq!(
            config["clusters"][0]["cluster"]["certificate-authority-data"],
            "Q0E="
        );
    }
}
