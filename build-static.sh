#!/bin/sh
# Builds a program of this workspace as one static file that runs in an empty image:
# build-static.sh DESTINATION [PACKAGE], by default the operator
set -eu

package="${2:-locust-operator}"
target="$(uname -m)-unknown-linux-gnu"
# Rust's linker of x86-64 keeps one copy of functions that are the same; that of other targets may not know how.
case "$target" in
x86_64-*) fold="-C link-arg=-Wl,--icf=all" ;;
*) fold= ;;
esac
# For a named target Cargo keeps these flags away from build scripts and macros, which cannot be static.
# shellcheck disable=SC2086 # words, or none
RUSTFLAGS="-C target-feature=+crt-static" \
    cargo rustc --locked --release --package "$package" --bin "$package" --target "$target" -- $fold
install -D -m 0755 "${CARGO_TARGET_DIR:-target}/$target/release/$package" "$1"
