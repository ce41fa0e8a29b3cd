"""How many workers a run is to have, which may change while it runs, and who of them leaves because of that."""

from __future__ import annotations

import re
from collections.abc import Iterable

#: What Locust calls a worker: its host's name, which ends with the pod's index in its Job, and a random part.
_INDEX = re.compile(r"-(\d+)_[0-9a-f]+$")


class Crew:
    """The workers that are wanted."""

    def __init__(self, wanted: int) -> None:
        self.wanted = wanted
        #: How many there should be by now: those that are still on their way to a larger crew are not missed.
        self.expected = wanted
        #: Whether their number changed during the load.
        self.scaled = False
        self._released: set[str] = set()

    def begin_load(self) -> None:
        """A load begins."""
        self.expected, self.scaled = self.wanted, False

    def resize(self, wanted: int, workers: Iterable[str], loading: bool) -> None:
        """Changes how many are wanted. A Job removes those with the highest indexes first."""
        self.scaled = self.scaled or (loading and wanted != self.wanted)
        self.wanted = wanted
        self.expected = min(self.expected, wanted) if loading else wanted
        self._released |= {worker for worker in workers if self._is_beyond(worker)}

    def note(self, present: int) -> None:
        """So many are connected now."""
        self.expected = min(self.wanted, max(self.expected, present))

    def may_leave(self, worker: str) -> bool:
        """Whether a worker leaves, or has left, because fewer are wanted."""
        return worker in self._released

    def _is_beyond(self, worker: str) -> bool:
        index = _INDEX.search(worker)
        return index is not None and int(index[1]) >= self.wanted
