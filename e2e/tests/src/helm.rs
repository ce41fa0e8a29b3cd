//! Helm, as users run it.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use e2e_node::Layout;
use serde_json::Value;

/// Runs it with a kubeconfig; returns standard output. The error carries standard error.
pub fn run(kubeconfig: &Path, arguments: &[&str]) -> Result<String> {
    let output = Command::new(Layout::discover()?.program("helm"))
        .env("KUBECONFIG", kubeconfig)
        // It ends before collecting garbage would pay.
        .env("GOGC", "off")
        .args(arguments)
        .output()
        .context("cannot run helm")?;
    ensure!(
        output.status.success(),
        "helm {}: {}",
        arguments.join(" "),
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Installs the chart of this checkout as a release of its own namespace, or upgrades that; somebody else has installed
/// the definitions.
pub fn upgrade_release(kubeconfig: &Path, more: &[&str]) -> Result<()> {
    let chart = chart()?;
    let common = [
        "upgrade",
        "--install",
        "locust-operator",
        &chart,
        "--namespace=release",
        "--create-namespace",
        "--set=crds.install=false",
    ];
    run(kubeconfig, &[&common[..], more].concat()).map(drop)
}

/// The objects that one template of the chart makes with these values.
pub fn rendered(kubeconfig: &Path, template: &str, values: &[&str]) -> Result<Vec<Value>> {
    let chart = chart()?;
    let only = format!("--show-only=templates/{template}.yaml");
    let values: Vec<String> = values.iter().map(|it| format!("--set={it}")).collect();
    let mut arguments = vec![
        "template",
        "locust-operator",
        &chart,
        "--kube-version=1.36.0",
        &only,
    ];
    arguments.extend(values.iter().map(String::as_str));
    let text = run(kubeconfig, &arguments)?;
    let documents = text.split("\n---").filter(|it| it.contains("\nkind: "));
    documents
        .map(|it| Ok(serde_saphyr::from_str(it.trim_start_matches("---"))?))
        .collect()
}

/// The chart of this checkout.
pub fn chart() -> Result<String> {
    let chart = Layout::discover()?.repo.join("charts/locust-operator");
    Ok(chart.to_string_lossy().into_owned())
}
