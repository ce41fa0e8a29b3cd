//! The node: one machine that is a whole cluster.

mod boot;
mod config;
mod dns;
mod down;
mod network;
mod part;
mod policies;
mod status;
mod traces;

use std::fs::File;

use anyhow::{Context, Result};

pub use boot::check_alone;
pub use down::down;
pub use part::{Killed, kill};
pub use policies::Enforcement;
pub use status::{Status, kubelet, status};

use crate::{Layout, interrupt, prepare, report};

/// The node's name.
const NAME: &str = "locust-node";
/// The node's address, on a bridge of its own.
const ADDRESS: &str = "10.88.0.1";
/// Started processes, one JSON object per line.
const PROCESSES: &str = "processes.jsonl";

/// Boots the node, repairs it when it is half dead, and does nothing when it
/// is healthy. After a failure or an interruption nothing of it is left.
pub fn up(layout: &Layout) -> Result<()> {
    prepare::check_machine(layout)?;
    let _lock = lock(layout)?;
    let found = status(layout);
    if found.healthy() {
        report::line("the node is up");
        return Ok(());
    }
    boot::check(layout)?;
    if traces::any(layout) {
        report::line("the node is not healthy; removing it before booting it again");
        down::clean(layout)?;
    }
    let Err(error) = boot::boot(layout) else {
        return Ok(());
    };
    interrupt::forgive();
    report::line("the boot failed; removing what was started");
    down::clean(layout)
        .context("cannot clean up after a failed boot; `e2e-node down` tries again")?;
    Err(error)
}

/// Only one command changes the node at a time.
fn lock(layout: &Layout) -> Result<File> {
    let path = layout.state.join("node.lock");
    let file = File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
    if file.try_lock().is_err() {
        report::line("waiting for another e2e-node command to end");
        file.lock()?;
    }
    Ok(file)
}
