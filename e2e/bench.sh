#!/usr/bin/env bash
# Measures the operator beside a baseline: bench.sh [part,part...], by default all parts.
# Prints one table and, when all parts were measured, writes it to docs/benchmarks.md. Fails when a figure is missing.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=e2e/session.sh
. e2e/session.sh
parts=${1:-}

case ,$parts, in
  ,, | *,workers,*) make --no-print-directory prepare image ;;
  *) make --no-print-directory prepare-tools operator ;;
esac
e2e/step.sh "building the benchmark" ./build-static.sh .node/build/e2e-bench e2e-bench
.node/build/e2e-bench ${parts:+--only "$parts"}
