//! Programs in the background that end with the test process.

use std::fs::OpenOptions;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Mutex, OnceLock};

use anyhow::{Context, Result, anyhow};

type Request = (Command, Sender<std::io::Result<Child>>);

/// Starts a program with its output added to `log`. It is killed when this
/// process ends, however that ends.
pub fn spawn(program: &Path, log: &Path, set_up: impl FnOnce(&mut Command)) -> Result<Child> {
    let output = OpenOptions::new()
        .create(true)
        .append(true)
        .open(log)
        .with_context(|| format!("cannot write {}", log.display()))?;
    // It replaces itself with the program: the process id stays.
    let mut command = Command::new("setpriv");
    command
        .args(["--pdeathsig", "KILL", "--"])
        .arg(program)
        .stdin(Stdio::null())
        .stdout(output.try_clone()?)
        .stderr(output);
    set_up(&mut command);
    from_lasting_thread(command).with_context(|| format!("cannot start {}", program.display()))
}

/// The "parent death" signal comes when the *thread* that started the child
/// ends, and a test's thread ends long before its process does.
fn from_lasting_thread(command: Command) -> Result<Child> {
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
