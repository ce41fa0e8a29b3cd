//! What `make release` writes.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use e2e_node::Layout;
use e2e_tests::node::Node;

fn run(directory: &Path, program: &str, arguments: &[&str], archive: &str) -> Result<String> {
    let output = Command::new(program)
        .args(arguments)
        .current_dir(directory)
        .env("OPERATOR_IMAGE_ARCHIVE", archive)
        .output()
        .with_context(|| format!("cannot run {program}"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{program} {arguments:?}: {said}");
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

pub fn is_whole_and_installable(node: &Node) -> Result<()> {
    let layout = Layout::discover()?;
    let archive = std::fs::read_to_string(layout.state.join("build/image-archive"))?;
    run(&layout.repo, "e2e/release.sh", &[], archive.trim())?;
    let dist = layout.repo.join("dist");
    let sums = run(&dist, "sha256sum", &["--check", "SHA256SUMS"], "")?;
    let files: Vec<&str> = sums
        .lines()
        .filter_map(|line| line.strip_suffix(": OK"))
        .collect();
    for (start, end) in [
        ("install", ".yaml"),
        ("locust-operator-", ".tgz"),
        ("locust-operator-image-", ".tar"),
    ] {
        ensure!(
            files
                .iter()
                .any(|file| file.starts_with(start) && file.ends_with(end)),
            "no {start}…{end} in {files:?}"
        );
    }
    let install = dist.join("install.yaml");
    let arguments = [
        "apply",
        "--server-side",
        "--dry-run=server",
        "--force-conflicts",
        "-f",
    ];
    let applied = node
        .kubectl
        .run(&[&arguments[..], &[&install.to_string_lossy()]].concat())?;
    for kind in ["customresourcedefinition", "clusterrole", "deployment"] {
        ensure!(applied.contains(kind), "no {kind}: {applied}");
    }
    Ok(())
}
