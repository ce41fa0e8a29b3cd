//! An API server that knows the operator: its definitions, and a user with exactly the chart's rights.

use std::time::Duration;

use anyhow::Result;
use e2e_node::{ApiServer, Layout};

use crate::user::{self, Scope, User};
use crate::{Kubectl, wait_until};

/// How long what should happen at once may take on a busy machine.
const SOON: Duration = Duration::from_secs(120);

/// Boots an API server with the operator's definitions, and makes a user with the chart's rights in all namespaces.
pub fn boot(name: &str) -> Result<(ApiServer, User)> {
    let server = ApiServer::boot(name)?;
    let kubectl = Kubectl::new(&server.kubeconfig())?;
    let crds = Layout::discover()?.repo.join("crds");
    kubectl.run(&["apply", "-f", &crds.to_string_lossy()])?;
    // Until the API server has taken it up, it knows no such resource.
    wait_until("the CRD is served", SOON, || {
        kubectl.run(&["get", "locusttests", "--all-namespaces"])
    })?;
    kubectl.run(&["create", "namespace", "operator"])?;
    let user = user::create(
        &kubectl.in_namespace("operator"),
        "locust-operator",
        Scope::Cluster,
        &user::operator_rules(Scope::Cluster)?,
        server.directory(),
    )?;
    Ok((server, user))
}

/// Deletes the operator's definitions, and with them every object of their kinds.
pub fn delete_definitions(kubectl: &Kubectl) -> Result<()> {
    let crds = Layout::discover()?.repo.join("crds");
    let arguments = [
        "delete",
        "--ignore-not-found",
        "--wait",
        "--timeout=60s",
        "-f",
    ];
    kubectl
        .run(&[&arguments[..], &[&crds.to_string_lossy()]].concat())
        .map(drop)
}

/// Makes a namespace in which pods can be created; of another name if this one was used by an earlier try.
pub fn namespace(kubectl: &Kubectl, name: &str) -> Result<Kubectl> {
    let again = format!("{name}-again");
    let name = match kubectl.run(&["create", "namespace", name]) {
        Err(error) if format!("{error:#}").contains("AlreadyExists") => {
            kubectl.run(&["create", "namespace", &again])?;
            &again
        }
        created => {
            created?;
            name
        }
    };
    let kubectl = kubectl.in_namespace(name);
    // Pods are refused until it exists.
    wait_until("the default service account", SOON, || {
        kubectl.get("serviceaccount", "default")
    })?;
    Ok(kubectl)
}

/// Makes namespaces, all at once.
pub fn namespaces(kubectl: &Kubectl, names: &[String]) -> Result<()> {
    let manifest =
        |name| format!("{{apiVersion: v1, kind: Namespace, metadata: {{name: {name}}}}}\n---\n");
    kubectl.apply(&names.iter().map(manifest).collect::<String>())?;
    Ok(())
}
