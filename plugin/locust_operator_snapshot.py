"""Reads what the report needs out of Locust's objects, over all supported versions of Locust."""

from __future__ import annotations

import hashlib
import os
import platform
import sys
import sysconfig
from collections.abc import Iterator
from typing import Any

import locust
from locust import stats as locust_stats

from locust_operator_config import HERE, guarded
from locust_operator_report import number, percentiles, three_digits

LIBRARY_MOUNT = "/opt/locust/lib"


# ---- resolution of the histograms ----------------------------------------------------------------


def _measured_resolution() -> int:
    """3 or 2: how many significant digits Locust now keeps of a response time."""
    stats = locust_stats.RequestStats()
    stats.log_request("GET", "/", 1234, 0)
    return 3 if set(stats.total.response_times) <= {1230, 1234} else 2


def _log_response_time(entry: Any, response_time: float | None) -> None:
    """Stands in for StatsEntry's method in versions that round inside of it."""
    if response_time is None:
        entry.num_none_requests += 1
        return
    entry.total_response_time += response_time
    lowest = entry.min_response_time
    entry.min_response_time = response_time if lowest is None else min(lowest, response_time)
    entry.max_response_time = max(entry.max_response_time, response_time)
    bucket = three_digits(response_time)
    entry.response_times[bucket] = entry.response_times.get(bucket, 0) + 1


def use_three_digit_buckets() -> int:
    """Makes Locust keep three significant digits where it can be had; answers the digits there are."""
    try:
        return _replace_bucketing()
    except Exception:
        return 2


def _replace_bucketing() -> int:
    original = getattr(locust_stats, "bucket_response_time", None)
    if original is None:
        method = locust_stats.StatsEntry._log_response_time
        locust_stats.StatsEntry._log_response_time = _log_response_time
    elif original.__module__ == "locust.stats":
        locust_stats.bucket_response_time = three_digits
    # a bucketing of the user's own is left alone and only measured
    resolution = _measured_resolution()
    if resolution != 3:
        if original is None:
            locust_stats.StatsEntry._log_response_time = method
        else:
            locust_stats.bucket_response_time = original
    return resolution


# ---- numbers -------------------------------------------------------------------------------------


def _percentiles(entry: Any, wanted: list[float]) -> list[int]:
    # percentiles speak of measured times only, so requests without one do not count
    return percentiles(entry.response_times, entry.num_requests - entry.num_none_requests, wanted)


def totals(runner: Any) -> dict[str, Any]:
    """The whole run's numbers for line 1."""
    total = runner.stats.total
    p50, p95, p99 = _percentiles(total, [0.5, 0.95, 0.99])
    return {
        "n": total.num_requests,
        "f": total.num_failures,
        "exc": sum(row["count"] for row in runner.exceptions.values()),
        "rps": number(total.total_rps),
        "avg": number(total.avg_response_time),
        "min": number(total.min_response_time or 0),
        "max": number(total.max_response_time),
        "p50": number(p50),
        "p95": number(p95),
        "p99": number(p99),
    }


def rows(stats: Any) -> Iterator[dict[str, Any]]:
    """The numbers of every endpoint under the keys that workers use in their reports."""
    return (vars(entry) for entry in stats.entries.values())


def total_row(stats: Any) -> dict[str, Any]:
    """The numbers of the whole run under the keys that workers use in their reports."""
    return vars(stats.total)


def measured_seconds(stats: Any) -> float:
    """The time by which Locust divides for every endpoint's requests per second."""
    last, start = stats.last_request_timestamp, stats.start_time
    return last - start if last and start else 0.0


def current(runner: Any, generating: bool) -> dict[str, Any]:
    """Numbers of the last seconds. Locust freezes its own when the load stops; here they are 0 then."""
    total = runner.stats.total
    if not generating:
        return {"rps": 0, "fps": 0, "p95": None}
    return {
        "rps": number(total.current_rps),
        "fps": number(total.current_fail_per_sec),
        "p95": number(total.get_current_response_time_percentile(0.95)),
    }


def _busiest(stats: Any) -> list[Any]:
    return sorted(stats.entries.values(), key=lambda entry: (-entry.num_requests, entry.name, entry.method or ""))


def endpoints(stats: Any) -> Iterator[dict[str, Any]]:
    """Endpoints, most requests first; computed one by one because percentiles are dear."""
    for entry in _busiest(stats):
        p50, p95, p99 = _percentiles(entry, [0.5, 0.95, 0.99])
        yield {
            "m": entry.method or "",
            "name": entry.name,
            "n": entry.num_requests,
            "f": entry.num_failures,
            "rps": number(entry.total_rps),
            "avg": number(entry.avg_response_time),
            "p50": number(p50),
            "p95": number(p95),
            "p99": number(p99),
        }


