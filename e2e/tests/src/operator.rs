//! The operator as a process.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output};
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, bail, ensure};
use e2e_node::Layout;
use rustix::process::{Pid, Signal, kill_process};

use crate::{
    http::{self, Answer},
    ports, process, wait_until,
};

/// A running operator; killed when this is dropped.
pub struct Operator {
    child: Child,
    address: SocketAddr,
    log: PathBuf,
}

/// The operator's program: `OPERATOR_BINARY`, or what `make operator` builds.
pub fn binary() -> Result<PathBuf> {
    let program = match std::env::var_os("OPERATOR_BINARY") {
        Some(path) => PathBuf::from(path),
        None => Layout::discover()?.state.join("build/locust-operator"),
    };
    ensure!(
        program.is_file(),
        "there is no operator at {}: run `make operator`, or set OPERATOR_BINARY",
        program.display()
    );
    Ok(program)
}

/// Runs the operator to its end, for settings it should refuse. No setting
/// comes from the test's own environment.
pub fn run_to_end(arguments: &[&str], variables: &[(&str, &str)]) -> Result<Output> {
    let mut command = Command::new(binary()?);
    clean(&mut command);
    Ok(command
        .args(arguments)
        .envs(variables.iter().copied())
        .output()?)
}

fn clean(command: &mut Command) {
    command.env_clear();
    for name in ["PATH", "RUST_BACKTRACE"] {
        command.envs(std::env::var_os(name).map(|value| (name, value)));
    }
    // Its default port can be taken only once; cases that need the server say so by flag.
    command.env("WEBHOOKS", "false");
}

impl Operator {
    /// Starts it on a free port; `arguments` are its flags. It is alone unless
    /// they say otherwise. The log is added to, so that a restarted operator
    /// has one log.
    pub fn start(kubeconfig: &Path, log: &Path, arguments: &[&str]) -> Result<Self> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, ports::free()?));
        let child = process::spawn(&binary()?, log, |command| {
            clean(command);
            command
                .env("KUBECONFIG", kubeconfig)
                .env("LEADER_ELECT", "false")
                .arg(format!("--listen-address={address}"))
                .args(arguments);
        })?;
        Ok(Self {
            child,
            address,
            log: log.to_owned(),
        })
    }

    /// Starts it and waits until its caches are complete.
    pub fn start_ready(kubeconfig: &Path, log: &Path, arguments: &[&str]) -> Result<Self> {
        let mut operator = Self::start(kubeconfig, log, arguments)?;
        operator.wait_ready()?;
        Ok(operator)
    }

    /// Waits until `/readyz` says so.
    pub fn wait_ready(&mut self) -> Result<()> {
        let begin = Instant::now();
        loop {
            let seen = match self.get("/readyz") {
                Ok(Answer { code: 200, .. }) => return Ok(()),
                Ok(answer) => format!("{answer:?}"),
                Err(error) => format!("{error:#}"),
            };
            if let Some(status) = self.child.try_wait()? {
                bail!("the operator ended with {status}:\n{}", self.log());
            }
            if begin.elapsed() > Duration::from_secs(30) {
                bail!("the operator is not ready: {seen}\n{}", self.log());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// HTTP GET of `/healthz`, `/readyz` or `/metrics`.
    pub fn get(&self, path: &str) -> Result<Answer> {
        http::get(self.address, path)
    }

    /// Where its HTTP server listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it has logged.
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Kills it as a power failure would.
    pub fn kill(&mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Asks it to stop (SIGTERM) and waits for its end.
    pub fn terminate(&mut self, limit: Duration) -> Result<ExitStatus> {
        let pid = Pid::from_raw(i32::try_from(self.child.id())?)
            .ok_or_else(|| anyhow!("no process id"))?;
        kill_process(pid, Signal::TERM)?;
        self.wait_end(limit)
    }

    /// Waits for its end.
    pub fn wait_end(&mut self, limit: Duration) -> Result<ExitStatus> {
        let child = &mut self.child;
        wait_until("the operator ends", limit, || {
            child
                .try_wait()?
                .ok_or_else(|| anyhow!("it is still running"))
        })
    }
}

impl Drop for Operator {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.kill();
    }
}
