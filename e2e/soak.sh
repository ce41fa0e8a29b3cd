#!/usr/bin/env bash
# Runs for long what tests run for a moment: soak.sh [part,part...], by default all parts.
# Prints one table and writes its lines to docs/soak.md. Fails when anything failed. Environment:
#   FUZZ_SECONDS    how long templates are made up, default 600
#   PROPTEST_CASES  how often a simulation is played, default 100000; of schedules, which take longer, a tenth
set -uo pipefail
cd "$(dirname "$0")/.." || exit
# shellcheck source=e2e/session.sh
. e2e/session.sh

# A part is a function of its name. It calls `found` for each line of the table.
parts=(fuzz simulated cron compat kills queue)
only=${1:-}
page=docs/soak.md
table=$(mktemp)
broken=0
export FUZZ_SECONDS=${FUZZ_SECONDS:-600} PROPTEST_CASES=${PROPTEST_CASES:-100000}

# found NAME WHAT COUNT FAILURES SECONDS
found() {
  local time
  time=$(awk -v seconds="$5" 'BEGIN {
    if (seconds < 60) printf "%d s", seconds
    else if (seconds < 3600) printf "%d min %02d s", seconds / 60, seconds % 60
    else printf "%d h %02d min", seconds / 3600, seconds % 3600 / 60
  }')
  echo "| $1 | $2 | $3 | $4 | $time | $(date -u '+%Y-%m-%d %H:%M') | $commit |" >>"$table"
  if [ "$4" != 0 ]; then broken=$((broken + 1)); fi
}

# long LABEL COMMAND...: a step whose log is then $log, its exit code $code and its time $took.
long() {
  local began=$SECONDS
  code=0
  e2e/step.sh "$@" || code=$?
  took=$((SECONDS - began))
  log=.node/logs/$(tr -cs '[:alnum:].' '-' <<<"$1" | sed 's/-*$//' | tr '[:upper:]' '[:lower:]').log
}

# What fails without saying what (an abort, a compile error) is one failure.
failures() {
  if [ "$code" -ne 0 ] && [ "${1:-0}" -eq 0 ]; then echo 1; else echo "${1:-0}"; fi
}

# Optimised, with all that tests check besides: more cases in the same time.
tests() { # PACKAGE WORD...
  cargo test --locked --quiet --profile soak --package "$1" --lib -- --nocapture "${@:2}"
}
export -f tests
build() {
  e2e/step.sh "building what is run for long" \
    cargo test --locked --quiet --profile soak --package locust-core --lib --no-run
}

fuzz() {
  local line words
  mkdir -p .node/logs
  build
  export FUZZ_NOTE=$PWD/.node/logs/soak-case
  long "templates that nobody would write" bash -c 'tests locust-core --ignored no_template_gets_out_of_hand'
  line=$(grep -o '^fuzz: .*' "$log" | tail -n 1)
  # fuzz: 100 cases, 5 of them a spec, 10 per second, the slowest 7 ms (case 3), 0 failed
  words=$(sed -n 's/^fuzz: [0-9]* cases, \(.*\) (case [0-9]*), [0-9]* failed$/\1/p' <<<"$line")
  if [ -z "$line" ]; then
    words="ended at case $(tr -d ' ' <"$FUZZ_NOTE" || echo "?")"
  fi
  found fuzz "templates and parameters made up and changed, expanded and judged: no panic, within the limits, each within 1 s; $words" \
    "$(awk '{ print $2 + 0 }' <<<"${line:-fuzz: 0}") cases" \
    "$(failures "$(sed -n 's/.*, \([0-9]*\) failed$/\1/p' <<<"$line")")" "$took"
}

simulated() {
  local name share cases good bad what
  build
  while IFS='|' read -r name share what; do
    cases=$(((PROPTEST_CASES + share - 1) / share))
    long "simulated: $name" env PROPTEST_CASES=$cases bash -c "tests locust-core $name" </dev/null
    # The property is one test of the cases.
    good=$(sed -n 's/^test result: .* \([0-9]*\) passed;.*/\1/p' "$log" | tail -n 1)
    bad=$(sed -n 's/^test result: .* \([0-9]*\) failed;.*/\1/p' "$log" | tail -n 1)
    if [ "$code" -eq 0 ] && [ "${good:-0}" -ne 1 ]; then code=1; fi
    found simulated "$what" "$cases cases" "$(failures "$bad")" "$took"
  done <<'PROPERTIES'
every_suite_ends_by_its_rules|1|suites of every kind while caches are behind and the operator dies between writes: each ends, no step starts too early or twice, nothing goes back
the_worst_required_step_counts_in_any_order|1|the verdict of a suite is that of its worst required step, in any order of steps
no_time_is_fired_twice_or_early_or_after_it_was_settled|10|schedules of every kind while the clock jumps by up to a day, weeks are slept through, runs are deleted and the operator dies after it made one: no time starts a run twice, early, or once it is settled, and no run is forgotten
never_two_lead_and_in_the_end_one_does|1|replicas with clocks of their own, calls that are late or lost, processes that freeze and start again: never two lead, and in the end one does
PROPERTIES
}

