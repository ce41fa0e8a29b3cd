#!/usr/bin/env bash
# Runs a command with its output in .node/logs and prints one line with its
# time, a sign of life every 20 seconds, and the log's end when it fails.
# Usage: step.sh "Label" command [argument...]
# STEPS_BEGAN (seconds since 1970) makes the times of several steps one clock.
set -u
# The command gets a process group of its own, to be ended as a whole.
set -m

if [ $# -lt 2 ]; then
  echo 'usage: step.sh "Label" command [argument...]' >&2
  exit 2
fi
label=$1
shift

logs=${LOCUST_NODE_DIR:-$(dirname "$0")/../.node}/logs
mkdir -p "$logs"
slug=$(tr -cs '[:alnum:].' '-' <<<"$label" | sed 's/-*$//' | tr '[:upper:]' '[:lower:]')
log=$(cd "$logs" && pwd)/$slug.log
began=$EPOCHREALTIME

line() {
  awk -v now="$EPOCHREALTIME" -v began="$began" -v origin="${STEPS_BEGAN:-$began}" -v text="$1" 'BEGIN {
    took = now - began
    if (took < 10) time = sprintf("%.1fs", took)
    else if (took < 60) time = sprintf("%ds", took)
    else time = sprintf("%dm%02ds", took / 60, took % 60)
    printf "[%6.1fs] %s (%s)\n", now - origin, text, time
  }' >&2
}

"$@" >"$log" 2>&1 &
command=$!
trap 'kill -- "-$command" 2>/dev/null; wait "$command" 2>/dev/null; line "$label: interrupted"; exit 130' INT TERM

next_beat=20
while kill -0 "$command" 2>/dev/null; do
  if ((${EPOCHREALTIME%.*} - ${began%.*} >= next_beat)); then
    line "… $label"
    next_beat=$((next_beat + 20))
  fi
  sleep 0.1
done
wait "$command"
code=$?

if [ $code -eq 0 ]; then
  line "$label"
else
  line "$label: failed with exit code $code"
  echo "  Last lines of $log:" >&2
  tail -n 20 "$log" | sed 's/^/  | /' >&2
fi
exit $code
