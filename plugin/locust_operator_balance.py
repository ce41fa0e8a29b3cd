"""Sees to it that users of workers that left go on elsewhere, whichever way Locust missed that."""

from __future__ import annotations

from typing import Any, Callable

import gevent

from locust_operator_config import guarded

#: Checks in a row for which a worker must run more users than it was given: those that are stopped may still finish.
TOO_MANY_FOR = 4
#: Checks between two distributions for that reason.
REST = 20


class Balance:
    """Starts the distribution of users anew that is due and that Locust has left undone.

    After one distribution Locust takes itself for busy with it for good when
    no user was to be added, and does not distribute the users of workers that
    quit later. It forgets as well those that quit while it waits for reports
    of others. And a worker that it takes for lost meanwhile keeps users that
    others were given too, after it has come back.
    """

    def __init__(self, runner: Any, may_start: Callable[[], bool]) -> None:
        self.runner = runner
        self.may_start = may_start
        self._was_due = False
        self._too_many_for = 0
        self._rest = 0
        self._running: Any = None

    @guarded
    def check(self) -> None:
        """Called every now and then; what is due twice in a row nobody else will do."""
        is_settled = self._is_settled()
        is_due = is_settled and self._is_pending()
        self._too_many_for = self._too_many_for + 1 if is_settled and self._has_too_many() else 0
        self._rest = max(0, self._rest - 1)
        has_too_many = self._too_many_for >= TOO_MANY_FOR and self._rest == 0
        if ((is_due and self._was_due) or has_too_many) and not self._running:
            self._rest = REST if has_too_many else self._rest
            self._running = gevent.spawn(self._distribute)
        self._was_due = is_due

    def _is_settled(self) -> bool:
        is_complete = getattr(self.runner, "spawning_completed", False)
        return bool(is_complete and self.runner.state == "running" and self.may_start())

    def _is_pending(self) -> bool:
        return bool(getattr(getattr(self.runner, "_users_dispatcher", None), "_rebalance", False))

    def _has_too_many(self) -> bool:
        """Whether a worker reports more users than were given to it."""
        given = getattr(getattr(self.runner, "_users_dispatcher", None), "_users_on_workers", {})
        workers = getattr(self.runner, "clients", {})
        return any(
            sum(workers[worker].user_classes_count.values()) > sum(users.values())
            for worker, users in given.items()
            if worker in workers
        )

    @guarded
    def _distribute(self) -> None:
        if self._is_settled():
            self.runner.start(self.runner.target_user_count, self.runner.spawn_rate)
