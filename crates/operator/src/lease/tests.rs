//! The loop in paused time, against an API server in memory that knows one Lease.

use std::{
    convert::Infallible,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
};

use axum::http::{Method, Request, Response, StatusCode};
use http_body_util::BodyExt;
use kube::client::Body;
use serde_json::{Value, json};
use tokio::{task::JoinHandle, time::Instant};
use tower::service_fn;

use super::*;

/// What the API server does with calls.
#[derive(Clone, Copy, PartialEq)]
enum Mood {
    Answers,
    /// Does what it is asked at once, and says so 50 ms later.
    IsSlow,
    Refuses(u16),
    Hangs,
}

struct Server {
    lease: Option<Value>,
    version: u64,
    mood: Mood,
    calls: Vec<Method>,
}

#[derive(Clone)]
struct ApiServer(Arc<Mutex<Server>>);

impl ApiServer {
    fn new() -> Self {
        Self(Arc::new(Mutex::new(Server {
            lease: None,
            version: 0,
            mood: Mood::Answers,
            calls: Vec::new(),
        })))
    }

    fn lock(&self) -> MutexGuard<'_, Server> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn mood(&self, mood: Mood) {
        self.lock().mood = mood;
    }

    fn spec(&self) -> Value {
        self.lock().lease.clone().unwrap()["spec"].clone()
    }

    /// As somebody writes it who is not asked here.
    fn put(&self, lease: Value) {
        let mut server = self.lock();
        server.version += 1;
        let mut lease = lease;
        lease["metadata"]["name"] = json!(LEADER_LEASE);
        lease["metadata"]["resourceVersion"] = json!(server.version.to_string());
        server.lease = Some(lease);
    }

    fn client(&self) -> Client {
        let server = self.clone();
        let service = service_fn(move |request: Request<Body>| {
            let server = server.clone();
            async move {
                let (head, body) = request.into_parts();
                let body = body.collect().await.unwrap().to_bytes();
                let sent = serde_json::from_slice(&body).unwrap_or(Value::Null);
                let mood = server.lock().mood;
                let (code, answer) = match mood {
                    Mood::Hangs => std::future::pending().await,
                    Mood::Refuses(code) => (code, Value::Null),
                    Mood::Answers | Mood::IsSlow => {
                        server.answer(&head.method, head.uri.path(), sent)
                    }
                };
                if mood == Mood::IsSlow {
                    sleep(Duration::from_millis(50)).await;
                }
                let answer = match code {
                    200 | 201 => answer,
                    code => json!({"kind": "Status", "status": "Failure", "code": code,
                        "message": format!("refused with {code}"), "reason": reason(code)}),
                };
                let mut response = Response::new(Body::from(answer.to_string().into_bytes()));
                *response.status_mut() = StatusCode::from_u16(code).unwrap();
                Ok::<_, Infallible>(response)
            }
        });
        Client::new(service, "default")
    }

    fn answer(&self, method: &Method, path: &str, sent: Value) -> (u16, Value) {
        const LEASES: &str = "/apis/coordination.k8s.io/v1/namespaces/ns/leases";
        let one = format!("{LEASES}/{LEADER_LEASE}");
        self.lock().calls.push(method.clone());
        let there = self.lock().lease.clone();
        match (method.as_str(), path, there) {
            ("GET", path, there) if path == one => there.map_or((404, Value::Null), |it| (200, it)),
            ("POST", LEASES, None) => {
                self.put(sent);
                (201, self.lock().lease.clone().unwrap())
            }
            ("POST", LEASES, Some(_)) => (409, Value::Null),
            ("PUT", path, Some(there)) if path == one => {
                let version = |lease: &Value| lease["metadata"]["resourceVersion"].clone();
                if version(&sent) != version(&there) {
                    return (409, Value::Null);
                }
                self.put(sent);
                (200, self.lock().lease.clone().unwrap())
            }
            ("PUT", path, None) if path == one => (404, Value::Null),
            other => panic!("{other:?}"),
        }
    }
}

