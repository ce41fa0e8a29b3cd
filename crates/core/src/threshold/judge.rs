//! The judgement over measured values.

use locust_api::v2::{OnNoData, Severity, ThresholdResult, ThresholdStatus};

use super::Limit;
use crate::report::Actual;

/// What all thresholds together say of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Judgement {
    /// Each threshold, in the order of the spec.
    pub thresholds: Vec<ThresholdStatus>,
    /// Those of severity Fail that did not hold, in words.
    pub breached: Vec<String>,
    /// Those that had nothing to judge and make the run inconclusive, in words.
    pub unjudged: Vec<String>,
    /// How many of severity Warn did not hold.
    pub warnings: usize,
}

/// Judges `actuals`, which are in the order of `limits`. One that is missing was not measured.
pub fn judge(limits: &[Limit<'_>], actuals: &[Option<Actual>]) -> Judgement {
    let mut judgement = Judgement::default();
    for (index, limit) in limits.iter().enumerate() {
        let actual = actuals.get(index).copied().flatten();
        judgement.add(limit, actual);
    }
    judgement
}

impl Judgement {
    fn add(&mut self, limit: &Limit<'_>, actual: Option<Actual>) {
        let measured = measured(limit, actual);
        let (holds, message) = match &measured {
            Ok(value) => (Some(limit.op.holds(*value, limit.value)), None),
            Err(why) => (None, Some(why.clone())),
        };
        let result = match (holds, limit.on_no_data, limit.severity) {
            (Some(true), _, _) => ThresholdResult::Passed,
            (Some(false), _, Severity::Fail) => ThresholdResult::Failed,
            (Some(false), _, Severity::Warn) => ThresholdResult::Warned,
            (None, OnNoData::Fail, Severity::Fail) => ThresholdResult::Failed,
            (None, OnNoData::Fail, Severity::Warn) => ThresholdResult::Warned,
            (None, OnNoData::Inconclusive | OnNoData::Pass, _) => ThresholdResult::NotEvaluated,
        };
        let words = format!(
            "{}: {}, {}",
            limit.name,
            limit.words(),
            match &measured {
                Ok(value) => format!("was {}", limit.shown(*value)),
                Err(why) => why.clone(),
            }
        );
        match result {
            ThresholdResult::Passed => {}
            ThresholdResult::Failed => self.breached.push(words),
            ThresholdResult::Warned => self.warnings += 1,
            ThresholdResult::NotEvaluated => {
                let matters = limit.on_no_data == OnNoData::Inconclusive;
                if matters && limit.severity == Severity::Fail {
                    self.unjudged.push(words);
                }
            }
        }
        self.thresholds.push(ThresholdStatus {
            name: limit.name.to_owned(),
            limit: limit.words(),
            actual: actual
                .and_then(|actual| actual.value)
                .map(|value| limit.shown(value)),
            result,
            message,
        });
    }
}

/// The value to compare, or why there is none.
fn measured(limit: &Limit<'_>, actual: Option<Actual>) -> Result<f64, String> {
    let Some(Actual { value, requests }) = actual else {
        return Err("it was not measured".to_owned());
    };
    if limit.endpoint.is_some() && requests == 0 {
        return Err("there was no such request".to_owned());
    }
    if requests < limit.min_requests {
        return Err(format!(
            "only {requests} requests, and minRequests is {}",
            limit.min_requests
        ));
    }
    value.ok_or_else(|| "there was no request".to_owned())
}
