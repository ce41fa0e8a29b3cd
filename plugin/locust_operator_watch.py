"""What the master draws from its workers' reports beside Locust's statistics: thresholds, and their processors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import locust_operator_snapshot as snapshot
from locust_operator_config import guarded
from locust_operator_cpu import REPORT_KEY, of_all
from locust_operator_load import Load
from locust_operator_thresholds import Pair, Thresholds


class Watch:
    """Follows the thresholds and the workers' processors through one load after the other."""

    def __init__(self, raw: Sequence[Any], runner: Any) -> None:
        self._count = len(raw)
        self._runner = runner
        self._thresholds = Thresholds(raw)
        #: What a worker said last, by client id.
        self._processors: dict[str, dict[str, Any]] = {}

    def listen(self, events: Any) -> None:
        """Registers the listeners."""
        events.worker_report.add_listener(self.on_processor)
        if self._count:
            events.worker_report.add_listener(self.on_numbers)

    def begin(self) -> None:
        """A load begins, with empty statistics."""
        self._processors.clear()
        self._thresholds.begin()

    @guarded
    def on_processor(self, client_id: str, data: dict[str, Any], **_: Any) -> None:
        """Keeps what a worker says of its processor."""
        report = data.get(REPORT_KEY)
        if isinstance(report, dict):
            self._processors[client_id] = report

    @guarded
    def on_numbers(self, data: dict[str, Any], **_: Any) -> None:
        """Takes in what a worker counted since its last report."""
        self._thresholds.add(data["stats"], data["stats_total"]["num_requests"])

    def processors(self) -> dict[str, int]:
        """What line 1 says of the workers' processors."""
        return of_all(self._processors)

    def ends_run(self, load: Load) -> int | None:
        """The threshold that ends the load now; to be asked once per check."""
        elapsed = load.elapsed()
        due = self._thresholds.due(elapsed)
        return self._thresholds.ends_run(self._actuals(due, anew=False), elapsed) if due else None

    def actuals(self, load: Load | None) -> list[Pair | None]:
        """The actuals of all thresholds, which a fault may cost but not the rest of the report."""
        over = load is None or load.end is not None
        # sums of reports are for the load itself: what is said last comes from Locust's own numbers
        return self._all_actuals(anew=over) or [None] * self._count

    @guarded
    def _all_actuals(self, anew: bool) -> list[Pair | None]:
        return self._actuals(None, anew) if self._count else []

    def _actuals(self, wanted: list[int] | None, anew: bool) -> list[Pair | None]:
        stats = self._runner.stats
        self._thresholds.keep_step(snapshot.rows(stats), stats.total.num_requests, anew)
        return self._thresholds.actuals(snapshot.total_row(stats), snapshot.measured_seconds(stats), wanted)
