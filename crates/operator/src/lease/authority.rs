//! The one place where a process that does not lead is kept from writing.
//!
//! A leader can stop leading without noticing: it is frozen (SIGSTOP, a paused machine), or so short of CPU that it
//! wakes late. So every request that changes something passes here, on the client that controllers write with, and
//! passes only while the leadership is known to hold by a clock that never stops. No call site can forget it, and as
//! the layer is behind the client's queue, what waits there is asked when it leaves.
//!
//! What is left: a request that is already on its connection when the process is frozen. It goes out when the process
//! goes on, or is on its way all the time. What it can do is bounded by what it says: a status carries the
//! `resourceVersion` it was computed from and is refused once the next leader has written; objects of a run are created
//! under names that are taken by then; a Job is told to end again that was told to end.

use std::{
    pin::pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use axum::http::Request;
use futures::future::{BoxFuture, FutureExt, poll_fn};
use locust_core::lease::Moment;
use tower::{BoxError, Layer, Service};

use super::Clock;

/// Up to when this process may write; a layer for the client of everything that acts.
#[derive(Clone)]
pub(crate) struct Authority {
    clock: Clock,
    until: Arc<Mutex<Moment>>,
}

/// A request was not sent, or its answer not waited for.
#[derive(Debug, thiserror::Error)]
#[error("this process does not lead, so nothing is written")]
pub(crate) struct NotLeading;

impl Authority {
    /// None yet.
    pub fn none(clock: Clock) -> Self {
        Self {
            clock,
            until: Arc::new(Mutex::new(Moment(Duration::ZERO))),
        }
    }

    /// That of a process which is alone.
    pub fn unlimited(clock: Clock) -> Self {
        let authority = Self::none(clock);
        authority.set(Some(Moment(Duration::MAX)));
        authority
    }

    /// It holds up to this moment; `None` ends it.
    pub fn set(&self, until: Option<Moment>) {
        let until = until.unwrap_or(Moment(Duration::ZERO));
        *self.until.lock().unwrap_or_else(PoisonError::into_inner) = until;
    }

    /// Whether it holds now.
    pub fn holds(&self) -> bool {
        self.clock.now() < *self.until.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S> Layer<S> for Authority {
    type Service = Fenced<S>;

    fn layer(&self, inner: S) -> Fenced<S> {
        Fenced {
            inner,
            authority: self.clone(),
        }
    }
}

/// Lets through what reads, and what writes while the authority holds.
#[derive(Clone)]
pub(crate) struct Fenced<S> {
    inner: S,
    authority: Authority,
}

impl<S, B> Service<Request<B>> for Fenced<S>
where
    S: Service<Request<B>, Error: Into<BoxError>, Future: Send + 'static>,
    S::Response: 'static,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<S::Response, BoxError>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        if request.method().is_safe() {
            return self
                .inner
                .call(request)
                .map(|it| it.map_err(Into::into))
                .boxed();
        }
        let authority = self.authority.clone();
        if !authority.holds() {
            return async { Err(NotLeading.into()) }.boxed();
        }
        let answer = self.inner.call(request);
        async move {
            let mut answer = pin!(answer);
            // Asked again each time it goes on: it may wait long for a connection before anything is sent.
            poll_fn(|context| match authority.holds() {
                true => answer.as_mut().poll(context).map_err(Into::into),
                false => Poll::Ready(Err(NotLeading.into())),
            })
            .await
        }
        .boxed()
    }
}

#[cfg(test)]
mod tests {
    use std::{
        future::ready,
        sync::atomic::{AtomicU64, Ordering},
    };

    use axum::http::Method;
    use tokio::sync::Notify;
    use tower::{ServiceExt, service_fn};

    use super::*;

    /// A clock that tests set, in seconds.
    fn clock() -> (Arc<AtomicU64>, Clock) {
        let second = Arc::new(AtomicU64::new(100));
        let shown = second.clone();
        let clock = Clock::new(move || Moment(Duration::from_secs(shown.load(Ordering::SeqCst))));
        (second, clock)
    }

    fn request(method: &Method) -> Request<()> {
        let mut request = Request::new(());
        *request.method_mut() = method.clone();
        request
    }

    const WRITES: [Method; 4] = [Method::POST, Method::PUT, Method::PATCH, Method::DELETE];

    #[tokio::test]
    async fn writes_pass_only_while_the_authority_holds_and_reads_always() {
        let (second, clock) = clock();
        let authority = Authority::none(clock);
        let passed = Arc::new(AtomicU64::new(0));
        let count = passed.clone();
        let service = authority.layer(service_fn(move |_: Request<()>| {
            count.fetch_add(1, Ordering::SeqCst);
            ready(Ok::<_, BoxError>(()))
        }));
        let mut expected = 0;
        // (until, now, whether writes pass)
        for (until, now, may) in [
            (None, 100, false),
            (Some(110), 109, true),
            (Some(110), 110, false),
            (Some(120), 119, true),
            (None, 119, false),
        ] {
            authority.set(until.map(|until| Moment(Duration::from_secs(until))));
            second.store(now, Ordering::SeqCst);
            for method in &WRITES {
                let answer = service.clone().oneshot(request(method)).await;
                assert_eq!(answer.is_ok(), may, "{method} at {now}");
            }
            service
                .clone()
                .oneshot(request(&Method::GET))
                .await
                .unwrap();
            expected += if may { 5 } else { 1 };
            assert_eq!(passed.load(Ordering::SeqCst), expected, "at {now}");
        }
    }

    #[tokio::test]
    async fn a_write_that_still_waits_when_the_authority_ends_is_given_up() {
        let (second, clock) = clock();
        let authority = Authority::none(clock);
        authority.set(Some(Moment(Duration::from_secs(110))));
        let connected = Arc::new(Notify::new());
        let sent = Arc::new(AtomicU64::new(0));
        let (connecting, count) = (connected.clone(), sent.clone());
        let service = authority.layer(service_fn(move |_: Request<()>| {
            let (connecting, count) = (connecting.clone(), count.clone());
            async move {
                connecting.notified().await;
                count.fetch_add(1, Ordering::SeqCst);
                Ok::<_, BoxError>(())
            }
        }));
        let write = tokio::spawn(service.oneshot(request(&Method::PATCH)));
        tokio::task::yield_now().await;
        // As after SIGCONT: the connection is there, and so much later it is.
        second.store(160, Ordering::SeqCst);
        connected.notify_one();
        let error = write.await.unwrap().unwrap_err();
        assert!(error.is::<NotLeading>(), "{error}");
        assert_eq!(sent.load(Ordering::SeqCst), 0);
    }

    #[test]
    fn alone_it_always_holds() {
        assert!(Authority::unlimited(clock().1).holds());
    }
}
