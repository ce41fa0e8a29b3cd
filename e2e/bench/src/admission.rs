//! What it costs to have a test judged when somebody writes it.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use e2e_tests::{ports, wait_until, webhook};
use kube::api::PostParams;
use kube::core::Request;
use kube::{Client, Config};
use serde_json::{Value, json};

use crate::client::Kind;
use crate::cluster::Cluster;
use crate::first_test;

const NAMESPACE: &str = "admission";
/// Calls of each kind, one after the other.
const CALLS: usize = 1000;
const WARM_UP: usize = 50;
/// Only tests with this label are judged.
const JUDGED: (&str, &str) = ("bench", "judged");
const SOON: Duration = Duration::from_secs(20);

/// Milliseconds of each call.
#[derive(Debug, Default)]
pub struct Admission {
    /// Creating a test that nobody is asked about.
    pub unasked: Vec<f64>,
    /// Creating one that is judged.
    pub judged: Vec<f64>,
    /// Asking the webhook server about nothing.
    pub empty: Vec<f64>,
    /// Asking it about a test.
    pub asked: Vec<f64>,
    /// Asking it about a test that names a ConfigMap.
    pub looked_up: Vec<f64>,
    /// What the API server counted of its calls.
    pub seen: Seen,
}

/// The API server's own numbers of the webhook.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Seen {
    /// Calls.
    pub count: f64,
    /// Mean, in milliseconds.
    pub mean: f64,
    /// Calls that took no longer than 5 ms.
    pub within_5_ms: f64,
    /// Calls that took no longer than 25 ms.
    pub within_25_ms: f64,
}

/// Creates tests as a dry run, and asks the webhook server itself.
pub fn measure(cluster: &Cluster) -> Result<Admission> {
    let port = ports::free()?;
    webhook::grant(&cluster.kubectl, true)?;
    let mut configuration = webhook::configuration(&cluster.kubectl, port)?;
    let (label, value) = JUDGED;
    configuration["webhooks"][0]["objectSelector"] = json!({"matchLabels": {label: value}});
    let create = ["create", "-f", "-"];
    cluster.kubectl.feed(&create, &configuration.to_string())?;
    let flags = webhook::flags(port);
    let operator = cluster.operator_with(&flags.each_ref().map(String::as_str))?;
    cluster.namespace(NAMESPACE)?;
    cluster.wait(Kind::ConfigMap.create(
        &cluster.client,
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "files", "namespace": NAMESPACE}}),
    ))?;
    let unasked = test(cluster)?;
    let mut judged = unasked.clone();
    judged["metadata"]["labels"] = json!({label: value});
    wait_until_judged(cluster, &judged)?;

    let mut found = cluster.wait(async {
        let mut found = Admission::default();
        for number in 0..WARM_UP + CALLS {
            let pair = [
                dry_run(&cluster.client, &unasked).await?,
                dry_run(&cluster.client, &judged).await?,
            ];
            if number >= WARM_UP {
                found.unasked.push(pair[0]);
                found.judged.push(pair[1]);
            }
        }
        let server = server(port)?;
        let mut names_one = unasked.clone();
        names_one["spec"]["testFiles"] = json!({"configMapRef": "files"});
        for number in 0..WARM_UP + CALLS {
            let all = [
                ask(&server, &Value::Null).await?,
                ask(&server, &unasked).await?,
                ask(&server, &names_one).await?,
            ];
            if number >= WARM_UP {
                found.empty.push(all[0]);
                found.asked.push(all[1]);
                found.looked_up.push(all[2]);
            }
        }
        anyhow::Ok(found)
    })?;
    found.seen = seen(&cluster.kubectl.run(&["get", "--raw", "/metrics"])?)?;
    drop(operator);
    Ok(found)
}

fn test(cluster: &Cluster) -> Result<Value> {
    let mut test = first_test::json(&cluster.kubectl)?;
    test["metadata"]["namespace"] = json!(NAMESPACE);
    Ok(test)
}

