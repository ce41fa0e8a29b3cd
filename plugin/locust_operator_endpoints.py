"""Merges the numbers of the endpoints that a threshold is about. Knows of Locust only the keys of its numbers."""

from __future__ import annotations

import contextlib
import logging
import re
import signal
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from locust_operator_report import percentiles

logger = logging.getLogger("locust_operator")

PERCENTILES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
#: Processor time for one name; a pattern that needs more backtracks without end and would hold up the master.
MATCH_SECONDS = 0.5


@dataclass(frozen=True)
class Selector:
    """Which endpoints are meant: those of a name, or whose name holds a match of a pattern."""

    method: str | None = None
    name: str | None = None
    regex: re.Pattern[str] | None = None

    def matches(self, name: str, method: str | None) -> bool:
        """Whether an endpoint is meant."""
        if self.method is not None and self.method != method:
            return False
        return self.name == name if self.regex is None else self.regex.search(name) is not None


@dataclass
class Sums:
    """Numbers of one or several endpoints."""

    requests: int = 0
    #: Requests that have a response time.
    timed: int = 0
    failures: int = 0
    total_time: float = 0
    max_time: float = 0
    times: dict[int, int] = field(default_factory=dict)
    _percentiles: dict[str, int] | None = None

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Sums:
        """One row of Locust's numbers, without a copy of its histogram."""
        sums = cls()
        sums.add({**row, "response_times": {}})
        sums.times = row["response_times"]
        return sums

    def add(self, row: Mapping[str, Any]) -> None:
        """Adds one row of Locust's numbers."""
        requests = row["num_requests"]
        self._add(
            requests,
            requests - row["num_none_requests"],
            row["num_failures"],
            row["total_response_time"],
            row["max_response_time"],
            row["response_times"],
        )

    def merge(self, other: Sums) -> None:
        """Adds the numbers of other endpoints."""
        self._add(other.requests, other.timed, other.failures, other.total_time, other.max_time, other.times)

    def _add(
        self, requests: int, timed: int, failures: int, total: float, slowest: float, times: Mapping[int, int]
    ) -> None:
        self.requests += requests
        self.timed += timed
        self.failures += failures
        self.total_time += total
        self.max_time = max(self.max_time, slowest)
        self._percentiles = None
        own = self.times
        for bucket, count in times.items():
            own[bucket] = own.get(bucket, 0) + count

    def percentile(self, metric: str) -> int:
        """A percentile of all requests that have a time."""
        if self._percentiles is None:
            # sorting the buckets is what costs, so one pass answers for all
            found = percentiles(self.times, self.timed, list(PERCENTILES.values()))
            self._percentiles = dict(zip(PERCENTILES, found))
        return self._percentiles[metric]


class _TooLong(Exception):
    """A pattern did not come to an end."""


@contextlib.contextmanager
def _time_limit(seconds: float) -> Iterator[None]:
    """Breaks into a match that needs too much processor time: `re` looks for signals while it works."""
    armed = True

    def on_alarm(*_: Any) -> None:
        if armed:
            raise _TooLong

    try:
        before = signal.signal(signal.SIGVTALRM, on_alarm)
    except ValueError:
        # only the main thread can have signals
        yield
        return
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        armed = False
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        # an alarm that is still on its way would end the process by default
        if callable(before):
            signal.signal(signal.SIGVTALRM, before)


class Merged:
    """Sums of the endpoints of every selector, kept up to date by what is new.

    What is new is first added up over the endpoints that belong to the same
    selectors: a second's news are small, however much there is already.
    """

    def __init__(self, selectors: Sequence[Selector]) -> None:
        self._selectors = selectors
        self._broken: set[int] = set()
        self._matches: dict[tuple[Any, Any], tuple[int, ...]] = {}
        self.rebuild(())

    def rebuild(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Starts anew from these rows."""
        self._news: dict[tuple[int, ...], Sums] = {}
        self._sums = [Sums() for _ in self._selectors]
        self.add(rows)

    def add(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Adds what Locust counted since."""
        if not self._selectors:
            return
        for row in rows:
            key = (row["name"], row["method"])
            matched = self._matches.get(key)
            if matched is None:
                matched = self._matches[key] = self._match(str(row["name"]), row["method"])
            if matched:
                news = self._news.get(matched)
                if news is None:
                    news = self._news[matched] = Sums()
                news.add(row)

    def sums(self, index: int) -> Sums | None:
        """The sums of one selector; None when it cannot be told which endpoints it means."""
        for matched, news in self._news.items():
            for place in matched:
                self._sums[place].merge(news)
        self._news.clear()
        return None if index in self._broken else self._sums[index]

    def _match(self, name: str, method: str | None) -> tuple[int, ...]:
        matched: list[int] = []
        place = -1
        while place + 1 < len(self._selectors):
            try:
                with _time_limit(MATCH_SECONDS):
                    for place in range(place + 1, len(self._selectors)):  # noqa: B020
                        if place not in self._broken and self._selectors[place].matches(name, method):
                            matched.append(place)
            except _TooLong:
                logger.warning("locust-operator: %s takes too long to match %r", self._selectors[place], name[:200])
                self._broken.add(place)
        return tuple(place for place in matched if place not in self._broken)
