//! A faulty way from one operator process to the API server: what it asks for is counted, held back, refused or cut
//! off as a test wants it.
//!
//! Plain HTTP towards the operator, TLS towards the API server. Who the operator is stays with the operator: its
//! token is passed on.

mod faults;
mod patience;
mod serve;
mod succession;
mod watch;

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Instant;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use tokio::runtime::{Builder, Handle};
use tokio::task::AbortHandle;

use crate::upstream::Upstream;

pub use faults::{Call, Fate, Faults, KillPoint, When, Writes};
pub use patience::check_patience;
pub use succession::{Launch, Life, Succession};

/// A faulty way to the API server. It ends when this is dropped.
pub struct Proxy {
    shared: Arc<Shared>,
    serving: AbortHandle,
    kubeconfig: PathBuf,
}

/// A call that came, and what became of it.
#[derive(Clone, Debug)]
pub struct Seen {
    /// When it came.
    pub at: Instant,
    /// What was asked for.
    pub call: Call,
    /// What became of it.
    pub fate: Fate,
}

/// How a watch ends.
#[derive(Clone, Copy, Debug)]
enum Ending {
    /// As when its time is over.
    Silent,
    /// With the word that its history is gone.
    Expired,
}

struct Shared {
    upstream: Upstream,
    faults: Mutex<Faults>,
    victim: Mutex<Option<u32>>,
    killed: Mutex<Option<Call>>,
    seen: Mutex<Vec<Seen>>,
    /// Held by the write under way while a kill is armed.
    writing: tokio::sync::Mutex<()>,
    /// Tells the watches that are open how to end.
    ending: tokio::sync::watch::Sender<Ending>,
}

impl Proxy {
    /// A way to the API server of a kubeconfig. A copy of it, which leads through the proxy, is written to `copy`.
    pub fn open(kubeconfig: &Path, copy: &Path) -> Result<Self> {
        let text = fs::read_to_string(kubeconfig)
            .with_context(|| format!("cannot read {}", kubeconfig.display()))?;
        let mut config: Value =
            serde_json::from_str(&text).context("the kubeconfig is not JSON")?;
        let shared = Arc::new(Shared {
            upstream: Upstream::of(&config)?,
            faults: Mutex::default(),
            victim: Mutex::default(),
            killed: Mutex::default(),
            seen: Mutex::default(),
            writing: tokio::sync::Mutex::default(),
            ending: tokio::sync::watch::Sender::new(Ending::Silent),
        });
        let (address, serving) = listen(&shared)?;
        config["clusters"][0]["cluster"] = json!({"server": format!("http://{address}")});
        fs::write(copy, config.to_string())
            .with_context(|| format!("cannot write {}", copy.display()))?;
        Ok(Self {
            shared,
            serving,
            kubeconfig: copy.to_owned(),
        })
    }

    /// The kubeconfig that leads through the proxy.
    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// Changes what goes wrong from now on.
    pub fn set(&self, change: impl FnOnce(&mut Faults)) {
        change(&mut lock(&self.shared.faults));
    }

    /// The process will be killed at this write, counted from now on. Nothing of it gets through afterwards.
    pub fn kill_at(&self, pid: u32, point: KillPoint) {
        *lock(&self.shared.victim) = Some(pid);
        lock(&self.shared.faults).kill_at(point);
    }

    /// The write at which the operator was killed.
    pub fn killed(&self) -> Option<Call> {
        lock(&self.shared.killed).clone()
    }

    /// Ends all watches that are open, as an API server does whose history was compacted.
    pub fn expire_watches(&self) {
        self.shared.ending.send_replace(Ending::Expired);
    }

    /// Ends all watches that are open without a word, and refuses those that would go on from where they were.
    pub fn refuse_old_watches(&self) {
        lock(&self.shared.faults).compact();
        self.shared.ending.send_replace(Ending::Silent);
    }

    /// All calls so far, in the order they came.
    pub fn calls(&self) -> Vec<Seen> {
        lock(&self.shared.seen).clone()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

fn listen(shared: &Arc<Shared>) -> Result<(SocketAddr, AbortHandle)> {
    let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    let runtime = runtime()?;
    let _inside = runtime.enter();
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let serving = runtime.spawn(serve::serve(listener, shared.clone()));
    Ok((address, serving.abort_handle()))
}

/// One thread serves all proxies of this process.
fn runtime() -> Result<Handle> {
    static RUNTIME: OnceLock<Handle> = OnceLock::new();
    static STARTING: Mutex<()> = Mutex::new(());
    let _one_at_a_time = lock(&STARTING);
    if let Some(handle) = RUNTIME.get() {
        return Ok(handle.clone());
    }
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let handle = RUNTIME.get_or_init(|| runtime.handle().clone()).clone();
    std::thread::spawn(move || runtime.block_on(std::future::pending::<()>()));
    Ok(handle)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
