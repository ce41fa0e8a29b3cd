//! The images of the node and the tests, built without a registry and kept as
//! archives that containerd imports.

mod buildah;
mod locust;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

pub use buildah::Recipe;

use crate::digest::{Hash, unless_stamped};
use crate::exec::{self, Logged};
use crate::{Layout, prepare, report};

/// The sandbox image of every pod.
pub const PAUSE: &str = "locust-operator/pause:1";
const TARGET: &str = "locust-operator/demo-target:dev";
/// Takes OpenTelemetry data from whoever has its token, and prints it.
const COLLECTOR: &str = "locust-operator/collector:dev";
/// Locust with a test and its options in the image.
const SHOP_TEST: &str = "locust-operator/shop-test:dev";

/// Builds every image that changed or is missing.
pub fn build_all(layout: &Layout) -> Result<()> {
    prepare::check_machine(layout)?;
    for tool in ["buildah", "debootstrap", "cc"] {
        prepare::find_program(tool)
            .with_context(|| format!("{tool} is missing. Run `e2e-node prepare` first"))?;
    }
    pause(layout)?;
    go_program(layout, TARGET, &layout.target_sources())?;
    let collector = layout.image_sources().join("collector");
    go_program(layout, COLLECTOR, &collector)?;
    for image in &locust::IMAGES {
        locust::build(layout, image)?;
    }
    shop_test(layout)
}

/// Builds one image of the project and returns its archive.
pub fn build_one(layout: &Layout, recipe: &Recipe) -> Result<PathBuf> {
    let archive = archive(layout, &recipe.name);
    report::step(&format!("built image {}", recipe.name), || {
        buildah::build(layout, recipe, Some(&archive))
    })?;
    Ok(archive)
}

/// The archives that there are, the sandbox image first.
pub fn archives(layout: &Layout) -> Vec<PathBuf> {
    let entries = fs::read_dir(layout.images())
        .into_iter()
        .flatten()
        .flatten();
    let mut archives: Vec<_> = entries
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "tar"))
        .collect();
    let pause = archive(layout, PAUSE);
    archives.sort_by_key(|path| (*path != pause, path.clone()));
    archives
}

/// Imports an archive into the running node and returns the images in it.
pub fn load(layout: &Layout, archive: &Path) -> Result<String> {
    let socket = layout.cluster().join("containerd/containerd.sock");
    if !socket.exists() {
        bail!("the node is not up. Run `e2e-node up` first");
    }
    let mut ctr = Command::new(layout.program("ctr"));
    ctr.arg("--address")
        .arg(socket)
        .args(["--namespace", "k8s.io", "images", "import", "--local"])
        .arg(archive);
    let said =
        exec::output(&mut ctr).with_context(|| format!("cannot import {}", archive.display()))?;
    Ok(imported(&said).join(", "))
}

/// The names in what ctr says: `unpacking NAME (sha256:…)...done`.
fn imported(said: &str) -> Vec<&str> {
    let lines = said
        .lines()
        .filter_map(|line| line.strip_prefix("unpacking "));
    lines.filter_map(|line| line.split(' ').next()).collect()
}

/// Where the archive of an image is.
fn archive(layout: &Layout, name: &str) -> PathBuf {
    layout.images().join(format!("{}.tar", slug(name)))
}

fn slug(name: &str) -> String {
    name.chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || c == '.' {
                c
            } else {
                '-'
            }
        })
        .collect()
}

/// A clean directory to gather an image's content in.
fn staging(layout: &Layout, name: &str) -> Result<PathBuf> {
    let directory = layout.images().join("build").join(slug(name));
    if directory.exists() {
        fs::remove_dir_all(&directory)?;
    }
    fs::create_dir_all(&directory)
        .with_context(|| format!("cannot create {}", directory.display()))?;
    Ok(directory)
}

/// Makes an archive by `work` unless it is there for the same `hash`.
fn archived(
    layout: &Layout,
    name: &str,
    hash: Hash,
    work: impl FnOnce(&Path) -> Result<()>,
) -> Result<()> {
    let archive = archive(layout, name);
    let stamp = archive.with_extension("hash");
    fs::create_dir_all(layout.images())?;
    let begin = std::time::Instant::now();
    let built = unless_stamped(&stamp, &hash.hex(), &[&archive], || work(&archive))?;
    let time = report::human(begin.elapsed());
    report::line(&if built {
        format!("built image {name} ({time})")
    } else {
        format!("image {name} is up to date")
    });
    Ok(())
}

fn pause(layout: &Layout) -> Result<()> {
    let sources = layout.image_sources().join("pause");
    archived(layout, PAUSE, Hash::default().path(&sources)?, |archive| {
        let context = staging(layout, PAUSE)?;
        Logged::new("compiling pause", layout.log("images"), "cc")
            .with(|cc| {
                cc.args(["-static", "-Os", "-s", "-Wall", "-Werror", "-o"])
                    .arg(context.join("pause"));
                cc.arg(sources.join("pause.c"));
            })
            .run()?;
        buildah::build(
            layout,
            &Recipe::new(PAUSE, sources.join("Dockerfile"), context),
            Some(archive),
        )
    })
}

/// A static Go program, alone in an image; both are called the same.
fn go_program(layout: &Layout, name: &str, sources: &Path) -> Result<()> {
    archived(layout, name, Hash::default().path(sources)?, |archive| {
        let context = staging(layout, name)?;
        let program = program_in(name);
        let label = format!("compiling {program}");
        Logged::new(&label, layout.log("images"), "go")
            .with(|go| {
                go.current_dir(sources).env("CGO_ENABLED", "0");
                go.args([
                    "build",
                    "-trimpath",
                    "-buildvcs=false",
                    "-ldflags=-s -w",
                    "-o",
                ]);
                go.arg(context.join(program)).arg(".");
            })
            .run()?;
        buildah::build(
            layout,
            &Recipe::new(name, sources.join("Dockerfile"), context),
            Some(archive),
        )
    })
}

/// The program that an image has its name from.
fn program_in(image: &str) -> &str {
    let untagged = image
        .rsplit_once(':')
        .map_or(image, |(untagged, _)| untagged);
    untagged
        .rsplit_once('/')
        .map_or(untagged, |(_, program)| program)
}

fn shop_test(layout: &Layout) -> Result<()> {
    let sources = layout.image_sources().join("shop-test");
    // Not from storage, which may have been cleaned since the archive was written.
    let base = archive(layout, locust::IMAGES[0].name);
    let hash = Hash::default()
        .path(&sources)?
        .path(&base.with_extension("hash"))?;
    archived(layout, SHOP_TEST, hash, |archive| {
        let recipe = Recipe {
            arguments: vec![format!("BASE=oci-archive:{}", base.display())],
            ..Recipe::new(SHOP_TEST, sources.join("Dockerfile"), sources.clone())
        };
        buildah::build(layout, &recipe, Some(archive))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn imported_names_are_read_from_what_ctr_says() {
        let said = "unpacking docker.io/locust-operator/pause:1 (sha256:396f)...done\n";
        assert_eq!(imported(said), ["docker.io/locust-operator/pause:1"]);
    }

    #[test]
    fn programs_are_called_like_their_images() {
        assert_eq!(program_in(TARGET), "demo-target");
        assert_eq!(program_in(COLLECTOR), "collector");
    }

    #[test]
    fn image_names_become_file_names() {
        assert_eq!(slug("locustio/locust:2.47.0"), "locustio-locust-2.47.0");
    }
}
