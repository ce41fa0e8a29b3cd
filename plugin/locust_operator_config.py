"""The run's configuration, and the rule that the plugin never harms a test."""

from __future__ import annotations

import functools
import json
import logging
import os
import signal
import sys
from dataclasses import dataclass
from typing import Any, Callable

logger = logging.getLogger("locust_operator")

HERE = os.path.dirname(os.path.abspath(__file__))
EXIT_BY_SIGTERM = 128 + signal.SIGTERM


@dataclass(frozen=True)
class Config:
    """The run as the operator describes it in config.json."""

    run_id: str
    test: str = ""
    master_host: str = ""
    master_port: int = 5557
    listen_port: int = 9646
    expect_workers: int = 1
    start_deadline_seconds: float = 300
    message_limit: int = 2048
    checkpoint_seconds: float = 5
    #: None when the user asked for Locust's autoquit: then Locust alone ends the process.
    end_after_stop_seconds: float | None = None
    #: As they stand in the file: one that cannot be read must not cost the others.
    thresholds: tuple[Any, ...] = ()

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Config:
        """Reads the operator's keys; a key that is missing keeps its default, one that is unknown is ignored."""
        end_after = data.get("endAfterStopSeconds")
        return cls(
            run_id=str(data["runId"]),
            test=str(data.get("test", "")),
            master_host=str(data.get("masterHost", "")),
            master_port=int(data.get("masterPort", cls.master_port)),
            listen_port=int(data.get("listenPort", cls.listen_port)),
            expect_workers=int(data.get("expectWorkers", cls.expect_workers)),
            start_deadline_seconds=float(data.get("startDeadlineSeconds", cls.start_deadline_seconds)),
            message_limit=int(data.get("messageLimit", cls.message_limit)),
            checkpoint_seconds=max(0.1, float(data.get("checkpointSeconds", cls.checkpoint_seconds))),
            end_after_stop_seconds=None if end_after is None else float(end_after),
            thresholds=tuple(data.get("thresholds") or ()),
        )


def guarded(function: Callable[..., Any]) -> Callable[..., Any]:
    """Keeps a fault of the plugin out of the run: Locust exits 2 when a listener raises."""

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except Exception:
            logger.exception("locust-operator: %s failed, the test goes on", function.__qualname__)
            return None

    return call


def is_worker() -> bool:
    """Whether the operator started this process as a worker; TEST_ROLE may be a variable of the user's own."""
    return "--worker" in sys.argv


@functools.cache
def config() -> Config | None:
    """The configuration beside this file, or None outside the operator's pods."""
    path = os.path.join(HERE, "config.json")
    if not os.path.exists(path):
        return None
    try:
        with open(path, encoding="utf-8") as file:
            return Config.from_json(json.load(file))
    except Exception as error:
        sys.stderr.write(f"locust-operator: {path} is not usable, the test goes on without the plugin: {error!r}\n")
        return None
