//! Whether the cluster serves the kind that this operator needs: looked at for as long as the process lives.
//!
//! What is asked for first is what everybody may read, so that an operator of one namespace, which may not read
//! definitions, knows as well.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use anyhow::{Context as _, bail};
use axum::http::{
    Request, StatusCode,
    header::{ETAG, HeaderValue, IF_NONE_MATCH},
};
use http_body_util::BodyExt;
use kube::{Client, client::Body};
use locust_core::definition::{self, Group, Schemas, Served};
use serde::de::DeserializeOwned;
use tokio::{sync::watch, time::timeout};
use tokio_util::sync::CancellationToken;

use crate::{obstacles::Obstacles, webhook::Definition};

/// How long one look may take.
const LOOK_WITHIN: Duration = Duration::from_secs(20);
/// While all is well, a definition that was replaced is noticed this soon.
const LOOK_AGAIN: Duration = Duration::from_secs(60);
/// While it is not, pauses grow from the first to the second.
const SHORTEST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// An API server that starts, or one of several that is behind, may say for a moment what is not so. What ends the work
/// of this process must be seen this often in a row.
const LOOKS_TO_END: u32 = 3;
const LOOK_TWICE: Duration = Duration::from_secs(2);
/// What `/readyz` calls it.
const ABOUT: &str = "definition";

/// What is known.
pub(crate) struct Fitness {
    state: watch::Receiver<State>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    /// Nothing yet, or why nothing can be known now.
    NotKnown(String),
    Fit,
    /// Why nothing may be done.
    Unfit(String),
}

impl Fitness {
    /// Begins to look. `converts_as`: the hosts by which this operator is asked to convert, if it is.
    pub fn start(
        client: Client,
        converts_as: Option<Vec<String>>,
        obstacles: Obstacles,
        stop: CancellationToken,
    ) -> Arc<Self> {
        let first = State::NotKnown("not looked at yet".to_owned());
        obstacles.set(ABOUT, first.complaint());
        let (sender, state) = watch::channel(first);
        let looker = Looker {
            client,
            converts_as,
            schemas: None,
            told_forbidden: false,
        };
        tokio::spawn(async move {
            stop.run_until_cancelled(looker.run(sender, obstacles))
                .await
        });
        Arc::new(Self { state })
    }

    /// Returns when this operator may act.
    pub async fn fit(&self) {
        // The sender lives as long as the process is not told to stop.
        let _ = self.state.clone().wait_for(|it| *it == State::Fit).await;
    }

    /// Returns when this operator may act no more, and says why.
    pub async fn unfit(&self) -> String {
        let mut state = self.state.clone();
        let unfit = state.wait_for(|it| matches!(it, State::Unfit(_))).await;
        match unfit.ok().and_then(|state| state.complaint()) {
            Some(words) => words,
            None => std::future::pending().await,
        }
    }
}

impl State {
    fn complaint(&self) -> Option<String> {
        match self {
            Self::NotKnown(words) | Self::Unfit(words) => Some(words.clone()),
            Self::Fit => None,
        }
    }
}

struct Looker {
    client: Client,
    converts_as: Option<Vec<String>>,
    /// The schemas that were read last: their tag, and whether they fit.
    schemas: Option<(HeaderValue, Result<(), String>)>,
    told_forbidden: bool,
}

/// What the API server answered.
enum Answer<T> {
    /// This, under this tag.
    Is(T, Option<HeaderValue>),
    /// What it was.
    Unchanged,
    /// There is no such thing.
    Missing,
    /// This process may not know.
    Forbidden,
}

impl Looker {
    async fn run(mut self, state: watch::Sender<State>, obstacles: Obstacles) {
        let mut pause = SHORTEST_PAUSE;
        let mut doubts = 0;
        loop {
            let seen = match timeout(LOOK_WITHIN, self.look()).await {
                Ok(Ok(Ok(()))) => State::Fit,
                Ok(Ok(Err(words))) => State::Unfit(words),
                Ok(Err(error)) => State::NotKnown(format!("{error:#}")),
                Err(_) => State::NotKnown("the API server does not answer".to_owned()),
            };
            let was_fit = *state.borrow() == State::Fit;
            let wait = match &seen {
                State::Fit => {
                    (pause, doubts) = (SHORTEST_PAUSE, 0);
                    LOOK_AGAIN
                }
                // An API server that is away changes no definition.
                State::NotKnown(_) if was_fit => {
                    tokio::time::sleep(LOOK_TWICE).await;
                    continue;
                }
                State::Unfit(_) if was_fit && doubts + 1 < LOOKS_TO_END => {
                    doubts += 1;
                    tokio::time::sleep(LOOK_TWICE).await;
                    continue;
                }
                State::NotKnown(_) | State::Unfit(_) => {
                    let wait = pause;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                    wait
                }
            };
            if obstacles.set(ABOUT, seen.complaint()) {
                match &seen {
                    State::Fit => tracing::info!("the definition of LocustTest is the right one"),
                    State::NotKnown(words) => tracing::warn!(
                        error = words,
                        "cannot look at the definition of LocustTest; trying again"
                    ),
                    State::Unfit(words) => tracing::error!("{words}"),
                }
            }
            state.send_replace(seen);
            tokio::time::sleep(wait).await;
        }
    }

