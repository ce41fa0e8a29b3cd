//! Building an image with buildah, in storage of its own.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use crate::exec::Logged;
use crate::{Layout, mounts};

/// What an image is built from.
#[derive(Debug, Clone)]
pub struct Recipe {
    /// Name as users write it, such as `locustio/locust:2.47.0`.
    pub name: String,
    /// The Dockerfile.
    pub dockerfile: PathBuf,
    /// The directory its COPY lines take from.
    pub context: PathBuf,
    /// Build arguments as `KEY=VALUE`.
    pub arguments: Vec<String>,
}

impl Recipe {
    /// A recipe without build arguments.
    pub fn new(name: &str, dockerfile: PathBuf, context: PathBuf) -> Self {
        Self {
            name: name.to_owned(),
            dockerfile,
            context,
            arguments: Vec::new(),
        }
    }
}

/// Builds an image, and writes it to `archive` if one is wanted.
pub fn build(layout: &Layout, recipe: &Recipe, archive: Option<&Path>) -> Result<()> {
    let name = full_name(&recipe.name);
    let label = format!("building image {}", recipe.name);
    buildah(layout, &label, |command| {
        // No layer cache: contents are hashed before this is reached.
        command.args([
            "build",
            "--isolation",
            "chroot",
            "--layers=false",
            "--pull=false",
            "--quiet",
        ]);
        command.args(
            recipe
                .arguments
                .iter()
                .flat_map(|argument| ["--build-arg", argument]),
        );
        command
            .arg("--tag")
            .arg(&name)
            .arg("--file")
            .arg(&recipe.dockerfile)
            .arg(&recipe.context);
    })?;
    let Some(archive) = archive else {
        return Ok(());
    };
    // An archive cut short by an interruption must not look like a whole one.
    let partial = archive.with_extension("partial");
    std::fs::remove_file(&partial).ok();
    buildah(layout, &label, |command| {
        command.args(["push", "--quiet", &name]);
        command.arg(format!("oci-archive:{}:{name}", partial.display()));
    })?;
    Ok(std::fs::rename(&partial, archive)?)
}

fn buildah(layout: &Layout, label: &str, set_up: impl FnOnce(&mut Command)) -> Result<()> {
    let storage = layout.images().join("storage");
    let built = Logged::new(label, layout.log("images"), "buildah")
        .with(|command| {
            command
                .arg("--root")
                .arg(storage.join("root"))
                .arg("--runroot")
                .arg(storage.join("run"));
            command.args(["--storage-driver", "overlay"]);
            set_up(command);
        })
        .run();
    // It leaves layers mounted, also when all went well.
    mounts::unmount_below(&storage)?;
    built
}

/// The name with the registry that an unqualified one stands for.
fn full_name(name: &str) -> String {
    let first = name.split('/').next().unwrap_or_default();
    if name.contains('/') && (first == "localhost" || first.contains(['.', ':'])) {
        name.to_owned()
    } else {
        format!("docker.io/{name}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unqualified_names_get_the_registry_they_stand_for() {
        assert_eq!(
            full_name("locustio/locust:2.47.0"),
            "docker.io/locustio/locust:2.47.0"
        );
        assert_eq!(
            full_name("localhost/python:bookworm"),
            "localhost/python:bookworm"
        );
        assert_eq!(
            full_name("registry.example:5000/a/b:1"),
            "registry.example:5000/a/b:1"
        );
    }
}
