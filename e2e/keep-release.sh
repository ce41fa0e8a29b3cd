#!/usr/bin/env bash
# Keeps a release for the tests of upgrades from it and roll-backs to it: keep-release.sh [COMMIT], by default HEAD.
# It builds that commit as `make release` does and writes chart and image into e2e/tests/fixtures/releases/<version>.
# Remove the releases before it: only the last one is tested.
set -euo pipefail
cd "$(dirname "$0")/.."

commit=$(git rev-parse --verify "${1:-HEAD}^{commit}")
source=$(mktemp -d)
trap 'git worktree remove --force "$source"' EXIT
git worktree add --quiet --detach "$source" "$commit"
version=$(sed -n '/^\[workspace.package\]/,/^\[/s/^version = "\(.*\)"/\1/p' "$source/Cargo.toml")
kept=$PWD/e2e/tests/fixtures/releases/$version

export CARGO_TARGET_DIR=$PWD/target
make --no-print-directory node-tool prepare-tools
context=.node/release-context
rm -rf "$context"
mkdir -p "$context" "$kept"
e2e/step.sh "building the operator of release $version" \
  env -C "$source" ./build-static.sh "$PWD/$context/locust-operator"
image=$(target/debug/e2e-node image-build --name "locust-operator/locust-operator:$version" \
  --dockerfile "$source/Dockerfile" --context "$context" --build-arg BINARY=prebuilt)

rm -f "$kept"/*
cp "$image" "$kept/image.tar"
.node/bin/helm package "$source/charts/locust-operator" --destination "$kept" >/dev/null
cat >"$kept/README.md" <<MARKDOWN
# Release $version

Made by \`e2e/keep-release.sh\` from commit \`$commit\` with $(rustc --version). \`image.tar\` is the operator's
image for $(uname -m), \`locust-operator-$version.tgz\` its chart. The tests of the chart's take-over upgrade from
this release to the working version, and roll back to it.
MARKDOWN
ls -l "$kept"
