# shellcheck shell=bash
# Sourced by scripts that use the node: whatever they booted is gone when they fail or are interrupted, and at their
# end too unless they set node_stays=yes.

export PATH="$PWD/.node/bin:$PATH" KUBECONFIG="$PWD/.node/cluster/kubeconfig"

node_stays=no
node_was_up=no
if [ -x target/debug/e2e-node ] && target/debug/e2e-node status >/dev/null 2>&1; then
  node_was_up=yes
fi

# Ends the node if it was booted here: leave_node EXIT_CODE.
leave_node() {
  if [ "$1" -eq 0 ] && [ "$node_stays" = yes ]; then return; fi
  if [ "$node_was_up" = no ] && [ -z "${KEEP_NODE:-}" ] && [ -e .node/cluster ]; then
    [ "$1" -eq 0 ] || echo "KEEP_NODE=1 leaves the node up to look at; its logs are in .node/logs" >&2
    target/debug/e2e-node down >&2 || true
  fi
}

end_node() {
  local code=${1:-$?}
  trap - EXIT
  leave_node "$code"
  exit "$code"
}
trap end_node EXIT
trap 'exit 130' INT TERM
