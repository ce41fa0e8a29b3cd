//! Taking a part away from the node for a while.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};

use super::{PROCESSES, status};
use crate::process::{self, Lifetime};
use crate::{Layout, exec};

/// A part of the node that was killed. It is started again at the latest when this is dropped.
pub struct Killed {
    layout: Layout,
    name: String,
    program: PathBuf,
    arguments: Vec<String>,
    revived: bool,
}

/// Kills a part of the running node, as a crash would.
pub fn kill(layout: &Layout, name: &str) -> Result<Killed> {
    let records = process::remembered(&layout.cluster().join(PROCESSES));
    let record = records
        .into_iter()
        .find(|record| record.name == name && record.alive())
        .with_context(|| format!("{name} does not run"))?;
    let killed = Killed {
        layout: layout.clone(),
        name: name.to_owned(),
        program: layout.program(name),
        // The first is the program itself.
        arguments: process::arguments(record.pid).split_off(1),
        revived: false,
    };
    process::kill_all(&[record])?;
    Ok(killed)
}

impl Killed {
    /// Starts the part again, and waits until the node is Ready.
    pub fn revive(mut self) -> Result<()> {
        self.start()?;
        let limit = Duration::from_secs(90);
        let ready = || status::ready_node(&self.layout).is_some();
        exec::wait_for("a node that is Ready again", limit, ready, || Ok(()))
    }

    fn start(&mut self) -> Result<()> {
        let Self {
            layout,
            name,
            program,
            arguments,
            revived,
        } = self;
        *revived = true;
        let (record, _) = process::start(
            name,
            Lifetime::UntilEnded,
            &layout.log(name),
            program,
            |command| {
                command.args(arguments.iter());
            },
        )?;
        process::remember(&layout.cluster().join(PROCESSES), &record)
    }
}

impl Drop for Killed {
    fn drop(&mut self) {
        if !self.revived
            && let Err(error) = self.start()
        {
            eprintln!(
                "{} is not running again: {error:#}; `e2e-node up` repairs it",
                self.name
            );
        }
    }
}
