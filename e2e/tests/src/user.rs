//! Users of the API server with chosen rights: service accounts.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use e2e_node::Layout;
use serde_json::{Value, json};

use crate::Kubectl;

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

/// The rules the chart gives the operator, as YAML.
pub fn operator_rules() -> Result<String> {
    let file = Layout::discover()?
        .repo
        .join("charts/locust-operator/generated/rules.yaml");
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
    let namespace = kubectl.namespace();
    kubectl.run(&["create", "serviceaccount", name])?;
    grant(kubectl, name, scope, rules)?;
    let token = kubectl.run(&["create", "token", name, "--duration=6h"])?;
    let admin: Value = serde_json::from_str(&fs::read_to_string(kubectl.kubeconfig())?)
        .context("the administrator's kubeconfig is not JSON")?;
    let mut config = admin;
    config["users"][0]["user"] = json!({"token": token.trim()});
    let kubeconfig = directory.join(format!("{namespace}-{name}.kubeconfig"));
    fs::write(&kubeconfig, config.to_string())?;
    Ok(User {
        name: format!("system:serviceaccount:{namespace}:{name}"),
        kubeconfig,
    })
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
