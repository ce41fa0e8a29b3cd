//! Command line of the node.

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};
use e2e_node::{ApiServer, Layout, watch_signals};

/// A real Kubernetes on this machine, for the demo and the tests.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Action,
}

#[derive(Subcommand)]
enum Action {
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
    match run(&Arguments::parse().command) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(action: &Action) -> Result<ExitCode> {
    watch_signals()?;
    let layout = Layout::discover()?;
    match action {
        Action::Api { action: ApiAction::Up { name } } => {
            let kubeconfig = ApiServer::keep_up(name)?;
            println!("export KUBECONFIG={}", kubeconfig.display());
            println!("{}", layout.path_line());
        }
        Action::Api { action: ApiAction::Down { name } } => e2e_node::api_down(&layout, name)?,
    }
    Ok(ExitCode::SUCCESS)
}
