//! Comparisons for people.

use locust_api::v2::{ComparisonState, Metric, MetricComparison};

use crate::{
    figures,
    regression::{Judgement, NotJudged, State},
    series::Unreadable,
};

impl From<State> for ComparisonState {
    fn from(state: State) -> Self {
        match state {
            State::Collecting => Self::Collecting,
            State::Stable => Self::Stable,
            State::Suspected => Self::Suspected,
            State::Regressed => Self::Regressed,
            State::Improved => Self::Improved,
            State::Recovered => Self::Recovered,
            State::ImprovedButStillRegressed => Self::ImprovedButStillRegressed,
            State::Drift => Self::Drift,
            State::Worse => Self::Worse,
            State::Better => Self::Better,
            State::NotJudged(NotJudged::NothingToCompare | NotJudged::NotRolling) => {
                Self::NotJudged
            }
        }
    }
}

/// How values of a metric are shown.
pub(super) fn shown(metric: Metric) -> impl Fn(f64) -> String {
    move |value| match metric {
        Metric::P50 | Metric::P95 | Metric::P99 | Metric::Avg | Metric::Max => {
            figures::millis(value)
        }
        Metric::ErrorRatio => figures::ratio(value),
        Metric::Rps => format!("{value:.1}/s"),
        Metric::Requests => format!("{value:.0}"),
    }
}

/// One metric for the status.
pub(super) fn metric((metric, judgement): &(Metric, Judgement)) -> MetricComparison {
    let show = shown(*metric);
    let Judgement {
        state,
        compare_with: _,
        run: _,
        other: _,
        runs,
        missing: _,
        baseline,
        newest,
        change,
        shift,
        sensitivity,
        refused: _,
    } = judgement;
    MetricComparison {
        metric: *metric,
        state: (*state).into(),
        runs: i32::try_from(*runs).unwrap_or(i32::MAX),
        baseline: baseline.map(&show),
        newest: newest.map(&show),
        change: change.map(|change| format!("{change:+.1}%")),
        shifted_at: shift.as_ref().map(|shift| shift.run.clone()),
        noise: sensitivity.map(|it| format!("{:.1}%", it.noise)),
        smallest_step: sensitivity
            .and_then(|it| it.in_five)
            .map(|step| format!("{step:.0}%")),
    }
}

/// What of a series could not be read.
pub(super) fn unreadable(map: &str, all: &[Unreadable]) -> String {
    let first = all.first().map(Unreadable::to_string).unwrap_or_default();
    let more = match all.len() {
        0 | 1 => String::new(),
        len => format!(", and {} more", len - 1),
    };
    format!("of ConfigMap {map:?} something cannot be read and does not count: {first}{more}")
}
