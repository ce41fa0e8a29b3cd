//! What needs the node: commands of documents, and examples.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use e2e_node::Layout;
use e2e_tests::{Kubectl, node, node::Node, wait_until};

use crate::markdown::{Block, Document};
use crate::{README, Repo, text};

/// A command of a document that takes longer hangs.
const BLOCK_WITHIN_SECONDS: &str = "100";

/// How long a run of a schedule may take.
const RUN_WITHIN: Duration = Duration::from_secs(300);

/// The operator is installed already, for all tests: installing is rendering here, which checks every value.
const HELM: &str = r#"helm() {
  [ "$1" = install ] || { echo "helm $1 is not run by this test" >&2; return 1; }
  shift
  command helm template "$@" >/dev/null
}
"#;

/// Installs the operator where it is not: one that others have installed is left as it is.
pub fn prepare() -> Result<()> {
    let namespace = Node::up()?.kubectl.in_namespace("locust-operator");
    if namespace.find("deployment", "locust-operator")?.is_none() {
        Node::with_operator(&[])?;
    }
    Ok(())
}

/// A namespace of its own, which is the default of its kubeconfig. It stays when something fails.
struct Stage {
    kubectl: Kubectl,
    namespace: String,
    kubeconfig: PathBuf,
}

impl Stage {
    fn set(repo: &Repo, name: &str) -> Result<Self> {
        let namespace = format!("docs-{name}");
        let kubeconfig =
            Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{namespace}.kubeconfig"));
        fs::copy(&repo.kubeconfig, &kubeconfig)?;
        let kubectl = Kubectl::new(&kubeconfig)?;
        kubectl.run(&["delete", "namespace", &namespace, "--ignore-not-found"])?;
        kubectl.run(&["create", "namespace", &namespace])?;
        kubectl.run(&[
            "config",
            "set-context",
            "--current",
            "--namespace",
            &namespace,
        ])?;
        Ok(Self {
            kubectl: kubectl.in_namespace(&namespace),
            namespace,
            kubeconfig,
        })
    }

    fn with_target(repo: &Repo, name: &str) -> Result<Self> {
        let stage = Self::set(repo, name)?;
        node::deploy_target(&stage.kubectl)?;
        Ok(stage)
    }