/// Until the API server trusts the operator, it asks in vain and accepts everything.
fn wait_until_judged(cluster: &Cluster, judged: &Value) -> Result<()> {
    let mut wrong = judged.clone();
    wrong["spec"]["master"] = json!({"command": "a", "args": ["b"]});
    wait_until("tests are judged", SOON, || {
        match cluster.wait(dry_run(&cluster.client, &wrong)) {
            Ok(_) => bail!("it is accepted"),
            Err(error) => {
                let said = format!("{error:#}");
                ensure!(said.contains("command and args are both set"), "{said}");
                Ok(())
            }
        }
    })
}

async fn dry_run(client: &Client, test: &Value) -> Result<f64> {
    let params = PostParams {
        dry_run: true,
        ..PostParams::default()
    };
    let object = serde_json::from_value(test.clone())?;
    let api = Kind::LocustTest.api(client, NAMESPACE);
    let begin = Instant::now();
    api.create(&params, &object).await?;
    Ok(milliseconds(begin))
}

/// A client of the webhook server, which keeps its connection as the API server does.
fn server(port: u16) -> Result<Client> {
    let mut config = Config::new(format!("https://127.0.0.1:{port}").parse()?);
    config.accept_invalid_certs = true;
    config.default_retry = false;
    Ok(Client::try_from(config)?)
}

async fn ask(server: &Client, test: &Value) -> Result<f64> {
    let review = json!({
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "request": {
            "uid": "bench",
            "kind": {"group": "locust.io", "version": "v2", "kind": "LocustTest"},
            "resource": {"group": "locust.io", "version": "v2", "resource": "locusttests"},
            "namespace": NAMESPACE, "operation": "CREATE", "userInfo": {}, "object": test
        }
    });
    let request = Request::new("/validate")
        .create(&PostParams::default(), review.to_string().into_bytes())?;
    let begin = Instant::now();
    let answer = server.request_text(request).await?;
    let took = milliseconds(begin);
    ensure!(answer.contains("\"allowed\":true"), "{answer}");
    Ok(took)
}

fn milliseconds(begin: Instant) -> f64 {
    begin.elapsed().as_secs_f64() * 1000.0
}

/// What the API server's metrics say of the webhook.
fn seen(metrics: &str) -> Result<Seen> {
    const NAME: &str = "apiserver_admission_webhook_admission_duration_seconds";
    let sum = |suffix: &str, label: &str| -> Result<f64> {
        let begin = format!("{NAME}_{suffix}{{");
        let ours = metrics.lines().filter(|line| {
            line.starts_with(&begin)
                && line.contains("validate.locusttests.locust.io")
                && line.contains(label)
        });
        let values = ours.map(|line| line.rsplit(' ').next()?.parse::<f64>().ok());
        values
            .sum::<Option<f64>>()
            .with_context(|| format!("{NAME}_{suffix} is no number"))
    };
    let count = sum("count", "")?;
    ensure!(count > 0.0, "the API server has no {NAME}");
    Ok(Seen {
        count,
        mean: 1000.0 * sum("sum", "")? / count,
        within_5_ms: sum("bucket", "le=\"0.005\"")?,
        within_25_ms: sum("bucket", "le=\"0.025\"")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_webhooks_own_numbers_are_found() {
        let line = |suffix: &str, more: &str, webhook: &str, value: &str| {
            format!(
                "apiserver_admission_webhook_admission_duration_seconds_{suffix}{{name=\"{webhook}\",operation=\"CREATE\",rejected=\"false\",type=\"validating\"{more}}} {value}\n"
            )
        };
        let ours = "validate.locusttests.locust.io";
        let metrics = [
            line("bucket", ",le=\"0.005\"", ours, "7"),
            line("bucket", ",le=\"0.025\"", ours, "9"),
            line("bucket", ",le=\"+Inf\"", ours, "10"),
            line("sum", "", ours, "0.05"),
            line("count", "", ours, "10"),
            line("count", "", "other", "99"),
        ]
        .concat();
        assert_eq!(
            seen(&metrics).unwrap(),
            Seen {
                count: 10.0,
                mean: 5.0,
                within_5_ms: 7.0,
                within_25_ms: 9.0
            }
        );
        assert!(seen("").is_err());
    }
}
