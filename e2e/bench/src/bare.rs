//! Baselines: processes that make the same requests as the operator and do nothing else. They do not even decode the
//! answers.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use clap::Subcommand;
use e2e_tests::process;
use kube::Client;
use kube::api::{ApiResource, ListParams, Patch, PatchParams, PostParams};
use kube::core::{ObjectList, Request};
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::client::{Kind, connect, for_each, text};
use crate::cluster::Cluster;
use crate::{http, proc, suites};

/// Objects per page of a list, as in kubectl.
const PAGE: u32 = 500;
/// How often the operator asks a running master for its numbers, and writes them.
const ASK_EVERY: Duration = Duration::from_secs(10);
const ASKED_PER_WRITE: u32 = 3;

/// What such a process does.
#[derive(Debug, Subcommand)]
pub enum Bare {
    /// List what the operator watches.
    Lists,
    /// Create objects.
    Create {
        /// JSON: lists of objects; those of a list one after the other.
        objects: PathBuf,
    },
    /// Claim one test after the other, as the steps of suites are.
    Chains {
        /// JSON: what the tests are like.
        chains: PathBuf,
    },
    /// Ask listeners for their numbers and write them down.
    Progress {
        /// JSON: addresses.
        addresses: PathBuf,
        /// Namespace of ConfigMaps of the names `progress-0`, `progress-1`, …
        namespace: String,
        /// For how long.
        seconds: u64,
    },
}

/// What such a process has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Done {
    /// From the first request to the last answer.
    pub seconds: f64,
    /// Processor time of the process.
    pub cpu_seconds: f64,
    /// Writes to the API server.
    pub writes: u32,
}

impl Bare {
    /// Does it. `KUBECONFIG` says where.
    pub fn run(self) -> Result<()> {
        let kubeconfig = std::env::var_os("KUBECONFIG").context("no KUBECONFIG")?;
        let kubeconfig = Path::new(&kubeconfig);
        let done = crate::runtime()?.block_on(async {
            let client = connect(kubeconfig).await?;
            match self {
                Self::Lists => lists(&client).await,
                Self::Create { objects } => create(&client, read(&objects)?).await,
                Self::Chains { chains } => suites::run_chains(&client, &read(&chains)?).await,
                Self::Progress {
                    addresses,
                    namespace,
                    seconds,
                } => {
                    let length = Duration::from_secs(seconds);
                    progress(&client, read(&addresses)?, &namespace, length).await
                }
            }
        })?;
        println!("{}", serde_json::to_string(&done)?);
        Ok(())
    }
}

/// Such a process of this program.
pub struct Process {
    child: std::process::Child,
    log: PathBuf,
}

impl Process {
    /// Starts it with the rights of this kubeconfig.
    pub fn start(cluster: &Cluster, kubeconfig: &Path, arguments: &[&str]) -> Result<Self> {
        let log = cluster.file(&format!("logs/bare-{}.log", arguments[0]));
        // What an earlier one said would be taken for its words.
        fs::remove_file(&log).ok();
        let child = process::spawn(&std::env::current_exe()?, &log, |command| {
            command
                .env("KUBECONFIG", kubeconfig)
                .arg("bare")
                .args(arguments);
        })?;
        Ok(Self { child, log })
    }

    /// Waits for its end.
    pub fn end(mut self) -> Result<Done> {
        let status: ExitStatus = self.child.wait()?;
        let said = fs::read_to_string(&self.log)?;
        ensure!(status.success(), "the bare client failed: {said}");
        serde_json::from_str(&said).with_context(|| format!("the bare client said {said:?}"))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill().and_then(|()| self.child.wait());
    }
}

fn read<T: for<'a> Deserialize<'a>>(file: &Path) -> Result<T> {
    Ok(serde_json::from_slice(&fs::read(file)?)?)
}

