"""The test's thresholds: what they are about, how far the load is from them, and when it is to be ended early."""

from __future__ import annotations

import logging
import math
import operator
import re
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Optional

from locust_operator_endpoints import PERCENTILES, Merged, Selector, Sums
from locust_operator_report import number

logger = logging.getLogger("locust_operator")

#: What a threshold compares, None when it cannot be said, and the number of requests that it is about.
Pair = tuple[Optional[float], int]

CHECK_SECONDS = 1.0
#: Timers may be early by a moment, which must not put a decision off to the next check.
SLACK_SECONDS = 0.05
RATIO_DECIMALS = 6
TIMES = frozenset({*PERCENTILES, "avg", "max"})
#: Metrics that every load has from its first request on.
VOLUMES = frozenset({"rps", "requests"})
METRICS = TIMES | VOLUMES | {"errorRatio"}
OPERATORS = {"lt": operator.lt, "lte": operator.le, "gt": operator.gt, "gte": operator.ge}


@dataclass(frozen=True)
class Threshold:
    """One threshold, as far as the plugin needs it."""

    metric: str
    holds: Callable[[float, float], bool]
    limit: float
    #: None is the whole run.
    selector: Selector | None = None
    min_requests: int = 1
    #: Seconds of load before the first look, and of a breach before it ends the run; None when it never does.
    abort: tuple[float, float] | None = None

    def breached(self, pair: Pair | None) -> bool:
        """Whether an actual is on the wrong side of the limit, and of enough requests."""
        if pair is None or pair[0] is None or pair[1] < self.min_requests:
            return False
        return not self.holds(pair[0], self.limit)


def _compiled(pattern: str) -> re.Pattern[str]:
    with warnings.catch_warnings():
        # Python warns of what it reads in another way than the operator does
        warnings.simplefilter("error")
        return re.compile(pattern)


def _selector(endpoint: Mapping[str, Any] | None) -> Selector | None:
    if endpoint is None:
        return None
    method, name, pattern = endpoint.get("method"), endpoint.get("name"), endpoint.get("regex")
    if name is None and pattern is None:
        raise ValueError("an endpoint needs a name or a regex")
    return Selector(method, name, None if pattern is None else _compiled(pattern))


def read_threshold(raw: Mapping[str, Any]) -> Threshold:
    """A threshold as the operator writes it into config.json."""
    metric, limit, abort = raw["metric"], float(raw["limit"]), raw.get("abort")
    if metric not in METRICS or not math.isfinite(limit):
        raise ValueError(f"metric {metric!r} with the limit {limit!r}")
    return Threshold(
        metric=metric,
        holds=OPERATORS[raw["op"]],
        limit=limit,
        selector=_selector(raw.get("endpoint")),
        min_requests=1 if metric in VOLUMES else max(1, int(raw.get("minRequests") or 0)),
        abort=None if abort is None else (float(abort.get("delay") or 0), float(abort.get("sustained") or 0)),
    )


def _read_or_none(index: int, raw: Any) -> Threshold | None:
    try:
        return read_threshold(raw)
    except Exception as error:
        logger.warning("locust-operator: threshold %s is not usable, it stays without a number: %r", index, error)
        return None


def actual(metric: str, sums: Sums, seconds: float) -> Pair:
    """The value of one metric, in the unit of its limit; `seconds` is the time that Locust divides by for rates."""
    if metric in TIMES:
        if sums.timed == 0:
            return None, 0
        if metric == "avg":
            return number(sums.total_time / sums.timed), sums.timed
        return number(sums.max_time if metric == "max" else sums.percentile(metric)), sums.timed
    if metric == "requests":
        return sums.requests, sums.requests
    if metric == "rps":
        return number(sums.requests / seconds if seconds > 0 else 0), sums.requests
    if sums.requests == 0:
        return None, 0
    ratio = round(sums.failures / sums.requests, RATIO_DECIMALS)
    return int(ratio) if ratio == int(ratio) else ratio, sums.requests


class Thresholds:
    """All thresholds of a test, fed with Locust's numbers while they come in."""

    def __init__(self, raw: Sequence[Any]) -> None:
        self._all = [_read_or_none(index, threshold) for index, threshold in enumerate(raw)]
        selectors = dict.fromkeys(t.selector for t in self._all if t is not None and t.selector is not None)
        self._place = {selector: place for place, selector in enumerate(selectors)}
        self._merged = Merged(list(selectors))
        self.begin()

    def begin(self) -> None:
        """A load begins."""
        self._merged.rebuild(())
        self._counted = 0
        self._breached_since: dict[int, float] = {}

    def add(self, rows: Iterable[Mapping[str, Any]], requests: int) -> None:
        """Takes in what one worker reports: its endpoints, and the requests of all of them."""
        self._merged.add(rows)
        self._counted += requests

    def keep_step(self, rows: Iterable[Mapping[str, Any]], requests: int, anew: bool = False) -> None:
        """Starts again from what Locust has now, when it is not the sum of the reports: statistics can be reset."""
        if anew or self._counted != requests:
            self._merged.rebuild(rows)
            self._counted = requests

    def actuals(
        self, total: Mapping[str, Any], seconds: float, wanted: Iterable[int] | None = None
    ) -> list[Pair | None]:
        """The actuals by index, of those that are wanted: None for one of which nothing can be said."""
        found: list[Pair | None] = [None] * len(self._all)
        whole = Sums.of(total)
        merged: dict[Selector, Sums | None] = {}
        for index in range(len(self._all)) if wanted is None else wanted:
            threshold = self._all[index]
            if threshold is None:
                continue
            sums: Sums | None = whole
            if threshold.selector is not None:
                if threshold.selector not in merged:
                    merged[threshold.selector] = self._merged.sums(self._place[threshold.selector])
                sums = merged[threshold.selector]
                if sums is not None and sums.requests == 0:
                    found[index] = (None, 0)
                    continue
            if sums is not None:
                found[index] = actual(threshold.metric, sums, seconds)
        return found

    def due(self, elapsed: float) -> list[int]:
        """Thresholds that may end the run by now."""
        return [i for i, t in enumerate(self._all) if t is not None and t.abort is not None and elapsed >= t.abort[0]]

    def ends_run(self, actuals: Sequence[Pair | None], elapsed: float) -> int | None:
        """The first threshold that was breached for long enough without a break; to be asked once per check."""
        for index in self.due(elapsed):
            if not self._all[index].breached(actuals[index]):
                self._breached_since.pop(index, None)
                continue
            since = self._breached_since.setdefault(index, elapsed)
            if elapsed - since >= self._all[index].abort[1] - SLACK_SECONDS:
                return index
        return None
