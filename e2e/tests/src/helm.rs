//! Helm, as users run it.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use e2e_node::Layout;

/// Runs it with a kubeconfig; returns standard output. The error carries standard error.
pub fn run(kubeconfig: &Path, arguments: &[&str]) -> Result<String> {
    let output = Command::new(Layout::discover()?.program("helm"))
        .env("KUBECONFIG", kubeconfig)
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

/// The chart of this checkout.
pub fn chart() -> Result<String> {
    let chart = Layout::discover()?.repo.join("charts/locust-operator");
    Ok(chart.to_string_lossy().into_owned())
}
