//! The rules of a test's spec that the API server checks with CEL, for specs that it does not see before they run.

use locust_api::v2::{
    Baseline, CompareWith, EndpointSelector, LocustTestSpec, Metric, Observability, OpenTelemetry,
    TestFiles, Threshold,
};
use serde_json::Value;

use crate::problems::{Problem, Problems};

/// Longest name of an inline file, and what it must not begin with.
const FILE_NAME: usize = 201;
const RESERVED: &str = "locust_operator_";

/// Adds what breaks a rule. `spec` is the spec as JSON, and `root` its path.
pub(super) fn check(spec: &LocustTestSpec, json: &Value, root: &str, problems: &mut Problems) {
    let mut add = |field: String, words: &str| {
        problems.add(Problem::new(format!("{root}.{field}"), words));
    };
    if json.get("worker").is_none() {
        add("worker".to_owned(), "it is missing; give worker.replicas");
    }
    if let Some(TestFiles {
        config_map_ref,
        inline,
        lib_config_map_ref: _,
        src_mount_path: _,
        lib_mount_path: _,
    }) = &spec.test_files
    {
        if config_map_ref.is_some() && !inline.is_empty() {
            add(
                "testFiles".to_owned(),
                "it has configMapRef and files of its own, and takes one of them; remove the other",
            );
        }
        for name in inline.keys().filter(|name| !is_file_name(name)) {
            add(
                format!("testFiles.inline.{}", name.escape_debug()),
                "a file name starts with a letter or digit, has only letters, digits, '-', '_' and '.', and does not start with 'locust_operator_'; give it another",
            );
        }
    }
    for (index, Threshold { endpoint, .. }) in spec.thresholds.iter().enumerate() {
        let Some(EndpointSelector {
            method: _,
            name,
            name_regex,
        }) = endpoint
        else {
            continue;
        };
        if name.is_some() == name_regex.is_some() {
            add(
                format!("thresholds[{index}].endpoint"),
                "it takes name or nameRegex, one of the two",
            );
        }
    }
    check_baseline(spec.baseline.as_ref(), &mut add);
    if let Some(Observability {
        open_telemetry:
            Some(OpenTelemetry {
                enabled: true,
                endpoint,
                ..
            }),
    }) = &spec.observability
        && endpoint.as_ref().is_none_or(String::is_empty)
    {
        add(
            "observability.openTelemetry.endpoint".to_owned(),
            "it is required when openTelemetry.enabled is true; give it",
        );
    }
}

fn check_baseline(baseline: Option<&Baseline>, add: &mut impl FnMut(String, &str)) {
    let Some(Baseline {
        series: _,
        compare_with,
        pinned_run,
        min_runs: _,
        min_change_percent: _,
        metrics,
        on_regression: _,
    }) = baseline
    else {
        return;
    };
    let compare_with = compare_with.unwrap_or_default();
    if pinned_run.is_some() != (compare_with == CompareWith::Pinned) {
        add(
            "baseline.pinnedRun".to_owned(),
            "it goes with compareWith Pinned; set both or none",
        );
    }
    if compare_with == CompareWith::Rolling && metrics.contains(&Metric::ErrorRatio) {
        add(
            "baseline.metrics".to_owned(),
            "errorRatio cannot be compared with Rolling, as zero is a normal value of it; use compareWith Previous or Pinned, or a threshold",
        );
    }
}

/// As the schema's rule says.
fn is_file_name(name: &str) -> bool {
    name.len() <= FILE_NAME
        && name.starts_with(|first: char| first.is_ascii_alphanumeric())
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
        && !name.starts_with(RESERVED)
}
