#!/usr/bin/env bash
# Runs tests and counts them: test.sh unit|api|node...
# Every part runs, also after a failure; the last line says how many passed and failed.
set -uo pipefail
cd "$(dirname "$0")/.." || exit
# shellcheck source=e2e/session.sh
. e2e/session.sh

passed=0
failed=0
broken=()

# The numbers that cargo, pytest, go test -v and our scripts print.
count() {
  awk -v what="$1" '
    /^test result: / { for (i = 1; i < NF; i++) if ($(i + 1) == what ";") sum += $i; next }
    /^=* ?[0-9]+ (passed|failed).* in [0-9.]+s/ || /^[0-9]+ passed, [0-9]+ failed$/ {
      for (i = 1; i < NF; i++) if ($(i + 1) ~ "^" what ",?$") sum += $i
      next
    }
    what == "passed" && /^--- PASS/ { sum++ }
    what == "failed" && /^--- FAIL/ { sum++ }
    END { print sum + 0 }' "$2"
}

# run LABEL COMMAND...: one step, whose tests are counted.
run() {
  local label=$1 log code=0 good bad
  e2e/step.sh "$@" || code=$?
  log=.node/logs/$(tr -cs '[:alnum:].' '-' <<<"$label" | sed 's/-*$//' | tr '[:upper:]' '[:lower:]').log
  good=$(count passed "$log")
  bad=$(count failed "$log")
  # What fails without a test's verdict (a compile error, a lint) is one failure.
  if [ "$code" -ne 0 ] && [ "$bad" -eq 0 ]; then bad=1; fi
  if [ "$bad" -gt 0 ]; then
    broken+=("$label: $log")
    # A failed test is told even if its runner forgot to fail.
    if [ "$code" -eq 0 ]; then echo "  $bad failed, see $log" >&2; fi
  elif [ "$good" -gt 0 ]; then
    echo "          $good passed" >&2
  fi
  passed=$((passed + good))
  failed=$((failed + bad))
}

# The lines of a log that say which test failed and why.
reasons() {
  grep -A 8 -E '^FAILED |panicked at|^error|^(FAIL|E  ) |^--- FAIL' "$1" | head -n 60 | cut -c -600 | sed 's/^/    | /'
}

# One short line for each of them: what is left of a log that is cut to its end.
briefly() {
  grep -h -E '^FAILED |^--- FAIL|^FAIL |^test .* FAILED$|^error' "$1" | head -n 8 | cut -c -220 | sed 's/^/  /'
}

# need LABEL COMMAND...: a step without which nothing after it makes sense.
need() {
  if ! "${@:2}"; then
    echo "error: $1 failed; nothing after it can run" >&2
    failed=$((failed + 1))
    finish
  fi
}

finish() {
  leave_node "$failed"
  if [ "$failed" -gt 0 ]; then
    echo
    echo "failed:"
    [ "${#broken[@]}" -gt 0 ] || echo "  a step before the tests"
    local one
    for one in "${broken[@]}"; do
      echo "  $one"
      reasons "${one##*: }"
    done
    echo
    echo "in short:"
    for one in "${broken[@]}"; do briefly "${one##*: }"; done
    echo "Look into these logs, then run that part again: make test-unit, test-api or test-node."
  else
    echo
    echo "What next: make demo shows a run; CONTRIBUTING.md says how to change the code."
  fi
  echo "$passed passed, $failed failed"
  [ "$failed" -eq 0 ]
  exit
}

# Linking the operator as one takes one core for minutes, and the tests of the plugin mostly wait.
building=
build_beside() {
  nice -n 10 make --no-print-directory operator &
  building=$!
}

# shellcheck disable=SC2317 # called by the trap
end_building() {
  [ -z "$building" ] || ! kill -0 "$building" 2>/dev/null || kill "$building"
}
trap 'code=$?; end_building; end_node "$code"' EXIT

unit() {
  need "preparing" make --no-print-directory prepare-tools
  run "checking format, lints and generated files" e2e/lint.sh
  run "unit tests" cargo test --locked --quiet --workspace
  if [ "$all" = yes ]; then build_beside; fi
  run "tests of the demo target" env -C e2e/target go test -v ./...
  run "tests of what enforces network policies" env -C e2e/node/go/kube-router CGO_ENABLED=0 go test -v -vet=off ./...
  run "tests of the plugin with Locust 2.47.0" plugin/test.sh 2.47.0
  run "tests of the plugin with Locust 2.20.0" plugin/test.sh 2.20.0
  run "tests of the chart" charts/test.sh
}

api() {
  need "preparing" make --no-print-directory prepare-tools
  run "tests of the API server profile" cargo test --locked --quiet --package e2e-node --test api
  # Whether it went well is seen when it is asked for again.
  [ -z "$building" ] || wait "$building" || true
  need "building the operator" make --no-print-directory operator
  run "tests against an API server" cargo test --locked --quiet --package e2e-tests --test api
}

node() {
  need "booting the node" make --no-print-directory node-up image
  run "building the tests of the node" cargo test --locked --quiet --package e2e-tests --no-run
  run "tests of a namespaced install" cargo test --locked --quiet --package e2e-tests --test namespaced
  run "tests on the node" cargo test --locked --quiet --package e2e-tests --test node
  run "tests of the documents" cargo test --locked --quiet --package e2e-tests --test docs
  run "tests of the operator's rights" cargo test --locked --quiet --package e2e-tests --test rights
  # Ends the operator that is installed.
  run "tests of faults on the node" cargo test --locked --quiet --package e2e-tests --test faults
  # Removes all definitions and tests.
  run "tests of the chart's take-over" cargo test --locked --quiet --package e2e-tests --test helm
  # Ends the node: the last one.
  run "tests of the node itself" cargo test --locked --quiet --package e2e-node --test node
}

# What is said of all tests together needs all of them.
all=no
if [ "$*" = "unit api node" ]; then
  all=yes
  rm -rf .node/seen
fi
# Half an hour of building is no time to learn that.
if [[ " $* " == *" node "* ]]; then
  need "looking at this machine" make --no-print-directory check-machine
fi
for part in "$@"; do
  case $part in
    unit) unit ;;
    api) api ;;
    node) node ;;
    *) echo "usage: test.sh unit|api|node..." >&2 && exit 2 ;;
  esac
done
if [ "$all" = yes ]; then
  run "documents that are made from what the tests saw" \
    cargo run --locked --quiet --package e2e-tests --bin seen -- check
fi
finish
