//! One run in a series.

use std::collections::BTreeMap;

use jiff::Timestamp;
use locust_api::{
    reasons,
    v2::{Metric, Summary, Verdict},
};
use serde::{Deserialize, Serialize};

use crate::suite::outputs;

/// Characters of an image's name that are kept.
const IMAGE: usize = 300;

/// A run and its numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Point {
    /// Name of the LocustTest.
    pub run: String,
    /// Its UID.
    pub uid: String,
    /// When its load started.
    pub time: Timestamp,
    /// The image that ran, with its digest if known. Another one does not start another series.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// What was measured.
    pub numbers: Numbers,
}

/// What was measured, under the names of a step's [outputs](outputs::NAMES). Those in `Ms` are milliseconds, `rps` is
/// requests per second.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Numbers {
    /// Requests made, failed ones included.
    pub requests: i64,
    /// Failed requests.
    pub failures: i64,
    /// Failed requests per request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_ratio: Option<f64>,
    /// Requests per second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rps: Option<f64>,
    /// Average response time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub avg_ms: Option<f64>,
    /// Median response time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p50_ms: Option<f64>,
    /// 95th percentile of the response time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p95_ms: Option<f64>,
    /// 99th percentile of the response time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p99_ms: Option<f64>,
    /// Longest response time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_ms: Option<f64>,
    /// Whether the percentiles have two digits only.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub two_digits: bool,
}

impl Numbers {
    /// Those of a summary; `None` when there was no request.
    pub fn of(summary: &Summary) -> Option<Self> {
        let outputs = outputs::of(summary);
        let number = |name: &str| number(&outputs, name);
        (summary.requests > 0).then(|| Self {
            requests: summary.requests,
            failures: summary.failures,
            error_ratio: number("errorRatio"),
            rps: number("rps"),
            avg_ms: number("avgMs"),
            p50_ms: number("p50Ms"),
            p95_ms: number("p95Ms"),
            p99_ms: number("p99Ms"),
            max_ms: number("maxMs"),
            two_digits: summary.resolution == "TwoDigits",
        })
    }

    /// The number of a metric, in its base unit; `None` when it was not measured.
    pub fn get(&self, metric: Metric) -> Option<f64> {
        match metric {
            Metric::P50 => self.p50_ms,
            Metric::P95 => self.p95_ms,
            Metric::P99 => self.p99_ms,
            Metric::Avg => self.avg_ms,
            Metric::Max => self.max_ms,
            Metric::ErrorRatio => self.error_ratio,
            Metric::Rps => self.rps,
            Metric::Requests => Some(self.requests as f64),
        }
    }
}

fn number(outputs: &BTreeMap<String, String>, name: &str) -> Option<f64> {
    outputs
        .get(name)?
        .parse()
        .ok()
        .filter(|it: &f64| it.is_finite())
}

/// How a run ended, as far as it matters for others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct End<'a> {
    /// Its verdict.
    pub verdict: Verdict,
    /// `status.reason`.
    pub reason: &'a str,
    /// Whether `spec.worker.replicas` was changed during the load.
    pub is_scaled: bool,
}

/// Why a run is no measure for others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoMeasure {
    /// The run itself was not valid.
    Inconclusive,
    /// It never really ran.
    Error,
    /// Somebody stopped it.
    Aborted,
    /// Its load ended early, by a threshold.
    EndedEarly,
    /// It failed for a reason other than the service: its exit code, for one.
    FailedOtherwise,
    /// Its number of workers was changed in the middle of the load.
    Scaled,
    /// It made no request, or left no numbers.
    NoNumbers,
}

impl NoMeasure {
    /// The reason in words.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Inconclusive => "its verdict is Inconclusive",
            Self::Error => "it never really ran",
            Self::Aborted => "it was stopped",
            Self::EndedEarly => "a threshold ended its load early",
            Self::FailedOtherwise => "it failed, and not by what it measured",
            Self::Scaled => "its number of workers was changed during the load",
            Self::NoNumbers => "it left no numbers",
        }
    }
}

impl Point {
    /// A run as a point of a series.
    ///
    /// # Errors
    /// When the run is no measure for others: only one that passed is, or that failed by its requests, its thresholds or a
    /// regression.
    pub fn new(
        run: &str,
        uid: &str,
        time: Timestamp,
        image: Option<&str>,
        summary: Option<&Summary>,
        end: End<'_>,
    ) -> Result<Self, NoMeasure> {
        let End {
            verdict,
            reason,
            is_scaled,
        } = end;
        match verdict {
            Verdict::Inconclusive => return Err(NoMeasure::Inconclusive),
            Verdict::Error => return Err(NoMeasure::Error),
            Verdict::Aborted => return Err(NoMeasure::Aborted),
            Verdict::Failed if reason == reasons::THRESHOLD_ABORT => {
                return Err(NoMeasure::EndedEarly);
            }
            Verdict::Failed if !is_of_service(reason) => return Err(NoMeasure::FailedOtherwise),
            Verdict::Passed | Verdict::Failed => {}
        }
        if is_scaled {
            return Err(NoMeasure::Scaled);
        }
        let numbers = summary.and_then(Numbers::of);
        Ok(Self {
            run: run.to_owned(),
            uid: uid.to_owned(),
            time,
            image: image.map(|image| image.chars().take(IMAGE).collect()),
            numbers: numbers.ok_or(NoMeasure::NoNumbers)?,
        })
    }
}

/// A run that failed by a regression is a measure like others: without it nobody would see when the service is as fast as
/// before.
fn is_of_service(reason: &str) -> bool {
    [
        reasons::THRESHOLD_BREACHED,
        reasons::REQUESTS_FAILED,
        reasons::REGRESSION,
    ]
    .contains(&reason)
}
