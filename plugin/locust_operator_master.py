"""The master's side: follows one run, leaves its report where kubelet finds it and ends the process in time."""

from __future__ import annotations

import logging
import os
import signal
import time
from typing import Any, Callable

import gevent
from locust.rpc import Message

import locust_operator_snapshot as snapshot
from locust_operator_balance import Balance
from locust_operator_config import EXIT_BY_SIGTERM, Config, guarded
from locust_operator_crew import Crew
from locust_operator_listener import Commands, Listener
from locust_operator_load import CUT_SHORT, STOPPED_BY_PLUGIN, Load, callers, unix_ms
from locust_operator_report import build_report, metrics_text, number
from locust_operator_thresholds import CHECK_SECONDS
from locust_operator_watch import Watch

logger = logging.getLogger("locust_operator")

EXIT_CUT_SHORT = 3
SUMMARY_LIMIT = 64 * 1024
SAMPLE_SECONDS = 0.5
#: How many times its own processor time a repeated action leaves to the rest of the master.
REST_FACTOR = 20
#: How long after the stop timeout a worker may take to report back: one without processor time is slow, not lost.
RETURN_SECONDS = 10.0
#: For how long a worker that is not heard of may still come back, in Locust's missed heartbeats of one second.
SILENT_HEARTBEATS = 15


def write_message(content: bytes) -> None:
    """Replaces the termination message in place: the file is a bind mount, so it cannot be renamed over."""
    path = os.environ.get("TERMINATION_LOG", "/dev/termination-log")
    file = os.open(path, os.O_RDWR)
    try:
        # one write covers the old content, so that a kill right after it leaves no half of an older report
        padding = max(0, os.fstat(file).st_size - len(content))
        os.pwrite(file, content + b"\n" * padding, 0)
        os.ftruncate(file, len(content))
    finally:
        os.close(file)


