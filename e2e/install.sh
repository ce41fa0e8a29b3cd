#!/usr/bin/env bash
# Installs the operator of this checkout on the node with Helm: install.sh [helm argument...]
# The image must have been built (`make image`) and the node must be up (`make node-up`).
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH="$PWD/.node/bin:$PATH" KUBECONFIG="$PWD/.node/cluster/kubeconfig"

target/debug/e2e-node image-load "$(cat .node/build/image-archive)"
# The tag stays the same from build to build; the binary's hash makes Kubernetes start the new one.
binary=$(sha256sum .node/build/locust-operator | cut -c 1-16)
helm upgrade --install locust-operator charts/locust-operator \
  --namespace locust-operator --create-namespace --wait --timeout 120s \
  --set-string podAnnotations.binary="$binary" \
  --set progressInterval=2s \
  --set-string locustPods.resources.requests.cpu=50m \
  "$@"
