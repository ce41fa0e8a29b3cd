//! `cargo xtask generate` writes every generated file; with `--check` it says which ones differ.

mod crds;
mod metrics;
mod rbac;
mod reference;
mod settings;
mod status_fields;
mod tenants;
mod troubleshooting;

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Context as _;
use clap::{Parser, Subcommand};
use locust_operator::rbac::{
    CA_RULES, CERTIFICATE_RULES, CONVERSION_RULES, LEASE_RULES, NETWORK_POLICY_RULES,
    NOTIFICATION_RULES, RELEASE_RULES, RULES, SHARING_RULES, VALIDATION_RULES,
};

#[derive(Parser)]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Writes CRDs, the chart's CRDs and RBAC, and the reference pages.
    Generate {
        /// Change nothing; fail when a file differs from what would be written.
        #[arg(long)]
        check: bool,
    },
}

fn main() -> anyhow::Result<ExitCode> {
    let Command::Generate { check } = Args::parse().command;
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut stale = Vec::new();
    for (path, content) in files()? {
        let full = root.join(&path);
        if fs::read_to_string(&full).is_ok_and(|current| current == content) {
            continue;
        }
        if check {
            stale.push(path);
        } else {
            let folder = full.parent().context("a file is in a folder")?;
            fs::create_dir_all(folder)?;
            fs::write(&full, content)
                .with_context(|| format!("cannot write {}", full.display()))?;
            println!("wrote {}", path.display());
        }
    }
    if stale.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    for path in stale {
        eprintln!(
            "{} differs from what the code says; run `make generate` and commit",
            path.display()
        );
    }
    Ok(ExitCode::FAILURE)
}

/// Every generated file and its content.
fn files() -> anyhow::Result<Vec<(PathBuf, String)>> {
    let crd = locust_api::crd::locust_test();
    let suite = locust_api::crd::locust_test_suite();
    let schedule = locust_api::crd::locust_schedule();
    let template = locust_api::crd::locust_template();
    // Every kind that people write.
    let of_tenants = |role| tenants::rules(role, &[&crd, &suite, &schedule, &template]);
    Ok(vec![
        ("crds/locusttests.locust.io.yaml".into(), crds::plain(&crd)?),
        (
            "crds/locusttestsuites.locust.io.yaml".into(),
            crds::plain(&suite)?,
        ),
        (
            "crds/locustschedules.locust.io.yaml".into(),
            crds::plain(&schedule)?,
        ),
        (
            "crds/locusttemplates.locust.io.yaml".into(),
            crds::plain(&template)?,
        ),
        (
            "charts/locust-operator/templates/crds.yaml".into(),
            crds::of_chart(&crd)?,
        ),
        (
            "charts/locust-operator/templates/crd-locusttestsuites.yaml".into(),
            crds::of_chart_in_one_version(&suite)?,
        ),
        (
            "charts/locust-operator/templates/crd-locustschedules.yaml".into(),
            crds::of_chart_in_one_version(&schedule)?,
        ),
        (
            "charts/locust-operator/templates/crd-locusttemplates.yaml".into(),
            crds::of_chart_in_one_version(&template)?,
        ),
        (
            "crates/core/src/definition/status-fields.txt".into(),
            status_fields::list(&crd)?,
        ),
        (
            "charts/locust-operator/generated/rules.yaml".into(),
            rbac::rules(RULES),
        ),
        (
            "charts/locust-operator/generated/network-policy-rules.yaml".into(),
            rbac::rules(NETWORK_POLICY_RULES),
        ),
        (
            "charts/locust-operator/generated/notification-rules.yaml".into(),
            rbac::rules(NOTIFICATION_RULES),
        ),
        (
            "charts/locust-operator/generated/sharing-rules.yaml".into(),
            rbac::rules(SHARING_RULES),
        ),
        (
            "charts/locust-operator/generated/lease-rules.yaml".into(),
            rbac::rules(LEASE_RULES),
        ),
        (
            "charts/locust-operator/generated/conversion-rules.yaml".into(),
            rbac::rules(CONVERSION_RULES),
        ),
        (
            "charts/locust-operator/generated/ca-rules.yaml".into(),
            rbac::rules(CA_RULES),
        ),
        (
            "charts/locust-operator/generated/validation-rules.yaml".into(),
            rbac::rules(VALIDATION_RULES),
        ),
        (
            "charts/locust-operator/generated/certificate-rules.yaml".into(),
            rbac::rules(CERTIFICATE_RULES),
        ),
        (
            "charts/locust-operator/generated/release-rules.yaml".into(),
            rbac::rules(RELEASE_RULES),
        ),
        (
            "charts/locust-operator/generated/tenant-view-rules.yaml".into(),
            of_tenants(tenants::Role::View)?,
        ),
        (
            "charts/locust-operator/generated/tenant-edit-rules.yaml".into(),
            of_tenants(tenants::Role::Edit)?,
        ),
        (
            "charts/locust-operator/generated/tenant-admin-rules.yaml".into(),
            of_tenants(tenants::Role::Admin)?,
        ),
        (
            "docs/reference/locusttest.md".into(),
            reference::page(&crd)?,
        ),
        (
            "docs/reference/locusttestsuite.md".into(),
            reference::page(&suite)?,
        ),
        (
            "docs/reference/locustschedule.md".into(),
            reference::page(&schedule)?,
        ),
        (
            "docs/reference/locusttemplate.md".into(),
            reference::page(&template)?,
        ),
        ("docs/reference/settings.md".into(), settings::page()),
        ("docs/reference/metrics.md".into(), metrics::page()),
        ("docs/troubleshooting.md".into(), troubleshooting::page()),
        ("docs/defects.md".into(), defects::page()),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generated_files_are_committed_as_the_code_says() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        for (path, content) in files().unwrap() {
            let current = fs::read_to_string(root.join(&path)).unwrap_or_default();
            assert!(
                current == content,
                "{} differs; run `make generate`",
                path.display()
            );
        }
    }
}
