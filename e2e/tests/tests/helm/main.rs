//! The chart in the place of others: upgrade, roll-back and uninstall of releases with tests in them, of the published
//! charts and of the last release. It removes the definitions and all tests of the node, and leaves no operator installed.

mod jobs;
mod plain;
mod published;
mod release;
mod version_1;
mod world;

use std::process::ExitCode;

use e2e_tests::{harness, node::Node};

fn main() -> ExitCode {
    // One after the other: there is one definition.
    harness::one_by_one(
        &[
            ("upgrade_of_the_published_release", published::upgrade),
            ("upgrade_of_the_published_version_1", version_1::upgrade),
            ("take_over_of_plain_manifests", plain::take_over),
            ("the_last_release_and_back", release::up_and_down),
        ],
        Node::up,
    )
}