fn reason(code: u16) -> &'static str {
    match code {
        403 => "Forbidden",
        404 => "NotFound",
        409 => "Conflict",
        _ => "ServiceUnavailable",
    }
}

/// A process that works until it is told to stop.
struct Process {
    authority: Authority,
    stop: CancellationToken,
    works: Arc<AtomicBool>,
    task: JoinHandle<Result<(), LeadershipLost>>,
}

impl Process {
    fn start(server: &ApiServer, name: &str) -> Self {
        static OFFSET: AtomicU32 = AtomicU32::new(1);
        let (begin, offset) = (Instant::now(), OFFSET.fetch_add(1000, Ordering::Relaxed));
        // Clocks of their own, which the paused time moves.
        let clock =
            Clock::new(move || Moment(begin.elapsed() + Duration::from_secs(u64::from(offset))));
        let authority = Authority::none(clock.clone());
        let election = Election::new(
            server.client(),
            "ns",
            name.to_owned(),
            clock,
            authority.clone(),
        );
        let (stop, works) = (CancellationToken::new(), Arc::new(AtomicBool::new(false)));
        let task = tokio::spawn({
            let (stop, works) = (stop.clone(), works.clone());
            async move {
                let work = || async {
                    works.store(true, Ordering::SeqCst);
                    stop.cancelled().await;
                    // Reconciles under way.
                    sleep(Duration::from_millis(300)).await;
                };
                election.lead(&stop, work).await
            }
        });
        Self {
            authority,
            stop,
            works,
            task,
        }
    }

    fn works(&self) -> bool {
        self.works.load(Ordering::SeqCst)
    }

    /// How long until it works.
    async fn until_it_works(&self) -> Duration {
        let begin = Instant::now();
        while !self.works() {
            assert!(begin.elapsed() < Duration::from_secs(60), "it never works");
            sleep(Duration::from_millis(10)).await;
        }
        begin.elapsed()
    }
}

fn millis(range: std::ops::Range<u64>) -> std::ops::Range<Duration> {
    Duration::from_millis(range.start)..Duration::from_millis(range.end)
}

async fn pass(seconds: u64) {
    sleep(Duration::from_secs(seconds)).await;
}

