//! Operators one after another: each is killed at its point, and the next goes on.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};

use super::{Call, KillPoint, Proxy, Seen};
use crate::Operator;

const LOOK: Duration = Duration::from_millis(10);

/// How operators are started.
#[derive(Clone, Debug)]
pub struct Launch {
    /// Whose rights they have.
    pub kubeconfig: PathBuf,
    /// Where files of theirs are written.
    pub directory: PathBuf,
    /// Begins the names of these files.
    pub name: String,
    /// Their flags.
    pub arguments: Vec<String>,
}

/// Operators one after another.
pub struct Succession {
    over: Arc<AtomicBool>,
    last_is_ready: Receiver<()>,
    thread: JoinHandle<Result<Vec<Life>>>,
}

/// What an operator did until it was killed, or told to stop.
#[derive(Clone, Debug)]
pub struct Life {
    /// Where it was killed, and the call; the last one is not.
    pub killed: Option<(KillPoint, Call)>,
    /// All it asked for.
    pub calls: Vec<Seen>,
}

impl Launch {
    /// An operator that lives on, behind a proxy of its own.
    pub fn start(&self) -> Result<(Proxy, Operator)> {
        let proxy = self.proxy(0)?;
        let operator = self.operator(&proxy)?;
        Ok((proxy, operator))
    }

    fn proxy(&self, number: usize) -> Result<Proxy> {
        let copy = self
            .directory
            .join(format!("{}.{number}.kubeconfig", self.name));
        Proxy::open(&self.kubeconfig, &copy)
    }

    fn operator(&self, proxy: &Proxy) -> Result<Operator> {
        let log = self
            .directory
            .join("logs")
            .join(format!("{}.log", self.name));
        let arguments: Vec<&str> = self.arguments.iter().map(String::as_str).collect();
        Operator::start(proxy.kubeconfig(), &log, &arguments)
    }
}

impl Succession {
    /// Starts the first one. One more than there are points comes last and lives on.
    pub fn start(launch: Launch, points: Vec<KillPoint>) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let told = over.clone();
        let (ready, last_is_ready) = channel();
        let thread = std::thread::spawn(move || {
            let mut lives = Vec::new();
            for (number, point) in points.into_iter().enumerate() {
                lives.push(until_killed(&launch, number, point, &told)?);
            }
            lives.push(until_over(&launch, lives.len(), &ready, &told)?);
            Ok(lives)
        });
        Self {
            over,
            last_is_ready,
            thread,
        }
    }

    /// Gives the last one time to do something wrong, then ends it; returns what each did. An error when one outlived
    /// the point it should have died at.
    pub fn end(self) -> Result<Vec<Life>> {
        const LAST: Duration = Duration::from_secs(20);
        const AT_WORK: Duration = Duration::from_millis(1500);
        if self.last_is_ready.recv_timeout(LAST).is_ok() {
            std::thread::sleep(AT_WORK);
        }
        self.over.store(true, Ordering::SeqCst);
        self.thread.join().map_err(|_| anyhow!("it panicked"))?
    }
}

fn until_killed(
    launch: &Launch,
    number: usize,
    point: KillPoint,
    over: &AtomicBool,
) -> Result<Life> {
    let proxy = launch.proxy(number)?;
    let mut operator = launch.operator(&proxy)?;
    proxy.kill_at(operator.pid(), point);
    let call = loop {
        if let Some(call) = proxy.killed() {
            break call;
        }
        if over.load(Ordering::SeqCst) {
            bail!("it was never killed {point}:\n{}", operator.log());
        }
        std::thread::sleep(LOOK);
    };
    operator.kill().context("cannot reap the operator")?;
    Ok(Life {
        killed: Some((point, call)),
        calls: proxy.calls(),
    })
}

fn until_over(
    launch: &Launch,
    number: usize,
    ready: &Sender<()>,
    over: &AtomicBool,
) -> Result<Life> {
    let proxy = launch.proxy(number)?;
    let mut operator = launch.operator(&proxy)?;
    operator.wait_ready()?;
    // Nobody listens when the test has failed in between.
    let _ = ready.send(());
    while !over.load(Ordering::SeqCst) {
        std::thread::sleep(LOOK);
    }
    Ok(Life {
        killed: None,
        calls: proxy.calls(),
    })
}
