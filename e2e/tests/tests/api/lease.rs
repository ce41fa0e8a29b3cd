//! Two replicas: one acts, the other stands by and goes on when the first cannot.

use std::collections::BTreeSet;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use e2e_node::{API_SERVER, CONTROLLERS};
use e2e_tests::audit::{Filter, Request};
use e2e_tests::process::Frozen;
use e2e_tests::remains::Writes;
use e2e_tests::user::{self, Scope, User};
use e2e_tests::{Operator, wait_until};

use crate::faults::BACK;
use crate::outage::on_own_cluster;
use crate::script::{Ended, Loading, Script, calm};
use crate::world::{Cluster, Place, SOON, World};

/// A busy machine may add so much to what is promised.
pub const BUSY: Duration = Duration::from_secs(2);
/// A leader that vanished is followed within the 15 s of its Lease and a look.
pub const LOST: Duration = Duration::from_secs(16);
/// One that was told to stop hands over.
const STOPPED: Duration = Duration::from_secs(2);
/// One without an API server gives up.
const TERM: Duration = Duration::from_secs(10);

/// An operator with a user of its own, by which the audit log tells it from the other.
pub struct Replica {
    user: User,
    pub operator: Operator,
}

/// Two of them over one namespace, in which a run is loading.
struct Pair {
    namespace: String,
    leader: Replica,
    standby: Replica,
    script: Script,
    loading: Loading,
}

impl Replica {
    pub fn start(place: &Place<'_>, name: &str) -> Result<Self> {
        let rules = format!(
            "{}\n{}",
            user::operator_rules(Scope::Namespace)?,
            user::lease_rules()?
        );
        let directory = place.cluster.directory();
        let user = user::create(&place.kubectl, name, Scope::Namespace, &rules, &directory)?;
        let operator = Self::run(place, name, &user)?;
        Ok(Self { user, operator })
    }

    fn run(place: &Place<'_>, name: &str, user: &User) -> Result<Operator> {
        let namespace = place.namespace();
        let log = place.cluster.log(&format!("{namespace}-{name}"));
        let arguments = [
            "--leader-elect",
            &format!("--lease-namespace={namespace}"),
            &format!("--watch-namespace={namespace}"),
            "--progress-interval=1s",
        ];
        Operator::start_ready(&user.kubeconfig, &log, &arguments)
    }

    fn leads(&self) -> Result<bool> {
        let metrics = self.operator.get("/metrics")?.body;
        let gauge = metrics
            .lines()
            .find_map(|line| line.strip_prefix("locust_operator_leader "));
        Ok(gauge.context("no gauge of the leader")? == "1")
    }

    pub fn wait_until_it_leads(&self, limit: Duration) -> Result<()> {
        wait_until("it leads", limit, || {
            ensure!(self.leads()?, "it stands by:\n{}", self.operator.log());
            Ok(())
        })
    }

    /// What it asked for.
    pub fn requests(&self, cluster: &Cluster, verb: &str) -> Result<Vec<Request>> {
        cluster.audit.requests(&Filter {
            user: &self.user.name,
            verb,
            ..Filter::default()
        })
    }

    /// When it took the Lease from another.
    fn took_over(&self, cluster: &Cluster) -> Result<String> {
        let updates = self.requests(cluster, "update")?;
        let first = updates
            .iter()
            .find(|it| it.resource() == "leases" && it.succeeded());
        Ok(first
            .context("it never wrote the Lease")?
            .received()
            .to_owned())
    }

    /// Fails unless it ended because it no longer led.
    pub fn expect_lost(&mut self, limit: Duration) -> Result<()> {
        let status = self.operator.wait_end(limit)?;
        let log = self.operator.log();
        ensure!(status.code() == Some(1), "it ended with {status}:\n{log}");
        ensure!(log.contains("the leadership is lost"), "{log}");
        Ok(())
    }
}

impl Pair {
    fn loading(cluster: &Cluster, namespace: &str) -> Result<Self> {
        let place = cluster.place(namespace)?;
        let leader = Replica::start(&place, "first")?;
        leader.wait_until_it_leads(SOON)?;
        let standby = Replica::start(&place, "second")?;
        let script = Script::start(&place.kubectl)?;
        let loading = script.load()?;
        script.running()?;
        // Ready, and yet it does nothing.
        ensure!(!standby.leads()?, "two lead");
        wait_until("it says who leads", SOON, || {
            let log = standby.operator.log();
            ensure!(log.contains("standing by"), "{log}");
            Ok(())
        })?;
        let writes = standby.requests(cluster, "create|update|patch|delete")?;
        ensure!(writes.is_empty(), "{writes:?}");
        Ok(Self {
            namespace: namespace.to_owned(),
            leader,
            standby,
            script,
            loading,
        })
    }

    fn finish(&self) -> Result<()> {
        self.script.finish(&self.loading)
    }

    /// The run happened once, and ended like any other.
    fn check(&self, cluster: &Cluster, like: &Ended) -> Result<()> {
        self.script.ended()?;
        let mut objects = Vec::new();
        let mut events = Vec::new();
        for replica in [&self.leader, &self.standby] {
            let writes = Writes::of(&cluster.audit, &replica.user.name, &self.namespace)?;
            objects.extend(writes.objects);
            events.extend(writes.events);
        }
        objects.retain(|write| write.resource() != "leases");
        let ended = Ended::by(&cluster.at(&self.namespace), Writes { objects, events })?;
        ended.writes.check_told_once()?;
        ended.check_same(like)
    }
}

