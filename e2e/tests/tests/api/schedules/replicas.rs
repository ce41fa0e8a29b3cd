//! Two replicas, and a time that comes while the leader cannot act.

use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};
use e2e_tests::harness;
use e2e_tests::process::Frozen;
use e2e_tests::wait::stays_so;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::{schedule, status, until};
use crate::lease::{BUSY, LOST, Replica};
use crate::world::{Place, SOON, World};

/// Between the creation of the schedule and its time, at least.
const AHEAD: SignedDuration = SignedDuration::from_secs(6);

/// How often is looked for the run: between its creation and its status lie some milliseconds.
const LOOK: Duration = Duration::from_millis(2);

/// When the leader stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stop {
    /// A moment before the time: the other is to start the run.
    Before,
    /// As soon as the run is there, whether it is noted or not: the other is to start none.
    After,
}

/// One run of the time, whether its leader hangs before it is made or after.
pub fn a_leader_that_hangs_when_a_run_is_due(world: &World) -> Result<()> {
    let stops = [Stop::Before, Stop::After];
    // At the same time: each waits for the next minute.
    let ended = harness::each(&stops, stops.len(), |stop| hang(world, *stop));
    ended.into_iter().collect()
}

fn hang(world: &World, stop: Stop) -> Result<()> {
    let cluster = &world.other;
    let name = format!("schedule-hang-{}", format!("{stop:?}").to_lowercase());
    let place = cluster.place(&name)?;
    let mut leader = Replica::start(&place, "first")?;
    leader.wait_until_it_leads(SOON)?;
    let standby = Replica::start(&place, "second")?;
    let due = next_minute(Timestamp::now())?;
    place.kubectl.apply(&schedule("once", &spec(due)))?;
    until(&place.kubectl, "once", "it is accepted", |status| {
        time(&status["nextScheduleTime"]) == Some(due)
    })?;

    let frozen = match stop {
        Stop::Before => {
            sleep_until(due, Duration::from_millis(200))?;
            Frozen::new(leader.operator.pid())?
        }
        Stop::After => {
            sleep_until(due, Duration::ZERO)?;
            let there = Timestamp::now();
            while runs(&place)?.is_empty() {
                let late = Timestamp::now().duration_since(there);
                ensure!(
                    late < SignedDuration::from_secs(10),
                    "no run after {late:#}"
                );
                sleep(LOOK);
            }
            Frozen::new(leader.operator.pid())?
        }
    };
    let before = runs(&place)?;
    ensure!(
        before.len() == usize::from(stop == Stop::After),
        "{} runs",
        before.len()
    );
    standby.wait_until_it_leads(LOST + BUSY)?;
    let noted = until(&place.kubectl, "once", "the run is noted", |status| {
        status["activeRuns"] == 1
    })?;
    drop(frozen);
    leader.expect_lost(Duration::from_secs(5))?;
    stays_so("it is the only one", Duration::from_secs(3), || {
        check(&place, due, &noted)
    })?;
    // What was refused for its name was not made either; more was not even tried than each replica has a reason for.
    let mut created = Vec::new();
    for replica in [&leader, &standby] {
        let mut creates = replica.requests(cluster, "create")?;
        creates.retain(|request| request.resource() == "locusttests" && request.succeeded());
        created.push(creates.len());
    }
    let wanted = match stop {
        Stop::Before => [0, 1],
        Stop::After => [1, 0],
    };
    ensure!(created == wanted, "they made {created:?}");
    Ok(())
}

/// One time only, and a run that waits for what never comes.
fn spec(due: Timestamp) -> String {
    let line = due.strftime("%-M %-H %-d %-m *");
    format!("  schedules: ['{line}']\n  runTemplate: {{templateRef: {{name: absent}}}}")
}

fn check(place: &Place<'_>, due: Timestamp, noted: &Value) -> Result<()> {
    let runs = runs(place)?;
    let found = runs.first().map(|run| &run["metadata"]);
    ensure!(
        runs.len() == 1
            && found.is_some_and(|found| {
                time(&found["annotations"]["locust.io/scheduled-time"]) == Some(due)
                    && found["uid"] == noted["active"][0]["uid"]
            }),
        "{} runs, the first {found:?}",
        runs.len()
    );
    let status = status(&place.kubectl, "once")?;
    ensure!(
        status["runsStarted"] == 1
            && time(&status["lastScheduleTime"]) == Some(due)
            && status["active"] == noted["active"]
            && status["missedRuns"].is_null()
            && status["lastSkip"].is_null(),
        "{status}"
    );
    Ok(())
}

fn runs(place: &Place<'_>) -> Result<Vec<Value>> {
    place.kubectl.list("lotest", "locust.io/schedule=once")
}

fn time(text: &Value) -> Option<Timestamp> {
    text.as_str()?.parse().ok()
}

/// The first whole minute that is not too near.
fn next_minute(now: Timestamp) -> Result<Timestamp> {
    let early = now.checked_add(AHEAD)?.as_second();
    let minute = early.div_euclid(60) + 1;
    Ok(Timestamp::from_second(minute * 60)?)
}

fn sleep_until(due: Timestamp, before: Duration) -> Result<()> {
    let left = Duration::try_from(due.duration_since(Timestamp::now()))
        .map_err(|_| anyhow!("{due} has passed"))?;
    let left = left.checked_sub(before);
    sleep(left.context("too late to be early")?);
    Ok(())
}