class MasterSide:
    """Listeners of the master process."""

    def __init__(
        self, config: Config, environment: Any, web_ui: Any, resolution: int, entry_files: list[str] | None
    ) -> None:
        self.config = config
        self.environment = environment
        self.runner = environment.runner
        self.web_ui = web_ui
        self.resolution = resolution
        self.entry_files = entry_files
        self.crew = Crew(config.expect_workers)
        self.balance = Balance(self.runner, lambda: not self._is_ending())
        self.load: Load | None = None
        self.state = "waiting"
        self.reason: str | None = None
        self.asked_reason: str | None = None
        self.exit_code: int | None = None
        self.exit_by: str | None = None
        self.final = False
        self.pins: snapshot.FilePins | None = None
        self.scrapes = 0
        self.told_unwritable = False
        self.known_workers: set[str] = set()
        #: Whether some had fallen silent when the load stopped; those that were only starved come back after it.
        self.had_silent_workers = False
        self.numbers: dict[str, Any] | None = None
        self.ending: Any = None
        self.watch = Watch(config.thresholds, self.runner)
        #: Index of the threshold that ended the load.
        self.abort: int | None = None

    def listen(self) -> None:
        """Registers the listeners and opens the port."""
        events = self.environment.events
        events.test_start.add_listener(self.on_test_start)
        events.spawning_complete.add_listener(self.on_spawning_complete)
        events.test_stopping.add_listener(self.on_test_stopping)
        events.test_stop.add_listener(self.on_test_stop)
        self.watch.listen(events)
        self._hold_back_late_spawns()
        # `quitting` fires in reverse: the handler added last sees the load still running, and the one put first
        # runs after the runner has collected the last numbers and after user code has chosen its exit code
        events.quitting.add_listener(self.on_quitting_begins)
        events.quitting._handlers.insert(0, self.on_quitting_ends)
        events.quit.add_listener(self.on_quit)
        self._name_files()
        if self.environment.parsed_options.headless:
            # Locust listens for SIGTERM only after the start phase, which in headless mode can last the whole run
            gevent.signal_handler(signal.SIGTERM, self.on_headless_sigterm)
            quit_at_once = self.runner.quit
            self.runner.quit = lambda: self._quit_with_all_numbers(quit_at_once)
        commands = Commands(stop=self.on_stop_request, scale=self.on_scale_request)
        Listener(self.config.run_id, self.summary, self.metrics, commands).serve(self.config.listen_port)

    @guarded
    def _name_files(self) -> None:
        files = snapshot.locustfiles(self.environment, self.entry_files)
        self.pins = snapshot.FilePins(files)
        self.pins.refresh()
        if self.entry_files is not None:
            self.environment.parsed_locustfiles = files
        if self.entry_files is not None or (self.environment.locustfile is None and len(files) == 1):
            self.environment.locustfile = os.path.basename(files[0])

    # ---- events ----------------------------------------------------------------------------------

    @guarded
    def on_test_start(self, **_: Any) -> None:
        """Load begins: from now on a report is worth more than the log."""
        self.crew.begin_load()
        self.load = Load(self.crew)
        self.state, self.reason, self.abort = "ramping", None, None
        if self.asked_reason in STOPPED_BY_PLUGIN:
            self.asked_reason = None
        self.watch.begin()
        self._sample()
        if self.pins is not None:
            self.pins.refresh()
        self.checkpoint()
        gevent.spawn(self._every, SAMPLE_SECONDS, self._sample, self.load)
        gevent.spawn(self._every, SAMPLE_SECONDS, self.balance.check, self.load)
        gevent.spawn(self._every, self.config.checkpoint_seconds, self.checkpoint, self.load)
        if self.config.thresholds:
            gevent.spawn(self._every, CHECK_SECONDS, self._check_thresholds, self.load)

    @guarded
    def on_spawning_complete(self, **_: Any) -> None:
        """Catches a peak that would end between two samples."""
        self._sample()
        if self._is_ending():
            # Locust takes a ramp-up that was cut off for a complete one, and gives users to workers that return
            self.runner.update_state("stopping" if self.state == "stopping" else "stopped")

    @guarded
    def on_test_stopping(self, **_: Any) -> None:
        """Decides why the load stops; afterwards the workers are unregistered and look lost."""
        self._end_ramp_up()
        if self.load is None or self.load.end is not None:
            return
        self._sample()
        connected = self._connected()
        self.known_workers = {*connected, *self._silent()}
        self.had_silent_workers = self._missing()
        options = self.environment.parsed_options
        self.reason = self.asked_reason or self.load.why_stopping(
            callers(), getattr(options, "run_time", None), len(connected)
        )
        self.load.finish()
        self.state = "stopping"
        if self.asked_reason in STOPPED_BY_PLUGIN and self.environment.shape_class is not None:
            # the stop kills the shape, which sends Locust's main greenlet to sleep for autoquit before the load ended
            options.autoquit = -1

    @guarded
    def _end_ramp_up(self) -> None:
        """Ends the ramp-up with the load: Locust goes on to its target, and the load with it, even after a stop."""
        dispatcher = getattr(self.runner, "_users_dispatcher", None)
        if dispatcher is not None:
            dispatcher._target_user_count = dispatcher._current_user_count

    @guarded
    def _hold_back_late_spawns(self) -> None:
        """Keeps users of the ramp-up's last step away from workers that were told to stop meanwhile."""
        server = getattr(self.runner, "server", None)
        if server is None:
            return
        send = server.send_to_client
        server.send_to_client = lambda msg: None if msg.type == "spawn" and self._is_ending() else send(msg)

    def _is_ending(self) -> bool:
        return self.load is not None and self.load.end is not None

    @guarded
    def on_test_stop(self, **_: Any) -> None:
        """All users are gone: the process has nothing left to wait for."""
        if self.load is None:
            return
        self.state = "stopped"
        self.checkpoint()
        asked = self.asked_reason in STOPPED_BY_PLUGIN
        if self.ending is None and (asked or self.config.end_after_stop_seconds is not None):
            pause = self.config.end_after_stop_seconds or 0.0
            options = self.environment.parsed_options
            if self.environment.shape_class is not None and getattr(options, "autoquit", -1) != -1:
                # after a shape Locust's main greenlet itself sleeps for autoquit, and nothing can wake it
                options.autoquit = pause + 1
            self.ending = gevent.spawn(self._end_process, self.load, pause)

    @guarded
    def on_quitting_begins(self, **_: Any) -> None:
        """Notices a SIGTERM while the load still runs."""
        if self.ending is not None:
            self.ending.kill(block=False)
        if "sig_term_handler" in callers() and self.asked_reason is None:
            self.asked_reason = "Terminated"
        self._quit_unregistered_workers()

    @guarded
    def on_quitting_ends(self, environment: Any, **_: Any) -> None:
        """Gives the run its last reason, and an exit code when nobody else has one."""
        self.state = "stopped"
        self._settle_reason()
        if environment.process_exit_code is not None:
            self.exit_by = "user"
        elif self.reason in CUT_SHORT and (self.abort is not None or not self._failures()):
            environment.process_exit_code = EXIT_CUT_SHORT
            self.exit_by = "plugin"
        else:
            self.exit_by = "locust"
        # `--json` empties Locust's statistics before the last word
        self.numbers = {**self._numbers(), "endpoints": list(snapshot.endpoints(self.runner.stats))}
        if self.load is not None:
            self.checkpoint()

    @guarded
    def on_quit(self, exit_code: int | None = None, **_: Any) -> None:
        """The last word, with the exit code."""
        self._finish(exit_code, self.exit_by)

    # ---- stop from outside -------------------------------------------------------------------------

    def on_stop_request(self) -> None:
        """A stop by the operator: graceful, and it always ends the process."""
        gevent.spawn(self._stop_run, "StopRequested")

    def on_scale_request(self, workers: int) -> None:
        """The operator is about to change the number of workers."""
        if self.load is None:
            # Locust's start phase looks at it once a second
            self.environment.parsed_options.expect_workers = workers
            self.crew.resize(workers, self._connected(), loading=False)
        elif self.load.end is None:
            self._sample()
            self.load.resize(workers)

    @guarded
    def _stop_run(self, reason: str) -> None:
        if self.load is None:
            self._leave_before_load(reason, EXIT_CUT_SHORT)
            return
        if self.load.end is None:
            self.asked_reason = reason
            self.runner.stop()
        elif self.state == "stopped" and self.ending is None:
            self.ending = gevent.spawn(self._end_process, self.load, 0.0)

    @guarded
    def on_headless_sigterm(self) -> None:
        """SIGTERM in a headless run, maybe beside Locust's own handler, which knows the better way out."""
        if self.load is None:
            self._leave_before_load("Terminated", EXIT_BY_SIGTERM)
        elif self.load.end is None and self.runner.shape_greenlet is not None:
            self.asked_reason = "Terminated"
            self.runner.quit()

    def _leave_before_load(self, reason: str, exit_code: int) -> None:
        """Ends a run whose main greenlet still waits for workers, where nothing else can reach it."""
        self.reason, self.state = reason, "stopped"
        self._finish(exit_code, "plugin")
        self.runner.quit()
        gevent.kill(gevent.get_hub().parent, SystemExit(exit_code))

    @guarded
    def _check_thresholds(self) -> None:
        """Ends the load when a threshold was breached for long enough."""
        if self.load is None or self.load.end is not None or self.asked_reason is not None:
            return
        self.abort = self.watch.ends_run(self.load)
        if self.abort is not None:
            logger.warning("locust-operator: threshold %s is breached, the load is stopped", self.abort)
            self._stop_run("ThresholdAbort")

    # ---- end of the process ------------------------------------------------------------------------

    def _quit_with_all_numbers(self, quit_at_once: Callable[[], None]) -> None:
        """Ends a headless load like any other: workers stop and report, and then they are told to quit.

        Locust tells them to quit at once and waits half a second, which
        loses what a busy worker reports later and cuts off the stop timeout.
        """
        self._stop_and_collect()
        quit_at_once()

    @guarded
    def _stop_and_collect(self) -> None:
        if self.load is not None and self.load.end is None and self.asked_reason != "Terminated":
            self.runner.stop()
            self._wait_for_workers()

    def _wait_for_workers(self) -> None:
        """Until the workers listen again: a `quit` sent before reaches nobody, and they would hang for 60 s."""
        deadline = time.monotonic() + (self.environment.stop_timeout or 0) + RETURN_SECONDS
        while self.known_workers - set(self._connected("ready")) and time.monotonic() < deadline:
            gevent.sleep(0.1)

    @guarded
    def _end_process(self, load: Load, pause: float) -> None:
        self._wait_for_workers()
        gevent.sleep(pause)
        if self.load is not load:
            # somebody started a new test from the web UI in the meantime
            self.ending = None
            return
        self._quit_unregistered_workers()
        self.runner.quit()
        if self.web_ui is not None:
            self.web_ui.stop()

    @guarded
    def _quit_unregistered_workers(self) -> None:
        """Tells workers to quit that Locust has forgotten between their stop and their return."""
        if not hasattr(self.runner, "clients"):
            return
        for worker in self.known_workers - set(self.runner.clients):
            self.runner.server.send_to_client(Message("quit", None, worker))

    # ---- report ------------------------------------------------------------------------------------

    def _settle_reason(self) -> None:
        if self.load is None:
            self.reason = self.asked_reason or "NeverStarted"
            return
        self.load.finish()
        nothing_sent = self.runner.stats.total.num_requests == 0
        # workers that all leave without a request stopped themselves, as they do when no host is set
        all_left = self.reason == "WorkersLost" and not self.had_silent_workers
        if nothing_sent and (self.reason == "RunTimeReached" or all_left):
            self.reason = "NoRequests"

    def _failures(self) -> bool:
        """Whether Locust has a reason of its own for its exit code."""
        return bool(self.runner.errors or self.runner.exceptions)

    def _missing(self) -> bool:
        return bool(getattr(getattr(self.runner, "clients", None), "missing", None))

    def _silent(self) -> list[str]:
        """Workers that missed some heartbeats: they may be gone, or only starved."""
        missing = getattr(getattr(self.runner, "clients", None), "missing", [])
        return [client.id for client in missing if client.heartbeat > -SILENT_HEARTBEATS]

    def _connected(self, *states: str) -> list[str]:
        clients = getattr(self.runner, "clients", None)
        if clients is None:
            return ["local"]
        wanted = states or ("ready", "spawning", "running")
        return [client.id for client in clients.values() if client.state in wanted]

    @guarded
    def _sample(self) -> None:
        if self.load is not None and self.load.end is None:
            self.load.sample(self.runner.user_count, self._connected())

    def _every(self, seconds: float, action: Callable[[], None], load: Load) -> None:
        pause = 0.0
        while not self.final and self.load is load:
            gevent.sleep(max(seconds, pause))
            if not self.final and self.load is load:
                begin = time.thread_time()
                action()
                pause = REST_FACTOR * (time.thread_time() - begin)

    def _state(self) -> str:
        if self.state == "ramping" and self.runner.state == "running":
            return "running"
        return self.state

    def _target_users(self) -> int | None:
        if self.environment.shape_class is not None:
            return None
        if self.load is not None:
            return self.runner.target_user_count
        return getattr(self.environment.parsed_options, "num_users", None)

    def _numbers(self) -> dict[str, Any]:
        """What Locust counted."""
        stats = self.runner.stats
        return {
            "totals": snapshot.totals(self.runner),
            "endpoints": snapshot.endpoints(stats),
            "endpoint_count": len(stats.entries),
            "errors": snapshot.errors(stats),
            "actuals": self.watch.actuals(self.load),
        }

    def report(self, limit: int) -> bytes:
        """The report as of now."""
        load, state = self.load, self._state()
        numbers = self.numbers or self._numbers()
        run = {
            "v": 1,
            "run": self.config.run_id,
            "final": self.final,
            "state": state,
            "reason": self.reason,
            "exit": self.exit_code,
            "exitBy": self.exit_by if self.final else None,
            "start": load.start if load else None,
            "end": load.end if load else None,
            "now": unix_ms(),
            "users": self.runner.user_count,
            "peakUsers": load.peak_users if load else 0,
            "targetUsers": self._target_users(),
            "workers": len(self._connected()),
            "peakWorkers": load.peak_workers if load else 0,
            "minWorkers": load.min_workers if load else None,
            "lost": len(load.lost) if load else 0,
            "wanted": self.crew.wanted,
            **({"avgWorkers": number(load.average_workers())} if load else {}),
            **({"avgWanted": number(load.average_expected())} if load and self.crew.scaled else {}),
            **self.watch.processors(),
            **({} if self.abort is None else {"abort": self.abort}),
            **numbers["totals"],
            "res": self.resolution,
            "cur": snapshot.current(self.runner, generating=state in ("ramping", "running")),
        }
        files = self.pins.hashes if self.pins is not None else {}
        return build_report(
            run,
            snapshot.versions(),
            files,
            numbers["endpoints"],
            numbers["endpoint_count"],
            numbers["errors"],
            limit,
            numbers["actuals"],
        )

    def summary(self) -> bytes:
        """What GET /summary answers."""
        return self.report(SUMMARY_LIMIT)

    def metrics(self) -> str:
        """What GET /metrics answers."""
        self.scrapes += 1
        return metrics_text(*snapshot.metrics(self.runner, self._state()), self.scrapes)

    @guarded
    def checkpoint(self) -> None:
        """Leaves the report for kubelet, so that even a killed master has one."""
        try:
            write_message(self.report(self.config.message_limit))
        except OSError as error:
            if not self.told_unwritable:
                self.told_unwritable = True
                logger.warning("locust-operator: the report cannot be written: %s", error)

    def _finish(self, exit_code: int | None, exit_by: str | None) -> None:
        if not self.final:
            self.final, self.exit_code, self.exit_by = True, exit_code, exit_by
            self.checkpoint()