fn say(what: &str, begin: Instant) -> Duration {
    let took = begin.elapsed();
    println!("        {what} after {:.1}s", took.as_secs_f64());
    took
}

pub fn a_killed_leader_is_followed(world: &World) -> Result<()> {
    let mut pair = Pair::loading(&world.other, "lease-killed")?;
    let lists = pair.standby.requests(&world.other, "list")?.len();
    ensure!(lists > 0, "the audit log shows no list");
    pair.leader.operator.kill()?;
    let begin = Instant::now();
    // The end of the run falls into the time without a leader.
    pair.finish()?;
    pair.standby.wait_until_it_leads(LOST + BUSY)?;
    let took = say("the standby leads", begin);
    ensure!(
        took > Duration::from_secs(10),
        "it took a Lease that was held"
    );
    pair.check(&world.other, &calm(world)?)?;

    // It knew everything already.
    let listed = pair.standby.requests(&world.other, "list")?;
    ensure!(
        listed.len() == lists,
        "{:?}",
        listed.last().map(Request::line)
    );
    let patches = pair.standby.requests(&world.other, "patch")?;
    let verdict = patches
        .iter()
        .find(|it| it.resource() == "locusttests/status")
        .context("it wrote no status")?;
    let (took_over, wrote) = (pair.standby.took_over(&world.other)?, verdict.received());
    let at = |text: &str| text.parse::<jiff::Timestamp>();
    let took = at(wrote)?.duration_since(at(&took_over)?);
    println!("        its first write came {took:#} after the Lease was its own");
    ensure!(took.as_secs() < 2, "its first write came {took:#} later");
    Ok(())
}

pub fn a_leader_that_is_stopped_hands_over(world: &World) -> Result<()> {
    let mut pair = Pair::loading(&world.other, "lease-stopped")?;
    let begin = Instant::now();
    let status = pair.leader.operator.terminate(Duration::from_secs(10))?;
    let log = pair.leader.operator.log();
    ensure!(status.success(), "it ended with {status}:\n{log}");
    ensure!(log.contains("gave the Lease back"), "{log}");
    pair.standby.wait_until_it_leads(STOPPED + BUSY)?;
    let took = say("the standby leads", begin);
    ensure!(took < STOPPED + BUSY, "only after {took:?}");
    pair.finish()?;
    pair.check(&world.other, &calm(world)?)?;
    expect_rights_of_a_replica(&world.other, &pair)
}

/// What it asks for it may, and its rights to Leases are used.
fn expect_rights_of_a_replica(cluster: &Cluster, pair: &Pair) -> Result<()> {
    let mut verbs = BTreeSet::new();
    for replica in [&pair.leader, &pair.standby] {
        let requests = replica.requests(cluster, "")?;
        let refused = requests.iter().find(|request| !request.allowed());
        ensure!(refused.is_none(), "{:?}", refused.map(Request::line));
        let of_leases = requests.iter().filter(|it| it.resource() == "leases");
        verbs.extend(of_leases.map(|request| request.verb().to_owned()));
    }
    let verbs: Vec<&str> = verbs.iter().map(String::as_str).collect();
    ensure!(verbs == ["create", "get", "update"], "{verbs:?}");
    Ok(())
}

pub fn a_frozen_leader_writes_nothing(world: &World) -> Result<()> {
    const FROZEN: Duration = Duration::from_secs(60);
    let mut pair = Pair::loading(&world.other, "lease-frozen")?;
    let frozen = Frozen::new(pair.leader.operator.pid())?;
    let begin = Instant::now();
    pair.standby.wait_until_it_leads(LOST + BUSY)?;
    say("the standby leads", begin);
    sleep(FROZEN.saturating_sub(begin.elapsed()));
    // News that whoever hears of them wants to write.
    pair.script.count(600);
    drop(frozen);
    pair.leader.expect_lost(Duration::from_secs(5))?;
    pair.finish()?;
    pair.check(&world.other, &calm(world)?)?;

    let took_over = pair.standby.took_over(&world.other)?;
    let mut late = pair
        .leader
        .requests(&world.other, "create|update|patch|delete|deletecollection")?;
    late.retain(|it| it.received() > took_over.as_str());
    late.retain(|it| it.resource() != "leases" || it.succeeded());
    let late: Vec<String> = late.iter().map(Request::line).collect();
    ensure!(late.is_empty(), "written without the Lease: {late:?}");
    Ok(())
}

pub fn no_leader_without_an_api_server(world: &World) -> Result<()> {
    const AWAY: Duration = Duration::from_secs(30);
    on_own_cluster("lease", |cluster| {
        let mut pair = Pair::loading(cluster, "lease")?;
        cluster.server.kill(CONTROLLERS)?;
        cluster.server.kill(API_SERVER)?;
        let begin = Instant::now();
        pair.leader.expect_lost(TERM + BUSY)?;
        say("the leader ends", begin);
        sleep(AWAY.saturating_sub(begin.elapsed()));
        ensure!(!pair.standby.leads()?, "it leads without a Lease");
        cluster.server.revive(API_SERVER)?;
        cluster.server.revive(CONTROLLERS)?;
        // As the kubelet does.
        let place = cluster.at(&pair.namespace);
        pair.leader.operator = Replica::run(&place, "first", &pair.leader.user)?;
        let begin = Instant::now();
        wait_until("one of them leads", BACK, || {
            let lead = [pair.leader.leads()?, pair.standby.leads()?];
            ensure!(lead[0] != lead[1], "they lead: {lead:?}");
            Ok(())
        })?;
        say("one of them leads", begin);
        pair.finish()?;
        pair.check(cluster, &calm(world)?)
    })
}