/// What the operator lists when it starts, at the same time as there.
async fn lists(client: &Client) -> Result<Done> {
    let begin = Instant::now();
    let ours = ListParams::default().labels("managed-by=locust-k8s-operator");
    let path = |kind: Kind| url(&kind.resource(), None);
    futures::try_join!(
        list(client, path(Kind::LocustTest), ListParams::default()),
        list(client, path(Kind::LocustTestSuite), ListParams::default()),
        list(client, path(Kind::LocustTemplate), ListParams::default()),
        list(client, path(Kind::Job), ours.clone()),
        list(client, path(Kind::Pod), ours.clone()),
    )?;
    Ok(Done {
        seconds: begin.elapsed().as_secs_f64(),
        ..Done::default()
    })
}

async fn list(client: &Client, path: String, mut page: ListParams) -> Result<()> {
    page = page.limit(PAGE);
    loop {
        let request = Request::new(&path).list(&page)?;
        let answer: ObjectList<IgnoredAny> = client.request(request).await?;
        match answer.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => page = page.continue_token(&token),
            None => return Ok(()),
        }
    }
}

/// Creates lists of objects, as many at once as the operator has reconciles.
async fn create(client: &Client, lists: Vec<Vec<Value>>) -> Result<Done> {
    let requests = lists
        .iter()
        .map(|objects| objects.iter().map(post).collect())
        .collect::<Result<Vec<Vec<(String, Vec<u8>)>>>>()?;
    let writes = requests.iter().map(Vec::len).sum::<usize>();
    let begin = Instant::now();
    for_each(requests, async |objects| {
        for (path, body) in objects {
            let request = Request::new(path).create(&PostParams::default(), body)?;
            client.request_text(request).await?;
        }
        Ok(())
    })
    .await?;
    Ok(Done {
        seconds: begin.elapsed().as_secs_f64(),
        cpu_seconds: proc::cpu(std::process::id())?.as_secs_f64(),
        writes: u32::try_from(writes)?,
    })
}

fn post(object: &Value) -> Result<(String, Vec<u8>)> {
    let path = url(
        &Kind::of(object)?.resource(),
        Some(text(object, "/metadata/namespace")?),
    );
    Ok((path, serde_json::to_vec(object)?))
}

/// The path of a resource, in a namespace if one is given.
pub fn url(resource: &ApiResource, namespace: Option<&str>) -> String {
    let ApiResource {
        api_version,
        plural,
        ..
    } = resource;
    let root = if resource.group.is_empty() {
        "api"
    } else {
        "apis"
    };
    let namespace = namespace.map_or_else(String::new, |name| format!("namespaces/{name}/"));
    format!("/{root}/{api_version}/{namespace}{plural}")
}

/// For each master: asks for its numbers, and every third time writes them.
async fn progress(
    client: &Client,
    addresses: Vec<String>,
    namespace: &str,
    length: Duration,
) -> Result<Done> {
    let begin = tokio::time::Instant::now();
    let end = begin + length;
    let count = u32::try_from(addresses.len())?;
    let config_maps = Kind::ConfigMap.api(client, namespace);
    let follow = async |(number, address): (u32, String)| {
        let name = format!("progress-{number}");
        let mut writes = 0;
        let mut next = begin + ASK_EVERY * number / count;
        // Spread, as in the operator.
        for turn in number.. {
            if next >= end {
                break;
            }
            tokio::time::sleep_until(next).await;
            let report = http::get((address.as_str(), 9646), "/summary").await?;
            if turn % ASKED_PER_WRITE == 0 {
                let patch = Patch::Merge(json!({"data": {"report": report}}));
                config_maps
                    .patch(&name, &PatchParams::default(), &patch)
                    .await?;
                writes += 1;
            }
            next += ASK_EVERY;
        }
        anyhow::Ok(writes)
    };
    let all = (0..).zip(addresses).map(follow);
    let writes = futures::future::try_join_all(all).await?;
    Ok(Done {
        seconds: begin.elapsed().as_secs_f64(),
        cpu_seconds: proc::cpu(std::process::id())?.as_secs_f64(),
        writes: writes.iter().sum(),
    })
}
