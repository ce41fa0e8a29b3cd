//! Many schedules with one time, beside as many of Kubernetes' CronJobs: how late their runs come into being.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use e2e_tests::audit::{Request, Tail};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::client::{Kind, for_each};
use crate::cluster::{Cluster, OPERATOR};
use crate::memory::{self, Memories};
use crate::proc;

/// Schedules, and CronJobs.
const SCHEDULES: usize = 1000;
/// Between their creation and their time, at least: all must have come to rest before.
const AHEAD: SignedDuration = SignedDuration::from_secs(75);
/// What all runs of one time may take.
const LIMIT: SignedDuration = SignedDuration::from_secs(180);
/// How often is looked for runs.
const LOOK: Duration = Duration::from_millis(500);
const NAMESPACE: &str = "schedules";
const CRON_JOB_CONTROLLER: &str = "system:serviceaccount:kube-system:cronjob-controller";

/// How late runs came into being.
#[derive(Debug)]
pub struct Schedules {
    /// Those of CronJobs.
    pub baseline: Runs,
    /// Those of schedules.
    pub ours: Runs,
    /// Memory when there is a run of each.
    pub memory: Memories,
}

/// The runs of one time.
#[derive(Debug)]
pub struct Runs {
    /// From the time until the API server said that it had made the run: seconds, one for each run.
    pub late: Vec<f64>,
    /// Processor time of the controller's process, from the time on until all has come to rest.
    pub cpu_seconds: f64,
}

/// Who makes runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    CronJobs,
    Schedules,
}

/// First the CronJobs have their time, then the schedules have theirs: each has the API server for itself.
pub fn measure(cluster: &Cluster) -> Result<Schedules> {
    let operator = cluster.operator()?;
    cluster.namespace(NAMESPACE)?;
    let manager = cluster.controller_manager()?;
    Ok(Schedules {
        baseline: runs(cluster, Side::CronJobs, manager)?,
        ours: runs(cluster, Side::Schedules, operator.pid())?,
        memory: memory::measure(cluster, &operator)?,
    })
}

/// Makes objects of this side with one time; returns when each has a run. `pid` is the controller's.
fn runs(cluster: &Cluster, side: Side, pid: u32) -> Result<Runs> {
    let due = minute_after(Timestamp::now().checked_add(AHEAD)?)?;
    let create = for_each(0..SCHEDULES, async |number| {
        let object = side.object(number, due);
        side.kind().create(&cluster.client, object).await
    });
    cluster.wait(create)?;
    cluster.settle()?;
    let left = due.duration_since(Timestamp::now());
    let left = Duration::try_from(left).with_context(|| {
        format!("{SCHEDULES} {side:?} have not come to rest before their time, {due}")
    })?;
    let mut requests = cluster.requests()?;
    std::thread::sleep(left);
    let cpu = proc::cpu(pid)?;
    let mut late = Vec::with_capacity(SCHEDULES);
    while late.len() < SCHEDULES {
        if Timestamp::now().duration_since(due) > LIMIT {
            bail!("{} of {SCHEDULES} {side:?} have a run", late.len());
        }
        std::thread::sleep(LOOK);
        note(&mut requests, side, due, &mut late)?;
    }
    cluster.settle()?;
    let cpu = proc::cpu(pid)? - cpu;
    note(&mut requests, side, due, &mut late)?;
    ensure!(
        late.len() == SCHEDULES,
        "{SCHEDULES} {side:?} have {} runs",
        late.len()
    );
    Ok(Runs {
        late,
        cpu_seconds: cpu.as_secs_f64(),
    })
}

/// Adds how late those runs were that were made since the last call.
fn note(requests: &mut Tail, side: Side, due: Timestamp, late: &mut Vec<f64>) -> Result<()> {
    requests.each(|request| late.extend(side.made(&request).map(|made| seconds(due, made))))
}

fn seconds(from: Timestamp, to: Timestamp) -> f64 {
    to.duration_since(from).as_secs_f64()
}

