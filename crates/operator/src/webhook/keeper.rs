//! Keeps the webhook server's certificate in a Secret that all replicas share, and its CA in what makes the API server
//! call it: the definition, and the configuration of validation.

use std::{collections::BTreeMap, time::Duration};

use anyhow::Context as _;
use futures::StreamExt;
use jiff::Timestamp;
use k8s_openapi::{ByteString, api::core::v1::Secret};
use kube::{
    Api, Client,
    api::{ObjectMeta, PostParams},
    runtime::{WatchStreamExt, watcher},
};
use locust_core::certificates::{self, Action};
use tokio_util::sync::CancellationToken;

use super::{
    CurrentCertificate, configuration::Configuration, definition::Definition, keys::Stored,
};
use crate::settings::SecretPlace;

/// Definition and configuration are not watched; whoever replaced one is noticed this soon.
const LOOK_AGAIN: Duration = Duration::from_secs(60);
/// Pauses after failures grow up to this.
const LONGEST_PAUSE: Duration = Duration::from_secs(15);

pub(super) struct Keeper {
    client: Client,
    secrets: Api<Secret>,
    place: SecretPlace,
    /// What the certificate is for.
    hosts: Vec<String>,
    /// Name of the configuration of validation.
    configuration: Option<String>,
    current: CurrentCertificate,
    /// What `current` was made from.
    used: Option<Stored>,
    /// The next authority, and since when all are known to trust it.
    next_trusted: Option<(String, Timestamp)>,
    told_no_conversion: bool,
}

/// What a look at everything came to.
enum Looked {
    /// Something was written, by this replica or another: look at it.
    Changed,
    /// All is as it should be until then.
    Settled(Duration),
}

impl Keeper {
    pub fn new(
        client: Client,
        place: SecretPlace,
        hosts: Vec<String>,
        configuration: Option<String>,
        current: CurrentCertificate,
    ) -> Self {
        Self {
            secrets: Api::namespaced(client.clone(), &place.namespace),
            client,
            place,
            hosts,
            configuration,
            current,
            used: None,
            next_trusted: None,
            told_no_conversion: false,
        }
    }

    /// Until told to stop.
    pub async fn run(mut self, stop: CancellationToken) {
        let field = format!("metadata.name={}", self.place.name);
        let config = watcher::Config::default().fields(&field);
        let mut changes = watcher(self.secrets.clone(), config)
            .default_backoff()
            .boxed();
        let mut pause = Duration::from_secs(1);
        loop {
            let wait = match stop.run_until_cancelled(self.look()).await {
                None => return,
                Some(Ok(Looked::Changed)) => {
                    pause = Duration::from_secs(1);
                    continue;
                }
                Some(Ok(Looked::Settled(wait))) => {
                    pause = Duration::from_secs(1);
                    wait.min(LOOK_AGAIN)
                }
                Some(Err(error)) => {
                    tracing::warn!(
                        error = format!("{error:#}"),
                        "cannot keep the webhook server's certificate; trying again"
                    );
                    pause = (pause * 2).min(LONGEST_PAUSE);
                    pause
                }
            };
            let change = tokio::time::timeout(wait, changed(&mut changes));
            if stop.run_until_cancelled(change).await.is_none() {
                return;
            }
        }
    }

