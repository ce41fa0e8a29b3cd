//! Leading: only the holder of the Lease acts.
//!
//! The decisions are in [`locust_core::lease`]; here is their loop, its calls, and the [`Authority`] without which
//! nothing is written.

mod authority;
mod calls;
mod clock;
mod leadership;
#[cfg(test)]
mod tests;

use std::{fs, time::Duration};

use anyhow::Context as _;
use jiff::Timestamp;
use kube::Client;
use locust_api::names::LEADER_LEASE;
use locust_core::lease::{Answer, Candidate, Loss, Moment, Now, Step, Timing};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::settings::LeaderElect;
use authority::Authority;
use calls::Calls;
use clock::Clock;
pub(crate) use leadership::Leadership;

/// A call that takes longer is tried again.
const CALL_WITHIN: Duration = Duration::from_secs(5);

/// The namespace of the Lease: that of this process unless another is given. `None`: this process is alone.
///
/// # Errors
/// When there must be an election and its namespace is not known.
pub(crate) fn namespace(
    elect: LeaderElect,
    given: Option<String>,
    own: Option<String>,
) -> anyhow::Result<Option<String>> {
    let namespace = given.or(own);
    match elect {
        LeaderElect::Never => Ok(None),
        LeaderElect::InCluster => Ok(namespace),
        LeaderElect::Always => namespace.map(Some).context(
            "--leader-elect=true needs the namespace of the Lease: this process does not run in a cluster, so give --lease-namespace",
        ),
    }
}

/// The namespace of this process, if it runs in a cluster.
pub(crate) fn own_namespace() -> Option<String> {
    let namespace =
        fs::read_to_string("/var/run/secrets/kubernetes.io/serviceaccount/namespace").ok()?;
    Some(namespace.trim().to_owned()).filter(|name| !name.is_empty())
}

/// A name that no other process has, nor this one after it was started again: `<pod>_<random>`, as client-go makes it.
///
/// # Errors
/// When the kernel gives no random identifier.
fn identity() -> anyhow::Result<String> {
    let random = fs::read_to_string("/proc/sys/kernel/random/uuid")
        .context("cannot make a name for the leader election from /proc/sys/kernel/random/uuid")?;
    let host = std::env::var("HOSTNAME").unwrap_or_else(|_| "locust-operator".to_owned());
    Ok(format!("{host}_{}", random.trim()))
}

/// The leadership ended while there was work.
#[derive(Debug, thiserror::Error)]
#[error(
    "the leadership is lost: {0}; nothing is written any more, and this process ends to start again as a candidate"
)]
pub(crate) struct LeadershipLost(Loss);

/// One candidate and its way to the Lease.
pub(crate) struct Election {
    candidate: Candidate,
    calls: Calls,
    clock: Clock,
    wall: fn() -> Timestamp,
    authority: Authority,
    /// The holder that was logged last.
    told: Option<String>,
    /// The error that was logged last.
    last_error: Option<String>,
}

impl Election {
    /// A candidate called `me` for the Lease in this namespace, which `authority` follows. The client must not be one
    /// that is fenced by it.
    pub fn new(
        client: Client,
        namespace: &str,
        me: String,
        clock: Clock,
        authority: Authority,
    ) -> Self {
        Self {
            candidate: Candidate::new(me, Timing::default()),
            calls: Calls::new(client, namespace),
            clock,
            wall: Timestamp::now,
            authority,
            told: None,
            last_error: None,
        }
    }

    /// The name in the Lease when this process leads.
    pub fn candidate(&self) -> &str {
        self.candidate.name()
    }

