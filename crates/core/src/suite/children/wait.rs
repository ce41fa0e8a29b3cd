//! The Job that waits for an address to answer.

use k8s_openapi::api::{
    batch::v1::{Job, JobSpec},
    core::v1::{Container, EnvVar, PodSpec, PodTemplateSpec},
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use locust_api::{
    Duration, names,
    v2::{HttpWait, LocustTestSuite, SuiteStep},
};

use super::{child, metadata};
use crate::{
    render::{profile_context, profile_pod_context},
    settings::{RunSettings, resources},
};

/// Asks every two seconds. Any answer of 200 to 399 will do, a redirect as well, so none is followed. The address is never
/// part of the program.
const SCRIPT: &str = r#"
import os, signal, sys, time, urllib.error, urllib.request

class Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None

said = "no answer yet"

def give_up(*_):
    sys.exit(said)

signal.signal(signal.SIGTERM, give_up)
url = os.environ["WAIT_URL"]
ask = urllib.request.build_opener(Stay)
while True:
    try:
        with ask.open(url, timeout=5) as answer:
            status = answer.status
    except urllib.error.HTTPError as error:
        status = error.code
    except Exception as error:
        status, says = None, f"{url}: {error}"
    if status is not None:
        says = f"{url} answers with status {status}"
    if says != said:
        said = says
        print(said, flush=True)
    if status is not None and 200 <= status < 400:
        sys.exit(0)
    time.sleep(2)
"#;

/// The name of the Job that waits before an attempt of a step.
pub fn wait_name(suite: &str, step: &str, attempt: i32) -> String {
    format!("{}-wait", super::child_name(suite, step, attempt))
}

/// The Job that succeeds when the address answers, and fails after `timeout`. It runs where the load will, so it asks on
/// the same way, with the operator's default image, which has Python.
pub fn wait_job(
    suite: &LocustTestSuite,
    step: &SuiteStep,
    attempt: i32,
    http: &HttpWait,
    timeout: Duration,
    settings: &RunSettings,
) -> Job {
    let HttpWait { url } = http;
    let name = format!("{}-wait", child(suite, step, attempt));
    let metadata = metadata(suite, step, attempt, name);
    let container = Container {
        name: "wait".to_owned(),
        image: Some(settings.default_image.clone()),
        image_pull_policy: Some("IfNotPresent".to_owned()),
        command: Some(["python3", "-c", SCRIPT].map(str::to_owned).into()),
        env: Some(vec![EnvVar {
            name: names::ENV_WAIT_URL.to_owned(),
            // Kubernetes expands $(NAME), and takes $$ for a dollar.
            value: Some(url.replace('$', "$$")),
            ..EnvVar::default()
        }]),
        resources: Some(resources(
            [("cpu", "50m".to_owned()), ("memory", "64Mi".to_owned())],
            [("cpu", "250m".to_owned()), ("memory", "128Mi".to_owned())],
        )),
        security_context: profile_context(settings.security_profile),
        termination_message_policy: Some("FallbackToLogsOnError".to_owned()),
        ..Container::default()
    };
    let pod = PodSpec {
        restart_policy: Some("Never".to_owned()),
        automount_service_account_token: Some(false),
        enable_service_links: Some(false),
        security_context: Some(profile_pod_context(settings)),
        termination_grace_period_seconds: Some(5),
        containers: vec![container],
        ..PodSpec::default()
    };
    let seconds = i64::try_from(timeout.as_secs_ceil()).unwrap_or(i64::MAX);
    Job {
        spec: Some(JobSpec {
            backoff_limit: Some(0),
            active_deadline_seconds: Some(seconds.max(1)),
            template: PodTemplateSpec {
                metadata: Some(ObjectMeta {
                    labels: metadata.labels.clone(),
                    ..ObjectMeta::default()
                }),
                spec: Some(pod),
            },
            ..JobSpec::default()
        }),
        metadata,
        ..Job::default()
    }
}
