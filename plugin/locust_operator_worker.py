"""The worker's side: waits for the master, and tells the Job controller an eviction from a normal end."""

from __future__ import annotations

import os
import socket
import sys
import time
from typing import Any

import gevent

import locust_operator_cpu as cpu
from locust_operator_config import EXIT_BY_SIGTERM, Config, guarded

CONNECT_TIMEOUT_SECONDS = 1.0
PAUSE_SECONDS = 0.2
SILENT_SECONDS = 3.0
#: Locust adds this to the stop timeout it sleeps after a stop.
EXTRA_WAIT_VARIABLE = "LOCUST_WORKER_ADDITIONAL_WAIT_BEFORE_READY_AFTER_STOP"
#: What a worker says of users it starts.
SPAWN_MESSAGES = frozenset({"spawning", "spawning_complete"})


def wait_for_master(host: str, port: int, deadline_seconds: float) -> None:
    """Blocks until host:port accepts a connection; exits 1 after the deadline.

    Locust's own socket backs off for minutes when its first packets are
    dropped; a fresh attempt every second does not.
    """
    begin = time.monotonic()
    told = False
    while True:
        error = _connect_once(host, port)
        waited = time.monotonic() - begin
        if error is None:
            if told:
                sys.stderr.write(f"locust-operator: master {host}:{port} answered after {waited:.0f} s\n")
            return
        if waited >= deadline_seconds:
            sys.stderr.write(
                f"locust-operator: gave up, master {host}:{port} did not answer within"
                f" {deadline_seconds:.0f} s (last error: {error})\n"
            )
            sys.exit(1)
        if waited > SILENT_SECONDS and not told:
            told = True
            sys.stderr.write(f"locust-operator: waiting for master {host}:{port} ({error})\n")
        time.sleep(PAUSE_SECONDS)


def _connect_once(host: str, port: int) -> str | None:
    """None when the port accepted, else why not."""
    # the outer limit is for name resolution, which has no timeout of its own
    limit = gevent.Timeout(3 * CONNECT_TIMEOUT_SECONDS)
    limit.start()
    try:
        socket.create_connection((host, port), timeout=CONNECT_TIMEOUT_SECONDS).close()
        return None
    except OSError as error:
        return str(error)
    except gevent.Timeout as timeout:
        if timeout is not limit:
            raise
        return "no answer in time"
    finally:
        limit.close()


class WorkerSide:
    """Listeners of one worker process."""

    def __init__(self, config: Config, environment: Any) -> None:
        self.config = config
        self.environment = environment
        self.evicted = False
        self.user_set_extra_wait = EXTRA_WAIT_VARIABLE in os.environ
        self.meter: cpu.Meter | None = None
        self.measuring = False

    def listen(self) -> None:
        """Registers the listeners."""
        events = self.environment.events
        # Locust fires `quitting` in reverse: the first handler of the list has the last word over the exit code
        events.quitting._handlers.insert(0, self.on_quitting)
        events.quit.add_listener(self.on_quit)
        events.test_start.add_listener(self.on_test_start)
        events.test_stopping.add_listener(self.on_test_stopping)
        events.test_stop.add_listener(self.on_test_stop)
        events.report_to_master.add_listener(self.on_report_to_master)
        # Locust connects before it tells anybody of the runner, and a slow worker may be under load by then
        if getattr(self.environment.runner, "worker_state", None) in ("spawning", "running"):
            self.on_test_start()

    @guarded
    def on_quitting(self, environment: Any, **_: Any) -> None:
        """Marks an end nobody asked the runner for: a `quit` leaves no greenlet of it alive, a SIGTERM leaves all."""
        if len(environment.runner.greenlet) > 0:
            self.evicted = True
            environment.process_exit_code = EXIT_BY_SIGTERM
            self._speak_of_users_no_more(environment.runner.client)

    def _speak_of_users_no_more(self, client: Any) -> None:
        """Keeps a worker that has said goodbye from telling of users it was still given.

        Some versions of Locust's master stop listening to all workers when one
        does that they do not know any more.
        """
        send = client.send
        client.send = lambda message: None if message.type in SPAWN_MESSAGES else send(message)

    @guarded
    def on_quit(self, exit_code: int | None = None, **_: Any) -> None:
        """Insists on the exit code when something set another one after `quitting`."""
        if self.evicted and exit_code != EXIT_BY_SIGTERM:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(EXIT_BY_SIGTERM)

    @guarded
    def on_test_start(self, **_: Any) -> None:
        """Begins to measure its own processor."""
        self.meter = cpu.Meter(cpu.allowed_cores(), time.process_time(), time.monotonic())
        self.measuring = True
        gevent.spawn(self._measure, self.meter)

    def _measure(self, meter: cpu.Meter) -> None:
        while self.measuring and self.meter is meter:
            gevent.sleep(cpu.SAMPLE_SECONDS)
            self._sample(meter)

    @guarded
    def _sample(self, meter: cpu.Meter) -> None:
        if self.measuring and self.meter is meter:
            meter.sample(time.process_time(), time.monotonic())

    @guarded
    def on_test_stopping(self, **_: Any) -> None:
        """Ends the measurement with the load: what stopping users need is their own affair."""
        if self.meter is not None:
            self._sample(self.meter)
        self.measuring = False

    @guarded
    def on_report_to_master(self, data: dict[str, Any], **_: Any) -> None:
        """Tells the master how busy this worker's processor was."""
        if self.meter is not None:
            data[cpu.REPORT_KEY] = self.meter.report()

    @guarded
    def on_test_stop(self, environment: Any, **_: Any) -> None:
        """Hands over the last numbers, and lets the worker report back at once after a stop.

        Locust keeps them for its next report, up to 3 s later, or until a
        `quit`, for whose answer the master waits half a second. And it sleeps
        the whole stop timeout first, unreachable for the master's `quit`,
        although its users are gone already.
        """
        self._send_numbers(environment)
        if self.config.end_after_stop_seconds is not None and not self.user_set_extra_wait:
            os.environ[EXTRA_WAIT_VARIABLE] = str(-int(environment.stop_timeout or 0))

    @guarded
    def _send_numbers(self, environment: Any) -> None:
        environment.runner._send_stats()
