"""Whether a worker had enough processor: one that has not measures itself instead of the target."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

#: Where a container sees its own limits.
CGROUP = "/sys/fs/cgroup"
#: Key of the plugin's part in what a worker reports.
REPORT_KEY = "locustOperator"
SAMPLE_SECONDS = 1.0
#: A shorter look says more about its own moment than about the load.
SHORTEST_SECONDS = 0.5
SATURATED_PERCENT = 90
SATURATED_SHARE = 1 / 3
SATURATED_SECONDS = 10.0


def _words(path: str) -> list[str]:
    try:
        with open(path, encoding="ascii") as file:
            return file.read().split()
    except (OSError, ValueError):
        return []


def _limits(root: str) -> list[list[str]]:
    """Quota and period of every kind of cgroup there is."""
    found = [_words(os.path.join(root, "cpu.max"))]
    for controller in ("cpu", "cpu,cpuacct"):
        files = (os.path.join(root, controller, f"cpu.cfs_{name}_us") for name in ("quota", "period"))
        found.append([word for file in files for word in _words(file)])
    return found


def allowed_cores(root: str | None = None) -> float:
    """Cores that this process may use: Locust runs on one, and a cgroup may allow less."""
    cores = 1.0
    for limit in _limits(CGROUP if root is None else root):
        try:
            quota, period = (int(word) for word in limit)
        except ValueError:
            # "max", or no such file
            continue
        if quota > 0 and period > 0:
            cores = min(cores, quota / period)
    return cores


class Meter:
    """How much of its processor a process used while load ran."""

    def __init__(self, cores: float, cpu: float, now: float) -> None:
        self._cores = cores
        self._cpu, self._now = cpu, now
        self._seconds = self._busy = self._in_a_row = self._longest = 0.0
        self._max = 0

    def sample(self, cpu: float, now: float) -> None:
        """Takes in the processor time used until now; a look that comes late counts for all the time since the last."""
        seconds = now - self._now
        if seconds < SHORTEST_SECONDS:
            return
        # native threads may use more than the one core that counts
        percent = min(100, round(100 * (cpu - self._cpu) / (seconds * self._cores)))
        self._cpu, self._now = cpu, now
        self._max = max(self._max, percent)
        self._seconds += seconds
        self._in_a_row = self._in_a_row + seconds if percent >= SATURATED_PERCENT else 0.0
        self._busy += seconds if percent >= SATURATED_PERCENT else 0.0
        self._longest = max(self._longest, self._in_a_row)

    def report(self) -> dict[str, Any]:
        """What the worker tells the master."""
        saturated = self._busy > 0 and self._busy >= SATURATED_SHARE * self._seconds
        return {"cpuMax": self._max, "saturated": saturated or self._longest >= SATURATED_SECONDS}


def of_all(reports: Mapping[str, Mapping[str, Any]]) -> dict[str, int]:
    """What line 1 says about the workers' last words, by client id."""
    return {
        "cpuWorkers": sum(report.get("saturated") is True for report in reports.values()),
        "cpuMax": max((int(report.get("cpuMax", 0)) for report in reports.values()), default=0),
    }
