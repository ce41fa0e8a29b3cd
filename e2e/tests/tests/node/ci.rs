//! The script for pipelines: how it ends, what it reports, what it leaves behind.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use anyhow::{Context, Result, ensure};
use e2e_tests::{
    Kubectl,
    node::{Node, expect_counted, expect_outcome, name_of},
    once::expect_one_run,
    user,
};
use serde_json::{Value, json};

/// The namespace that the role of the recipe is for.
const NAMESPACE: &str = "load-tests";

const TEST: &str = "load-test.yaml";
const SUITE: &str = "load-suite.yaml";

/// One pipeline, and how it must end.
struct Pipeline {
    name: &'static str,
    /// The example that it is made from.
    example: &'static str,
    /// What its manifest has in the place of what the example has.
    change: (&'static str, &'static str),
    environment: &'static [(&'static str, &'static str)],
    code: i32,
    /// Name and result of each case.
    cases: &'static [(&'static str, &'static str)],
    /// What the last case says, and the log too.
    said: &'static str,
}

const PIPELINES: &[Pipeline] = &[
    Pipeline {
        name: "passed",
        example: TEST,
        change: ("", ""),
        environment: &[("KEEP", "1")],
        code: 0,
        cases: &[
            ("errors", "passed"),
            ("home-p95", "passed"),
            ("the run", "passed"),
        ],
        said: "Passed (AllPassed): 2 thresholds judged, none failed",
    },
    Pipeline {
        name: "failed",
        example: TEST,
        change: ("value: 2s", "value: 1ms"),
        environment: &[],
        code: 1,
        cases: &[
            ("errors", "passed"),
            ("home-p95", "failure"),
            ("the run", "failure"),
        ],
        said: "Failed (ThresholdBreached): 1 of 2 thresholds did not hold: home-p95: p95 of GET / < ",
    },
    Pipeline {
        name: "inconclusive",
        example: TEST,
        // A name that XML and templates could stumble on.
        change: ("name: /}", r#"name: "/a?b=1&c=<d>\"'"}"#),
        environment: &[],
        code: 2,
        cases: &[
            ("errors", "passed"),
            ("home-p95", "skipped"),
            ("the run", "error"),
        ],
        said: r#"Inconclusive (ThresholdNoData): 1 of 2 thresholds had nothing to judge: home-p95: p95 of GET /a?b=1&c=<d>"' < 2s"#,
    },
    Pipeline {
        name: "error",
        example: TEST,
        change: (
            "from locust import HttpUser, between, task",
            "import no_such_library",
        ),
        environment: &[],
        code: 3,
        cases: &[("the run", "error")],
        said: "Error (NeverStarted): ",
    },
    Pipeline {
        name: "no-time",
        example: TEST,
        change: ("generateName: checkout-", "name: no-time"),
        environment: &[("TIME_LIMIT", "1s")],
        code: 4,
        cases: &[("the run", "error")],
        said: "No verdict",
    },
    Pipeline {
        name: "suite",
        example: SUITE,
        change: ("", ""),
        environment: &[],
        code: 0,
        cases: &[
            ("smoke", "passed"),
            ("load", "passed"),
            ("the suite", "passed"),
        ],
        said: "Passed (AllPassed): 2 of 2 steps passed",
    },
];

/// Reads JUnit as others do, and would fail at wrong XML.
const READ_JUNIT: &str = r#"
import json, sys, xml.etree.ElementTree
suite = xml.etree.ElementTree.parse(sys.argv[1]).getroot()
assert suite.tag == "testsuite", suite.tag
def result(case):
    return ([it.tag for it in case if it.tag in ("failure", "error", "skipped")] or ["passed"])[0]
print(json.dumps({
    "suite": suite.attrib,
    "cases": [[case.get("name"), result(case)] for case in suite],
    "said": suite[-1].findtext("system-out"),
}))
"#;

/// With the rights of the recipe and no others, for each verdict and for none; only what was to be kept is left.
pub fn a_pipeline_ends_by_the_verdict(node: &Node) -> Result<()> {
    let kubectl = node.namespace(NAMESPACE)?;
    let recipe = node.layout().repo.join("examples/ci");
    kubectl.run(&["apply", "-f", &recipe.join("role.yaml").to_string_lossy()])?;
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("ci");
    fs::create_dir_all(&directory)?;
    let kubeconfig = user::kubeconfig(&kubectl, "pipeline", &directory)?;
    Kubectl::new(&kubeconfig)?.run(&[
        "config",
        "set-context",
        "--current",
        "--namespace",
        NAMESPACE,
    ])?;
    let place = Place {
        node,
        recipe,
        directory,
        kubeconfig,
    };
    let started: Vec<_> = PIPELINES
        .iter()
        .map(|pipeline| Ok((pipeline, place.start(pipeline)?)))
        .collect::<Result<_>>()?;
    for (pipeline, child) in started {
        place
            .expect(pipeline, child)
            .with_context(|| format!("the pipeline {}", pipeline.name))?;
    }
    let left = kubectl.list("locusttests", "")?;
    let [kept] = left.as_slice() else {
        let names: Vec<_> = left.iter().map(name_of).collect();
        anyhow::bail!("not only the test to be kept is there: {names:?}");
    };
    expect_outcome(kept, "Succeeded Passed/AllPassed", "2 thresholds judged")?;
    let suite = &place.junit("passed")?["suite"];
    ensure!(suite["name"] == name_of(kept), "{suite}");
    expect_counted(&kubectl, kept)?;
    expect_one_run(node, &kubectl, kept)
}

/// Where pipelines run.
struct Place<'a> {
    node: &'a Node,
    recipe: PathBuf,
    directory: PathBuf,
    kubeconfig: PathBuf,
}