/// The first minute that begins after this.
fn minute_after(time: Timestamp) -> Result<Timestamp> {
    let minute = time.as_second().div_euclid(60) + 1;
    Ok(Timestamp::from_second(minute * 60)?)
}

impl Side {
    fn kind(self) -> Kind {
        match self {
            Self::CronJobs => Kind::CronJob,
            Self::Schedules => Kind::LocustSchedule,
        }
    }

    /// One whose run comes into being and no further: a Job that is suspended, a test that waits for a template. In both
    /// cases somebody writes that into its status.
    fn object(self, number: usize, due: Timestamp) -> Value {
        let line = due.strftime("%-M %-H %-d %-m *").to_string();
        let metadata = json!({"namespace": NAMESPACE, "name": format!("every-{number}")});
        match self {
            Self::CronJobs => json!({
                "apiVersion": "batch/v1", "kind": "CronJob", "metadata": metadata,
                "spec": {
                    "schedule": line, "timeZone": "Etc/UTC", "concurrencyPolicy": "Forbid",
                    "jobTemplate": {"spec": {
                        "suspend": true,
                        "template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "main", "image": "none"}]}},
                    }},
                },
            }),
            Self::Schedules => json!({
                "apiVersion": "locust.io/v2", "kind": "LocustSchedule", "metadata": metadata,
                "spec": {
                    "schedules": [line], "timeZone": "Etc/UTC", "concurrencyPolicy": "Forbid",
                    "runTemplate": {"templateRef": {"name": "absent"}},
                },
            }),
        }
    }

    /// When the API server had made a run, if this is the request for one. Objects say it in whole seconds only.
    fn made(self, request: &Request) -> Option<Timestamp> {
        let (is_ours, resource) = match self {
            Self::CronJobs => (request.user() == CRON_JOB_CONTROLLER, "jobs"),
            Self::Schedules => (request.user_agent().starts_with(OPERATOR), "locusttests"),
        };
        let is_it = is_ours
            && request.verb() == "create"
            && request.resource() == resource
            && request.namespace() == NAMESPACE
            && request.succeeded();
        let at = request.event["stageTimestamp"].as_str()?;
        at.parse().ok().filter(|_| is_it)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(user: &str, agent: &str, resource: &str, code: u16) -> Request {
        Request {
            event: json!({
                "verb": "create", "user": {"username": user}, "userAgent": agent, "responseStatus": {"code": code},
                "objectRef": {"resource": resource, "namespace": NAMESPACE},
                "stageTimestamp": "2026-01-05T02:00:01.500000Z",
            }),
        }
    }

    #[test]
    fn runs_that_were_made_count_and_nothing_else() {
        let agent = format!("{OPERATOR}1");
        let due = "2026-01-05T02:00:00Z".parse().unwrap();
        for (side, user, agent, resource, code, counts) in [
            (
                Side::Schedules,
                "o",
                agent.as_str(),
                "locusttests",
                201,
                true,
            ),
            (Side::Schedules, "o", &agent, "locusttests", 409, false),
            (Side::Schedules, "o", &agent, "events", 201, false),
            (Side::Schedules, "o", "kubectl/1", "locusttests", 201, false),
            (Side::CronJobs, CRON_JOB_CONTROLLER, "k", "jobs", 201, true),
            (Side::CronJobs, "admin", "k", "jobs", 201, false),
        ] {
            let made = side.made(&request(user, agent, resource, code));
            let late = made.map(|made| seconds(due, made));
            assert_eq!(late, counts.then_some(1.5), "{user} {resource} {code}");
        }
    }

    #[test]
    fn the_time_is_one_of_a_year_and_the_same_for_both() {
        let due = minute_after("2026-01-05T02:03:00Z".parse().unwrap()).unwrap();
        let [cron, ours] = [Side::CronJobs, Side::Schedules].map(|side| side.object(7, due));
        assert_eq!(cron["spec"]["schedule"], "4 2 5 1 *");
        assert_eq!(ours["spec"]["schedules"], json!(["4 2 5 1 *"]));
        assert_eq!(ours["metadata"]["name"], "every-7");
    }
}
