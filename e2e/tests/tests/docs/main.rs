//! Keeps the documents honest: links lead somewhere, commands work, examples
//! end with the verdict they promise.
//!
//! `cargo test -p e2e-tests --test docs -- text` needs no cluster; the rest
//! needs the node and the operator's image (`make node-up image`).

mod cluster;
mod markdown;
mod pipelines;
mod text;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::Result;
use e2e_node::Layout;
use e2e_tests::harness::{self, Case};

/// How many namespaces make load at the same time.
const AT_ONCE: usize = 4;

/// The documents whose `sh` blocks are run in the same fresh namespace, in this order: about tests and the operator.
const GUIDES: &[&str] = &[
    "docs/getting-started.md",
    "docs/how-a-run-works.md",
    "docs/pods.md",
    "docs/web-ui.md",
    "docs/verdicts.md",
    "docs/thresholds.md",
    "docs/operating.md",
    "docs/differences.md",
    "docs/v1.md",
    "docs/admission.md",
    // Last: its quota counts what the others have made.
    "docs/tenancy.md",
];
/// The same of templates and suites, and what to look at in each kind.
const GUIDES_TO_MORE: &[&str] = &[
    "docs/getting-started.md",
    "docs/templates.md",
    "docs/suites.md",
    "docs/schedules.md",
    "docs/troubleshooting.md",
];
const README: &str = "README.md";

const TEXT: &[Case<Repo>] = &[
    ("text: links", text::links_lead_somewhere),
    ("text: commands", text::commands_are_known),
    ("text: first test", text::readme_has_the_first_test),
    ("text: examples", text::every_example_is_run),
    ("text: rights", text::rights_are_listed),
    ("text: recipe", pipelines::page_shows_the_recipe),
    ("text: pipelines", pipelines::pipelines_call_the_script),
];

/// The longest first, so that nothing runs alone at the end.
const NODE: &[Case<Repo>] = &[
    ("guides", |repo| {
        cluster::run_documents(repo, "guides", GUIDES)
    }),
    ("guides to more", |repo| {
        cluster::run_documents(repo, "guides-to-more", GUIDES_TO_MORE)
    }),
    // The README applies it.
    ("first-test.yaml", cluster::run_readme),
    ("configmap-and-command.yaml", |repo| {
        cluster::run_example(repo, "configmap-and-command")
    }),
    ("failing-requests.yaml", |repo| {
        cluster::run_example(repo, "failing-requests")
    }),
    ("files-tags-and-classes.yaml", |repo| {
        cluster::run_example(repo, "files-tags-and-classes")
    }),
    ("thresholds.yaml", |repo| {
        cluster::run_example(repo, "thresholds")
    }),
    ("variables-and-secrets.yaml", |repo| {
        cluster::run_example(repo, "variables-and-secrets")
    }),
    ("template-environments.yaml", cluster::run_environments),
    ("suite-smoke-load-stress.yaml", |repo| {
        cluster::run_suite(repo, "suite-smoke-load-stress")
    }),
    ("suite-parallel.yaml", |repo| {
        cluster::run_suite(repo, "suite-parallel")
    }),
    ("suite-seed-and-teardown.yaml", |repo| {
        cluster::run_suite(repo, "suite-seed-and-teardown")
    }),
    ("schedule-nightly.yaml", |repo| {
        cluster::run_schedule(repo, "schedule-nightly")
    }),
    ("schedule-suite.yaml", |repo| {
        cluster::run_schedule(repo, "schedule-suite")
    }),
    ("schedule-notify.yaml", |repo| {
        cluster::run_schedule(repo, "schedule-notify")
    }),
    ("schedule-on-demand.yaml", |repo| {
        cluster::run_schedule(repo, "schedule-on-demand")
    }),
];

/// The repository whose documents these are.
struct Repo {
    root: PathBuf,
    kubeconfig: PathBuf,
}

impl Repo {
    fn discover() -> Result<Self> {
        let layout = Layout::discover()?;
        Ok(Self {
            kubeconfig: layout.cluster().join("kubeconfig"),
            root: layout.repo,
        })
    }
}

fn main() -> Result<ExitCode> {
    let cases: Vec<Case<Repo>> = harness::selected(&[TEXT, NODE].concat());
    if harness::only_list() {
        cases.iter().for_each(|(name, _)| println!("{name}: test"));
        return Ok(ExitCode::SUCCESS);
    }
    let begin = Instant::now();
    let repo = Repo::discover()?;
    if cases.iter().any(|(name, _)| !name.starts_with("text")) {
        cluster::prepare()?;
    }
    let failed = harness::run(&cases, &repo, AT_ONCE);
    Ok(harness::conclude(cases.len(), &failed, begin.elapsed()))
}
