//! Whether a run counts: enough workers, all users, generators that could keep up.
//!
//! A run that does not says nothing about the service, whatever was measured.

use locust_api::{
    reasons,
    v2::{LocustTestSpec, Validity},
};

use crate::report::RunLine;

/// Why a run does not count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Doubt {
    /// One word.
    pub reason: &'static str,
    /// What was found and what is asked for.
    pub words: String,
}

/// Everything that speaks against a run that was made with `workers`.
pub fn doubts(spec: &LocustTestSpec, workers: i32, run: &RunLine) -> Vec<Doubt> {
    let default = Validity::default();
    let validity = spec.validity.as_ref().unwrap_or(&default);
    [
        too_few_workers(validity, workers, run),
        saturated_workers(validity, workers, run),
        too_few_users(validity, run),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn too_few_workers(validity: &Validity, workers: i32, run: &RunLine) -> Option<Doubt> {
    let average = run.avg_workers?;
    let least = validity.effective_min_workers_percent();
    let wanted = run.avg_wanted.unwrap_or(f64::from(workers));
    let percent = percent(average, wanted)?;
    (percent < f64::from(least)).then(|| Doubt {
        reason: reasons::WORKERS_LOST,
        words: format!(
            "on average {average:.1} of {} workers were connected ({percent:.0}%), {} were lost, and validity.minWorkersPercent is {least}",
            one_decimal(wanted),
            run.lost
        ),
    })
}

fn saturated_workers(validity: &Validity, workers: i32, run: &RunLine) -> Option<Doubt> {
    let most = validity.effective_max_cpu_saturated_workers_percent();
    let saturated = run.cpu_workers;
    // Those that left when fewer were wanted may have been among them.
    let workers = workers.max(run.peak_workers);
    let percent = percent(f64::from(saturated), f64::from(workers))?;
    (percent > f64::from(most)).then(|| {
        let peak = run
            .cpu_max
            .map_or_else(String::new, |peak| format!(", at most {peak:.0}% of what it may use"));
        Doubt {
            reason: reasons::WORKERS_SATURATED,
            words: format!(
                "{saturated} of {workers} workers had no processor time left{peak}, so response times are partly their own; validity.maxCpuSaturatedWorkersPercent is {most}"
            ),
        }
    })
}

fn too_few_users(validity: &Validity, run: &RunLine) -> Option<Doubt> {
    // The load was ended before it could get there, on purpose.
    if run.abort.is_some() {
        return None;
    }
    let target = run.target_users?;
    let least = validity.effective_min_users_percent();
    let percent = percent(run.peak_users as f64, target as f64)?;
    (percent < f64::from(least)).then(|| Doubt {
        reason: reasons::USERS_NOT_REACHED,
        words: format!(
            "at most {} of {target} users ran at once ({percent:.0}%), and validity.minUsersPercent is {least}",
            run.peak_users
        ),
    })
}

/// Whole numbers without a fraction.
fn one_decimal(number: f64) -> String {
    let text = format!("{number:.1}");
    text.strip_suffix(".0").map(str::to_owned).unwrap_or(text)
}

fn percent(part: f64, whole: f64) -> Option<f64> {
    (whole > 0.0).then(|| part / whole * 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reasons_of(validity: Option<Validity>, run: &RunLine) -> Vec<&'static str> {
        let mut spec = LocustTestSpec::with_workers(3);
        spec.validity = validity;
        doubts(&spec, 3, run)
            .into_iter()
            .map(|doubt| doubt.reason)
            .collect()
    }

    fn good() -> RunLine {
        RunLine {
            avg_workers: Some(3.0),
            target_users: Some(100),
            peak_users: 100,
            ..RunLine::default()
        }
    }

    #[test]
    fn only_what_is_below_its_limit_is_doubted() {
        let at = |change: fn(&mut RunLine)| {
            let mut run = good();
            change(&mut run);
            reasons_of(None, &run)
        };
        assert_eq!(at(|_| {}), Vec::<&str>::new());
        assert_eq!(at(|run| run.avg_workers = Some(2.7)), Vec::<&str>::new());
        assert_eq!(
            at(|run| run.avg_workers = Some(2.6)),
            [reasons::WORKERS_LOST]
        );
        assert_eq!(at(|run| run.peak_users = 99), [reasons::USERS_NOT_REACHED]);
        assert_eq!(at(|run| run.cpu_workers = 1), [reasons::WORKERS_SATURATED]);
        // What is not known is not doubted: a shape has no target, an older plugin no average.
        assert_eq!(at(|run| run.target_users = None), Vec::<&str>::new());
        assert_eq!(at(|run| run.avg_workers = None), Vec::<&str>::new());
    }

    #[test]
    fn workers_of_a_scaled_run_are_held_against_what_was_wanted_over_time() {
        let scaled = |average, wanted, saturated| {
            let run = RunLine {
                avg_workers: Some(average),
                avg_wanted: Some(wanted),
                peak_workers: 6,
                cpu_workers: saturated,
                ..good()
            };
            let mut spec = LocustTestSpec::with_workers(3);
            spec.validity = Some(Validity {
                max_cpu_saturated_workers_percent: Some(20),
                ..Validity::default()
            });
            let doubts = doubts(&spec, 3, &run);
            doubts
                .into_iter()
                .map(|doubt| doubt.words)
                .collect::<Vec<_>>()
        };
        assert_eq!(scaled(4.2, 4.5, 1), Vec::<String>::new());
        let lost = scaled(4.0, 4.5, 0).remove(0);
        assert!(
            lost.starts_with("on average 4.0 of 4.5 workers were connected (89%)"),
            "{lost}"
        );
        let busy = scaled(4.5, 4.5, 2).remove(0);
        assert!(
            busy.starts_with("2 of 6 workers had no processor time left"),
            "{busy}"
        );
    }

    #[test]
    fn the_test_sets_the_limits() {
        let run = RunLine {
            avg_workers: Some(1.5),
            cpu_workers: 3,
            peak_users: 10,
            ..good()
        };
        let anything = Validity {
            min_workers_percent: Some(50),
            min_users_percent: Some(10),
            max_cpu_saturated_workers_percent: Some(100),
        };
        assert_eq!(reasons_of(Some(anything), &run), Vec::<&str>::new());
        assert_eq!(reasons_of(None, &run).len(), 3);
    }

    #[test]
    fn a_load_that_a_threshold_ended_need_not_reach_its_users() {
        let run = RunLine {
            peak_users: 10,
            abort: Some(0),
            ..good()
        };
        assert_eq!(reasons_of(None, &run), Vec::<&str>::new());
    }
}
