//! API server and etcd fail themselves. Each case has its own, beside those of all other cases.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use e2e_node::{API_SERVER, CONTROLLERS, ETCD};
use e2e_tests::harness;
use e2e_tests::proxy::{Launch, Proxy, check_patience};
use e2e_tests::{Kubectl, Operator};

use crate::faults::BACK;
use crate::script::{Ended, Loading, Script, TEST, calm};
use crate::world::{Cluster, World};

/// A cluster whose operator asks through a proxy, and runs that an outage hits at different stages.
struct Stages {
    operator: Operator,
    proxy: Proxy,
    waiting: Script,
    loading: (Script, Loading),
}

const NAMESPACES: [&str; 3] = ["waiting", "loading", "later"];

impl Stages {
    fn reach(cluster: &Cluster) -> Result<Self> {
        let launch = Launch {
            kubeconfig: cluster.user.kubeconfig.clone(),
            directory: cluster.directory(),
            name: "operator".to_owned(),
            arguments: Vec::new(),
        };
        let (proxy, mut operator) = launch.start()?;
        operator.wait_ready()?;
        cluster.places(&NAMESPACES.map(str::to_owned))?;
        let [waiting, loading, _] = NAMESPACES.map(|name| cluster.kubectl.in_namespace(name));
        let waiting = Script::start(&waiting)?;
        let script = Script::start(&loading)?;
        let load = script.load()?;
        script.running()?;
        Ok(Self {
            operator,
            proxy,
            waiting,
            loading: (script, load),
        })
    }

    /// All goes on as if nothing had been, and a new run starts soon.
    fn go_on(&self, cluster: &Cluster, world: &World) -> Result<()> {
        let later = cluster.kubectl.in_namespace("later");
        let begin = Instant::now();
        starts_soon(&later).with_context(|| format!("{:?} after the outage", begin.elapsed()))?;
        println!(
            "        a new run was started {:.1}s after the outage",
            begin.elapsed().as_secs_f64()
        );
        let (script, load) = &self.loading;
        let ends: [&(dyn Fn() -> Result<()> + Sync); 3] = [
            &|| script.finish(load).and_then(|()| script.ended()),
            &|| self.waiting.run(),
            &|| Script::play(&later),
        ];
        let ended = harness::each(&ends, ends.len(), |end| end());
        ended.into_iter().collect::<Result<()>>()?;
        let calm = calm(world)?;
        for namespace in NAMESPACES {
            let ended = Ended::of(&cluster.at(namespace))?;
            ended
                .check_same(&calm)
                .with_context(|| namespace.to_owned())?;
        }
        Ok(())
    }

    /// It waited with growing pauses.
    fn check_patience(&self, from: Instant, to: Instant) -> Result<()> {
        let (calls, each) = check_patience(&self.proxy.calls(), from, to)?;
        println!(
            "        {calls} calls in {:?}, at most {each} of a kind are allowed",
            to - from
        );
        Ok(())
    }
}

fn starts_soon(kubectl: &Kubectl) -> Result<()> {
    kubectl.apply(TEST)?;
    let state = "jsonpath={.status.run.masterJobUID}";
    kubectl.wait("lotest/demo", state, BACK).map(drop)
}

/// Boots a cluster for a case, and keeps what explains its failure.
pub fn on_own_cluster(name: &str, case: impl FnOnce(&mut Cluster) -> Result<()>) -> Result<()> {
    let mut cluster = Cluster::boot(name)?;
    let result = case(&mut cluster);
    if result.is_err() {
        cluster.keep_logs()?;
    }
    result
}

pub fn the_api_server_is_away(world: &World) -> Result<()> {
    const AWAY: Duration = Duration::from_secs(60);
    on_own_cluster("away", |cluster| {
        let stages = Stages::reach(cluster)?;
        // They would wait longer than the operator, and that is not what is asked here.
        cluster.server.kill(CONTROLLERS)?;
        cluster.server.kill(API_SERVER)?;
        let begin = Instant::now();
        std::thread::sleep(AWAY);
        let end = Instant::now();
        cluster.server.revive(API_SERVER)?;
        cluster.server.revive(CONTROLLERS)?;
        stages.go_on(cluster, world)?;
        stages.check_patience(begin, end)?;
        // An API server that starts knows nothing of the past: the real thing.
        let log = stages.operator.log();
        ensure!(
            log.contains("too old resource version"),
            "no watch was too old:\n{log}"
        );
        Ok(())
    })
}

pub fn etcd_restarts_and_the_api_server_hangs(world: &World) -> Result<()> {
    const WITHOUT_ETCD: Duration = Duration::from_secs(10);
    const HANGS: Duration = Duration::from_secs(20);
    on_own_cluster("hangs", |cluster| {
        let stages = Stages::reach(cluster)?;
        cluster.server.kill(ETCD)?;
        std::thread::sleep(WITHOUT_ETCD);
        cluster.server.revive(ETCD)?;
        cluster.server.freeze(API_SERVER)?;
        std::thread::sleep(HANGS);
        cluster.server.thaw(API_SERVER)?;
        stages.go_on(cluster, world)
    })
}
