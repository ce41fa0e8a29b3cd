"""Sees to it that users of workers that left go on elsewhere, whichever way Locust missed that."""

from __future__ import annotations

from typing import Any, Callable

import gevent

from locust_operator_config import guarded


class Balance:
    """Starts the distribution of users anew that Locust has noted as due and left undone.

    After one distribution Locust takes itself for busy with it for good when
    no user was to be added, and does not distribute the users of workers that
    quit later. It forgets as well those that quit while it waits for reports
    of others.
    """

    def __init__(self, runner: Any, may_start: Callable[[], bool]) -> None:
        self.runner = runner
        self.may_start = may_start
        self._was_due = False
        self._running: Any = None

    @guarded
    def check(self) -> None:
        """Called every now and then; what is due twice in a row nobody else will do."""
        is_due = self._is_due()
        if is_due and self._was_due and not self._running:
            self._running = gevent.spawn(self._distribute)
        self._was_due = is_due

    def _is_due(self) -> bool:
        dispatcher = getattr(self.runner, "_users_dispatcher", None)
        return bool(
            getattr(dispatcher, "_rebalance", False)
            and getattr(self.runner, "spawning_completed", False)
            and self.runner.state == "running"
            and self.may_start()
        )

    @guarded
    def _distribute(self) -> None:
        if self._is_due():
            self.runner.start(self.runner.target_user_count, self.runner.spawn_rate)
