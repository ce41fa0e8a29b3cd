//! The operator against real API servers: everything but containers. Needs
//! what `e2e-node prepare` and `make operator` build.

mod after;
mod blocked;
mod crash;
mod crd;
mod end;
mod freeze;
mod gate;
mod kubelet;
mod names;
mod process;
mod rights;
mod running;
mod start;
mod world;

use std::process::ExitCode;
use std::time::Instant;

use anyhow::Result;
use e2e_tests::harness::{self, Case};

use world::World;

/// Most cases wait most of the time.
const AT_ONCE: usize = 10;

/// The slowest first, so that none is left over at the end.
const CASES: &[Case<World>] = &[
    (
        "finished_tests_cost_nothing",
        after::finished_tests_cost_nothing,
    ),
    ("a_quota_is_waited_out", blocked::a_quota_is_waited_out),
    (
        "a_config_map_that_never_comes",
        blocked::a_config_map_that_never_comes,
    ),
    ("killed_after_every_write", crash::killed_after_every_write),
    ("frozen_from_the_claim_on", freeze::frozen_from_the_claim_on),
    (
        "a_config_map_that_comes_late",
        blocked::a_config_map_that_comes_late,
    ),
    ("wrong_values_are_refused", crd::wrong_values_are_refused),
    (
        "running_is_what_locust_says",
        running::running_is_what_locust_says,
    ),
    ("passed", end::passed),
    ("requests_failed", end::requests_failed),
    ("never_started", end::never_started),
    ("terminal_never_changes", after::terminal_never_changes),
    ("killed_after_the_verdict", crash::killed_after_the_verdict),
    ("the_operator_was_away", crash::the_operator_was_away),
    (
        "a_deleted_job_is_an_outcome",
        crash::a_deleted_job_is_an_outcome,
    ),
    (
        "two_tests_with_one_published_name",
        names::two_tests_with_one_published_name,
    ),
    (
        "objects_of_others_are_left_alone",
        names::objects_of_others_are_left_alone,
    ),
    ("both_names_taken", names::both_names_taken),
    (
        "an_invalid_spec_can_be_mended",
        blocked::an_invalid_spec_can_be_mended,
    ),
    (
        "deletion_removes_everything",
        after::deletion_removes_everything,
    ),
    ("a_claimed_test", start::a_claimed_test),
    ("scale", freeze::scale),
    ("every_published_field", crd::every_published_field),
    ("columns_and_explanations", crd::columns_and_explanations),
    (
        "readiness_names_what_is_missing",
        process::readiness_names_what_is_missing,
    ),
    (
        "one_namespace_with_a_role",
        process::one_namespace_with_a_role,
    ),
    (
        "wrong_settings_are_listed",
        process::wrong_settings_are_listed,
    ),
    (
        "help_names_every_variable",
        process::help_names_every_variable,
    ),
    ("stops_when_told_to", process::stops_when_told_to),
    ("a_taken_address", process::a_taken_address),
    ("no_api_server", process::no_api_server),
];

/// After all others: they look at what these did.
const LAST: &[Case<World>] = &[("rights_are_the_least", rights::rights_are_the_least)];

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
    if harness::only_list() {
        CASES
            .iter()
            .chain(LAST)
            .for_each(|(name, _)| println!("{name}: test"));
        return Ok(ExitCode::SUCCESS);
    }
    let begin = Instant::now();
    let cases = harness::selected(CASES);
    let all = cases.len() == CASES.len();
    // Said at once, not after the boot.
    e2e_tests::operator::binary()?;
    let world = World::boot()?;
    println!("booted in {:.1}s", begin.elapsed().as_secs_f64());
    let mut failed = harness::run(&cases, &world, AT_ONCE);
    let mut count = cases.len();
    if all {
        failed.extend(harness::run(LAST, &world, 1));
        count += LAST.len();
    }
    world.end(!failed.is_empty())?;
    Ok(harness::conclude(count, &failed, begin.elapsed()))
}