cron() {
  local count bad
  long "timetables" e2e/soak/cron.sh
  # 200000 cases, 0 mismatches
  count=$(sed -n 's/^\([0-9]*\) cases, [0-9]* mismatches$/\1/p' "$log" | awk '{ sum += $1 } END { print sum + 0 }')
  bad=$(sed -n 's/.* \([0-9]*\) mismatches.*/\1/p' "$log" | awk '{ sum += $1 } END { print sum + 0 }')
  found cron "cron lines are due when a look at the clock minute by minute says, around every change of 41 clocks from 2020 to 2035 and anywhere else, and when robfig/cron says but for the listed differences" \
    "$count cases" "$(failures "$bad")" "$took"
}

compat() {
  local good bad
  long "the plugin with the oldest Locust" env COMPAT=all plugin/test.sh 2.20.0
  # 1 failed, 169 passed, 2 rerun in 195.82s (0:03:15)
  good=$(sed -n 's/^\(.*[^0-9]\)\?\([0-9]*\) passed.* in .*s.*/\2/p' "$log" | tail -n 1)
  bad=$(sed -n 's/^\(.*[^0-9]\)\?\([0-9]*\) failed.* in .*s.*/\2/p' "$log" | tail -n 1)
  found compat "the plugin in the oldest Locust that is supported (2.20.0), all that may differ there" \
    "${good:-0} tests" "$(failures "$bad")" "$took"
}

kills() {
  local case count bad what
  if ! make --no-print-directory prepare-tools operator; then
    found kills "the operator killed before and after every write for a suite, and for a schedule" 0 1 0
    return
  fi
  while IFS='|' read -r case what; do
    long "kills: $case" env KILLS=all \
      cargo test --locked --quiet --package e2e-tests --test api -- "$case" </dev/null
    # 150/152 ended as if nobody had been killed
    count=$(sed -n 's|^ *[0-9]*/\([0-9]*\) ended as if nobody.*|\1|p' "$log" | tail -n 1)
    bad=$(sed -n 's|^ *\([0-9]*\)/\([0-9]*\) ended as if nobody.*|\2 \1|p' "$log" | tail -n 1 | awk '{ print $1 - $2 }')
    found kills "$what" "${count:-0} kills" "$(failures "$bad")" "$took"
  done <<'CASES'
a_suite_survives_every_kill|the operator killed before and after every write for a suite of four steps and for its tests: it ends as if nobody had been killed
a_schedule_survives_every_kill|the operator killed before and after every write for a schedule, the suite of three steps that it starts and its tests: one run, and all ends as if nobody had been killed
CASES
}

queue() {
  local good
  long "booting the node" make --no-print-directory prepare node-up image
  if [ "$code" -eq 0 ]; then
    long "a long queue" env KILLS=all \
      cargo test --locked --quiet --package e2e-tests --test faults -- a_long_queue
  fi
  good=$(sed -n 's/^test result: ok\. \([0-9]*\) passed;.*/\1/p' "$log" | tail -n 1)
  if [ "${good:-0}" -ne 1 ]; then code=1; fi
  found queue "tests of one concurrency group with real Locust, the operator killed twice: strictly one at a time, in the order in which they were made" \
    "20 tests" "$(failures 0)" "$took"
}

head='| part | what | count | failures | time | ended, UTC | commit |
|---|---|---:|---:|---:|---|---|'

# Lines of parts that did not run now stay as they are.
write_page() {
  local part lines
  lines=$(
    for part in "${parts[@]}"; do
      if [[ " ${chosen[*]} " == *" $part "* ]]; then
        grep "^| $part " "$table" || true
      else
        grep "^| $part " "$page" 2>/dev/null || true
      fi
    done
  )
  {
    cat <<'MARKDOWN'
# Soak

<!-- Written by `make soak` (e2e/soak.sh). Do not edit. -->

`make soak` runs for long what `make test` runs for a moment. With `make soak ONLY=fuzz` (or several parts with commas) it runs that part, and
changes its lines.

MARKDOWN
    echo "* Machine: $(nproc) cores, $(uname -sr)"
    echo "* Version: locust-operator $VERSION"
    echo
    echo "$head"
    echo "$lines"
  } >"$page.new"
  mv "$page.new" "$page"
  echo "written: $page"
}

trap 'code=$?; rm -f "$table"; end_node "$code"' EXIT
commit=$(git rev-parse --short=12 HEAD)$(git diff --quiet HEAD || echo ' with changes')
VERSION=${VERSION:-$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)}
if [ -n "$only" ]; then IFS=, read -ra chosen <<<"$only"; else chosen=("${parts[@]}"); fi
for part in "${chosen[@]}"; do
  if [[ " ${parts[*]} " != *" $part "* ]]; then
    echo "error: there is no part $part; there are: ${parts[*]}" >&2
    exit 2
  fi
done
for part in "${chosen[@]}"; do "$part"; done

echo
echo "$head"
cat "$table"
write_page
[ "$broken" -eq 0 ] || {
  echo "error: $broken lines have failures; their logs are in .node/logs" >&2
  exit 1
}
