#!/usr/bin/env bash
# Holds timetables against an oracle and against robfig/cron, on a million cases: cron.sh [CASES [SEED]].
# The oracle (crates/core/tests/oracle) looks at wall clocks minute by minute, around every change of 41 clocks from
# 2020 to 2035 and anywhere else. robfig/cron may differ where the operator's documentation says so and nowhere else.
# Needs Python 3.9, Go, and at the first time the network. The committed sample is of seed 1:
#   e2e/soak/cron.sh sample
set -euo pipefail
cd "$(dirname "$0")/../.."

cases=${1:-1000000}
seed=${2:-$(date +%s)}
each=200000
oracle=crates/core/tests/oracle
work=$PWD/.node/soak
mkdir -p "$work"

# The release of the database that jiff brings, as PyPI numbers it: 2026e is 2026.5.
release=$(cat "$oracle/tzdata.txt")
letter=$(printf '%d' "'${release: -1}")
packages=$work/tzdata-$release
[[ -d "$packages/tzdata" ]] || python3 -m pip install --quiet --disable-pip-version-check --root-user-action ignore \
  --no-deps --target "$packages" "tzdata==${release%?}.$((letter - 96))"

# write SEED CASES
write() {
  PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$packages nice -n 19 python3 "$oracle/oracle.py" --seed "$1" --cases "$2"
}

if [[ "$cases" == sample ]]; then
  write 1 10000 >"$oracle/sample.jsonl"
  exit
fi

(cd e2e/soak/robfig && GOFLAGS=-mod=mod nice -n 19 go build -o "$work/robfig" .)
nice -n 19 cargo test --locked --quiet --package locust-core --test timetable --no-run

failed=0
for ((made = 0; made < cases; made += each, seed += 1)); do
  echo "seed $seed"
  write "$seed" "$each" >"$work/cases.jsonl"
  # The test is told apart from those that the same file has for every day.
  ORACLE_CASES=$work/cases.jsonl nice -n 19 cargo test --locked --quiet --package locust-core --test timetable -- \
    --ignored --nocapture all_cases_are_due_when_the_oracle_says | grep -E 'mismatches|: (Some|None|Due|true|false)' ||
    failed=1
  echo -n "robfig: "
  ZONEINFO=$packages/tzdata/zoneinfo nice -n 19 "$work/robfig" <"$work/cases.jsonl" || failed=1
done
exit "$failed"
