//! Locust images that look to a cluster like the published ones.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::{Recipe, archived, buildah, staging};
use crate::digest::{Hash, unless_stamped};
use crate::exec::{self, Logged};
use crate::{Layout, mounts, report};

const BASE: &str = "localhost/python:bookworm";
const SUITE: &str = "bookworm";
const PACKAGES: &str = "python3,ca-certificates";
/// The Python of [`SUITE`]; wheels are chosen by the Python that runs pip.
const PYTHON: &str = "3.11";
/// How modules are compiled. By default Python compares the time of the source, which image layers round: Locust would
/// compile itself at every start, for seconds.
const COMPILE: [&str; 6] = [
    "-m",
    "compileall",
    "-q",
    "-f",
    "--invalidation-mode",
    "unchecked-hash",
];
/// What nobody needs in a test image, in half of its size.
const UNNEEDED: [&str; 6] = [
    "usr/share/doc",
    "usr/share/man",
    "usr/share/locale",
    "usr/share/info",
    "var/cache/apt",
    "var/lib/apt/lists",
];

/// A Locust image.
pub struct Locust {
    /// Its published name.
    pub name: &'static str,
    /// Files that list what is installed in it.
    requirements: &'static [&'static str],
}

/// The newest Locust, the oldest one that is supported, and the newest one that can send OpenTelemetry data.
pub const IMAGES: [Locust; 3] = [
    Locust {
        name: "locustio/locust:2.47.0",
        requirements: &["requirements-2.47.0.txt"],
    },
    Locust {
        name: "locustio/locust:2.20.0",
        requirements: &["requirements-2.20.0.txt"],
    },
    Locust {
        name: "locustio/locust-otel:2.47.0",
        requirements: &["requirements-2.47.0.txt", "requirements-otel.txt"],
    },
];

/// Builds a Locust image.
pub fn build(layout: &Layout, Locust { name, requirements }: &Locust) -> Result<()> {
    let sources = layout.image_sources().join("locust");
    let requirements: Vec<_> = requirements.iter().map(|file| sources.join(file)).collect();
    let dockerfile = sources.join("Dockerfile");
    let hash = requirements
        .iter()
        .try_fold(base_hash(layout)?, |hash, file| hash.path(file))?
        .path(&dockerfile)?
        .path(&sources.join("locust"))?
        .text(&COMPILE.join(" "));
    archived(layout, name, hash, |archive| {
        base(layout)?;
        let context = staging(layout, name)?;
        fs::copy(sources.join("locust"), context.join("locust"))?;
        install(layout, &requirements, &context.join("site-packages"))
            .with_context(|| format!("cannot install what {name} needs"))?;
        buildah::build(
            layout,
            &Recipe::new(name, dockerfile, context),
            Some(archive),
        )
    })
}

fn install(layout: &Layout, requirements: &[PathBuf], into: &Path) -> Result<()> {
    let mut python = Command::new("python3");
    python.args(["-c", "import sys; print(*sys.version_info[:2], sep='.')"]);
    let version = exec::output(&mut python)?;
    if version.trim() != PYTHON {
        bail!(
            "python3 is {}, but packages for the image's Python {PYTHON} are wanted. \
             Put a python{PYTHON} with pip first in PATH under the name python3",
            version.trim()
        );
    }
    Logged::new("installing Locust", layout.log("images"), "python3")
        .with(|pip| {
            pip.args([
                "-m",
                "pip",
                "install",
                "--no-deps",
                "--no-compile",
                "--root-user-action=ignore",
                "--target",
            ]);
            pip.arg(into);
            for file in requirements {
                pip.arg("--requirement").arg(file);
            }
        })
        .run()?;
    Logged::new("compiling Locust", layout.log("images"), "python3")
        .with(|python| {
            python.args(COMPILE).arg(into);
        })
        .run()
}

fn base_hash(layout: &Layout) -> Result<Hash> {
    let dockerfile = layout.image_sources().join("python/Dockerfile");
    Hash::default()
        .text(SUITE)
        .text(PACKAGES)
        .text(&UNNEEDED.join(" "))
        .path(&dockerfile)
}

/// The base that all versions share: Debian with Python and a user.
fn base(layout: &Layout) -> Result<()> {
    let directory = layout.images().join("python");
    fs::create_dir_all(&directory)?;
    let tar = directory.join("rootfs.tar");
    let stamp = directory.join("hash");
    let begin = std::time::Instant::now();
    let built = unless_stamped(&stamp, &base_hash(layout)?.hex(), &[&tar], || {
        debootstrap(layout, &directory.join("rootfs"), &tar)?;
        let dockerfile = layout.image_sources().join("python/Dockerfile");
        buildah::build(
            layout,
            &Recipe::new(BASE, dockerfile, directory.clone()),
            None,
        )
    })?;
    if built {
        report::line(&format!(
            "built the Python base image ({})",
            report::human(begin.elapsed())
        ));
    }
    Ok(())
}

fn debootstrap(layout: &Layout, rootfs: &Path, tar: &Path) -> Result<()> {
    // An interrupted debootstrap leaves its /proc mounted.
    mounts::unmount_below(rootfs)?;
    if rootfs.exists() {
        fs::remove_dir_all(rootfs)?;
    }
    let log = layout.log("images");
    Logged::new(
        "installing Debian for the Locust images",
        log.clone(),
        "debootstrap",
    )
    .with(|command| {
        command
            .arg("--variant=minbase")
            .arg(format!("--include={PACKAGES}"))
            .arg(SUITE)
            .arg(rootfs);
    })
    .run()?;
    for unneeded in UNNEEDED {
        fs::remove_dir_all(rootfs.join(unneeded)).ok();
    }
    add_line(
        &rootfs.join("etc/passwd"),
        "locust:x:1000:1000::/home/locust:/bin/false",
    )?;
    add_line(&rootfs.join("etc/group"), "locust:x:1000:")?;
    let home = rootfs.join("home/locust");
    fs::create_dir_all(&home)?;
    std::os::unix::fs::chown(&home, Some(1000), Some(1000))?;
    Logged::new("packing Debian", log, "tar")
        .with(|command| {
            // Device files cannot be unpacked everywhere, and runtimes bring their own.
            command.args([
                "--exclude=./dev/*",
                "--exclude=./proc/*",
                "--exclude=./sys/*",
                "--numeric-owner",
            ]);
            command
                .arg("--create")
                .arg("--file")
                .arg(tar)
                .arg("--directory")
                .arg(rootfs)
                .arg(".");
        })
        .run()?;
    Ok(fs::remove_dir_all(rootfs)?)
}

fn add_line(file: &Path, line: &str) -> Result<()> {
    let before =
        fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    Ok(fs::write(file, format!("{before}{line}\n"))?)
}
