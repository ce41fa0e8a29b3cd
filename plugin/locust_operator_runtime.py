"""Start-up of the plugin, whichever file Locust loads it through."""

from __future__ import annotations

import os
import signal
from typing import Any

from locust import events
from locust.runners import WorkerRunner

import locust_operator_master
import locust_operator_snapshot
import locust_operator_worker
from locust_operator_config import EXIT_BY_SIGTERM, Config, config, guarded, is_worker

#: What the entry file found; set once, because Locust may execute the entry file again.
entry_classes: dict[str, type] | None = None
#: The user's locustfiles when the entry file found them; None when they stand in Locust's own ``-f``.
entry_files: list[str] | None = None
_started = False


def end_on_early_sigterm() -> None:
    """Makes SIGTERM end the process until Locust has its own handler.

    As process 1 of a container Python ignores a SIGTERM nobody handles, and
    the pod would hang for its whole grace period.
    """
    if config() is not None:
        signal.signal(signal.SIGTERM, lambda *_: os._exit(EXIT_BY_SIGTERM))


def wait_for_master() -> None:
    """On a worker: blocks until the master listens."""
    settings = config()
    if settings is not None and is_worker() and settings.master_host:
        locust_operator_worker.wait_for_master(
            settings.master_host, settings.master_port, settings.start_deadline_seconds
        )


def start(files: list[str] | None = None) -> None:
    """Arms the plugin once per process; does nothing outside the operator's pods."""
    global _started, entry_files
    if _started or config() is None:
        return
    _started = True
    entry_files = files
    end_on_early_sigterm()
    wait_for_master()
    _listen_for_init(config())


@guarded
def _listen_for_init(settings: Config) -> None:
    resolution = locust_operator_snapshot.use_three_digit_buckets()

    @guarded
    def on_init(environment: Any, runner: Any, web_ui: Any = None, **_: Any) -> None:
        # the runner decides, not TEST_ROLE: `--processes` forks workers out of a master
        if isinstance(runner, WorkerRunner):
            locust_operator_worker.WorkerSide(settings, environment).listen()
        else:
            locust_operator_master.MasterSide(settings, environment, web_ui, resolution, entry_files).listen()

    events.init.add_listener(on_init)
