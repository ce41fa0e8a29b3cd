//! First truths: what `kubectl` shows of runs of real Locust on a real node.

#[path = "node/first_truths.rs"]
mod first_truths;
#[path = "node/network.rs"]
mod network;
#[path = "node/operator_pod.rs"]
mod operator_pod;
#[path = "node/records.rs"]
mod records;
#[path = "node/release.rs"]
mod release;
#[path = "node/start_problems.rs"]
mod start_problems;

use std::{process::ExitCode, time::Instant};

use e2e_tests::{harness, node::Node};

/// Runs are idle most of the time; more at once would only measure how busy the machine is.
const AT_ONCE: usize = 4;

fn main() -> ExitCode {
    let cases = harness::selected(&[
        (
            "image_cannot_be_pulled",
            start_problems::image_cannot_be_pulled,
        ),
        (
            "a_run_that_passes_and_its_records",
            records::a_run_that_passes,
        ),
        ("requests_fail", first_truths::requests_fail),
        ("deleted_in_the_middle", first_truths::deleted_in_the_middle),
        ("two_tests_at_once", first_truths::two_tests_at_once),
        (
            "dotted_and_dashed_names",
            first_truths::dotted_and_dashed_names,
        ),
        ("locust_2_20", first_truths::locust_2_20),
        (
            "locustfile_does_not_import",
            start_problems::locustfile_does_not_import,
        ),
        (
            "config_map_comes_late",
            start_problems::config_map_comes_late,
        ),
        (
            "workers_connect_soon_after_packets_were_dropped",
            network::workers_connect_soon_after_packets_were_dropped,
        ),
        (
            "a_taken_name_is_left_alone",
            first_truths::a_taken_name_is_left_alone,
        ),
        (
            "a_deleted_job_is_an_outcome",
            first_truths::a_deleted_job_is_an_outcome,
        ),
        (
            "operator_is_small_and_locked_down",
            operator_pod::small_and_locked_down,
        ),
        (
            "a_release_is_whole_and_installable",
            release::is_whole_and_installable,
        ),
        (
            "restricted_namespace_and_user_classes",
            first_truths::restricted_namespace,
        ),
        (
            "timeout_stops_the_load",
            first_truths::timeout_stops_the_load,
        ),
    ]);
    if harness::only_list() {
        cases.iter().for_each(|(name, _)| println!("{name}: test"));
        return ExitCode::SUCCESS;
    }
    let begin = Instant::now();
    let node = match Node::with_operator(&[]) {
        Ok(node) => node,
        Err(error) => {
            eprintln!("cannot install the operator: {error:#}");
            return ExitCode::FAILURE;
        }
    };
    let failed = harness::run(&cases, &node, AT_ONCE);
    harness::conclude(cases.len(), &failed, begin.elapsed())
}
