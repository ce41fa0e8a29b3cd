//! Sending notices, beside the reconciles: none of them waits for a receiver.
//!
//! What came of a try is kept until the stored status shows that it was taken over, so that a write that fails loses
//! nothing. The process may end at any time: the status has what was not sent yet.

use std::{
    collections::{HashMap, hash_map::Entry},
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use k8s_openapi::api::core::v1::Secret;
use kube::{Api, Client, runtime::reflector::ObjectRef};
use locust_api::v2::{LocustSchedule, Notify};
use locust_core::{
    notify::{Message, Sent, Unready, id, target, unreadable},
    schedule::notices::{Outcome, Post, Try},
};
use tokio::{sync::Semaphore, time::Instant};
use tokio_util::sync::CancellationToken;

use super::{name, namespace, post};
use crate::{control::Asker, hub::CachedSchedule};

/// How many receivers are asked at once.
const AT_ONCE: usize = 8;
/// How long a result is kept whose schedule nobody looks at any more, because it is gone.
const KEPT: Duration = Duration::from_secs(3600);

/// What is being sent, and what came of what was.
pub(super) struct Outbox(Arc<Shared>);

struct Shared {
    client: Client,
    ca_bundle: Option<PathBuf>,
    schedules: Asker<CachedSchedule>,
    stop: CancellationToken,
    at_once: Semaphore,
    tries: Mutex<HashMap<Try, State>>,
}

enum State {
    UnderWay,
    Over(Sent, Instant),
}

impl Outbox {
    /// An empty one. It asks for a schedule when something has come of a try.
    pub fn new(
        client: Client,
        ca_bundle: Option<PathBuf>,
        schedules: Asker<CachedSchedule>,
        stop: CancellationToken,
    ) -> Self {
        Self(Arc::new(Shared {
            client,
            ca_bundle,
            schedules,
            stop,
            at_once: Semaphore::new(AT_ONCE),
            tries: Mutex::default(),
        }))
    }

    /// What came of tries of this schedule that its stored status does not know yet.
    pub fn outcomes(&self, schedule: &LocustSchedule) -> Vec<Outcome> {
        let notices = schedule.status.iter().flat_map(|status| &status.notices);
        let waiting: Vec<(String, i32)> = notices
            .map(|notice| (id(schedule, notice), notice.tries))
            .collect();
        let mut tries = self.0.lock();
        let prefix = format!("{}.", schedule.metadata.uid.as_deref().unwrap_or_default());
        let is_news = |of: &Try| {
            let same = waiting.iter().find(|(id, _)| *id == of.id);
            same.is_some_and(|(_, tries)| *tries < of.number)
        };
        tries.retain(|of, state| match state {
            State::UnderWay => true,
            State::Over(_, at) => {
                at.elapsed() < KEPT && (!of.id.starts_with(&prefix) || is_news(of))
            }
        });
        tries
            .iter()
            .filter(|(of, _)| of.id.starts_with(&prefix))
            .filter_map(|(of, state)| match state {
                State::UnderWay => None,
                State::Over(sent, _) => Some(Outcome {
                    of: of.clone(),
                    sent: sent.clone(),
                }),
            })
            .collect()
    }

    /// Begins a try, unless it was begun before.
    pub fn send(&self, schedule: &LocustSchedule, post: Post) {
        let Some(notify) = schedule.spec.notify.clone() else {
            return;
        };
        let Post { of, message } = post;
        match self.0.lock().entry(of.clone()) {
            Entry::Occupied(_) => return,
            Entry::Vacant(entry) => drop(entry.insert(State::UnderWay)),
        }
        let shared = self.0.clone();
        let namespace = namespace(schedule).to_owned();
        let key = ObjectRef::new(name(schedule)).within(&namespace);
        tokio::spawn(async move {
            let stop = shared.stop.clone();
            let sending = shared.send(&namespace, &notify, &message);
            let Some(sent) = stop.run_until_cancelled(sending).await else {
                return;
            };
            tracing::info!(
                notice = of.id,
                number = of.number,
                result = sent.words(),
                "tried to tell how a run went"
            );
            shared.lock().insert(of, State::Over(sent, Instant::now()));
            shared.schedules.ask([key]);
        });
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, HashMap<Try, State>> {
        self.tries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn send(&self, namespace: &str, notify: &Notify, message: &Message) -> Sent {
        // It is never closed.
        let _permit = self.at_once.acquire().await;
        let secret = match &notify.secret_ref {
            None => None,
            Some(secret) => match self.secret(namespace, &secret.name).await {
                Ok(secret) => Some(secret),
                Err(words) => return Sent::NoSecret(words),
            },
        };
        match target(notify, secret.as_ref()) {
            Ok(target) => post::post(&target, message, self.ca_bundle.as_deref()).await,
            Err(Unready::Secret(words)) => Sent::NoSecret(words),
            Err(Unready::Spec(words)) => Sent::Impossible(words),
        }
    }

    async fn secret(&self, namespace: &str, name: &str) -> Result<Secret, String> {
        let api: Api<Secret> = Api::namespaced(self.client.clone(), namespace);
        api.get(name).await.map_err(|error| {
            let code = match &error {
                kube::Error::Api(status) => Some(status.code),
                _ => None,
            };
            unreadable(namespace, name, code, &error.to_string())
        })
    }
}
