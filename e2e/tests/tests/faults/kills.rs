//! Operators are killed while real Locust runs.

use anyhow::{Result, ensure};
use e2e_tests::Kubectl;
use e2e_tests::kills::{self, pairs, points, run_all, tried};
use e2e_tests::node::expect_counted;
use e2e_tests::proxy::{KillPoint, Life, Writes};

use crate::world::{Ended, RUN, World};

/// Each run takes a few seconds of a processor.
const AT_ONCE: usize = 4;
/// So that a failure can be had again.
const SEED: u64 = 20_250_617;
const PAIRS: usize = 6;
/// On a busy machine a shorter one may end before its first request.
const RUN_TIME: &str = "6s";
/// How many workers are connected, and that load has ended, is written if the operator happens to see it.
const COUNTED: Writes = Writes::ObjectsToVerdict;
const SPREAD: usize = 2;

fn run(world: &World, kubectl: &Kubectl, points: &[KillPoint]) -> Result<(Vec<Life>, Ended)> {
    let lives = kills::play(world.launch(kubectl.namespace()), points, || {
        world.apply(kubectl, RUN_TIME)?;
        kubectl.wait("lotest/demo", "condition=Completed", RUN)?;
        Ok(())
    })?;
    Ok((lives, world.ended(kubectl)?))
}

pub fn killed_at_every_write(world: &World) -> Result<()> {
    let calm = world.namespaces(&["faults-calm".to_owned()])?;
    let (lives, calm) = run(world, &calm[0], &[])?;
    let points = points(COUNTED, &calm.writes, &lives)?;
    let kills: Vec<_> = tried(points).into_iter().map(|point| vec![point]).collect();
    all_end_like(&calm, world, "kill", &kills)
}

pub fn killed_twice(world: &World) -> Result<()> {
    let calm = world.namespaces(&["faults-calm-too".to_owned()])?;
    let (_, calm) = run(world, &calm[0], &[])?;
    let kills = pairs(COUNTED, calm.writes.objects.len() - SPREAD, PAIRS, SEED);
    all_end_like(&calm, world, "pair", &kills)
}

fn all_end_like(calm: &Ended, world: &World, name: &str, kills: &[Vec<KillPoint>]) -> Result<()> {
    let names = (1..=kills.len()).map(|number| format!("faults-{name}-{number}"));
    let places = world.namespaces(&names.collect::<Vec<_>>())?;
    let wanted = calm.remains.outline();
    run_all(&places, kills, AT_ONCE, |kubectl, points| {
        let (lives, ended) = run(world, kubectl, points)?;
        let found = ended.remains.outline();
        ensure!(
            found == wanted,
            "it ended as {found:#}\nand not as {wanted:#}"
        );
        ended.writes.check_told_once()?;
        expect_counted(&world.target, &ended.remains.test)?;
        Ok(lives)
    })
}
