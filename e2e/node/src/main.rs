//! Command line of the node.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};
use e2e_node::images::{self, Recipe};
use e2e_node::{ApiServer, Layout, node, prepare, watch_signals};

/// A real Kubernetes on this machine, for the demo and the tests.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Install missing packages and build missing programs.
    Prepare {
        /// Only what API servers need: no packages, no container runtime.
        #[arg(long)]
        api_only: bool,
    },
    /// Build the images of the node and the tests.
    Images,
    /// Build one image into an archive and print the archive's path.
    ImageBuild {
        /// Name, such as `locust-operator/locust-operator:dev`.
        #[arg(long)]
        name: String,
        /// The Dockerfile.
        #[arg(long)]
        dockerfile: PathBuf,
        /// The directory to copy from.
        #[arg(long)]
        context: PathBuf,
        /// A build argument, `KEY=VALUE`; may be given more than once.
        #[arg(long = "build-arg")]
        build_args: Vec<String>,
    },
    /// Import image archives into the running node.
    ImageLoad {
        /// Archives.
        #[arg(required = true)]
        archives: Vec<PathBuf>,
    },
    /// Say what would hinder a boot on this machine.
    Check,
    /// Boot the node, or repair it; nothing to do when it is healthy.
    Up,
    /// End the node and remove all traces of it.
    Down,
    /// Show what runs; succeeds when the node is healthy.
    Status,
    /// API servers without a node.
    Api {
        #[command(subcommand)]
        action: ApiAction,
    },
}

#[derive(Subcommand)]
enum ApiAction {
    /// Boot the API server NAME and leave it running.
    Up {
        /// Name of its directory.
        name: String,
    },
    /// End the API server NAME.
    Down {
        /// Name of its directory.
        name: String,
    },
}

fn main() -> ExitCode {
    match run(Arguments::parse().command) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(action: Action) -> Result<ExitCode> {
    watch_signals()?;
    let layout = Layout::discover()?;
    match action {
        Action::Prepare { api_only } => {
            prepare::run(&layout, api_only)?;
            say(&layout.path_line());
        }
        Action::Images => images::build_all(&layout)?,
        Action::ImageBuild {
            name,
            dockerfile,
            context,
            build_args,
        } => {
            let recipe = Recipe {
                arguments: build_args,
                ..Recipe::new(&name, dockerfile, context)
            };
            say(&format!(
                "{}",
                images::build_one(&layout, &recipe)?.display()
            ));
        }
        Action::ImageLoad { archives } => {
            for archive in archives {
                say(&images::load(&layout, &archive)?);
            }
        }
        Action::Check => {
            prepare::check_machine(&layout)?;
            node::check_alone(&layout)?;
        }
        Action::Up => {
            node::up(&layout)?;
            say(&format!(
                "export KUBECONFIG={}",
                layout.kubeconfig().display()
            ));
            say(&layout.path_line());
        }
        Action::Down => node::down(&layout)?,
        Action::Status => {
            let status = node::status(&layout);
            say(&status.to_string());
            return Ok(if status.healthy() {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            });
        }
        Action::Api {
            action: ApiAction::Up { name },
        } => {
            let kubeconfig = ApiServer::keep_up(&name)?;
            say(&format!("export KUBECONFIG={}", kubeconfig.display()));
            say(&layout.path_line());
        }
        Action::Api {
            action: ApiAction::Down { name },
        } => e2e_node::api_down(&layout, &name)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Prints to standard output; whoever reads it may have read enough.
fn say(text: &str) {
    let _ = writeln!(std::io::stdout(), "{}", text.trim_end());
}
