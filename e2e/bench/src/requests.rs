//! How often the API server was asked, by its audit log.

use anyhow::Result;
use e2e_tests::audit::{Request, Tail};

use crate::cluster::OPERATOR;

const JOB_CONTROLLER: &str = "system:serviceaccount:kube-system:job-controller";

/// Requests by what they are for; watches are not counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Writes that bring a run forward.
    pub writes: u32,
    /// Writes of live numbers.
    pub progress: u32,
    /// Kubernetes events.
    pub events: u32,
    /// Everything else.
    pub reads: u32,
}

impl Count {
    /// All of them.
    pub fn all(&self) -> u32 {
        let Self {
            writes,
            progress,
            events,
            reads,
        } = self;
        writes + progress + events + reads
    }

    /// All that write.
    pub fn all_writes(&self) -> u32 {
        self.all() - self.reads
    }

    fn add(&mut self, request: &Request) {
        let class = if request.verb() == "watch" {
            return;
        } else if ["get", "list"].contains(&request.verb()) {
            &mut self.reads
        } else if request.resource() == "events" {
            &mut self.events
        } else if is_progress(request) {
            &mut self.progress
        } else {
            &mut self.writes
        };
        *class += 1;
    }
}

/// Who asked how often.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// The operator.
    pub ours: Count,
    /// Kubernetes' Job controller.
    pub job_controller: Count,
}

/// Counts what was asked about a namespace.
pub fn count(requests: Tail, namespace: &str) -> Result<Counts> {
    count_with(requests, namespace, |_| {})
}

/// The same, and shows each request to `look`: a log is long, and read once.
pub fn count_with(
    mut requests: Tail,
    namespace: &str,
    mut look: impl FnMut(&Request),
) -> Result<Counts> {
    let mut counts = Counts::default();
    requests.each(|request| {
        if request.namespace() != namespace {
            return;
        }
        look(&request);
        if request.user_agent().starts_with(OPERATOR) {
            counts.ours.add(&request);
        } else if request.user() == JOB_CONTROLLER {
            counts.job_controller.add(&request);
        }
    })?;
    Ok(counts)
}

/// Whether a status write has nothing but live numbers.
fn is_progress(request: &Request) -> bool {
    let numbers = ["progress", "workers"];
    let sent = request.event["requestObject"]["status"].as_object();
    request.resource() == "locusttests/status"
        && sent.is_some_and(|status| status.keys().all(|key| numbers.contains(&key.as_str())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn request(verb: &str, resource: &str, status: Value) -> Request {
        let (resource, subresource) = resource.split_once('/').unwrap_or((resource, ""));
        Request {
            event: json!({"verb": verb, "objectRef": {"resource": resource, "subresource": subresource},
                "requestObject": {"status": status}}),
        }
    }

    #[test]
    fn every_request_is_in_one_class() {
        let status = "locusttests/status";
        let mut count = Count::default();
        for seen in [
            request("watch", "pods", Value::Null),
            request("get", "jobs", Value::Null),
            request("list", "events", Value::Null),
            request("create", "events", Value::Null),
            request("create", "jobs", Value::Null),
            request("patch", status, json!({"phase": "Running", "progress": {}})),
            request("patch", status, json!({"progress": {}})),
        ] {
            count.add(&seen);
        }
        let wanted = Count {
            writes: 2,
            progress: 1,
            events: 1,
            reads: 2,
        };
        assert_eq!(count, wanted);
        assert_eq!((count.all(), count.all_writes()), (6, 4));
    }
}
