#!/bin/sh
# Builds a program of this workspace as one static file that runs in an empty image:
# build-static.sh DESTINATION [PACKAGE], by default the operator
set -eu

package="${2:-locust-operator}"
target="$(uname -m)-unknown-linux-gnu"
# Rust's linker of x86-64 keeps one copy of functions that are the same; that of other targets may not know how.
case "$target" in
x86_64-*) smaller="-C link-arg=-Wl,--icf=all" ;;
*) smaller= ;;
esac
# Packed relocations are a fraction of the others, and glibc reads them since 2.36.
glibc="$(getconf GNU_LIBC_VERSION | sed -n 's/^glibc 2\.\([0-9]*\).*/\1/p')"
if [ "${glibc:-0}" -ge 36 ]; then smaller="$smaller -C link-arg=-Wl,-z,pack-relative-relocs"; fi
# For a named target Cargo keeps these flags away from build scripts and macros, which cannot be static.
# shellcheck disable=SC2086 # words, or none
RUSTFLAGS="-C target-feature=+crt-static" \
    cargo rustc --locked --release --package "$package" --bin "$package" --target "$target" -- $smaller
install -D -m 0755 "${CARGO_TARGET_DIR:-target}/$target/release/$package" "$1"
