//! The recipe for pipelines: one script, and nothing beside it. The test `node` runs it.

use std::fs;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::Repo;
use crate::markdown::Document;

const PAGE: &str = "docs/ci.md";
const SCRIPT: &str = "examples/ci/load-test.sh";

/// The page shows the script and the rights as they are.
pub fn page_shows_the_recipe(repo: &Repo) -> Result<()> {
    let blocks = Document::read(&repo.root, PAGE)?.blocks();
    for (language, path) in [("bash", SCRIPT), ("yaml", "examples/ci/role.yaml")] {
        let file = fs::read_to_string(repo.root.join(path))?;
        ensure!(
            blocks
                .iter()
                .any(|block| block.language == language && block.content == file),
            "no {language} block of {PAGE} is {path}, character by character"
        );
    }
    Ok(())
}

/// The pipelines of GitHub and GitLab call the script once, with files that are there, and know no other way.
pub fn pipelines_call_the_script(repo: &Repo) -> Result<()> {
    let wanted = format!("{SCRIPT} examples/ci/load-test.yaml load-test.xml");
    for (path, before, steps) in [
        (
            "examples/ci/github-actions.yaml",
            "exec ",
            "/jobs/load-test/steps",
        ),
        ("examples/ci/gitlab-ci.yaml", "", "/load-test/script"),
    ] {
        let text = fs::read_to_string(repo.root.join(path))?;
        let pipeline: Value =
            serde_saphyr::from_str(&text).with_context(|| format!("{path} is no YAML"))?;
        let steps = pipeline.pointer(steps).and_then(Value::as_array);
        let commands: Vec<_> = steps
            .with_context(|| format!("{path} has no steps"))?
            .iter()
            .filter_map(|step| step.as_str().or_else(|| step["run"].as_str()))
            .filter(|command| command.contains("load-test.sh") || command.contains("kubectl"))
            .collect();
        ensure!(
            commands == [format!("{before}{wanted}")],
            "{path} runs {commands:?}"
        );
    }
    for file in wanted.split(' ').take(2) {
        ensure!(repo.root.join(file).exists(), "{file} does not exist");
    }
    Ok(())
}