    /// Waits until this process leads, and works as long as it does. The work must end soon after `stop`; then the
    /// Lease is given back.
    ///
    /// # Errors
    /// When the leadership ends before the work. The work is dropped.
    pub async fn lead<W: Future<Output = ()>>(
        mut self,
        stop: &CancellationToken,
        work: impl FnOnce() -> W,
    ) -> Result<(), LeadershipLost> {
        if !self.win(stop).await {
            return Ok(());
        }
        tracing::info!(
            lease = LEADER_LEASE,
            holder = self.candidate.name(),
            "leading"
        );
        let loss = tokio::select! {
            () = work() => None,
            loss = self.keep() => Some(loss),
        };
        self.authority.set(None);
        match loss {
            None => {
                self.give_back().await;
                Ok(())
            }
            Some(loss) => {
                let lost = LeadershipLost(loss);
                tracing::error!(lease = LEADER_LEASE, "{lost}");
                Err(lost)
            }
        }
    }

    /// Whether this process leads now; it does not when it was told to stop before.
    async fn win(&mut self, stop: &CancellationToken) -> bool {
        while !self.authority.holds() {
            if stop.is_cancelled() {
                return false;
            }
            let now = self.now();
            let step = self.candidate.next(now);
            // A write that is under way may win, and then the Lease must be given back.
            let may_be_left = !matches!(step, Step::Write { .. });
            let done = self.carry_out(step, now.moment);
            if !may_be_left {
                done.await;
            } else if stop.run_until_cancelled(done).await.is_none() {
                return false;
            }
            self.authority.set(self.candidate.leads_until());
            self.tell_holder();
        }
        true
    }

    /// Renews until that fails.
    async fn keep(&mut self) -> Loss {
        loop {
            let now = self.now();
            match self.candidate.next(now) {
                Step::Lost(loss) => return loss,
                step => self.carry_out(step, now.moment).await,
            }
            self.authority.set(self.candidate.leads_until());
        }
    }

    async fn carry_out(&mut self, step: Step, asked: Moment) {
        let left = self.candidate.leads_until().map(|until| asked.until(until));
        let limit = CALL_WITHIN.min(left.unwrap_or(CALL_WITHIN));
        let answer = match &step {
            Step::Wait(until) => return sleep(asked.until(*until)).await,
            Step::Lost(_) => return,
            Step::Read => timeout(limit, self.calls.read()).await,
            Step::Write { record, over } => {
                timeout(limit, self.calls.write(record, over.as_deref())).await
            }
        };
        let answer = match answer {
            Ok(Ok(answer)) => {
                self.last_error = None;
                answer
            }
            Ok(Err(error)) => self.failed(error.to_string()),
            Err(_) => self.failed("the API server does not answer".to_owned()),
        };
        let now = self.clock.now();
        self.candidate.answered(&step, answer, asked, now);
    }

    fn failed(&mut self, error: String) -> Answer {
        // Every two seconds the same would hide all else.
        if self.last_error.as_ref() != Some(&error) {
            tracing::warn!(
                lease = LEADER_LEASE,
                error,
                "cannot read or write the Lease; trying again"
            );
            self.last_error = Some(error);
        }
        Answer::Failed
    }

    fn tell_holder(&mut self) {
        let holder = self.candidate.holder();
        let other = holder.filter(|holder| *holder != self.candidate.name());
        if let Some(other) = other.filter(|other| self.told.as_deref() != Some(other)) {
            tracing::info!(
                lease = LEADER_LEASE,
                holder = other,
                "standing by: another operator leads"
            );
            self.told = Some(other.to_owned());
        }
    }

    /// So that the next leader need not wait.
    async fn give_back(&mut self) {
        // The second time after a renewal that was left under way has come first.
        for _ in 0..2 {
            let now = self.now();
            let Some(Step::Write { record, over }) = self.candidate.release(now) else {
                break;
            };
            let written = self.calls.write(&record, over.as_deref());
            match timeout(CALL_WITHIN, written).await {
                Ok(Ok(Answer::Stored(_))) => {
                    tracing::info!(lease = LEADER_LEASE, "gave the Lease back");
                    return;
                }
                Ok(Ok(Answer::Conflict)) => self.carry_out(Step::Read, now.moment).await,
                _ => break,
            }
        }
        // It runs out by itself.
        tracing::warn!(lease = LEADER_LEASE, "cannot give the Lease back");
    }

    fn now(&self) -> Now {
        Now {
            moment: self.clock.now(),
            wall: (self.wall)(),
        }
    }
}
