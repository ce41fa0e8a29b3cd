//! Starting processes that are to die with this one.
//!
//! The kernel's "parent death" signal comes when the *thread* that started the child ends, and a test's thread ends
//! long before its process does.

use std::process::{Child, Command};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Mutex, OnceLock};

use anyhow::{Result, anyhow};

/// A command to start, and where to send the result.
type Request = (Command, Sender<std::io::Result<Child>>);

/// Starts a command from a thread that lasts as long as the process.
pub fn spawn(command: Command) -> Result<Child> {
    static STARTER: OnceLock<Mutex<Sender<Request>>> = OnceLock::new();
    let starter = STARTER.get_or_init(|| {
        let (requests, inbox) = channel::<Request>();
        std::thread::spawn(move || {
            for (mut command, reply) in inbox {
                // Nobody waits for the answer any more: nothing to do about it.
                let _ = reply.send(command.spawn());
            }
        });
        Mutex::new(requests)
    });
    let (reply, answer) = channel();
    starter
        .lock()
        .map_err(|_| anyhow!("the thread that starts processes is gone"))?
        .send((command, reply))?;
    Ok(answer.recv()??)
}
