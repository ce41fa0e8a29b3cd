"""What happened while load ran, and why it stopped. Knows the runner only by its numbers."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from locust_operator_crew import Crew

#: Reasons that mean the run was not what the user asked for.
CUT_SHORT = frozenset({"NeverStarted", "StoppedEarly", "WorkersLost", "NoRequests", "StopRequested", "ThresholdAbort"})
#: Reasons for which the plugin itself stops the load, and with it the process.
STOPPED_BY_PLUGIN = frozenset({"StopRequested", "ThresholdAbort"})
#: A stop this short before the end of the run time counts as its end.
RUN_TIME_SLACK_SECONDS = 0.5
#: Functions of Locust that stop a test because its time is over.
_STOP_BY_TIMER = frozenset({"stop_and_optionally_quit", "_stop_runners"})


def unix_ms() -> int:
    """Now, as the report writes times."""
    return int(time.time() * 1000)


def callers() -> set[str]:
    """Names of the functions that led here; Locust passes no reason along when it stops."""
    names = set()
    frame = sys._getframe(1)
    while frame is not None:
        names.add(frame.f_code.co_name)
        frame = frame.f_back
    return names


@dataclass
class Load:
    """One stretch of load, from test_start to the moment Locust begins to stop it."""

    crew: Crew
    start: int = field(default_factory=unix_ms)
    end: int | None = None
    peak_users: int = 0
    peak_workers: int = 0
    min_workers: int | None = None
    lost: set[str] = field(default_factory=set)
    _present: set[str] = field(default_factory=set)
    _began: float = field(default_factory=time.monotonic)
    _worker_seconds: float = 0.0
    _expected: int = 0
    _expected_seconds: float = 0.0
    #: Moments of the first and the latest look at the workers.
    _looked: tuple[float, float] | None = None

    def sample(self, users: int, workers: Iterable[str], at: float | None = None) -> None:
        """Takes in who is connected now."""
        if self.end is not None:
            return
        now = set(workers)
        self._count_workers(time.monotonic() if at is None else at)
        self.lost |= self._present - now
        # a worker that was only blocked comes back under its own id; a replacement has a new one
        self.lost -= now
        self._present = now
        self.crew.note(len(now))
        self._forgive()
        self.peak_users = max(self.peak_users, users)
        self.peak_workers = max(self.peak_workers, len(now))
        self.min_workers = len(now) if self.min_workers is None else min(self.min_workers, len(now))

    def resize(self, wanted: int) -> None:
        """Another number of workers is wanted; those that leave because of that are not lost, nor have been."""
        self.crew.resize(wanted, self._present | self.lost, loading=True)
        self._forgive()

    def _forgive(self) -> None:
        self.lost = {worker for worker in self.lost if not self.crew.may_leave(worker)}
        self._expected = self.crew.expected

    def finish(self, at: float | None = None) -> None:
        """Closes the books: from here on workers leave because they are told to."""
        if self.end is None:
            self._count_workers(time.monotonic() if at is None else at)
            self.end = unix_ms()

    def elapsed(self) -> float:
        """Seconds since the load began."""
        return time.monotonic() - self._began

    def average_workers(self) -> float:
        """Workers connected, averaged over the time between the first and the latest look."""
        return self._average(self._worker_seconds, len(self._present))

    def average_expected(self) -> float:
        """Workers that should have been connected, averaged over the same time."""
        return self._average(self._expected_seconds, self._expected)

    def _average(self, seconds: float, latest_value: int) -> float:
        first, latest = self._looked or (0.0, 0.0)
        return seconds / (latest - first) if latest > first else float(latest_value)

    def _count_workers(self, now: float) -> None:
        first, latest = self._looked or (now, now)
        # those of the look before were there until this one
        self._worker_seconds += len(self._present) * (now - latest)
        self._expected_seconds += self._expected * (now - latest)
        self._looked = (first, now)

    def why_stopping(self, who: set[str], run_time: Any, connected: int) -> str:
        """The reason, judged while Locust stops: `who` are the names of the calling functions."""
        timed_out = isinstance(run_time, (int, float)) and 0 < run_time <= self.elapsed() + RUN_TIME_SLACK_SECONDS
        # a shape that ends by itself stops the test from its own loop, not from the user's tick()
        shape_ended = "shape_worker" in who and "tick" not in who
        if timed_out or shape_ended or who & _STOP_BY_TIMER:
            return "RunTimeReached"
        return "WorkersLost" if connected == 0 else "StoppedEarly"