#[tokio::test(start_paused = true)]
async fn the_first_leads_and_the_second_stands_by() {
    let server = ApiServer::new();
    let first = Process::start(&server, "first");
    first.until_it_works().await;
    let second = Process::start(&server, "second");
    pass(120).await;
    assert!(first.authority.holds() && first.works());
    assert!(!second.authority.holds() && !second.works());
    let spec = server.spec();
    assert_eq!(spec["holderIdentity"], "first");
    assert_eq!(spec["leaseDurationSeconds"], 15);
    assert_eq!(spec["leaseTransitions"], 0);
    assert!(spec["renewTime"].is_string() && spec["acquireTime"].is_string());
    let writes = |method: &&Method| !method.is_safe();
    let writes = server.lock().calls.iter().filter(writes).count();
    assert!(
        (58..=62).contains(&writes),
        "{writes} writes in two minutes"
    );
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_is_told_to_stop_finishes_and_hands_over_within_a_second() {
    let server = ApiServer::new();
    let first = Process::start(&server, "first");
    first.until_it_works().await;
    let second = Process::start(&server, "second");
    pass(7).await;
    first.stop.cancel();
    sleep(Duration::from_millis(200)).await;
    assert!(first.authority.holds(), "it still finishes its work");
    first.task.await.unwrap().unwrap();
    assert!(!first.authority.holds());
    assert!(server.spec()["holderIdentity"].is_null());
    let gap = second.until_it_works().await;
    assert!(millis(0..1100).contains(&gap), "{gap:?}");
    assert_eq!(server.spec()["leaseTransitions"], 1);
}

#[tokio::test(start_paused = true)]
async fn a_renewal_under_way_does_not_keep_the_lease_from_being_given_back() {
    for tenths in 0..22 {
        let server = ApiServer::new();
        server.mood(Mood::IsSlow);
        let first = Process::start(&server, "first");
        first.until_it_works().await;
        sleep(Duration::from_millis(1600 + 10 * tenths)).await;
        first.stop.cancel();
        first.task.await.unwrap().unwrap();
        assert!(!first.authority.holds());
        assert!(server.spec()["holderIdentity"].is_null(), "{tenths}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_vanishes_is_followed_when_its_time_is_over() {
    let server = ApiServer::new();
    let first = Process::start(&server, "first");
    first.until_it_works().await;
    let second = Process::start(&server, "second");
    pass(7).await;
    first.task.abort();
    let gap = second.until_it_works().await;
    assert!(millis(13_000..16_100).contains(&gap), "{gap:?}");
    assert_eq!(server.spec()["holderIdentity"], "second");
}

#[tokio::test(start_paused = true)]
async fn a_leader_without_an_api_server_loses_and_another_or_its_next_life_leads() {
    for mood in [Mood::Hangs, Mood::Refuses(503), Mood::Refuses(403)] {
        let server = ApiServer::new();
        let first = Process::start(&server, "first");
        first.until_it_works().await;
        let second = Process::start(&server, "second");
        pass(5).await;
        server.mood(mood);
        let begin = Instant::now();
        let authority = first.authority.clone();
        let lost = first.task.await.unwrap().unwrap_err().to_string();
        assert!(lost.contains("not renewed within 10s"), "{lost}");
        assert!(!authority.holds());
        let held = begin.elapsed();
        assert!(millis(7_900..10_100).contains(&held), "{held:?}");
        pass(20).await;
        assert!(!second.works());
        server.mood(Mood::Answers);
        let gap = second.until_it_works().await;
        assert!(gap < Duration::from_secs(8), "{gap:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_leader_whose_lease_was_taken_loses_at_its_next_renewal() {
    let server = ApiServer::new();
    let first = Process::start(&server, "first");
    first.until_it_works().await;
    server.put(json!({"spec": {"holderIdentity": "other", "leaseDurationSeconds": 15}}));
    let begin = Instant::now();
    let lost = first.task.await.unwrap().unwrap_err().to_string();
    assert!(lost.contains("\"other\" holds it now"), "{lost}");
    assert!(begin.elapsed() < Duration::from_millis(2_100));
    assert_eq!(server.spec()["holderIdentity"], "other");
}

#[tokio::test(start_paused = true)]
async fn what_others_wrote_onto_the_lease_stays() {
    let server = ApiServer::new();
    server.put(json!({"metadata": {"labels": {"team": "perf"}}, "spec": {"holderIdentity": ""}}));
    let first = Process::start(&server, "first");
    first.until_it_works().await;
    pass(10).await;
    let labels = server.lock().lease.clone().unwrap()["metadata"]["labels"].clone();
    assert_eq!(labels, json!({"team": "perf"}));
}

#[tokio::test(start_paused = true)]
async fn who_stands_by_stops_at_once_even_when_nothing_answers() {
    let server = ApiServer::new();
    server.mood(Mood::Hangs);
    let process = Process::start(&server, "first");
    pass(1).await;
    process.stop.cancel();
    let begin = Instant::now();
    process.task.await.unwrap().unwrap();
    assert!(begin.elapsed() < Duration::from_millis(100));
    assert!(!process.works.load(Ordering::SeqCst));
}

#[test]
fn the_namespace_of_the_lease_decides_whether_there_is_an_election() {
    use LeaderElect::{Always, InCluster, Never};
    let name = |name: &str| Some(name.to_owned());
    for (elect, given, own, expected) in [
        (InCluster, None, None, None),
        (InCluster, None, name("own"), name("own")),
        (InCluster, name("given"), None, name("given")),
        (Always, name("given"), name("own"), name("given")),
        (Always, None, name("own"), name("own")),
        (Never, name("given"), name("own"), None),
    ] {
        assert_eq!(namespace(elect, given, own).unwrap(), expected, "{elect:?}");
    }
    let error = namespace(Always, None, None).unwrap_err().to_string();
    assert!(error.contains("--lease-namespace"), "{error}");
}

#[test]
fn no_two_processes_have_the_same_name() {
    assert_ne!(identity().unwrap(), identity().unwrap());
}