def errors(stats: Any) -> list[dict[str, Any]]:
    """Errors, most frequent first."""
    ordered = sorted(stats.errors.values(), key=lambda e: -e.occurrences)
    parse = locust_stats.StatsError.parse_error
    return [{"m": e.method or "", "name": e.name, "msg": parse(e.error), "n": e.occurrences} for e in ordered]


# ---- metrics -------------------------------------------------------------------------------------

RUNNING_VALUE = {"ramping": 1, "running": 2}
METRICS_LIMIT = 500


def metrics(runner: Any, state: str) -> tuple[dict[str, Any], dict[str, list[tuple[dict[str, Any], Any]]]]:
    """Values under the names of the published Locust exporter."""
    total = runner.stats.total
    workers = list(runner.clients.values()) if hasattr(runner, "clients") else []
    generating = state in RUNNING_VALUE
    p50, p95 = (total.get_current_response_time_percentile(p) if generating else None for p in (0.5, 0.95))
    gauges = {
        "up": 1,
        "running": RUNNING_VALUE.get(state, 0),
        "users": runner.user_count,
        "workers_count": len(workers),
        "workers_running_count": sum(worker.state == "running" for worker in workers),
        "workers_hatching_count": sum(worker.state == "spawning" for worker in workers),
        "workers_missing_count": sum(worker.state == "missing" for worker in workers),
        "requests_fail_ratio": total.fail_ratio,
        "requests_current_response_time_percentile_50": p50 or 0,
        "requests_current_response_time_percentile_95": p95 or 0,
    }
    per_entry = {
        "num_requests": lambda e: e.num_requests,
        "num_failures": lambda e: e.num_failures,
        "avg_response_time": lambda e: e.avg_response_time,
        "median_response_time": lambda e: _percentiles(e, [0.5])[0],
        "min_response_time": lambda e: e.min_response_time or 0,
        "max_response_time": lambda e: e.max_response_time,
        "current_rps": lambda e: e.current_rps if generating else 0,
        "current_fail_per_sec": lambda e: e.current_fail_per_sec if generating else 0,
        "avg_content_length": lambda e: e.avg_content_length,
    }
    entries = [*_busiest(runner.stats)[:METRICS_LIMIT], total]
    families = {
        f"requests_{name}": [({"method": e.method or "", "name": e.name}, value(e)) for e in entries]
        for name, value in per_entry.items()
    }
    families["errors"] = [
        ({"method": e["m"], "name": e["name"], "error": e["msg"]}, e["n"]) for e in errors(runner.stats)[:METRICS_LIMIT]
    ]
    families["worker_detail"] = [({"id": w.id, "state": w.state}, w.user_count) for w in workers]
    return gauges, families


# ---- pin -----------------------------------------------------------------------------------------


def versions() -> dict[str, str]:
    """What ran the test."""
    return {"locust": locust.__version__, "python": platform.python_version()}


def locustfiles(environment: Any, entry_files: list[str] | None) -> list[str]:
    """The user's locustfiles as absolute paths."""
    files = entry_files or getattr(environment, "parsed_locustfiles", None)
    if files is None:
        # Locust before it kept the list: ask it to parse its own command line again
        from locust.argument_parser import parse_locustfile_option

        files = parse_locustfile_option()
    return [os.path.abspath(file) for file in files if os.path.dirname(os.path.abspath(file)) != HERE]


def _installed(path: str) -> bool:
    """Whether a file belongs to Python or to an installed package instead of to the test."""
    paths = sysconfig.get_paths()
    roots = {paths[name] for name in ("stdlib", "platstdlib", "purelib", "platlib") if name in paths}
    return "site-packages" in path.split(os.sep) or any(path.startswith(root + os.sep) for root in roots)


class FilePins:
    """SHA-256 of every file of the test, taken when it is first seen: a mounted file may change later."""

    def __init__(self, files: list[str]) -> None:
        self.files = files
        self.hashes: dict[str, str] = {}
        self._seen: set[str] = set()
        # the longest root names a file best when one root lies in the other
        self.roots = sorted({os.path.dirname(file) for file in files} | {LIBRARY_MOUNT}, key=len, reverse=True)

    @guarded
    def refresh(self) -> None:
        """Adds files that were imported since the last look."""
        imported = [getattr(module, "__file__", None) for module in list(sys.modules.values())]
        for path in [*self.files, *sorted(os.path.abspath(path) for path in imported if isinstance(path, str))]:
            if path not in self._seen:
                self._seen.add(path)
                self._pin(path)

    def _pin(self, path: str) -> None:
        root = next((root for root in self.roots if path.startswith(root.rstrip(os.sep) + os.sep)), None)
        foreign = path not in self.files and (_installed(path) or os.path.dirname(path) == HERE)
        if root is None or foreign or not path.endswith(".py"):
            return
        name = os.path.relpath(path, root)
        try:
            with open(path, "rb") as file:
                content = hashlib.sha256(file.read()).hexdigest()
        except OSError:
            return
        # two roots may hold a file of the same name
        self.hashes[name if name not in self.hashes else path] = content
