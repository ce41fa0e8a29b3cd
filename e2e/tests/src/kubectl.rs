//! kubectl, as users run it.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use e2e_node::Layout;
use serde_json::Value;

use crate::reader::{self, Reader};
use crate::{process, seen};

/// kubectl with a kubeconfig, and a namespace if one is chosen.
#[derive(Clone, Debug)]
pub struct Kubectl {
    program: PathBuf,
    kubeconfig: PathBuf,
    namespace: Option<String>,
    /// Shared by all that have the same kubeconfig from here.
    reader: Arc<OnceLock<Option<Reader>>>,
}

impl Kubectl {
    /// The node's kubectl, with this kubeconfig.
    pub fn new(kubeconfig: &Path) -> Result<Self> {
        Ok(Self {
            program: Layout::discover()?.program("kubectl"),
            kubeconfig: kubeconfig.to_owned(),
            namespace: None,
            reader: Arc::default(),
        })
    }

    /// The same in a namespace.
    pub fn in_namespace(&self, namespace: &str) -> Self {
        Self {
            namespace: Some(namespace.to_owned()),
            ..self.clone()
        }
    }

    /// The namespace it is in; empty for kubectl's default.
    pub fn namespace(&self) -> &str {
        self.namespace.as_deref().unwrap_or_default()
    }

    /// The kubeconfig it uses.
    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// Forgets which kinds the API server serves: kubectl keeps that for hours.
    pub fn forget_kinds(&self) {
        // There may be nothing to forget.
        let _ = std::fs::remove_dir_all(self.kubeconfig.with_extension("cache"));
    }

    /// Runs it; returns standard output. The error carries standard error.
    pub fn run(&self, arguments: &[&str]) -> Result<String> {
        self.feed(arguments, "")
    }

