//! Whether the service got slower: what a run is held against, and what came out.

use std::borrow::Cow;

use kube::KubeSchema;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use super::Metric;

/// What the numbers of a run are held against.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.pinnedRun) == (has(self.compareWith) && self.compareWith == 'Pinned')").message("pinnedRun goes with compareWith Pinned: set both or none"))]
#[x_kube(validation = Rule::new("!has(self.metrics) || self.metrics.all(metric, metric != 'errorRatio') || (has(self.compareWith) && self.compareWith != 'Rolling')").message("errorRatio cannot be compared with Rolling, as zero is a normal value of it: use compareWith Previous or Pinned, or a threshold"))]
pub struct Baseline {
    /// Name of the series that keeps the numbers of all runs, in the ConfigMap `<series>-series`. Default: the schedule's
    /// own; a test without a schedule must name one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(
        length(min = 1, max = 63),
        regex(pattern = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")
    )]
    pub series: Option<String>,
    /// What the run is held against. Default: Rolling.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compare_with: Option<CompareWith>,
    /// Name of the LocustTest that is the measure. Its numbers are copied: it may be deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub pinned_run: Option<String>,
    /// Runs that Rolling needs before the newest three. Default: 4.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 4, max = 30))]
    pub min_runs: Option<i32>,
    /// The smallest change that matters, in per cent; of errorRatio, in percentage points. Default: 5, of errorRatio 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1000))]
    pub min_change_percent: Option<i32>,
    /// What is compared, over all requests of the run. Default: p95.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub metrics: Vec<Metric>,
    /// What a regression means for the verdict. Default: Warn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_regression: Option<OnRegression>,
}

impl Baseline {
    /// What is compared.
    pub fn effective_metrics(&self) -> &[Metric] {
        if self.metrics.is_empty() {
            &[Metric::P95]
        } else {
            &self.metrics
        }
    }
}

/// What a run is held against.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum CompareWith {
    /// The runs before, by statistics.
    #[default]
    Rolling,
    /// The run just before.
    Previous,
    /// The run that `pinnedRun` names.
    Pinned,
}

/// What a regression means for the verdict of a run that Passed otherwise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum OnRegression {
    /// It is shown, and the verdict stays.
    #[default]
    Warn,
    /// The verdict is Failed.
    Fail,
}

/// What a series says of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ComparisonState {
    /// There are too few runs to confirm anything.
    Collecting,
    /// The newest runs are like those before.
    Stable,
    /// The newest run alone looks worse, which may be chance.
    Suspected,
    /// The level got worse, by statistics, and is so still.
    Regressed,
    /// The level got better, by statistics.
    Improved,
    /// After a regression the level is that of before.
    Recovered,
    /// After a regression the level got better, and is not that of before.
    ImprovedButStillRegressed,
    /// The level got worse little by little, by statistics.
    Drift,
    /// The run is worse than the one it is held against, which may be chance.
    Worse,
    /// The run is better than the one it is held against, which may be chance.
    Better,
    /// There is nothing to say.
    NotJudged,
}

impl ComparisonState {
    /// The word in the status.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Collecting => "Collecting",
            Self::Stable => "Stable",
            Self::Suspected => "Suspected",
            Self::Regressed => "Regressed",
            Self::Improved => "Improved",
            Self::Recovered => "Recovered",
            Self::ImprovedButStillRegressed => "ImprovedButStillRegressed",
            Self::Drift => "Drift",
            Self::Worse => "Worse",
            Self::Better => "Better",
            Self::NotJudged => "NotJudged",
        }
    }

    /// Whether the service counts as slower than it was; `None` while that cannot be said.
    pub const fn is_regression(self) -> Option<bool> {
        match self {
            Self::Regressed | Self::ImprovedButStillRegressed | Self::Drift | Self::Worse => {
                Some(true)
            }
            Self::Stable | Self::Suspected | Self::Improved | Self::Recovered | Self::Better => {
                Some(false)
            }
            Self::Collecting | Self::NotJudged => None,
        }
    }
}

/// A string without `enum`, as the verdict is.
impl JsonSchema for ComparisonState {
    fn schema_name() -> Cow<'static, str> {
        "ComparisonState".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "maxLength": 64})
    }
}

/// How the numbers of a run compare with those of others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Comparison {
    /// Name of the series; its ConfigMap is `<series>-series`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub series: Option<String>,
    /// The key in that ConfigMap: step, hash of the spec, hash of the test files. Only runs under one key are compared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// The worst of what the metrics say.
    pub state: ComparisonState,
    /// That in sentences, and what else changed.
    pub message: String,
    /// Each metric.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub metrics: Vec<MetricComparison>,
}

/// How one metric compares.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MetricComparison {
    /// Which.
    pub metric: Metric,
    /// What the series says of it.
    pub state: ComparisonState,
    /// Runs that were compared, this one included.
    pub runs: i32,
    /// The level or run that it is held against.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub baseline: Option<String>,
    /// The level or run of now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub newest: Option<String>,
    /// The change from one to the other, such as `+12.5%`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change: Option<String>,
    /// The run at which the level shifted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shifted_at: Option<String>,
    /// How much runs differ without any change of the service: their coefficient of variation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub noise: Option<String>,
    /// The smallest step that is found within 5 runs in 9 of 10 cases.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub smallest_step: Option<String>,
}

/// What a series said of a run, in short.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ComparisonNote {
    /// Name of the LocustTest.
    pub run: String,
    /// The worst of what its metrics say.
    pub state: ComparisonState,
    /// That in sentences.
    pub message: String,
}
