//! Which runs are tried again.

use locust_api::v2::{Retries, RetryOn, Verdict};

/// How often something may be tried again after this verdict. A run that Failed is an answer, an Aborted one was asked for.
pub(crate) fn limit_after(retries: Option<&Retries>, verdict: Verdict) -> i32 {
    let Some(Retries { limit, after }) = retries else {
        return 0;
    };
    let wanted = match verdict {
        Verdict::Inconclusive => RetryOn::Inconclusive,
        Verdict::Error => RetryOn::Error,
        Verdict::Passed | Verdict::Failed | Verdict::Aborted => return 0,
    };
    if after.is_empty() || after.contains(&wanted) {
        *limit
    } else {
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_says_nothing_is_tried_again() {
        let retries = |after: &[RetryOn]| Retries {
            limit: 3,
            after: after.to_vec(),
        };
        let limits = |retries: Option<&Retries>| {
            [
                Verdict::Inconclusive,
                Verdict::Error,
                Verdict::Passed,
                Verdict::Failed,
                Verdict::Aborted,
            ]
            .map(|verdict| limit_after(retries, verdict))
        };
        assert_eq!(limits(None), [0; 5]);
        assert_eq!(limits(Some(&retries(&[]))), [3, 3, 0, 0, 0]);
        let one = retries(&[RetryOn::Error]);
        assert_eq!(limits(Some(&one)), [0, 3, 0, 0, 0]);
    }
}
