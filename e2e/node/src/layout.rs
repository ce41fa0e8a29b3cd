//! Where everything is: the repository's sources and the one state directory.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::digest::Hash;

/// Paths of the repository and of the state directory (`.node` in it, or
/// `LOCUST_NODE_DIR`).
#[derive(Debug, Clone)]
pub struct Layout {
    /// The repository.
    pub repo: PathBuf,
    /// The directory that holds all state.
    pub state: PathBuf,
}

impl Layout {
    /// The layout of the repository this crate was built in.
    pub fn discover() -> Result<Self> {
        let manifest_dir = Path::new(env!("CARGO_MANIFEST_DIR"));
        let repo = manifest_dir.join("../..").canonicalize().with_context(|| {
            format!(
                "the repository this was built in ({}) is gone; build it again",
                manifest_dir.display()
            )
        })?;
        let state =
            std::env::var_os("LOCUST_NODE_DIR").map_or_else(|| repo.join(".node"), PathBuf::from);
        std::fs::create_dir_all(&state)
            .with_context(|| format!("cannot create {}", state.display()))?;
        Ok(Self {
            repo,
            state: state.canonicalize()?,
        })
    }

    /// Programs built or linked by `prepare`; the user's PATH gets this.
    pub fn bin(&self) -> PathBuf {
        self.state.join("bin")
    }

    /// One program in [`Self::bin`].
    pub fn program(&self, name: &str) -> PathBuf {
        self.bin().join(name)
    }

    /// Image archives and what they are built from.
    pub fn images(&self) -> PathBuf {
        self.state.join("images")
    }

    /// State of the running node; gone after `down`.
    pub fn cluster(&self) -> PathBuf {
        self.state.join("cluster")
    }

    /// The control group that the node's pods are in; no other node has it.
    pub fn control_group(&self) -> String {
        let digest = Hash::default().text(&self.state.to_string_lossy()).hex();
        format!("locust-node-{}", &digest[..8])
    }

    /// State of the API servers, one directory each.
    pub fn api(&self) -> PathBuf {
        self.state.join("api")
    }

    /// Logs of builds and of the node's parts.
    pub fn logs(&self) -> PathBuf {
        self.state.join("logs")
    }

    /// One log in [`Self::logs`].
    pub fn log(&self, name: &str) -> PathBuf {
        self.logs().join(format!("{name}.log"))
    }

    /// Sources of the Go modules.
    pub fn go_modules(&self) -> PathBuf {
        self.repo.join("e2e/node/go")
    }

    /// Sources of the test images.
    pub fn image_sources(&self) -> PathBuf {
        self.repo.join("e2e/images")
    }

    /// Sources of the demo target.
    pub fn target_sources(&self) -> PathBuf {
        self.repo.join("e2e/target")
    }

    /// The node's administrator kubeconfig.
    pub fn kubeconfig(&self) -> PathBuf {
        self.cluster().join("kubeconfig")
    }

    /// The node's audit log.
    pub fn audit_log(&self) -> PathBuf {
        self.cluster().join("audit.log")
    }

    /// The shell line that puts kubectl and helm on the PATH.
    pub fn path_line(&self) -> String {
        format!("export PATH={}:$PATH", self.bin().display())
    }
}
