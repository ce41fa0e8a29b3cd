//! How this process comes to act: alone, or elected.

use std::sync::Arc;

use kube::Client;
use tokio_util::sync::CancellationToken;

use super::{Authority, Clock, Election, LeadershipLost, identity};
use crate::metrics::Metrics;

/// How this process comes to act.
pub(crate) struct Leadership {
    authority: Authority,
    metrics: Arc<Metrics>,
    /// None when it is alone.
    election: Option<Election>,
}

impl Leadership {
    /// Of a candidate for the Lease in this namespace, or of a process that is alone.
    ///
    /// # Errors
    /// When no name can be made for the candidate.
    pub fn of(
        client: Client,
        namespace: Option<&str>,
        metrics: &Arc<Metrics>,
    ) -> anyhow::Result<Self> {
        let clock = Clock::since_boot();
        let (authority, election) = match namespace {
            None => (Authority::unlimited(clock), None),
            Some(namespace) => {
                let authority = Authority::none(clock.clone());
                let election =
                    Election::new(client, namespace, identity()?, clock, authority.clone());
                (authority, Some(election))
            }
        };
        Ok(Self {
            authority,
            metrics: metrics.clone(),
            election,
        })
    }

    /// What the client of everything that acts must be fenced by.
    pub fn authority(&self) -> &Authority {
        &self.authority
    }

    /// The name in the Lease when this process leads; none when it is alone.
    pub fn candidate(&self) -> Option<&str> {
        self.election.as_ref().map(Election::candidate)
    }

    /// Waits until this process may act, and works as long as it may. The work must end soon after `stop`.
    ///
    /// # Errors
    /// When the leadership ends before the work.
    pub async fn work<W: Future<Output = ()>>(
        self,
        stop: &CancellationToken,
        work: impl FnOnce() -> W,
    ) -> Result<(), LeadershipLost> {
        let Self {
            authority: _,
            metrics,
            election,
        } = self;
        let work = || {
            metrics.leads(true);
            work()
        };
        let ended = match election {
            Some(election) => election.lead(stop, work).await,
            None => {
                work().await;
                Ok(())
            }
        };
        metrics.leads(false);
        ended
    }
}
