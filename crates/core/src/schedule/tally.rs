//! What is counted of schedules.

use locust_api::v2::{LocustScheduleStatus, ScheduledRun};

use super::News;

/// What became of runs between two versions of a schedule's status.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Runs that exist now, further attempts among them.
    pub started: u64,
    /// Times and tokens that were let go because of another run, or of a setting.
    pub skipped: u64,
    /// Times that passed without a run.
    pub missed: u64,
    /// Runs that could not be made.
    pub not_started: u64,
    /// How many seconds after their times runs were created, one each. Kubernetes writes no finer times.
    pub delays: Vec<u64>,
}

/// Counts what is new in a status, and the news that came with it.
///
/// A run that an operator made before it died counts when the next one notes it: what is counted is what the status says.
pub fn tally(
    old: Option<&LocustScheduleStatus>,
    new: &LocustScheduleStatus,
    news: &[News],
) -> Tally {
    let runs = |status: &LocustScheduleStatus| -> Vec<ScheduledRun> {
        let runs = status.active.iter().chain(&status.history);
        runs.cloned().collect()
    };
    let known = old.map(runs).unwrap_or_default();
    let is_new = |run: &ScheduledRun| !known.iter().any(|known| known.uid == run.uid);
    let mut started = runs(new);
    started.retain(is_new);
    let missed = |status: &LocustScheduleStatus| status.missed_runs.unwrap_or_default();
    let missed = missed(new).saturating_sub(old.map(missed).unwrap_or_default());
    let told = |is_it: fn(&News) -> bool| count(news.iter().filter(|news| is_it(news)));
    Tally {
        skipped: told(|news| matches!(news, News::RunSkipped(_))),
        not_started: told(|news| matches!(news, News::RunNotStarted(_))),
        missed: u64::try_from(missed).unwrap_or_default(),
        delays: started.iter().filter_map(delay).collect(),
        started: count(started.iter()),
    }
}

fn count<T>(items: impl Iterator<Item = T>) -> u64 {
    u64::try_from(items.count()).unwrap_or(u64::MAX)
}

/// How late a run was; none on demand, and none of further attempts, whose time has long passed.
fn delay(run: &ScheduledRun) -> Option<u64> {
    let due = run.schedule_time.as_ref().filter(|_| run.attempt <= 1)?;
    let late = run.start_time.as_ref()?.0.duration_since(due.0);
    // The clock may have been set back in between.
    Some(u64::try_from(late.as_secs()).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn status(value: Value) -> LocustScheduleStatus {
        serde_json::from_value(value).unwrap()
    }

    fn run(uid: &str, attempt: i32, due: Value, start: &str) -> Value {
        json!({"kind": "LocustTest", "name": uid, "uid": uid, "attempt": attempt, "scheduleTime": due,
            "startTime": format!("2026-01-05T{start}Z")})
    }

    #[test]
    fn what_is_new_is_counted_once() {
        let two = json!("2026-01-05T02:00:00Z");
        let old =
            status(json!({"missedRuns": 3, "active": [run("a", 1, two.clone(), "02:00:01")]}));
        let new = status(json!({
            "missedRuns": 5,
            "history": [run("a", 1, two.clone(), "02:00:01")],
            "active": [
                run("a2", 2, two.clone(), "02:30:00"),
                run("b", 1, two, "02:04:07"),
                run("demand", 1, Value::Null, "02:05:00"),
            ],
        }));
        let news = [
            News::RunSkipped("one".to_owned()),
            News::RunNotStarted("another".to_owned()),
            // It has no number; the status has.
            News::RunsMissed("some".to_owned()),
        ];
        let wanted = Tally {
            started: 3,
            skipped: 1,
            missed: 2,
            not_started: 1,
            delays: vec![247],
        };
        assert_eq!(tally(Some(&old), &new, &news), wanted);
        assert_eq!(tally(Some(&new), &new, &[]), Tally::default());
        assert_eq!(tally(None, &old, &[]).missed, 3);
    }

    #[test]
    fn a_clock_that_was_set_back_makes_no_delay() {
        let due = json!("2026-01-05T02:00:00Z");
        let new = status(json!({"active": [run("a", 1, due, "01:59:58")]}));
        assert_eq!(tally(None, &new, &[]).delays, [0]);
    }
}
