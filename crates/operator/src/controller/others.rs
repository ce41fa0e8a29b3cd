//! Looking out for other operators, and standing back while one is at work.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use kube::{Resource, runtime::reflector::ObjectRef};
use locust_api::v2::LocustTest;
use locust_core::{
    others::{Others, Sign},
    time::until,
};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::Context;
use crate::control::{Action, Tone};
use crate::{hub::Hub, obstacles::Obstacles};

/// What `/readyz` calls it.
const ABOUT: &str = "another operator";
/// Those who wait go on a little later than the first who may.
const MARGIN: Duration = Duration::from_secs(1);

/// What is known of other operators.
pub(super) struct Lookout {
    known: Mutex<Others>,
    /// UIDs of the tests whose people were told that they wait.
    told: Mutex<HashSet<String>>,
    news: Notify,
}

impl Lookout {
    /// Begins to look at every write of a test; until `stop` it says in `/readyz` what it sees.
    pub fn start(
        hub: &Hub,
        obstacles: Obstacles,
        now: fn() -> Timestamp,
        stop: CancellationToken,
    ) -> Arc<Self> {
        let lookout = Arc::new(Self {
            known: Mutex::default(),
            told: Mutex::default(),
            news: Notify::new(),
        });
        let (seeing, tests) = (lookout.clone(), hub.tests.store().clone());
        hub.tests.subscribe(move |test| {
            let is_gone = tests.get(&ObjectRef::from_obj(test)).is_none();
            if lock(&seeing.known).note(test.meta(), is_gone, now()) {
                seeing.news.notify_one();
            }
        });
        let telling = lookout.clone();
        tokio::spawn(async move {
            stop.run_until_cancelled(telling.tell(&obstacles, now))
                .await;
            obstacles.set(ABOUT, None);
        });
        lookout
    }

    async fn tell(&self, obstacles: &Obstacles, now: fn() -> Timestamp) {
        loop {
            self.news.notified().await;
            while let Some(sign) = self.sign(now()) {
                if obstacles.set(ABOUT, Some(sign.words())) {
                    tracing::error!("{}", sign.words());
                }
                tokio::time::sleep(until(now(), sign.until())).await;
            }
            obstacles.set(ABOUT, None);
            lock(&self.told).clear();
            tracing::info!(
                "there is no sign of another operator any more; tests are started again"
            );
        }
    }

    /// The latest sign of another operator that is at work.
    pub fn sign(&self, now: Timestamp) -> Option<Sign> {
        lock(&self.known).sign(now).cloned()
    }
}

/// Leaves a test alone that another operator may be about to start, and says so once.
pub(super) fn stand_back(test: &LocustTest, sign: &Sign, context: &Context) -> Action {
    let uid = test.meta().uid.clone().unwrap_or_default();
    if lock(&context.lookout.told).insert(uid) {
        context
            .events
            .publish(test, Tone::Warning, "OtherOperator", sign.words());
    }
    Action::requeue(until((context.now)(), sign.until()) + MARGIN)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