impl Place<'_> {
    fn file(&self, name: &str, extension: &str) -> PathBuf {
        self.directory.join(format!("{name}.{extension}"))
    }

    fn start(&self, pipeline: &Pipeline) -> Result<Child> {
        let example = fs::read_to_string(self.recipe.join(pipeline.example))?;
        let (from, to) = pipeline.change;
        ensure!(example.contains(from), "the example has no {from:?}");
        let manifest = self.file(pipeline.name, "yaml");
        fs::write(&manifest, example.replacen(from, to, 1))?;
        let junit = self.file(pipeline.name, "xml");
        // One of an earlier run would do for this one.
        let _ = fs::remove_file(&junit);
        let path = std::env::var("PATH").unwrap_or_default();
        let programs = self.node.layout().bin();
        Command::new(self.recipe.join("load-test.sh"))
            .args([&manifest, &junit])
            .env("PATH", format!("{}:{path}", programs.display()))
            .env("KUBECONFIG", &self.kubeconfig)
            .env("KUBECACHEDIR", self.directory.join("cache"))
            .env("TIME_LIMIT", "4m")
            .env_remove("KEEP")
            .envs(pipeline.environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .context("cannot run the script")
    }

    fn expect(&self, pipeline: &Pipeline, child: Child) -> Result<()> {
        let output = child.wait_with_output()?;
        let log = String::from_utf8_lossy(&output.stdout);
        let all = format!("{log}{}", String::from_utf8_lossy(&output.stderr));
        let code = output.status.code();
        ensure!(code == Some(pipeline.code), "{}\n{all}", output.status);
        // The whole of it, as people read it: the object, what became of it, the thresholds.
        let column = if pipeline.example == SUITE {
            "STEPS"
        } else {
            "WORKERS"
        };
        for words in [column, pipeline.said] {
            ensure!(log.contains(words), "no {words:?} in\n{all}");
        }
        let junit = self.junit(pipeline.name)?;
        ensure!(junit["cases"] == json!(pipeline.cases), "{junit}\n{all}");
        let said = junit["said"].as_str().unwrap_or_default();
        ensure!(said.contains(pipeline.said), "{junit}\n{all}");
        let counted = |result: &str| {
            let all = pipeline.cases.iter();
            all.filter(|(_, it)| *it == result).count().to_string()
        };
        for (attribute, wanted) in [
            ("tests", pipeline.cases.len().to_string()),
            ("failures", counted("failure")),
            ("errors", counted("error")),
            ("skipped", counted("skipped")),
        ] {
            let suite = &junit["suite"];
            ensure!(suite[attribute] == wanted, "{attribute} in {suite}");
        }
        Ok(())
    }

    fn junit(&self, name: &str) -> Result<Value> {
        let output = Command::new("python3")
            .args(["-c", READ_JUNIT])
            .arg(self.file(name, "xml"))
            .output()?;
        ensure!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(serde_json::from_slice(&output.stdout)?)
    }
}
