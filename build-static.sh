#!/bin/sh
# Builds the operator as one static file that runs in an empty image: build-static.sh DESTINATION
set -eu

target="$(uname -m)-unknown-linux-gnu"
# For a named target Cargo keeps these flags away from build scripts and macros, which cannot be static.
RUSTFLAGS="-C target-feature=+crt-static" \
    cargo build --locked --release --package locust-operator --target "$target"
install -D -m 0755 "${CARGO_TARGET_DIR:-target}/$target/release/locust-operator" "$1"
