#!/usr/bin/env bash
# Runs the plugin's tests: test.sh [LOCUST_VERSION] [pytest arguments].
# The newest supported version runs everything, any other the tests marked `compat`, and with COMPAT=all those marked
# `compat_long` as well.
set -euo pipefail

newest=2.47.0
version=${1:-$newest}
shift || true

plugin=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
venv=$(dirname "$plugin")/.node/venv/$version
wanted=$( (echo "locust==$version"; cat "$plugin/requirements-dev.txt") | sha256sum | cut -d' ' -f1)

if [[ "$(cat "$venv/.requirements" 2>/dev/null || true)" != "$wanted" ]]; then
  rm -rf "$venv"
  python3 -m venv "$venv"
  "$venv/bin/pip" install --quiet --disable-pip-version-check -r "$plugin/requirements-dev.txt" "locust==$version"
  echo "$wanted" >"$venv/.requirements"
fi

selection=()
if [[ "$version" == "$newest" ]]; then
  "$venv/bin/ruff" check --quiet --no-cache "$plugin"
  "$venv/bin/ruff" format --quiet --no-cache --check "$plugin"
else
  selection=(-m "compat${COMPAT:+ or compat_long}")
fi

cd "$plugin"
# The tests mostly wait for processes, so more of them than cores run at once. Locust takes a worker for lost that is
# silent for three seconds, as on a machine that stands still: what failed is tried again, and both tries are counted.
PYTHONDONTWRITEBYTECODE=1 exec "$venv/bin/python" -m pytest -q -p no:cacheprovider -n "${PLUGIN_TEST_JOBS:-5}" --reruns 2 "${selection[@]}" "$@"
