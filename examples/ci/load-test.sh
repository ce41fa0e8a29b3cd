#!/usr/bin/env bash
# Runs a load test or a suite and ends by its verdict: load-test.sh MANIFEST [JUNIT_FILE]
# 0 Passed, 1 Failed, 2 Inconclusive, 3 Error or Aborted, 4 no verdict within TIME_LIMIT (30m), or no test at all.
set -euo pipefail
templates=$(dirname "$0") junit=${2:-load-test.xml} code=4 run=''

# Also when the pipeline is cancelled: deleting a test or a suite ends its load.
finish() {
  [ -z "$run" ] || [ "${KEEP:-}" = 1 ] || kubectl delete "$run" || echo "$run is still there" >&2
  exit "$code"
}
trap finish EXIT

run=$(kubectl create -f "$1" -o name)
# In the background, because a signal would have to wait for it. It fails when the time is over.
kubectl wait "$run" --for=condition=Completed --timeout="${TIME_LIMIT:-30m}" &
trap 'kill "$!"; exit' INT TERM
wait "$!" || true

kubectl get "$run"
kubectl get "$run" -o go-template-file="$templates/summary.gotemplate"
# XML has no place for control characters, and the template does not know how long it took.
kubectl get "$run" -o go-template-file="$templates/junit.gotemplate" |
  tr -d '\000-\010\013\014\016-\037' | sed "s/^<testsuite /&time=\"$SECONDS\" /" >"$junit"

case $(kubectl get "$run" -o jsonpath='{.status.verdict}') in
  Passed) code=0 ;;
  Failed) code=1 ;;
  Inconclusive) code=2 ;;
  Error | Aborted) code=3 ;;
esac
