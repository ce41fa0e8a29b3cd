//! The operator is killed at every API write of a run, before and after it, and twice at random: a run still happens
//! exactly once and ends like one whose operator lived.

use anyhow::Result;
use e2e_tests::kills::{self, pairs, points, run_all, tried};
use e2e_tests::proxy::{KillPoint, Life, Writes};

use crate::script::{Ended, Script, launch};
use crate::world::{Place, World};

/// Runs wait most of the time.
const AT_ONCE: usize = 8;
/// So that a failure can be had again.
const SEED: u64 = 20_250_615;
const PAIRS: usize = 20;

fn run(place: &Place<'_>, points: &[KillPoint]) -> Result<(Vec<Life>, Ended)> {
    let lives = kills::play(launch(place), points, || Script::play(&place.kubectl))?;
    Ok((lives, Ended::of(place)?))
}

pub fn killed_at_every_write(world: &World) -> Result<()> {
    let (lives, calm) = run(&world.other.place("unkilled")?, &[])?;
    let points = points(Writes::Objects, &calm.writes, &lives)?;
    let kills: Vec<_> = tried(points).into_iter().map(|point| vec![point]).collect();
    all_end_like(&calm, world, "kill", &kills)
}

pub fn killed_twice(world: &World) -> Result<()> {
    let (_, calm) = run(&world.other.place("unkilled-too")?, &[])?;
    let kills = pairs(Writes::Objects, calm.writes.objects.len(), PAIRS, SEED);
    all_end_like(&calm, world, "pair", &kills)
}

fn all_end_like(calm: &Ended, world: &World, name: &str, kills: &[Vec<KillPoint>]) -> Result<()> {
    let names = (1..=kills.len()).map(|number| format!("{name}-{number}"));
    let places = world.other.places(&names.collect::<Vec<_>>())?;
    run_all(&places, kills, AT_ONCE, |place, points| {
        let (lives, ended) = run(place, points)?;
        ended.check_same(calm)?;
        ended.writes.check_told_once()?;
        Ok(lives)
    })
}
