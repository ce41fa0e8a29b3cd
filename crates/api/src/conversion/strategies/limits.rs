//! Arbitrary thresholds, validity and retention.

use proptest::{option::of, prelude::*, sample::select};

use super::{duration, word};
use crate::v2;

fn metric() -> impl Strategy<Value = v2::Metric> {
    select(v2::Metric::ALL.to_vec())
}

fn endpoint() -> impl Strategy<Value = v2::EndpointSelector> {
    (of(word()), of(word()), of(word())).prop_map(|(method, name, name_regex)| {
        v2::EndpointSelector {
            method,
            name,
            name_regex,
        }
    })
}

pub(super) fn threshold() -> impl Strategy<Value = v2::Threshold> {
    use v2::{OnNoData, Operator, Severity};
    let op = select(vec![
        Operator::Lt,
        Operator::Lte,
        Operator::Gt,
        Operator::Gte,
    ]);
    let severity = of(select(vec![Severity::Fail, Severity::Warn]));
    let no_data = of(select(vec![
        OnNoData::Inconclusive,
        OnNoData::Fail,
        OnNoData::Pass,
    ]));
    let abort =
        (duration(), duration()).prop_map(|(delay, sustained)| v2::AbortRule { delay, sustained });
    let what = (word(), metric(), of(endpoint()), op, word());
    (what, severity, of(1..900i64), no_data, of(abort)).prop_map(
        |((name, metric, endpoint, op, value), severity, min_requests, on_no_data, abort)| {
            v2::Threshold {
                name,
                metric,
                endpoint,
                op,
                value,
                severity,
                min_requests,
                on_no_data,
                abort,
            }
        },
    )
}

pub(super) fn validity() -> impl Strategy<Value = v2::Validity> {
    (of(0..=100), of(0..=100), of(0..=100)).prop_map(|(workers, users, saturated)| v2::Validity {
        min_workers_percent: workers,
        min_users_percent: users,
        max_cpu_saturated_workers_percent: saturated,
    })
}

pub(super) fn retention() -> impl Strategy<Value = v2::Retention> {
    (duration(), duration(), duration(), duration()).prop_map(
        |(pods_after_finished, test_after_finished, test_after_passed, test_after_failed)| {
            v2::Retention {
                pods_after_finished,
                test_after_finished,
                test_after_passed,
                test_after_failed,
            }
        },
    )
}
