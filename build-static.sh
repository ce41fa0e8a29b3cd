#!/bin/sh
# Builds a program of this workspace as one static file that runs in an empty image:
# build-static.sh DESTINATION [PACKAGE], by default the operator
set -eu

package="${2:-locust-operator}"
target="$(uname -m)-unknown-linux-gnu"
# For a named target Cargo keeps these flags away from build scripts and macros, which cannot be static.
RUSTFLAGS="-C target-feature=+crt-static" \
    cargo build --locked --release --package "$package" --target "$target"
install -D -m 0755 "${CARGO_TARGET_DIR:-target}/$target/release/$package" "$1"
