//! Locust's web UI, as a person at a browser uses it.

use std::net::{IpAddr, SocketAddr};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::{Kubectl, http, node::master_pod};

const PORT: u16 = 8089;

/// The web UI of a test's master, at its pod's address.
pub struct WebUi {
    address: SocketAddr,
}

impl WebUi {
    /// The UI of a test whose master runs.
    pub fn of(kubectl: &Kubectl, test: &str) -> Result<Self> {
        let pod = master_pod(kubectl, test)?;
        let ip: IpAddr = pod["status"]["podIP"]
            .as_str()
            .context("the master's pod has no address")?
            .parse()?;
        Ok(Self {
            address: SocketAddr::from((ip, PORT)),
        })
    }

    /// Presses "Start" with these values in the form.
    pub fn start(&self, form: &[(&str, &str)]) -> Result<()> {
        self.pressed(http::post_form(self.address, "/swarm", form)?)
    }

    /// Presses "Stop".
    pub fn stop(&self) -> Result<()> {
        self.pressed(http::post_form(self.address, "/stop", &[])?)
    }

    fn pressed(&self, answer: http::Answer) -> Result<()> {
        let said: Value = serde_json::from_str(&answer.body).unwrap_or_default();
        ensure!(
            answer.code == 200 && said["success"] == true,
            "the web UI answered {answer:?}"
        );
        Ok(())
    }
}
