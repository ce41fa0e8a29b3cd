#!/usr/bin/env bash
# Builds what a release consists of, in dist/: the chart, an install.yaml for people without Helm, the operator's
# image archive and SHA256SUMS. Environment:
#   OPERATOR_IMAGE_ARCHIVE  file with the operator's image (docker or OCI archive), required
#   HELM                    helm binary, default .node/bin/helm
set -euo pipefail

root=$(cd "$(dirname "$0")/.." && pwd)
helm=${HELM:-$root/.node/bin/helm}
chart=$root/charts/locust-operator
dist=$root/dist
namespace=locust-operator
archive=${OPERATOR_IMAGE_ARCHIVE:-}

fail() {
  echo "release: $*" >&2
  exit 1
}

command -v "$helm" >/dev/null || fail "no helm at $helm: set HELM, or build it with 'make node-up'"
[ -n "$archive" ] || fail "set OPERATOR_IMAGE_ARCHIVE to the file with the operator's image"
[ -s "$archive" ] || fail "OPERATOR_IMAGE_ARCHIVE: no such file, or empty: $archive"

version=$(sed -n '/^\[workspace.package\]/,/^\[/s/^version = "\(.*\)"/\1/p' "$root/Cargo.toml")
for field in version appVersion; do
  grep -Eqx "$field: \"?$version\"?" "$chart/Chart.yaml" ||
    fail "$field in Chart.yaml is not the workspace's version $version"
done

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export HELM_CONFIG_HOME=$work/helm HELM_CACHE_HOME=$work/helm HELM_DATA_HOME=$work/helm

# Made aside and moved at the end: a release that failed half-way must not look like one.
out=$work/dist
mkdir -p "$out"

"$helm" package "$chart" --destination "$out" >/dev/null

{
  cat <<YAML
# Locust operator $version. Install or upgrade with: kubectl apply --server-side -f install.yaml
apiVersion: v1
kind: Namespace
metadata:
  name: $namespace
  labels:
    # Of this namespace only: the operator's own pod passes it.
    pod-security.kubernetes.io/enforce: restricted
YAML
  # What Helm runs at other times would run at once.
  "$helm" template locust-operator "$chart" --namespace "$namespace" --no-hooks
} >"$out/install.yaml"
for kind in Namespace CustomResourceDefinition ServiceAccount ClusterRole ClusterRoleBinding Role RoleBinding Deployment \
  PodDisruptionBudget; do
  grep -qx "kind: $kind" "$out/install.yaml" || fail "install.yaml holds no $kind"
done
for file in "$root"/crds/*.yaml; do
  definition=$(basename "$file" .yaml)
  grep -qx "  name: $definition" "$out/install.yaml" ||
    fail "install.yaml holds no definition $definition: run 'make generate'"
done

case $archive in
  *.tar.gz | *.tgz) suffix=tar.gz ;;
  *.tar.zst) suffix=tar.zst ;;
  *) suffix=tar ;;
esac
cp "$archive" "$out/locust-operator-image-$version.$suffix"

(
  cd "$out"
  sums=$(sha256sum -- *)
  printf '%s\n' "$sums" >SHA256SUMS
)

mkdir -p "$dist"
find "$dist" -mindepth 1 -maxdepth 1 -exec rm -rf {} +
cp "$out"/* "$dist"/
(cd "$dist" && ls -l)
