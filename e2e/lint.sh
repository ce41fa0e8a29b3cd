#!/usr/bin/env bash
# Formatting, lints and generated files; no test, no cluster.
set -euo pipefail
cd "$(dirname "$0")/.."

cargo fmt --all --check
cargo clippy --locked --quiet --workspace --all-targets -- --deny warnings
# Tests that run only when named are no target of `--all-targets`.
cargo clippy --locked --quiet --package e2e-node --package e2e-tests --test '*' -- --deny warnings
cargo xtask generate --check
mapfile -t scripts < <(git ls-files '*.sh' .ci/run)
shellcheck "${scripts[@]}"
(cd e2e/target && test -z "$(gofmt -l .)" && go vet ./...)
# Vetting compiles all that it depends on, and building the image says the most of it.
test -z "$(gofmt -l e2e/images/collector e2e/node/go e2e/soak)"
