//! The way to the API server is bad: a run happens once and ends like any other, and nothing is asked for in a hurry.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use e2e_tests::Operator;
use e2e_tests::audit::Request;
use e2e_tests::proxy::{Fate, Proxy, Seen, check_patience};

use crate::script::{Ended, Script, TEST, calm, launch};
use crate::world::{Place, World};

/// How soon after the API server the operator must be back.
pub const BACK: Duration = Duration::from_secs(15);

/// A namespace whose operator asks through a proxy.
struct Faulty<'a> {
    place: Place<'a>,
    proxy: Proxy,
    /// Ends with this.
    _operator: Operator,
}

impl<'a> Faulty<'a> {
    fn start(world: &'a World, namespace: &str) -> Result<Self> {
        let place = world.other.place(namespace)?;
        let (proxy, mut operator) = launch(&place).start()?;
        operator.wait_ready()?;
        Ok(Self {
            place,
            proxy,
            _operator: operator,
        })
    }

    /// Checks that the run ended like one whose operator was left alone.
    fn check(&self, world: &World) -> Result<()> {
        Ended::of(&self.place)?.check_same(&calm(world)?)
    }

    /// The same where no call is lost: then no event is missing either.
    fn check_all(&self, world: &World) -> Result<()> {
        self.check(world)?;
        let events = Ended::of(&self.place)?.events;
        ensure!(events == ["Finished", "Running", "Started"], "{events:?}");
        Ok(())
    }
}

pub fn a_fifth_of_all_calls_fails(world: &World) -> Result<()> {
    const SEED: u64 = 20_250_616;
    println!("        failures from seed {SEED}");
    let faulty = Faulty::start(world, "failing")?;
    let generator = fastrand::Rng::with_seed(SEED);
    faulty
        .proxy
        .set(|faults| faults.failing = Some((20, generator)));
    Script::play(&faulty.place.kubectl)?;
    faulty.check(world)
}

pub fn every_call_takes_two_seconds(world: &World) -> Result<()> {
    let faulty = Faulty::start(world, "slow")?;
    let delay = Duration::from_secs(2);
    faulty.proxy.set(|faults| faults.delay = delay);
    Script::play(&faulty.place.kubectl)?;
    faulty.check_all(world)
}

pub fn the_cache_is_five_seconds_behind(world: &World) -> Result<()> {
    let faulty = Faulty::start(world, "stale")?;
    let late = Duration::from_secs(5);
    faulty.proxy.set(|faults| faults.stale = Some(("", late)));
    Script::play(&faulty.place.kubectl)?;
    faulty.check_all(world)?;
    // What it has written and not seen yet it does not write again.
    let writes = faulty.place.all_writes()?;
    let refused = writes.objects.iter().find(|write| !write.succeeded());
    ensure!(refused.is_none(), "{:?}", refused.map(Request::line));
    writes.check_told_once()
}

/// A Job that is over says nothing of how Locust ended, and its pod's last words may be on their way.
pub fn pods_are_far_behind_their_jobs(world: &World) -> Result<()> {
    let faulty = Faulty::start(world, "stale-pods")?;
    let script = Script::start(&faulty.place.kubectl)?;
    let loading = script.load()?;
    script.running()?;
    let late = Duration::from_secs(60);
    faulty
        .proxy
        .set(|faults| faults.stale = Some(("/pods", late)));
    script.finish(&loading)?;
    script.ended()?;
    faulty.check_all(world)
}

pub fn too_many_requests(world: &World) -> Result<()> {
    const STORM: Duration = Duration::from_secs(20);
    let faulty = Faulty::start(world, "throttled")?;
    let kubectl = &faulty.place.kubectl;
    // The watch that brings the test is still open; its claim is one too many, and so is all that comes later.
    let begin = Instant::now();
    faulty.proxy.set(|faults| faults.throttled = true);
    kubectl.apply(TEST)?;
    std::thread::sleep(STORM / 4);
    faulty.proxy.expire_watches();
    std::thread::sleep(STORM);
    let end = Instant::now();
    faulty.proxy.set(|faults| faults.throttled = false);
    kubectl.wait("lotest/demo", "condition=PodsHealthy", BACK)?;
    let (calls, each) = check_patience(&faulty.proxy.calls(), begin, end)?;
    println!(
        "        {calls} calls in {:?}, at most {each} of a kind are allowed",
        end - begin
    );
    Script::play(kubectl)?;
    faulty.check(world)
}

/// Open watches hear of it as from real API servers; those that begin are refused.
pub fn history_is_compacted(world: &World) -> Result<()> {
    let faulty = Faulty::start(world, "compacted")?;
    let proxy = &faulty.proxy;
    proxy.expire_watches();
    let script = Script::start(&faulty.place.kubectl)?;
    proxy.refuse_old_watches();
    let loading = script.load()?;
    script.running()?;
    proxy.expire_watches();
    script.finish(&loading)?;
    proxy.refuse_old_watches();
    script.ended()?;
    let refused = |seen: &&Seen| seen.fate == Fate::Refuse(410);
    let refused = proxy.calls().iter().filter(refused).count();
    ensure!(refused >= 3, "only {refused} watches were refused");
    faulty.check_all(world)
}

/// Connections that are open stay open, and nothing comes back on them ever again.
pub fn nothing_comes_back(world: &World) -> Result<()> {
    const DARK: Duration = Duration::from_secs(10);
    /// Watches last 30 s, and 5 s later they are given up; the rest is for a busy machine.
    const NOTICED: Duration = Duration::from_secs(70);
    let faulty = Faulty::start(world, "dark")?;
    let script = Script::start(&faulty.place.kubectl)?;
    let loading = script.load()?;
    script.running()?;
    faulty.proxy.set(|faults| faults.dark = true);
    script.finish(&loading)?;
    std::thread::sleep(DARK);
    faulty.proxy.set(|faults| faults.dark = false);
    let begin = Instant::now();
    script.ended()?;
    let took = begin.elapsed();
    ensure!(took < NOTICED, "it was noticed only after {took:?}");
    faulty.check(world)
}
