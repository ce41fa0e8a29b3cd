//! Programs built from their published Go modules.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, bail};

use crate::digest::{Hash, unless_stamped};
use crate::exec::{self, Logged};
use crate::{Layout, report};

/// What one `go build` makes.
struct Build {
    label: &'static str,
    module: &'static str,
    /// Main package, or none for the module's own, and the program's name.
    products: &'static [(&'static str, &'static str)],
    arguments: &'static [&'static str],
    links: &'static [&'static str],
    needed_by_api: bool,
}

const BUILDS: [Build; 6] = [
    Build {
        label: "etcd",
        module: "tools",
        products: &[("go.etcd.io/etcd/server/v3", "etcd")],
        arguments: &["-ldflags=-s -w"],
        links: &[],
        needed_by_api: true,
    },
    Build {
        label: "Kubernetes",
        module: "kube",
        // kubectl apart: tests call it thousands of times, and beside all servers it takes twice as long to start.
        products: &[(".", "kube"), ("k8s.io/kubernetes/cmd/kubectl", "kubectl")],
        // Without a version, kubectl and Helm take the server for one from before 1.0.
        arguments: &["-ldflags=-s -w \
            -X k8s.io/component-base/version.gitVersion=v1.36.3 \
            -X k8s.io/component-base/version.gitMajor=1 \
            -X k8s.io/component-base/version.gitMinor=36"],
        links: &[
            "kube-apiserver",
            "kube-controller-manager",
            "kube-scheduler",
            "kubelet",
            "kube-proxy",
        ],
        needed_by_api: true,
    },
    Build {
        label: "Helm",
        module: "helm",
        products: &[("helm.sh/helm/v4/cmd/helm", "helm")],
        arguments: &["-ldflags=-s -w -X helm.sh/helm/v4/internal/version.version=v4.3.1"],
        links: &[],
        needed_by_api: true,
    },
    Build {
        label: "containerd",
        module: "tools",
        products: &[
            (
                "github.com/containerd/containerd/v2/cmd/containerd",
                "containerd",
            ),
            (
                "github.com/containerd/containerd/v2/cmd/containerd-shim-runc-v2",
                "containerd-shim-runc-v2",
            ),
            ("github.com/containerd/containerd/v2/cmd/ctr", "ctr"),
        ],
        arguments: &[
            "-tags=no_btrfs no_devmapper no_zfs",
            "-ldflags=-s -w -X github.com/containerd/containerd/v2/version.Version=v2.4.2",
        ],
        links: &[],
        needed_by_api: false,
    },
    Build {
        label: "CoreDNS",
        module: "coredns",
        products: &[(".", "coredns")],
        arguments: &["-ldflags=-s -w"],
        links: &[],
        needed_by_api: false,
    },
    Build {
        label: "kube-router",
        module: "kube-router",
        products: &[(".", "kube-router")],
        arguments: &["-ldflags=-s -w"],
        links: &[],
        needed_by_api: false,
    },
];

/// Builds the programs whose sources changed.
pub fn build(layout: &Layout, api_only: bool) -> Result<()> {
    fs::create_dir_all(layout.bin())?;
    for build in BUILDS
        .iter()
        .filter(|build| build.needed_by_api || !api_only)
    {
        build.run(layout)?;
    }
    Ok(())
}

impl Build {
    fn run(&self, layout: &Layout) -> Result<()> {
        let sources = layout.go_modules().join(self.module);
        let hash = Hash::default()
            .text(&go_version(&sources)?)
            .text(&self.arguments.join("\n"))
            .path(&sources)?
            .hex();
        let stamp = layout.bin().join(format!(".{}.hash", self.label));
        let programs: Vec<_> = self
            .products
            .iter()
            .map(|(_, name)| layout.program(name))
            .collect();
        let programs: Vec<_> = programs.iter().map(std::path::PathBuf::as_path).collect();
        let begin = Instant::now();
        let built = unless_stamped(&stamp, &hash, &programs, || {
            self.products
                .iter()
                .try_for_each(|(package, name)| self.compile(layout, &sources, package, name))
        })?;
        for link in self.links {
            let link = layout.program(link);
            if fs::read_link(&link).is_err() {
                symlink(self.products[0].1, &link)
                    .with_context(|| format!("cannot link {}", link.display()))?;
            }
        }
        let time = report::human(begin.elapsed());
        report::line(&if built {
            format!("built {} ({time})", self.label)
        } else {
            format!("{} is up to date", self.label)
        });
        Ok(())
    }

    fn compile(&self, layout: &Layout, sources: &Path, package: &str, name: &str) -> Result<()> {
        let program = layout.program(name);
        // A running program cannot be written to, but its file can be replaced.
        let fresh = program.with_extension("new");
        Logged::new(&format!("building {name}"), layout.log("go-build"), "go")
            .with(|go| {
                go.current_dir(sources).env("CGO_ENABLED", "0");
                go.args(["build", "-buildvcs=false"])
                    .args(self.arguments)
                    .arg("-o")
                    .arg(&fresh)
                    .arg(package);
            })
            .run()?;
        Ok(fs::rename(&fresh, &program)?)
    }
}

/// The version of Go that would build a module.
fn go_version(module: &Path) -> Result<String> {
    let wanted = wanted_version(&fs::read_to_string(module.join("go.mod"))?)
        .with_context(|| format!("{} names no Go version", module.display()))?;
    let advice = format!("Install Go {wanted} or newer and put it first in PATH");
    let found = exec::output(
        Command::new("go")
            .args(["env", "GOVERSION"])
            .current_dir(module),
    )
    .with_context(|| format!("Go does not run here. {advice}"))?;
    let found = found.trim();
    if numbers(found) < numbers(&wanted) {
        bail!(
            "this is {found}, too old for {}. {advice}",
            module.display()
        );
    }
    Ok(found.to_owned())
}

fn wanted_version(go_mod: &str) -> Option<String> {
    go_mod
        .lines()
        .find_map(|line| line.strip_prefix("go "))
        .map(|version| version.trim().to_owned())
}

fn numbers(version: &str) -> Vec<u32> {
    version
        .trim_start_matches("go")
        .split(['.', '-', ' '])
        .map_while(|part| part.parse().ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn go_versions_are_compared_by_number() {
        assert!(numbers("go1.9.7") < numbers("1.26.0"));
        assert!(numbers("go1.26.8") >= numbers("1.26.6"));
        assert_eq!(numbers("go1.26.8 X:nojsonv2"), [1, 26, 8]);
    }

    #[test]
    fn the_wanted_version_is_the_modules() {
        assert_eq!(
            wanted_version("module m\n\ngo 1.26.6\n\nrequire x v1\n").as_deref(),
            Some("1.26.6")
        );
    }
}
