//! Times between the end of a step and the claim of the next one, from the API server's audit log.

use std::collections::HashMap;

use anyhow::{Result, ensure};
use e2e_tests::audit::Request;
use jiff::Timestamp;
use serde_json::Value;

/// A step of a suite.
type Step = (String, usize);

/// When tests of steps were claimed and when they ended, by the answers to the writes that said so.
#[derive(Debug, Default)]
pub struct Gaps {
    claimed: HashMap<Step, Timestamp>,
    ended: HashMap<Step, Timestamp>,
}

impl Gaps {
    /// Looks at a request, in the order of answers.
    pub fn note(&mut self, request: &Request) {
        if request.resource() != "locusttests/status" || !request.succeeded() {
            return;
        }
        let (Some(step), Some(at)) = (step_of(request.name()), answered(&request.event)) else {
            return;
        };
        let stored = &request.event["responseObject"]["status"];
        // Later writes have both as well.
        if stored["run"]["id"].is_string() {
            self.claimed.entry(step.clone()).or_insert(at);
        }
        if stored["verdict"].is_string() {
            self.ended.entry(step).or_insert(at);
        }
    }

    /// All of them.
    ///
    /// # Errors
    /// When there are not as many as there should be.
    pub fn milliseconds(&self, wanted: usize) -> Result<Vec<f64>> {
        let gap = |((suite, step), ended): (&Step, &Timestamp)| {
            let next = self.claimed.get(&(suite.clone(), step + 1))?;
            Some(1000.0 * next.duration_since(*ended).as_secs_f64())
        };
        let gaps: Vec<f64> = self.ended.iter().filter_map(gap).collect();
        ensure!(
            gaps.len() == wanted,
            "the audit log has {} of {wanted} steps that follow another",
            gaps.len()
        );
        Ok(gaps)
    }
}

/// Suite and number of the step of a test: `suite-7-s3` is the fourth of `suite-7`.
fn step_of(test: &str) -> Option<Step> {
    let (suite, step) = test.rsplit_once("-s")?;
    Some((suite.to_owned(), step.parse().ok()?))
}

fn answered(event: &Value) -> Option<Timestamp> {
    event["stageTimestamp"].as_str()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn patch(test: &str, at: &str, code: u16, status: Value) -> Request {
        Request {
            event: json!({
                "stageTimestamp": format!("2026-01-01T00:00:{at}Z"), "responseStatus": {"code": code},
                "objectRef": {"resource": "locusttests", "subresource": "status", "name": test},
                "responseObject": {"status": status},
            }),
        }
    }

    #[test]
    fn the_first_writes_that_say_so_count() {
        let (claim, end) = (
            json!({"run": {"id": "1"}}),
            json!({"run": {"id": "1"}, "verdict": "Passed"}),
        );
        let mut gaps = Gaps::default();
        for (test, at, code, status) in [
            ("suite-1-s0", "01.000000", 200, &claim),
            ("suite-1-s0", "09.000000", 200, &end),
            ("suite-1-s0", "09.020000", 200, &end),
            ("suite-1-s1", "09.010000", 409, &claim),
            ("suite-1-s1", "09.012500", 200, &claim),
            ("suite-1-s1", "09.500000", 200, &claim),
            ("suite-2-s1", "09.001000", 200, &claim),
        ] {
            gaps.note(&patch(test, at, code, status.clone()));
        }
        let found = gaps.milliseconds(1).unwrap();
        assert!((found[0] - 12.5).abs() < 1e-9, "{found:?}");
        assert!(gaps.milliseconds(2).is_err());
    }
}
