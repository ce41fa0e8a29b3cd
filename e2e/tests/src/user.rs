//! Users of the API server with chosen rights: service accounts.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use e2e_node::Layout;
use serde_json::{Value, json};

use crate::Kubectl;

/// The Secret that the operator of the tests may read.
pub const NOTIFY_SECRET: &str = "load-test-notify";

/// A service account with its kubeconfig.
#[derive(Clone, Debug)]
pub struct User {
    /// Its name in audit logs.
    pub name: String,
    /// A kubeconfig with its token.
    pub kubeconfig: PathBuf,
}

/// Where a user's rights hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Everywhere: ClusterRole and ClusterRoleBinding.
    Cluster,
    /// In its own namespace: Role and RoleBinding.
    Namespace,
}

/// The rules the chart gives the operator in the namespaces it watches, as YAML.
pub fn operator_rules(scope: Scope) -> Result<String> {
    let names: &[&str] = match scope {
        Scope::Cluster => &[
            "rules",
            "network-policy-rules",
            "notification-rules",
            "sharing-rules",
        ],
        Scope::Namespace => &["rules", "network-policy-rules", "notification-rules"],
    };
    let rules = names.iter().map(|name| generated_rules(name));
    let rules = rules.collect::<Result<Vec<_>>>()?.join("\n");
    // As the chart fills it in where this is the value.
    let secrets = "{{ .Values.notifications.secretNames | toJson }}";
    Ok(rules.replace(secrets, &format!("[{NOTIFY_SECRET}]")))
}

/// Those it gives it besides in its own namespace for the Lease, as YAML.
pub fn lease_rules() -> Result<String> {
    generated_rules("lease-rules")
}

/// The rules of this name in the chart, as YAML.
pub fn generated_rules(name: &str) -> Result<String> {
    let file = Layout::discover()?
        .repo
        .join("charts/locust-operator/generated")
        .join(format!("{name}.yaml"));
    fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))
}

/// Makes a service account in kubectl's namespace with these rules, and its kubeconfig in `directory`.
pub fn create(
    kubectl: &Kubectl,
    name: &str,
    scope: Scope,
    rules: &str,
    directory: &Path,
) -> Result<User> {
    kubectl.run(&["create", "serviceaccount", name])?;
    grant(kubectl, name, scope, rules)?;
    Ok(User {
        name: format!("system:serviceaccount:{}:{name}", kubectl.namespace()),
        kubeconfig: kubeconfig(kubectl, name, directory)?,
    })
}

/// A kubeconfig in `directory` for a service account of kubectl's namespace.
pub fn kubeconfig(kubectl: &Kubectl, name: &str, directory: &Path) -> Result<PathBuf> {
    let token = kubectl.run(&["create", "token", name, "--duration=6h"])?;
    let mut config: Value = serde_json::from_str(&fs::read_to_string(kubectl.kubeconfig())?)
        .context("the administrator's kubeconfig is not JSON")?;
    config["users"][0]["user"] = json!({"token": token.trim()});
    let file = directory.join(format!("{}-{name}.kubeconfig", kubectl.namespace()));
    fs::write(&file, config.to_string())?;
    Ok(file)
}

/// Gives a service account these rules, in place of those it had.
pub fn grant(kubectl: &Kubectl, name: &str, scope: Scope, rules: &str) -> Result<()> {
    let namespace = kubectl.namespace();
    let (role, own_name) = match scope {
        Scope::Cluster => ("ClusterRole", format!("{namespace}-{name}")),
        Scope::Namespace => ("Role", name.to_owned()),
    };
    kubectl.apply(&format!(
        "apiVersion: rbac.authorization.k8s.io/v1
kind: {role}
metadata: {{name: {own_name}}}
rules:
{rules}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: {role}Binding
metadata: {{name: {own_name}}}
roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: {role}, name: {own_name}}}
subjects: [{{kind: ServiceAccount, name: {name}, namespace: {namespace}}}]
"
    ))?;
    Ok(())
}
