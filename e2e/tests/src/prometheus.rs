//! A real Prometheus that scrapes what a test tells it to, and the queries of the chart's dashboard.

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    process::Child,
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use e2e_node::Layout;
use serde_json::{Value, json};

use crate::{http, ports, process, wait_until};

/// How long it may take to be ready on a busy machine.
const READY_WITHIN: Duration = Duration::from_secs(30);

/// What to scrape, with the labels that a monitor would give it.
pub struct Target {
    /// Host and port.
    pub address: String,
    /// Labels by name.
    pub labels: Value,
    /// Whether labels of what is scraped win over these.
    pub honor_labels: bool,
    /// A name of its own.
    pub job: String,
}

/// A Prometheus; it ends when this is dropped.
pub struct Prometheus {
    child: Child,
    address: SocketAddr,
}

impl Prometheus {
    /// Starts one with an empty store in `directory`, which scrapes these targets and evaluates these groups of rules
    /// every second.
    pub fn start(directory: &Path, targets: &[Target], groups: &str) -> Result<Self> {
        if directory.exists() {
            fs::remove_dir_all(directory)?;
        }
        fs::create_dir_all(directory)?;
        let rules = directory.join("rules.yaml");
        fs::write(&rules, format!("groups:\n{groups}"))?;
        let jobs: Vec<Value> = targets.iter().map(Target::as_job).collect();
        let config = json!({
            "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
            "rule_files": [rules],
            "scrape_configs": jobs,
        });
        // JSON is YAML.
        let file = directory.join("prometheus.yaml");
        fs::write(&file, config.to_string())?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, ports::free()?));
        let program = Layout::discover()?.program("prometheus");
        let child = process::spawn(&program, &directory.join("log"), |command| {
            command
                .current_dir(directory)
                .arg(format!("--config.file={}", file.display()))
                .arg(format!(
                    "--storage.tsdb.path={}",
                    directory.join("data").display()
                ))
                .arg(format!("--web.listen-address={address}"));
        })?;
        let prometheus = Self { child, address };
        wait_until("Prometheus is ready", READY_WITHIN, || {
            let code = http::get(address, "/-/ready")?.code;
            ensure!(code == 200, "it answers {code}");
            Ok(())
        })?;
        Ok(prometheus)
    }

    /// The series that an expression has now.
    pub fn query(&self, expression: &str) -> Result<Vec<Value>> {
        let answer = self.api(&format!("query?query={}", escaped(expression)))?;
        list(&answer["result"]).with_context(|| expression.to_owned())
    }

    /// All rules, with their state, health and alerts.
    pub fn rules(&self) -> Result<Vec<Value>> {
        let answer = self.api("rules")?;
        let groups = list(&answer["groups"])?;
        let rules: Result<Vec<_>> = groups.iter().map(|group| list(&group["rules"])).collect();
        Ok(rules?.concat())
    }

    fn api(&self, path: &str) -> Result<Value> {
        let answer = http::get(self.address, &format!("/api/v1/{path}"))?;
        let mut body: Value = serde_json::from_str(&answer.body)
            .with_context(|| format!("{path}: {}", answer.body))?;
        ensure!(body["status"] == "success", "{path}: {body}");
        Ok(body["data"].take())
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Target {
    fn as_job(&self) -> Value {
        json!({
            "job_name": self.job,
            "honor_labels": self.honor_labels,
            "static_configs": [{"targets": [self.address], "labels": self.labels}],
        })
    }
}

/// The title of each panel of a dashboard and its queries, for one namespace and test.
pub fn panels(
    dashboard: &Value,
    namespace: &str,
    test: &str,
) -> Result<Vec<(String, Vec<String>)>> {
    let of = |panel: &Value| {
        let targets = panel["targets"].as_array().into_iter().flatten();
        let queries = targets.filter_map(|target| target["expr"].as_str());
        let queries = queries.map(|query| {
            query
                .replace("$namespace", namespace)
                .replace("$test", test)
        });
        let title = panel["title"].as_str().unwrap_or_default();
        (title.to_owned(), queries.collect::<Vec<_>>())
    };
    let panels = list(&dashboard["panels"])?;
    let asked = |(_, queries): &(String, Vec<String>)| !queries.is_empty();
    Ok(panels.iter().map(of).filter(asked).collect())
}

fn list(value: &Value) -> Result<Vec<Value>> {
    let list = value
        .as_array()
        .with_context(|| format!("no list: {value}"))?;
    Ok(list.clone())
}

fn escaped(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_of_a_dashboard_are_for_one_test() {
        let dashboard = json!({"panels": [
            {"title": "Tests", "type": "row", "panels": []},
            {"title": "Users", "targets": [{"expr": "users{namespace=~\"$namespace\",test=~\"$test\"}"}]},
        ]});
        assert_eq!(
            panels(&dashboard, "shop", "cart").unwrap(),
            [(
                "Users".to_owned(),
                vec!["users{namespace=~\"shop\",test=~\"cart\"}".to_owned()]
            )]
        );
    }

    #[test]
    fn expressions_are_escaped() {
        assert_eq!(escaped("a+ä"), "%61%2B%C3%A4");
    }
}
