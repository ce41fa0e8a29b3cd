#!/usr/bin/env bash
# Boots the node, installs the operator, runs a real distributed load test and shows it live.
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD
# shellcheck source=e2e/session.sh
. e2e/session.sh
node_stays=yes
kubectl="kubectl --namespace demo"
stats=/api/v1/namespaces/demo/services/demo-target:80/proxy/-/stats

make --no-print-directory node-up image
e2e/step.sh "installing the operator with Helm" e2e/install.sh
prepare_target() {
  kubectl create namespace demo --dry-run=client --output yaml | kubectl apply --filename -
  $kubectl delete locusttests --all --wait
  $kubectl apply --filename e2e/target/manifest.yaml
  $kubectl rollout status deployment/demo-target --timeout 60s
}
export -f prepare_target
export kubectl
e2e/step.sh "starting the demo target" bash -euc prepare_target

echo
echo "\$ kubectl apply --filename examples/first-test.yaml"
$kubectl apply --filename examples/first-test.yaml
echo
echo "\$ kubectl get locusttest first-test --watch"
$kubectl get locusttest first-test --watch &
watch=$!
trap 'code=$?; kill "$watch" 2>/dev/null || true; end_node "$code"' EXIT
$kubectl wait locusttest first-test --for condition=Completed --timeout 180s >/dev/null
sleep 1
kill "$watch" 2>/dev/null || true
trap end_node EXIT

test=$($kubectl get locusttest first-test --output json)
echo
jq --raw-output '.status.summary as $all
  | ["REQUEST", "REQUESTS", "FAILED", "RPS", "P95", "P99"],
    ($all.endpoints[] | ["\(.method) \(.name)", .requests, .failures, .rps, .p95, .p99]),
    ["all", $all.requests, $all.failures, $all.rps, $all.p95, $all.p99] | @tsv' <<<"$test" |
  awk -F '\t' '{ printf "%-24s %10s %8s %8s %8s %8s\n", $1, $2, $3, $4, $5, $6 }'
echo
jq --raw-output '"verdict: \(.status.verdict) (\(.status.reason)): \(.status.message)"' <<<"$test"

run=$(jq --raw-output .status.run.id <<<"$test")
counted=$(jq .status.summary.requests <<<"$test")
received=$(kubectl get --raw "$stats" | jq ".runs[\"$run\"].requests")
echo "requests: $counted counted by Locust, $received received by the target"
if [ "$(jq --raw-output .status.verdict <<<"$test")" != Passed ] || [ "$counted" != "$received" ]; then
  echo "error: expected the verdict Passed and equal counts; see: kubectl --namespace demo describe locusttest first-test" >&2
  exit 1
fi
cat <<EOF

What next:
  export PATH=$root/.node/bin:\$PATH KUBECONFIG=$KUBECONFIG
  kubectl --namespace demo describe locusttest first-test    the whole result
  make demo                                                  run it again
  make node-down                                             end Kubernetes and remove all traces
EOF
