# shellcheck shell=bash
# Sourced by scripts that use the node: whatever they booted is gone when they fail or are interrupted.

export PATH="$PWD/.node/bin:$PATH" KUBECONFIG="$PWD/.node/cluster/kubeconfig"

node_was_up=no
if [ -x target/debug/e2e-node ] && target/debug/e2e-node status >/dev/null 2>&1; then
  node_was_up=yes
fi

end_node_on_failure() {
  local code=$?
  trap - EXIT
  if [ "$code" -ne 0 ] && [ "$node_was_up" = no ] && [ -z "${KEEP_NODE:-}" ] && [ -x target/debug/e2e-node ]; then
    echo "failed; ending the node (KEEP_NODE=1 leaves it up to look at, its logs are in .node/logs)" >&2
    target/debug/e2e-node down || true
  fi
  exit "$code"
}
trap end_node_on_failure EXIT
trap 'exit 130' INT TERM
