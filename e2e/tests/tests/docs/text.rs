//! What can be checked without a cluster.

use std::fs;
use std::path::Path;

use anyhow::{Result, bail, ensure};

use crate::markdown::{self, Block, Document};
use crate::{GUIDES, GUIDES_TO_MORE, NODE, README, Repo, cluster};

/// Commands that this test does not run, and why.
const NOT_RUN: &[(&str, &str)] = &[
    ("cargo test", "the code's own tests; `make test` runs them"),
    ("cargo fmt", "`make lint` runs it"),
    ("cargo clippy", "`make lint` runs it"),
    ("plugin/test.sh", "`make test` runs it"),
    (
        "e2e/install.sh",
        "this test needs it done, and `make demo` runs it",
    ),
    (
        "helm uninstall",
        "it would end the operator under the other tests",
    ),
    ("helm upgrade", "the tests of the chart's take-over run it"),
    ("helm rollback", "the tests of the chart's take-over run it"),
    (
        "kubectl apply --server-side --force-conflicts -f crds/",
        "it would take the definition from Helm under the other tests",
    ),
    (
        "kubectl patch crd",
        "it would end the conversion under the other tests",
    ),
    (
        "kubectl delete crd",
        "it would delete the tests of the other tests",
    ),
];

/// Every relative link of every document leads to a file, and to a heading if it names one.
pub fn links_lead_somewhere(repo: &Repo) -> Result<()> {
    let mut broken = Vec::new();
    for document in markdown::all(&repo.root)? {
        let folder = Path::new(&document.path).parent().unwrap_or(Path::new(""));
        for link in document.links() {
            if link.contains("://") || link.starts_with("mailto:") {
                continue;
            }
            let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = match path {
                "" => document.path.clone(),
                path => folder.join(path).to_string_lossy().into_owned(),
            };
            let found = repo.root.join(&target).exists()
                && (anchor.is_empty() || has_anchor(&repo.root, &target, anchor)?);
            if !found {
                broken.push(format!("{}: {link}", document.path));
            }
        }
    }
    ensure!(
        broken.is_empty(),
        "links that lead nowhere:\n{}",
        broken.join("\n")
    );
    Ok(())
}

fn has_anchor(root: &Path, path: &str, anchor: &str) -> Result<bool> {
    let anchors = Document::read(root, path)?.anchors();
    Ok(anchors.iter().any(|known| known == anchor))
}

/// Every command of the documents is run by this test, or is a target of the Makefile, or is excused.
pub fn commands_are_known(repo: &Repo) -> Result<()> {
    let makefile = fs::read_to_string(repo.root.join("Makefile"))?;
    let mut unknown = Vec::new();
    for document in markdown::all(&repo.root)? {
        let path = document.path.as_str();
        let of_interest = path.starts_with("docs/") || !path.contains('/');
        let run = path == README || GUIDES.contains(&path) || GUIDES_TO_MORE.contains(&path);
        for block in document.blocks().iter().filter(|_| of_interest) {
            if block.language.is_empty() {
                unknown.push(format!("{}: a block without a language", block.place));
            }
            if block.language != "sh" || (run && to_run(block)) {
                continue;
            }
            let strange = commands(block).filter(|line| !is_known(line, &makefile));
            unknown.extend(strange.map(|line| format!("{}: {line}", block.place)));
        }
    }
    ensure!(
        unknown.is_empty(),
        "commands that nothing runs:\n{}",
        unknown.join("\n")
    );
    Ok(())
}

/// Whether this test runs the block: it holds more than make targets and excused commands.
pub fn to_run(block: &Block) -> bool {
    block.language == "sh"
        && !commands(block).all(|line| make_targets(line).is_some() || is_excused(line))
}

fn commands(block: &Block) -> impl Iterator<Item = &str> {
    let lines = block.content.lines().map(str::trim);
    lines.filter(|line| !line.is_empty() && !line.starts_with('#'))
}

fn is_excused(line: &str) -> bool {
    NOT_RUN.iter().any(|(command, _)| line.starts_with(command))
}

fn make_targets(line: &str) -> Option<impl Iterator<Item = &str>> {
    let command = line.split(" #").next().unwrap_or(line);
    Some(command.strip_prefix("make ")?.split_whitespace())
}

fn is_known(line: &str, makefile: &str) -> bool {
    let is_target = |target: &str| {
        makefile
            .lines()
            .any(|line| line.starts_with(&format!("{target}:")))
    };
    is_excused(line) || make_targets(line).is_some_and(|mut targets| targets.all(is_target))
}

/// The test to paste in the README is the example.
pub fn readme_has_the_first_test(repo: &Repo) -> Result<()> {
    let example = fs::read_to_string(repo.root.join("examples/first-test.yaml"))?;
    let blocks = Document::read(&repo.root, README)?.blocks();
    ensure!(
        blocks
            .iter()
            .any(|block| block.language == "yaml" && block.content == example),
        "no yaml block of {README} is examples/first-test.yaml, character by character"
    );
    Ok(())
}

/// Every example is a case of this test and says how it ends.
pub fn every_example_is_run(repo: &Repo) -> Result<()> {
    for entry in fs::read_dir(repo.root.join("examples"))? {
        let entry = entry?;
        // What is in a directory is no test alone: `ci` is run by the test `node`.
        if entry.file_type()?.is_dir() {
            continue;
        }
        let name = entry.file_name().to_string_lossy().into_owned();
        ensure!(
            NODE.iter().any(|(case, _)| *case == name),
            "examples/{name} is not a case of this test; add it to NODE"
        );
        cluster::promised(repo, name.trim_end_matches(".yaml"))?;
    }
    Ok(())
}

/// The page for administrators has every right of the operator, and that for platform teams every right of tenants, with
/// what it is for.
pub fn rights_are_listed(repo: &Repo) -> Result<()> {
    for entry in fs::read_dir(repo.root.join("charts/locust-operator/generated"))? {
        let entry = entry?;
        let of_tenants = entry.file_name().to_string_lossy().starts_with("tenant-");
        let path = if of_tenants {
            "docs/tenancy.md"
        } else {
            "docs/operating.md"
        };
        let page = Document::read(&repo.root, path)?;
        let rules = fs::read_to_string(entry.path())?;
        let lines = rules.lines().skip(1);
        for purpose in lines.filter_map(|line| line.strip_prefix("# ")) {
            if !page.text().contains(purpose) {
                bail!("{path} does not list the right for {purpose:?}");
            }
        }
    }
    Ok(())
}
