//! A watch that goes on whatever happens to it.

use std::{future::ready, time::Duration};

use futures::{Stream, StreamExt, stream};
use kube::runtime::watcher::{self, Event};
use tokio::time::{Instant, sleep};

use crate::pause::pause;

/// Longest pause: so soon the operator is back when the API server is.
const LONGEST: Duration = Duration::from_secs(8);

/// The events of watches that follow each other, with growing pauses after errors.
pub(super) fn again<K, S>(start: impl FnMut() -> S) -> impl Stream<Item = watcher::Result<Event<K>>>
where
    S: Stream<Item = watcher::Result<Event<K>>>,
{
    let watches = stream::repeat_with(start).flat_map(until_refused);
    let begin = (Box::pin(watches), Pauses::default(), None);
    stream::unfold(begin, |(mut events, mut pauses, wait)| async move {
        if let Some(wait) = wait {
            sleep(wait).await;
        }
        let event = events.next().await?;
        let wait = event
            .as_ref()
            .err()
            .map(|error| pauses.after(is_gone(error), Instant::now()));
        Some((event, (events, pauses, wait)))
    })
}

/// A watch up to where it is refused because its version is too old. kube would try that version again and again; the
/// next watch begins with a list.
fn until_refused<K>(
    events: impl Stream<Item = watcher::Result<Event<K>>>,
) -> impl Stream<Item = watcher::Result<Event<K>>> {
    events.scan(false, |refused, event| {
        let next = (!*refused).then_some(event);
        if let Some(Err(error @ watcher::Error::WatchStartFailed(_))) = &next {
            *refused = is_gone(error);
        }
        ready(next)
    })
}

/// Whether the API server has forgotten the version that a watch goes on from.
fn is_gone(error: &watcher::Error) -> bool {
    const GONE: u16 = 410;
    match error {
        watcher::Error::WatchStartFailed(kube::Error::Api(status))
        | watcher::Error::WatchError(status) => status.code == GONE,
        _ => false,
    }
}

/// Pauses that grow as long as failures follow each other closely. kube's own start over before each list they try.
#[derive(Default)]
struct Pauses {
    failures: u32,
    last: Option<Instant>,
    last_was_gone: bool,
}

impl Pauses {
    fn after(&mut self, gone: bool, now: Instant) -> Duration {
        let forgiven = LONGEST * 2;
        let long_ago = self.last.is_some_and(|last| now - last > forgiven);
        // It answers again: the end of an outage.
        let answers = gone && !self.last_was_gone;
        if long_ago || answers {
            self.failures = 0;
        }
        self.last = Some(now);
        self.last_was_gone = gone;
        self.failures += 1;
        pause(self.failures, LONGEST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_openapi::api::core::v1::ConfigMap;
    use kube::core::Status;

    fn status(code: u16) -> Box<Status> {
        let status = Status {
            code,
            ..Status::default()
        };
        status.boxed()
    }

    fn refused(code: u16) -> watcher::Error {
        watcher::Error::WatchStartFailed(kube::Error::Api(status(code)))
    }

    /// The pauses after failures that follow the one before after so many seconds.
    fn pauses(failures: &[(u64, bool)]) -> Vec<u64> {
        let mut pauses = Pauses::default();
        let mut now = Instant::now();
        let mut after = |(waited, gone): &(u64, bool)| {
            now += Duration::from_secs(*waited);
            pauses.after(*gone, now).as_secs()
        };
        failures.iter().map(&mut after).collect()
    }

    #[test]
    fn pauses_grow_until_failures_are_far_apart() {
        let waited = [0, 1, 2, 4, 8, 8, 17, 1].map(|waited| (waited, false));
        assert_eq!(pauses(&waited), [1, 2, 4, 8, 8, 8, 1, 2]);
    }

    #[test]
    fn an_outage_is_over_when_history_is_gone_and_losing_it_often_is_one_too() {
        let failures = [
            (0, false),
            (1, false),
            (2, false),
            (4, true),
            (1, true),
            (2, true),
        ];
        assert_eq!(pauses(&failures), [1, 2, 4, 1, 2, 4]);
    }

    #[tokio::test]
    async fn a_version_that_is_gone_begins_anew_and_nothing_else_does() {
        let mut begun = 0;
        let events: Vec<_> = again(|| {
            begun += 1;
            let event: watcher::Result<Event<ConfigMap>> = Err(refused(410));
            stream::iter([Ok(Event::Init), event, Ok(Event::InitDone)])
        })
        .take(4)
        .map(|event| event.is_ok())
        .collect()
        .await;
        assert_eq!(events, [true, false, true, false]);
        assert_eq!(begun, 2);
        assert!(!is_gone(&refused(429)));
        assert!(is_gone(&watcher::Error::WatchError(status(410))));
    }
}