    async fn look(&mut self) -> anyhow::Result<Result<(), String>> {
        if let Err(words) = self.look_at_schemas().await? {
            return Ok(Err(words));
        }
        let Some(hosts) = self.converts_as.clone() else {
            return Ok(Ok(()));
        };
        let definition = match Definition::read(&self.client).await {
            Err(error) if is_forbidden(&error) => {
                self.tell_forbidden(definition::NAME);
                return Ok(Ok(()));
            }
            read => read?,
        };
        let other = definition.and_then(|definition| definition.asks_another(&hosts));
        Ok(match other {
            None => Ok(()),
            Some(other) => Err(format!(
                "the definition {} asks {other} to convert, and this operator answers as {}: another operator works for \
                 all namespaces. No test is run by this one: uninstall one of the two, or give this one a namespace \
                 (watch.scope=Namespace). If the other is gone, upgrade this Helm release with crds.install=true, \
                 --take-ownership and --force-conflicts",
                definition::NAME,
                hosts.join(", ")
            )),
        })
    }

    async fn look_at_schemas(&mut self) -> anyhow::Result<Result<(), String>> {
        let path = format!("/openapi/v3/apis/locust.io/{}", definition::VERSION);
        let before = self.schemas.as_ref().map(|(tag, _)| tag);
        let served = match self.get::<Schemas>(&path, before).await? {
            Answer::Is(schemas, tag) => match schemas.served() {
                Some(served) => {
                    let judged = definition::judge(&served).map_err(|unfit| unfit.to_string());
                    self.schemas = tag.map(|tag| (tag, judged.clone()));
                    return Ok(judged);
                }
                // Of other kinds there is this version.
                None => self.otherwise(true).await?,
            },
            Answer::Unchanged => {
                let known = self.schemas.as_ref().map(|(_, judged)| judged.clone());
                return Ok(known.unwrap_or(Ok(())));
            }
            Answer::Forbidden => {
                self.tell_forbidden(&path);
                return Ok(Ok(()));
            }
            Answer::Missing => self.otherwise(false).await?,
        };
        self.schemas = None;
        Ok(definition::judge(&served).map_err(|unfit| unfit.to_string()))
    }

    fn tell_forbidden(&mut self, what: &str) {
        if !std::mem::replace(&mut self.told_forbidden, true) {
            tracing::warn!(
                "may not read {what}, so the definition of LocustTest is taken for the right one"
            );
        }
    }

    /// What there is instead of the version that is needed, which may be described for other kinds.
    async fn otherwise(&self, is_described: bool) -> anyhow::Result<Served> {
        let Answer::Is(group, _) = self.get::<Group>("/apis/locust.io", None).await? else {
            return Ok(Served::Nothing);
        };
        let (mut versions, mut fields) = (Vec::new(), None);
        for version in group.versions() {
            if version == definition::VERSION {
                if is_described {
                    continue;
                }
                bail!("the API server does not describe locust.io/{version} yet");
            }
            let path = format!("/openapi/v3/apis/locust.io/{version}");
            let spec = match self.get::<Schemas>(&path, None).await? {
                Answer::Is(schemas, _) => schemas.spec_fields(),
                Answer::Unchanged | Answer::Missing | Answer::Forbidden => Some(BTreeSet::new()),
            };
            if let Some(spec) = spec {
                versions.push(version);
                fields.get_or_insert(spec);
            }
        }
        Ok(match fields {
            Some(spec) => Served::Otherwise { versions, spec },
            None => Served::Nothing,
        })
    }

    async fn get<T: DeserializeOwned>(
        &self,
        path: &str,
        before: Option<&HeaderValue>,
    ) -> anyhow::Result<Answer<T>> {
        let mut request = Request::get(path).body(Body::empty())?;
        if let Some(tag) = before {
            request.headers_mut().insert(IF_NONE_MATCH, tag.clone());
        }
        let answer = self.client.send(request).await?;
        match answer.status() {
            StatusCode::OK => {}
            StatusCode::NOT_MODIFIED => return Ok(Answer::Unchanged),
            StatusCode::NOT_FOUND => return Ok(Answer::Missing),
            StatusCode::FORBIDDEN => return Ok(Answer::Forbidden),
            other => bail!("the API server answers {path} with {other}"),
        }
        let tag = answer.headers().get(ETAG).cloned();
        let body = answer.into_body().collect().await?.to_bytes();
        let content = serde_json::from_slice(&body)
            .with_context(|| format!("cannot read what the API server answers to {path}"))?;
        Ok(Answer::Is(content, tag))
    }
}

fn is_forbidden(error: &anyhow::Error) -> bool {
    let api = error.downcast_ref::<kube::Error>();
    matches!(api, Some(kube::Error::Api(status)) if status.is_forbidden())
}