    /// Runs it with text on standard input.
    pub fn feed(&self, arguments: &[&str], input: &str) -> Result<String> {
        let output = self.output(arguments, input)?;
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    fn output(&self, arguments: &[&str], input: &str) -> Result<Output> {
        let mut command = Command::new(&self.program);
        self.set_up(&mut command, arguments);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command
            .spawn()
            .with_context(|| format!("cannot run {}", self.program.display()))?;
        if let Some(mut stdin) = child.stdin.take() {
            // A kubectl that refuses its arguments does not read its input.
            let _ = stdin.write_all(input.as_bytes());
        }
        let output = child.wait_with_output()?;
        if !output.status.success() {
            bail!(
                "`kubectl {}` failed: {}",
                arguments.join(" "),
                String::from_utf8_lossy(&output.stderr).trim()
            );
        }
        Ok(output)
    }

    /// `kubectl get --watch` of all objects of a kind, as JSON into a file, until the child is killed.
    pub fn watch(&self, kind: &str, output: &Path) -> Result<Child> {
        process::spawn(&self.program, output, |command| {
            self.set_up(command, &["get", kind, "--watch", "--output=json"]);
        })
    }

    fn set_up(&self, command: &mut Command, arguments: &[&str]) {
        command
            // It ends before collecting garbage would pay.
            .env("GOGC", "off")
            .arg("--kubeconfig")
            .arg(&self.kubeconfig)
            // Nothing of a test's cluster may stay in the user's home.
            .arg("--cache-dir")
            .arg(self.kubeconfig.with_extension("cache"))
            .args(self.namespace.iter().flat_map(|name| ["--namespace", name]))
            .args(arguments);
    }

    /// `kubectl apply` of one or more objects.
    pub fn apply(&self, manifest: &str) -> Result<String> {
        self.feed(&["apply", "-f", "-"], manifest)
    }

    /// `kubectl apply` of one or more objects; returns what kubectl warns of.
    pub fn warnings(&self, manifest: &str) -> Result<Vec<String>> {
        let output = self.output(&["apply", "-f", "-"], manifest)?;
        let said = String::from_utf8_lossy(&output.stderr);
        let warnings = said
            .lines()
            .filter_map(|line| line.strip_prefix("Warning: "));
        Ok(warnings.map(str::to_owned).collect())
    }

    /// `kubectl apply` that must be refused; returns what kubectl says.
    pub fn refused(&self, manifest: &str) -> Result<String> {
        match self.apply(manifest) {
            Ok(output) => Err(anyhow!("it should be refused: {output}\n{manifest}")),
            Err(error) => Ok(format!("{error:#}")),
        }
    }

    /// The output of a command, as JSON.
    pub fn json(&self, arguments: &[&str]) -> Result<Value> {
        let mut all = arguments.to_vec();
        all.extend(["-o", "json"]);
        let answer = serde_json::from_str(&self.run(&all)?)?;
        seen::note(&answer)?;
        Ok(answer)
    }

    /// How to read objects of this kind without a process; `None` when only kubectl knows how.
    fn reader(&self, kind: &str) -> Option<(&Reader, String)> {
        let path = reader::path(kind, self.namespace.as_deref()?)?;
        let reader = self
            .reader
            .get_or_init(|| Reader::new(&self.kubeconfig).ok());
        Some((reader.as_ref()?, path))
    }

    /// One object.
    pub fn get(&self, kind: &str, name: &str) -> Result<Value> {
        if let Some((reader, path)) = self.reader(kind)
            && let Ok(Some(object)) = reader.get(&path, name)
        {
            seen::note(&object)?;
            return Ok(object);
        }
        // It says best what is wrong.
        self.json(&["get", kind, name])
    }

    /// One object, or `None` when there is none of this name.
    pub fn find(&self, kind: &str, name: &str) -> Result<Option<Value>> {
        if let Some((reader, path)) = self.reader(kind)
            && let Ok(found) = reader.get(&path, name)
        {
            return Ok(found);
        }
        let output = self.run(&["get", kind, name, "--ignore-not-found", "-o", "json"])?;
        if output.trim().is_empty() {
            return Ok(None);
        }
        Ok(Some(serde_json::from_str(&output)?))
    }

    /// Objects with these labels; an empty selector selects all.
    pub fn list(&self, kind: &str, selector: &str) -> Result<Vec<Value>> {
        if let Some((reader, path)) = self.reader(kind)
            && let Ok(items) = reader.list(&path, selector)
        {
            items.iter().try_for_each(seen::note)?;
            return Ok(items);
        }
        let list = self.json(&["get", kind, "--selector", selector])?;
        items(list)
    }

    /// A merge patch; returns the object as stored.
    pub fn patch(&self, kind: &str, name: &str, patch: &Value) -> Result<Value> {
        self.json(&[
            "patch",
            kind,
            name,
            "--type=merge",
            "-p",
            &patch.to_string(),
        ])
    }

    /// A merge patch of the status; returns the object as stored.
    pub fn patch_status(&self, kind: &str, name: &str, patch: &Value) -> Result<Value> {
        let patch = patch.to_string();
        self.json(&[
            "patch",
            kind,
            name,
            "--subresource=status",
            "--type=merge",
            "-p",
            &patch,
        ])
    }

    /// Waits until an object is like this, as `kubectl wait --for` says it; returns it. One process, where looking
    /// again and again takes many.
    pub fn wait(&self, object: &str, state: &str, limit: Duration) -> Result<Value> {
        let (state, limit) = (
            format!("--for={state}"),
            format!("--timeout={}s", limit.as_secs()),
        );
        self.json(&["wait", object, &state, &limit])
    }

    /// Deletes an object without waiting until it is gone.
    pub fn delete(&self, kind: &str, name: &str) -> Result<()> {
        self.run(&["delete", kind, name, "--wait=false"])?;
        Ok(())
    }

    /// Events about the object of this name, the oldest first.
    pub fn events(&self, name: &str) -> Result<Vec<Value>> {
        let field = format!("--field-selector=regarding.name={name}");
        let mut events = items(self.json(&["get", "events.events.k8s.io", &field])?)?;
        events.sort_by_key(|event| {
            event["metadata"]["creationTimestamp"]
                .as_str()
                .unwrap_or_default()
                .to_owned()
        });
        Ok(events)
    }

    /// A shell that runs this kubectl, to look around in a failed test.
    pub fn command_line(&self) -> String {
        format!(
            "{} --kubeconfig {}",
            self.program.display(),
            self.kubeconfig.display()
        )
    }
}

fn items(list: Value) -> Result<Vec<Value>> {
    match list {
        Value::Object(mut list) => match list.remove("items") {
            Some(Value::Array(items)) => Ok(items),
            _ => bail!("a list without items"),
        },
        _ => bail!("not a list"),
    }
}
