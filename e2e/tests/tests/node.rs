//! First truths: what `kubectl` shows of runs of real Locust on a real node.

#[path = "node/ci.rs"]
mod ci;
#[path = "node/ends.rs"]
mod ends;
#[path = "node/first_truths.rs"]
mod first_truths;
#[path = "node/late_starts.rs"]
mod late_starts;
#[path = "node/loading.rs"]
mod loading;
#[path = "node/lost_master.rs"]
mod lost_master;
#[path = "node/lost_workers.rs"]
mod lost_workers;
#[path = "node/network.rs"]
mod network;
#[path = "node/network_policy.rs"]
mod network_policy;
#[path = "node/node_trouble.rs"]
mod node_trouble;
#[path = "node/operator_pod.rs"]
mod operator_pod;
#[path = "node/options.rs"]
mod options;
#[path = "node/percentiles.rs"]
mod percentiles;
#[path = "node/pod_problems.rs"]
mod pod_problems;
#[path = "node/pod_shapes.rs"]
mod pod_shapes;
#[path = "node/prometheus.rs"]
mod prometheus;
#[path = "node/records.rs"]
mod records;
#[path = "node/refused_pods.rs"]
mod refused_pods;
#[path = "node/release.rs"]
mod release;
#[path = "node/retention.rs"]
mod retention;
#[path = "node/scaling.rs"]
mod scaling;
#[path = "node/start_problems.rs"]
mod start_problems;
#[path = "node/stopping.rs"]
mod stopping;
#[path = "node/take_over.rs"]
mod take_over;
#[path = "node/telemetry.rs"]
mod telemetry;
#[path = "node/tenants.rs"]
mod tenants;
#[path = "node/thresholds.rs"]
mod thresholds;
#[path = "node/web_ui.rs"]
mod web_ui;

use std::{process::ExitCode, time::Instant};

use e2e_node::node::Enforcement;
use e2e_tests::{
    harness::{self, Case},
    node::Node,
};

/// Runs are idle most of the time; more at once would only measure how busy the machine is.
const AT_ONCE: usize = 4;
/// Who may read the numbers of masters besides the operator: nobody who is here.
const METRICS_FROM: &str = r#"locustPods.networkPolicy.metricsFrom=[{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}]"#;

