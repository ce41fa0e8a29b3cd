//! A run that has ended, with what its series says of it.

use jiff::Timestamp;
use locust_api::{
    conditions, reasons,
    v2::{Comparison, LocustTest},
};

use super::{Decision, News, Outcome, conditions::Writer, finished_note, status::note_outcome};
use crate::baseline;

impl Decision {
    /// The same with the comparison of a run that has just ended. By a regression a run that Passed may be Failed.
    pub fn compared(mut self, test: &LocustTest, comparison: Comparison, now: Timestamp) -> Self {
        let status = &mut self.status;
        let Some(asked) = &test.spec.baseline else {
            return self;
        };
        let (word, reason) = baseline::condition(comparison.state);
        let fails = baseline::fails(asked, status.verdict, &comparison);
        let mut writer = Writer { status, test, now };
        writer.set(conditions::REGRESSION, word, reason, &comparison.message);
        if comparison.state.is_regression() == Some(true) {
            self.news.push(News::Regression(comparison.message.clone()));
        }
        if fails {
            let counts = status.message.as_deref().unwrap_or_default();
            let outcome = Outcome::failed(
                reasons::REGRESSION,
                format!("{} ({counts})", comparison.message),
            );
            for item in &mut self.news {
                if let News::Finished { verdict, note } = item {
                    *verdict = outcome.verdict;
                    *note = finished_note(&outcome, None);
                }
            }
            note_outcome(status, test, outcome, now);
        }
        status.comparison = Some(comparison);
        self
    }
}
