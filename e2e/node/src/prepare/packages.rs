//! Debian packages.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};

use super::find_program;
use crate::exec::Logged;
use crate::{Layout, report};

/// A package and the file that shows that it is there.
struct Package {
    name: &'static str,
    shown_by: &'static str,
}

const fn package(name: &'static str, shown_by: &'static str) -> Package {
    Package { name, shown_by }
}

const PACKAGES: [Package; 15] = [
    package("runc", "runc"),
    package("containernetworking-plugins", "/usr/lib/cni/bridge"),
    package("iptables", "iptables"),
    package("iproute2", "ip"),
    package("conntrack", "conntrack"),
    package("ipset", "ipset"),
    package("kmod", "modprobe"),
    package("buildah", "buildah"),
    package("debootstrap", "debootstrap"),
    package("gcc", "cc"),
    package("libc6-dev", "/usr/include/stdlib.h"),
    package("python3-pip", "/usr/lib/python3/dist-packages/pip"),
    package("python3-venv", "/usr/share/python-wheels"),
    package("shellcheck", "shellcheck"),
    package("jq", "jq"),
];

/// Installs the packages that are missing, and runs apt only if one is.
pub fn install_missing(layout: &Layout) -> Result<()> {
    let missing: Vec<_> = PACKAGES
        .iter()
        .filter(|package| !package.is_there())
        .map(|package| package.name)
        .collect();
    if missing.is_empty() {
        report::line("all packages are installed");
        return Ok(());
    }
    if find_program("apt-get").is_err() {
        bail!(
            "these packages are missing, and this is not Debian: {}. Install what they hold",
            missing.join(", ")
        );
    }
    report::step(&format!("installed {}", missing.join(", ")), || {
        // The lists may be there already; a failure shows in the install.
        let _ = apt(layout, &["update"]);
        apt(
            layout,
            &[
                &["install", "--yes", "--no-install-recommends"],
                missing.as_slice(),
            ]
            .concat(),
        )
        .with_context(|| {
            format!(
                "cannot install packages. Try `apt-get install {}` to see why",
                missing.join(" ")
            )
        })
    })
}

/// Takes one program out of a package that is not installed: that would start it as a service.
pub fn take_program(layout: &Layout, package: &str, file: &str) -> Result<()> {
    let name = file.rsplit('/').next().unwrap_or(file);
    let program = layout.program(name);
    if program.exists() {
        report::line(&format!("{name} is there"));
        return Ok(());
    }
    report::step(&format!("fetched {name}"), || {
        let directory = layout.state.join("debian").join(package);
        if directory.exists() {
            fs::remove_dir_all(&directory)?;
        }
        fs::create_dir_all(&directory)?;
        apt_in(layout, &directory, &["download", package])
            .with_context(|| format!("cannot fetch the Debian package {package}"))?;
        let archive = fs::read_dir(&directory)?
            .filter_map(Result::ok)
            .map(|entry| entry.path())
            .find(|path| path.extension().is_some_and(|end| end == "deb"))
            .with_context(|| format!("apt-get download {package} left no package"))?;
        let unpacked = directory.join("unpacked");
        Logged::new("unpacking a package", layout.log("packages"), "dpkg-deb")
            .with(|command| {
                command.arg("--extract").arg(&archive).arg(&unpacked);
            })
            .run()?;
        fs::create_dir_all(layout.bin())?;
        fs::copy(unpacked.join(file), &program)
            .with_context(|| format!("the Debian package {package} has no {file}"))?;
        Ok(fs::remove_dir_all(&directory)?)
    })
}

fn apt(layout: &Layout, arguments: &[&str]) -> Result<()> {
    apt_in(layout, &layout.state, arguments)
}

fn apt_in(layout: &Layout, directory: &Path, arguments: &[&str]) -> Result<()> {
    Logged::new("installing packages", layout.log("packages"), "apt-get")
        .with(|command| {
            command
                .current_dir(directory)
                .env("DEBIAN_FRONTEND", "noninteractive")
                .args(arguments);
        })
        .run()
}

impl Package {
    fn is_there(&self) -> bool {
        if self.shown_by.starts_with('/') {
            Path::new(self.shown_by).exists()
        } else {
            find_program(self.shown_by).is_ok()
        }
    }
}