fn main() -> ExitCode {
    let cases = harness::selected(&[
        (
            "master_hangs_and_is_killed",
            lost_master::hangs_and_is_killed,
        ),
        ("worker_deleted", lost_workers::deleted),
        ("worker_out_of_memory", lost_workers::out_of_memory),
        ("worker_drained", lost_workers::evicted),
        (
            "image_cannot_be_pulled",
            start_problems::image_cannot_be_pulled,
        ),
        (
            "a_run_that_passes_and_its_records",
            records::a_run_that_passes,
        ),
        (
            "dashboard_and_alerts_have_data",
            prometheus::dashboard_and_alerts_have_data,
        ),
        ("quota_that_is_raised", refused_pods::quota_that_is_raised),
        ("quota_that_stays", refused_pods::quota_that_stays),
        ("quota_for_some_pods", refused_pods::quota_for_some_pods),
        ("limit_range", refused_pods::limit_range),
        ("pod_security", refused_pods::pod_security),
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
        ("all_workers_lost", lost_workers::all),
        ("master_pod_deleted", lost_master::pod_deleted),
        ("a_deleted_job_is_an_outcome", lost_master::job_deleted),
        ("master_out_of_memory", lost_master::out_of_memory),
        ("stopped_in_the_web_ui", ends::stopped_in_the_web_ui),
        ("started_in_the_web_ui", late_starts::started_in_the_web_ui),
        (
            "unschedulable_until_a_node_fits",
            late_starts::unschedulable_until_a_node_fits,
        ),
        ("no_requests", ends::no_requests),
        ("thresholds_judge_a_run", thresholds::judge_a_run),
        (
            "thresholds_end_the_load_early",
            thresholds::end_the_load_early,
        ),
        (
            "a_run_without_its_workers_does_not_count",
            thresholds::a_run_without_its_workers_does_not_count,
        ),
        (
            "a_run_without_its_users_does_not_count",
            thresholds::a_run_without_its_users_does_not_count,
        ),
        (
            "a_pipeline_ends_by_the_verdict",
            ci::a_pipeline_ends_by_the_verdict,
        ),
        (
            "what_has_finished_goes_in_time",
            retention::what_has_finished_goes_in_time,
        ),
        (
            "a_tenant_at_its_quota_starves_nobody",
            tenants::a_tenant_at_its_quota_starves_nobody,
        ),
        ("a_suspended_test_waits", stopping::a_suspended_test_waits),
        ("stopped_before_the_load", stopping::stopped_before_the_load),
        ("stopped_during_the_load", stopping::stopped_during_the_load),
        (
            "stopped_when_it_is_ending",
            stopping::stopped_when_it_is_ending,
        ),
        (
            "stopped_although_it_cannot_be_asked",
            stopping::stopped_although_it_cannot_be_asked,
        ),
        ("own_exit_codes", ends::own_exit_codes),
        ("user_classes_differ", ends::user_classes_differ),
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
            "pods_that_do_not_start",
            pod_problems::pods_that_do_not_start,
        ),
        ("beginnings_and_ends", options::beginnings_and_ends),
        ("ordinary_sidecar", pod_shapes::ordinary_sidecar),
        ("init_container_fails", pod_problems::init_container_fails),
        (
            "a_mended_problem_is_forgotten",
            pod_problems::a_mended_problem_is_forgotten,
        ),
        ("native_sidecar", pod_shapes::native_sidecar),
        (
            "many_containers_and_long_names",
            pod_shapes::many_containers_and_long_names,
        ),
        (
            "services_named_like_locust",
            pod_shapes::services_named_like_locust,
        ),
        ("named_elsewhere", loading::named_elsewhere),
        (
            "run_of_the_published_version_1",
            take_over::run_of_the_published_version_1,
        ),
        (
            "a10_14_telemetry_arrives",
            telemetry::a10_14_telemetry_arrives,
        ),
        ("no_web_ui", web_ui::no_web_ui),
        ("changed_web_ui", web_ui::changed_web_ui),
        ("web_ui_by_a_service", web_ui::web_ui_by_a_service),
        ("timeout_stops_the_load", ends::timeout_stops_the_load),
    ]);
    // After most others, beside one: what many runs would disturb.
    let calm = harness::selected::<Node>(&[
        (
            "more_and_then_fewer_workers",
            scaling::more_and_then_fewer_workers,
        ),
        (
            "a_run_of_saturated_workers_does_not_count",
            thresholds::a_run_of_saturated_workers_does_not_count,
        ),
        (
            "percentiles_of_a_known_distribution",
            percentiles::of_a_known_distribution,
        ),
    ]);
    // Alone: what disturbs every run.
    let alone = harness::selected::<Node>(&[(
        "kubelet_is_away_while_a_run_ends",
        node_trouble::kubelet_is_away_while_a_run_ends,
    )]);
    // Last of all: they need a network that keeps to policies.
    let guarded = harness::selected::<Node>(&[
        (
            "only_its_workers_reach_a_master",
            network_policy::only_its_workers_reach_a_master,
        ),
        (
            "a_tenant_cannot_reach_another",
            tenants::a_tenant_cannot_reach_another,
        ),
    ]);
    if harness::only_list() {
        cases
            .iter()
            .chain(&calm)
            .chain(&alone)
            .chain(&guarded)
            .for_each(|(name, _)| println!("{name}: test"));
        return ExitCode::SUCCESS;
    }
    let begin = Instant::now();
    let node = match Node::with_operator(&["--set-json", METRICS_FROM]) {
        Ok(node) => node,
        Err(error) => {
            eprintln!("cannot install the operator: {error:#}");
            return ExitCode::FAILURE;
        }
    };
    let mut failed = harness::run_and_tidy(&cases, &node, AT_ONCE, Node::tidy);
    failed.extend(harness::run(&calm, &node, 2));
    failed.extend(harness::run(&alone, &node, 1));
    failed.extend(run_guarded(&guarded, &node));
    let count = cases.len() + calm.len() + alone.len() + guarded.len();
    harness::conclude(count, &failed, begin.elapsed())
}

/// Runs these while network policies are enforced.
fn run_guarded(cases: &[Case<Node>], node: &Node) -> Vec<&'static str> {
    if cases.is_empty() {
        return Vec::new();
    }
    match Enforcement::start(node.layout()) {
        Ok(_enforcement) => harness::run(cases, node, cases.len()),
        Err(error) => {
            eprintln!("network policies are not enforced: {error:#}");
            cases.iter().map(|(name, _)| *name).collect()
        }
    }
}
