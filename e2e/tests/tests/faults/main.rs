//! Real Locust on the node while operators are killed and the control plane fails. No operator may be installed: each
//! namespace has its own, a process of this machine. It stays uninstalled.

mod away;
mod kills;
mod outage;
mod queue;
mod world;

use std::process::ExitCode;
use std::time::Instant;

use anyhow::Result;
use e2e_tests::harness::{self, Case};

use world::World;

const CASES: &[Case<World>] = &[
    ("a_long_queue", queue::a_long_queue),
    ("killed_at_every_write", kills::killed_at_every_write),
    ("killed_twice", kills::killed_twice),
    (
        "all_was_collected_while_the_operator_was_away",
        away::all_was_collected_while_the_operator_was_away,
    ),
];

/// They disturb everything else, so they come one by one after it.
const ALONE: &[Case<World>] = &[
    (
        "the_target_saw_each_run_once",
        world::the_target_saw_each_run_once,
    ),
    ("the_control_plane_fails", outage::the_control_plane_fails),
];

fn main() -> ExitCode {
    match run() {
        Ok(code) => code,
        Err(error) => {
            println!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<ExitCode> {
    let (together, alone) = (harness::selected(CASES), harness::selected(ALONE));
    if harness::only_list() {
        let all = together.iter().chain(&alone);
        all.for_each(|(name, _)| println!("{name}: test"));
        return Ok(ExitCode::SUCCESS);
    }
    let begin = Instant::now();
    let world = World::set_up()?;
    println!("set up in {:.1}s", begin.elapsed().as_secs_f64());
    let mut failed = harness::run(&together, &world, together.len());
    failed.extend(harness::run(&alone, &world, 1));
    let count = together.len() + alone.len();
    Ok(harness::conclude(count, &failed, begin.elapsed()))
}
