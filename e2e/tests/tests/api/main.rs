//! The operator against real API servers: everything but containers. Needs
//! what `e2e-node prepare` and `make operator` build.

mod a10;
mod admission;
mod after;
mod blocked;
mod ceilings;
mod certificates;
mod converter;
mod crash;
mod crd;
mod definition;
mod end;
mod faults;
mod freeze;
mod helm;
mod kills;
mod kubelet;
mod lease;
mod names;
mod network_policy;
mod others;
mod outage;
mod process;
mod queue;
mod released;
mod rights;
mod running;
mod schedule_kills;
mod schedules;
mod script;
mod settings;
mod start;
mod stopping;
mod suite_kills;
mod suites;
mod take_over;
mod templates;
mod tenancy;
mod v1;
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
        "a_frozen_leader_writes_nothing",
        lease::a_frozen_leader_writes_nothing,
    ),
    (
        "no_leader_without_an_api_server",
        lease::no_leader_without_an_api_server,
    ),
    (
        "a_killed_leader_is_followed",
        lease::a_killed_leader_is_followed,
    ),
    (
        "a_leader_that_is_stopped_hands_over",
        lease::a_leader_that_is_stopped_hands_over,
    ),
    (
        "a_foreign_definition_is_refused",
        definition::a_foreign_definition_is_refused,
    ),
    (
        "numbers_flow_from_step_to_step",
        suites::numbers_flow_from_step_to_step,
    ),
    (
        "what_follows_a_failed_step",
        suites::what_follows_a_failed_step,
    ),
    (
        "a_suite_survives_every_kill",
        suite_kills::a_suite_survives_every_kill,
    ),
    (
        "a_schedule_survives_every_kill",
        schedule_kills::a_schedule_survives_every_kill,
    ),
    (
        "a_leader_that_hangs_when_a_run_is_due",
        schedules::replicas::a_leader_that_hangs_when_a_run_is_due,
    ),
    ("jobs_graphs_and_waits", suites::jobs_graphs_and_waits),
    (
        "a_suite_is_suspended_and_stopped",
        suites::a_suite_is_suspended_and_stopped,
    ),
    ("a_suite_that_cannot_run", suites::a_suite_that_cannot_run),
    ("every_end_of_a_suite", suites::every_end_of_a_suite),
    (
        "a_schedule_runs_by_the_clock",
        schedules::a_schedule_runs_by_the_clock,
    ),
    ("a_schedule_ends", schedules::a_schedule_ends),
    (
        "a_schedule_finds_a_regression",
        schedules::regression::a_schedule_finds_a_regression,
    ),
    (
        "a_test_names_its_series",
        schedules::regression::a_test_names_its_series,
    ),
    (
        "a_schedule_runs_on_demand",
        schedules::a_schedule_runs_on_demand,
    ),
    ("a_schedule_replaces", schedules::a_schedule_replaces),
    (
        "a_schedule_that_cannot_be_followed",
        schedules::a_schedule_that_cannot_be_followed,
    ),
    ("runs_are_told_of", schedules::notices::runs_are_told_of),
    (
        "three_levels_of_owners",
        schedules::levels::three_levels_of_owners,
    ),
    (
        "two_operators_of_all_namespaces",
        definition::two_operators_of_all_namespaces,
    ),
    (
        "conversion_does_not_wait_for_the_definition",
        definition::conversion_does_not_wait_for_the_definition,
    ),
    (
        "a_released_definition_needs_no_operator",
        released::a_released_definition_needs_no_operator,
    ),
    (
        "the_published_operator_is_at_work_too",
        others::the_published_operator_is_at_work_too,
    ),
    (
        "another_operator_was_faster",
        others::another_operator_was_faster,
    ),
    (
        "two_leaders_run_each_test_once",
        others::two_leaders_run_each_test_once,
    ),
    (
        "a_master_that_cannot_be_asked_is_ended",
        stopping::a_master_that_cannot_be_asked_is_ended,
    ),
    (
        "finished_tests_cost_nothing",
        after::finished_tests_cost_nothing,
    ),
    (
        "running_test_of_the_published_version_2",
        take_over::running_test_of_version_2,
    ),
    (
        "a_failed_test_of_version_2_loads_no_more",
        take_over::a_failed_test_of_version_2_loads_no_more,
    ),
    (
        "test_of_the_published_version_1",
        take_over::test_of_version_1,
    ),
    (
        "certificates_are_shared_and_renewed",
        certificates::certificates_are_shared_and_renewed,
    ),
    ("the_api_server_is_away", outage::the_api_server_is_away),
    (
        "etcd_restarts_and_the_api_server_hangs",
        outage::etcd_restarts_and_the_api_server_hangs,
    ),
    ("killed_at_every_write", kills::killed_at_every_write),
    ("killed_twice", kills::killed_twice),
    (
        "killed_after_every_first_write",
        templates::killed_after_every_first_write,
    ),
    (
        "a_template_that_cannot_be_used",
        templates::a_template_that_cannot_be_used,
    ),
    (
        "a_test_is_made_from_its_template",
        templates::a_test_is_made_from_its_template,
    ),
    (
        "what_a_test_may_set_beside_its_template",
        templates::what_a_test_may_set_beside_its_template,
    ),
    ("a_template_is_judged", templates::a_template_is_judged),
    ("too_many_requests", faults::too_many_requests),
    ("nothing_comes_back", faults::nothing_comes_back),
    (
        "the_cache_is_five_seconds_behind",
        faults::the_cache_is_five_seconds_behind,
    ),
    (
        "pods_are_far_behind_their_jobs",
        faults::pods_are_far_behind_their_jobs,
    ),
    (
        "every_call_takes_two_seconds",
        faults::every_call_takes_two_seconds,
    ),
    ("history_is_compacted", faults::history_is_compacted),
    (
        "a_fifth_of_all_calls_fails",
        faults::a_fifth_of_all_calls_fails,
    ),
    (
        "a_group_runs_one_test_at_a_time",
        queue::a_group_runs_one_test_at_a_time,
    ),
    (
        "a_queue_goes_on_without_those_that_cannot_run",
        queue::a_queue_goes_on_without_those_that_cannot_run,
    ),
    (
        "a_queue_outlives_its_operator",
        queue::a_queue_outlives_its_operator,
    ),
    (
        "a_namespace_has_room_for_so_many",
        queue::a_namespace_has_room_for_so_many,
    ),
    (
        "nothing_new_starts_while_told_so",
        queue::nothing_new_starts_while_told_so,
    ),
    ("a_quota_is_waited_out", blocked::a_quota_is_waited_out),
    (
        "refused_pods_are_told_of",
        blocked::refused_pods_are_told_of,
    ),
    (
        "a_config_map_that_never_comes",
        blocked::a_config_map_that_never_comes,
    ),
    (
        "a10_25_writes_are_judged_at_once",
        admission::a10_25_writes_are_judged_at_once,
    ),
    ("a10_08_v1_loses_nothing", v1::a10_08_v1_loses_nothing),
    (
        "helm_leaves_the_authority_alone",
        helm::helm_leaves_the_authority_alone,
    ),
    (
        "helm_takes_the_conversion_back",
        helm::helm_takes_the_conversion_back,
    ),
    ("ceilings_are_held", ceilings::ceilings_are_held),
    ("tenants_are_apart", tenancy::tenants_are_apart),
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
    (
        "an_evicted_worker_is_told_of",
        running::an_evicted_worker_is_told_of,
    ),
    ("passed", end::passed),
    ("requests_failed", end::requests_failed),
    ("never_started", end::never_started),
    ("an_old_checkpoint", end::an_old_checkpoint),
    ("terminal_never_changes", after::terminal_never_changes),
    (
        "all_was_collected_while_the_operator_was_away",
        crash::all_was_collected_while_the_operator_was_away,
    ),
    ("the_operator_was_away", crash::the_operator_was_away),
    (
        "a_deleted_job_is_an_outcome",
        crash::a_deleted_job_is_an_outcome,
    ),
    (
        "a10_10_two_tests_with_one_published_name",
        names::a10_10_two_tests_with_one_published_name,
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
    ("a_way_to_the_web_ui", network_policy::a_way_to_the_web_ui),
    (
        "a_way_to_no_web_ui_is_refused",
        network_policy::a_way_to_no_web_ui_is_refused,
    ),
    ("policies_by_setting", network_policy::policies_by_setting),
    (
        "a_policy_around_every_run",
        network_policy::a_policy_around_every_run,
    ),
    (
        "finished_jobs_go_after_the_verdict",
        settings::finished_jobs_go_after_the_verdict,
    ),
    (
        "the_operators_settings_reach_the_pods",
        settings::the_operators_settings_reach_the_pods,
    ),
    (
        "what_the_published_operator_got_refused",
        settings::what_the_published_operator_got_refused,
    ),
    ("every_published_field", crd::every_published_field),
    ("columns_and_explanations", crd::columns_and_explanations),
    (
        "readiness_names_what_is_missing",
        process::readiness_names_what_is_missing,
    ),
    (
        "a10_09_one_namespace_with_a_role",
        process::a10_09_one_namespace_with_a_role,
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
    let all_cases = [CASES, a10::CASES].concat();
    if harness::only_list() {
        all_cases
            .iter()
            .chain(LAST)
            .for_each(|(name, _)| println!("{name}: test"));
        return Ok(ExitCode::SUCCESS);
    }
    let begin = Instant::now();
    let cases = harness::selected(&all_cases);
    let all = cases.len() == all_cases.len();
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