    /// Reads definition and configuration before the Secret: the bundle written into them is then never older than
    /// they are, or the write is refused.
    async fn look(&mut self) -> anyhow::Result<Looked> {
        let definition = Definition::read(&self.client).await?;
        let configuration = self.read_configuration().await;
        let secret = self
            .secrets
            .get_opt(&self.place.name)
            .await
            .with_context(|| format!("cannot read the Secret {}", self.place))?;
        let now = Timestamp::now();
        let stored = secret.as_ref().and_then(|secret| {
            Stored::read(secret.data.as_ref()?)
                .inspect_err(|error| {
                    tracing::warn!(secret = %self.place, error, "the Secret holds no certificate of this operator; it gets one");
                })
                .ok()
        });
        let observed = stored
            .as_ref()
            .map(|stored| stored.observed(&self.hosts, self.next_trusted_since(stored)));
        let action = certificates::decide(now, observed.as_ref());
        let (Action::Keep(wake), Some(stored)) = (action, &stored) else {
            tracing::info!(secret = %self.place, ?action, "the webhook server's certificate");
            let new = Stored::after(stored.as_ref(), action, now, &self.hosts)?;
            self.write(secret, &new).await?;
            return Ok(Looked::Changed);
        };
        if self.used.as_ref() != Some(stored) {
            let config = stored.server_config().map_err(anyhow::Error::msg)?;
            self.current.send_replace(Some(config));
            self.used = Some(stored.clone());
            tracing::info!(secret = %self.place, "the webhook server has a certificate");
        }
        let definition = definition.filter(|it| it.asks(&self.hosts));
        if definition.is_none() && !std::mem::replace(&mut self.told_no_conversion, true) {
            tracing::info!("the definition of LocustTest does not ask this operator to convert");
        }
        let bundle = stored.bundle();
        if let Some(definition) = definition.as_ref().filter(|it| !it.trusts(&bundle)) {
            return written(definition.trust(&self.client, &bundle).await);
        }
        // Only now: conversion must not wait for what validation lacks.
        let configuration = configuration?;
        if let Some(configuration) = configuration.as_ref().filter(|it| !it.trusts(&bundle)) {
            return written(configuration.trust(&self.client, &bundle).await);
        }
        if definition.is_none() && configuration.is_none() {
            return Ok(Looked::Settled(LOOK_AGAIN));
        }
        if let Some(definition) = &definition {
            match definition.hand_over(&self.client).await {
                Ok(false) => {}
                other => return written(other.map(drop)),
            }
        }
        if let (Some(next), None) = (stored.next(), self.next_trusted_since(stored)) {
            self.next_trusted = Some((next.to_owned(), now));
            return Ok(Looked::Changed);
        }
        Ok(Looked::Settled(certificates::pause(now, wake)))
    }

    async fn read_configuration(&self) -> anyhow::Result<Option<Configuration>> {
        match &self.configuration {
            Some(name) => Configuration::read(&self.client, name).await,
            None => Ok(None),
        }
    }

    fn next_trusted_since(&self, stored: &Stored) -> Option<Timestamp> {
        let (next, since) = self.next_trusted.as_ref()?;
        (stored.next() == Some(next)).then_some(*since)
    }

    /// Stores it, unless another replica was faster.
    async fn write(&self, before: Option<Secret>, new: &Stored) -> anyhow::Result<()> {
        let data: BTreeMap<String, ByteString> = new.data();
        let params = PostParams::default();
        let written = match before {
            None => {
                let secret = Secret {
                    metadata: ObjectMeta {
                        name: Some(self.place.name.clone()),
                        ..ObjectMeta::default()
                    },
                    type_: Some("kubernetes.io/tls".to_owned()),
                    data: Some(data),
                    ..Secret::default()
                };
                self.secrets.create(&params, &secret).await
            }
            // With the resourceVersion that was read.
            Some(mut secret) => {
                secret.data = Some(data);
                self.secrets
                    .replace(&self.place.name, &params, &secret)
                    .await
            }
        };
        match written {
            Ok(_) => Ok(()),
            Err(kube::Error::Api(status)) if status.code == 409 => Ok(()),
            Err(error) => {
                Err(error).with_context(|| format!("cannot write the Secret {}", self.place))
            }
        }
    }
}

/// Waits for a change of the Secret. What the watch says itself does not matter: everything is read again.
async fn changed(
    changes: &mut (impl futures::Stream<Item = watcher::Result<watcher::Event<Secret>>> + Unpin),
) {
    loop {
        match changes.next().await {
            Some(Ok(watcher::Event::Apply(_) | watcher::Event::Delete(_))) => return,
            Some(Ok(
                watcher::Event::Init | watcher::Event::InitApply(_) | watcher::Event::InitDone,
            )) => {}
            Some(Err(error)) => tracing::debug!(%error, "the watch of the webhook's Secret failed"),
            None => std::future::pending().await,
        }
    }
}

/// What follows a write that somebody else's may have come before.
fn written(result: anyhow::Result<()>) -> anyhow::Result<Looked> {
    match result {
        Ok(()) => Ok(Looked::Changed),
        Err(error) if is_conflict(&error) => Ok(Looked::Changed),
        Err(error) => Err(error),
    }
}

fn is_conflict(error: &anyhow::Error) -> bool {
    let api = error.downcast_ref::<kube::Error>();
    matches!(api, Some(kube::Error::Api(status)) if status.code == 409)
}