    fn run_block(&self, repo: &Repo, block: &Block) -> Result<()> {
        let programs = Layout::discover()?.bin();
        let path = std::env::var("PATH").unwrap_or_default();
        let output = Command::new("timeout")
            .args([BLOCK_WITHIN_SECONDS, "bash", "-euo", "pipefail", "-c"])
            .arg(format!("{HELM}{}", block.content))
            .current_dir(&repo.root)
            .env("PATH", format!("{}:{path}", programs.display()))
            .env("KUBECONFIG", &self.kubeconfig)
            .stdin(Stdio::null())
            .output()?;
        ensure!(
            output.status.success(),
            "{} in namespace {}: {}\n{}{}",
            block.place,
            self.namespace,
            output.status,
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(())
    }

    fn expect(&self, repo: &Repo, name: &str) -> Result<()> {
        self.expect_of("locusttest", name, &promised(repo, name)?)
    }

    fn expect_of(&self, kind: &str, name: &str, promised: &str) -> Result<()> {
        let object = self.kubectl.get(kind, name)?;
        let status = &object["status"];
        let word = |field: &str| status[field].as_str().unwrap_or_default().to_owned();
        let (verdict, reason) = (word("verdict"), word("reason"));
        if promised != verdict && promised != format!("{verdict} ({reason})") {
            bail!(
                "{name} in namespace {}: promised {promised}, found {verdict} ({reason}): {}",
                self.namespace,
                word("message")
            );
        }
        Ok(())
    }

    /// Waits until this is over.
    fn wait(&self, object: &str, seconds: u32) -> Result<()> {
        let timeout = format!("--timeout={seconds}s");
        let waited = self
            .kubectl
            .run(&["wait", object, "--for=condition=Completed", &timeout]);
        if let Err(error) = waited {
            let seen = self.kubectl.run(&["describe", object])?;
            bail!("{error:#}\n{seen}");
        }
        Ok(())
    }

    /// Asks a schedule for a run and waits for its verdict; returns its name.
    fn ask_for_run(&self, schedule: &str, token: &str, verdict: &str) -> Result<String> {
        let ask = format!("locust.io/run-now={token}");
        self.kubectl
            .run(&["annotate", "losched", schedule, "--overwrite", &ask])?;
        let run = wait_until("the run is over", RUN_WITHIN, || {
            let mut schedule = self.kubectl.get("losched", schedule)?;
            let status = schedule["status"].take();
            let run = &status["lastRun"];
            let over = run["verdict"].is_string() && status["activeRuns"] == 0;
            ensure!(over && status["lastRunNowToken"] == token, "{status}");
            Ok(run.clone())
        })?;
        ensure!(run["verdict"] == verdict, "promised {verdict}: {run}");
        Ok(run["name"].as_str().context("a name")?.to_owned())
    }

    fn strike(self) -> Result<()> {
        self.kubectl.delete("namespace", &self.namespace)?;
        Ok(fs::remove_file(self.kubeconfig)?)
    }
}

/// Runs the `sh` blocks of these documents, one after the other.
pub fn run_documents(repo: &Repo, name: &str, paths: &[&str]) -> Result<()> {
    let stage = Stage::set(repo, name)?;
    for path in paths {
        for block in Document::read(&repo.root, path)?
            .blocks()
            .iter()
            .filter(|block| text::to_run(block))
        {
            stage.run_block(repo, block)?;
        }
    }
    stage.expect(repo, "first-test")?;
    stage.strike()
}

/// Runs the README's blocks; it asks for a service to load and says nothing of how it comes there.
pub fn run_readme(repo: &Repo) -> Result<()> {
    let stage = Stage::with_target(repo, "readme")?;
    for block in Document::read(&repo.root, README)?
        .blocks()
        .iter()
        .filter(|block| text::to_run(block))
    {
        stage.run_block(repo, block)?;
    }
    stage.expect(repo, "first-test")?;
    stage.strike()
}

/// Applies an example and waits for the verdict it promises.
pub fn run_example(repo: &Repo, name: &str) -> Result<()> {
    let stage = Stage::with_target(repo, name)?;
    stage.kubectl.apply(&example(repo, name)?)?;
    stage.wait(&format!("locusttest/{name}"), 100)?;
    stage.expect(repo, name)?;
    stage.strike()
}

/// The same of a suite, whose steps take their time.
pub fn run_suite(repo: &Repo, name: &str) -> Result<()> {
    let stage = Stage::with_target(repo, name)?;
    stage.kubectl.apply(&example(repo, name)?)?;
    stage.wait(&format!("locusttestsuite/{name}"), 300)?;
    stage.expect_of("locusttestsuite", name, &promised(repo, name)?)?;
    stage.strike()
}

/// The same of a schedule, asked for a run; for two if it has a baseline, so that the second enters the first one's series.
pub fn run_schedule(repo: &Repo, name: &str) -> Result<()> {
    let stage = Stage::with_target(repo, name)?;
    stage.kubectl.apply(&example(repo, name)?)?;
    let promised = promised(repo, name)?;
    let first = stage.ask_for_run(name, "first", &promised)?;
    let schedule = stage.kubectl.get("losched", name)?;
    if !schedule["spec"]["baseline"].is_null() {
        let second = stage.ask_for_run(name, "second", &promised)?;
        let schedule = stage.kubectl.get("losched", name)?;
        let comparison = &schedule["status"]["lastComparison"];
        ensure!(
            comparison["state"] == "Collecting" && comparison["run"] == second.as_str(),
            "{comparison}"
        );
        let series = stage.kubectl.get("configmap", &format!("{name}-series"))?;
        let kept = series["data"].to_string();
        for run in [first, second] {
            ensure!(kept.contains(&run), "{run} is not in the series: {kept}");
        }
    }
    stage.strike()
}

/// One template, and a test from it for each environment.
pub fn run_environments(repo: &Repo) -> Result<()> {
    let name = "template-environments";
    let stage = Stage::with_target(repo, name)?;
    stage.kubectl.apply(&example(repo, name)?)?;
    for test in ["shop-dev", "shop-staging", "shop-production"] {
        stage.wait(&format!("locusttest/{test}"), 200)?;
        stage.expect_of("locusttest", test, &promised(repo, name)?)?;
    }
    stage.strike()
}

fn example(repo: &Repo, name: &str) -> Result<String> {
    let path = format!("examples/{name}.yaml");
    fs::read_to_string(repo.root.join(&path)).with_context(|| format!("cannot read {path}"))
}

/// The verdict that the head of an example promises, perhaps with its reason.
pub fn promised(repo: &Repo, name: &str) -> Result<String> {
    let text = example(repo, name)?;
    let mut head = text.lines().take_while(|line| line.starts_with('#'));
    match head.find_map(|line| line.strip_prefix("# Verdict: ")) {
        Some(verdict) => Ok(verdict.to_owned()),
        None => bail!("the head of examples/{name}.yaml does not say `# Verdict: …`"),
    }
}
