"""Starts Locust as the operator's pods do, on loopback, and reads what they leave behind."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

PLUGIN = Path(__file__).resolve().parent.parent
LOCUST = Path(sys.executable).parent / "locust"
RUN_ID = "run-0815"

#: Locust takes a worker for lost that is silent for three seconds. On a busy machine that is a false alarm.
PATIENCE = """
import locust.runners
locust.runners.HEARTBEAT_LIVENESS = 30
"""
IMPATIENT_LOCUSTFILE = """
import os
from locust import HttpUser, constant, task

class Visitor(HttpUser):
    wait_time = constant(0.05)

    def on_start(self):
        self.client.headers["X-Run-Id"] = os.environ["TEST_RUN_ID"]

    @task
    def home(self):
        self.client.get("/home")
"""
LOCUSTFILE = PATIENCE + IMPATIENT_LOCUSTFILE


def free_ports(count: int) -> list[int]:
    """Ports nobody listens on; they are all held at once so that none is given twice."""
    held = [socket.socket() for _ in range(count)]
    for one in held:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in held]
    for one in held:
        one.close()
    return ports


def eventually(check, seconds: float = 40.0, what: str = "the condition"):
    """The first true answer of `check`."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        answer = check()
        if answer:
            return answer
        time.sleep(0.05)
    raise AssertionError(f"{what} did not happen within {seconds} s")


class Target:
    """A web server that counts requests by run; /fail* answers 500, /slow/<ms> takes its time."""

    def __init__(self) -> None:
        self.counts: dict[str, int] = {}
        lock = threading.Lock()
        counts = self.counts

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                slow = re.match(r"/slow/(\d+)", self.path)
                if slow:
                    time.sleep(int(slow.group(1)) / 1000)
                run = self.headers.get("X-Run-Id", "none")
                with lock:
                    counts[run] = counts.get(run, 0) + 1
                self.send_response(500 if self.path.startswith("/fail") else 200)
                self.send_header("Content-Length", "2")
                self.end_headers()
                with contextlib.suppress(OSError):
                    self.wfile.write(b"ok")

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        # clients that are killed in a request are part of the tests
        self.server.handle_error = lambda *_: None
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


class Process:
    """One Locust process."""

    def __init__(self, name: str, arguments: list[str], cwd: Path, env: dict[str, str], logs: Path) -> None:
        self.name = name
        self.log_file = logs / f"{name}.log"
        self.log_stream = self.log_file.open("wb")
        self.popen = subprocess.Popen(
            arguments, cwd=cwd, env=env, stdin=subprocess.DEVNULL, stdout=self.log_stream, stderr=subprocess.STDOUT
        )

    def log(self) -> str:
        return self.log_file.read_text(errors="replace")

    def wait(self, seconds: float = 40.0) -> int:
        try:
            return self.popen.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.name} still runs after {seconds} s:\n{self.log()}") from None

    def signal(self, number: int) -> None:
        self.popen.send_signal(number)

    def logged(self, text: str, seconds: float = 40.0) -> None:
        eventually(lambda: text in self.log(), seconds, f"{text!r} in the log of {self.name}:\n{self.log()}")


class Lines:
    """A report, parsed as the operator parses it: every complete line counts."""

    def __init__(self, content: bytes) -> None:
        self.size = len(content)
        self.all = []
        for line in content.split(b"\n"):
            try:
                self.all.append(json.loads(line))
            except ValueError:
                continue

    def __getitem__(self, kind: str) -> list[dict]:
        return [line for line in self.all if line["k"] == kind]

    @property
    def run(self) -> dict:
        return self.all[0]


class Cluster:
    """One run: a mount with the plugin, a mount with the test, a master and workers."""

    def __init__(self, root: Path, target: Target) -> None:
        self.target = target
        self.run_id = f"{RUN_ID}-{root.name}"
        self.root, self.src, self.mount, self.logs = root, root / "src", root / "operator", root / "logs"
        for directory in (self.src, self.mount, self.logs):
            directory.mkdir()
        # a ConfigMap is mounted as links into a directory that changes
        (self.mount / "..data").mkdir()
        for file in PLUGIN.glob("locust_operator_*.py"):
            shutil.copy(file, self.mount / "..data")
            (self.mount / file.name).symlink_to(Path("..data") / file.name)
        self.port, self.listen_port, self.web_port = free_ports(3)
        self.message_file = root / "termination-log"
        self.message_file.touch()
        self.processes: list[Process] = []
        self.configure()
        self.write("locustfile.py", LOCUSTFILE)

    def configure(self, **changes) -> None:
        values = {
            "v": 1,
            "runId": self.run_id,
            "test": "team/shop",
            "masterHost": "127.0.0.1",
            "masterPort": self.port,
            "listenPort": self.listen_port,
            "expectWorkers": 2,
            "startDeadlineSeconds": 20,
            "messageLimit": 2048,
            "checkpointSeconds": 0.5,
            "endAfterStopSeconds": 0.5,
            "thresholds": [],
            "somethingNew": {},
        }
        (self.mount / "config.json").write_text(json.dumps({**values, **changes}))

    def write(self, name: str, text: str) -> Path:
        file = self.src / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return file

    def files(self, *names: str) -> list[str]:
        """The -f flag as the operator writes it when it knows the user's file."""
        return ["-f", ",".join([*(names or ["locustfile.py"]), str(self.mount / "locust_operator_plugin.py")])]

    def entry(self) -> list[str]:
        """The -f flag as the operator writes it when it does not."""
        return ["-f", str(self.mount / "locust_operator_entry.py")]

    def _start(self, role: str, arguments: list[str], env: dict[str, str]) -> Process:
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("LOCUST_", "TEST_", "PYTEST_"))}
        environment = {
            **clean,
            "HOME": str(self.root),
            "PYTHONUNBUFFERED": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
            "TEST_ROLE": role,
            "TEST_RUN_ID": self.run_id,
            "TERMINATION_LOG": str(self.message_file),
            **env,
        }
        name = f"{role}-{len(self.processes)}"
        process = Process(name, [str(LOCUST), *arguments], self.src, environment, self.logs)
        self.processes.append(process)
        return process

    def master(
        self,
        *extra: str,
        files: list[str] | None = None,
        workers: int = 2,
        run_time: str | None = "3s",
        headless: bool = False,
        autostart: bool = True,
        host: bool = True,
        env: dict[str, str] | None = None,
    ) -> Process:
        arguments = [*(files or self.files()), "--master", f"--master-bind-port={self.port}", "--only-summary"]
        arguments += ["--enable-rebalancing", "-u", "4", "-r", "20", "--master-bind-host", "127.0.0.1"]
        if headless:
            arguments += ["--headless"]
        else:
            arguments += ["--web-host", "127.0.0.1", "--web-port", str(self.web_port)]
        if headless or autostart:
            arguments += ["--expect-workers", str(workers), "--expect-workers-max-wait", "20"]
        if autostart and not headless:
            arguments += ["--autostart", "--autoquit", "60"]
        if run_time is not None:
            arguments += ["-t", run_time]
        if host:
            arguments += ["-H", self.target.url]
        return self._start("master", [*arguments, *extra], env or {})

    def worker(self, *extra: str, files: list[str] | None = None, env: dict[str, str] | None = None) -> Process:
        arguments = [*(files or self.files()), "--worker", "--master-host=127.0.0.1", f"--master-port={self.port}"]
        return self._start("worker", [*arguments, *extra], env or {})

    def both(self, **master) -> tuple[Process, Process, Process]:
        """A master and its two workers."""
        files = master.get("files")
        return self.master(**master), self.worker(files=files), self.worker(files=files)

    def message(self) -> Lines:
        return Lines(self.message_file.read_bytes())

    def final(self) -> dict:
        """Line 1 of the last word."""
        run = self.message().run
        assert run["final"] is True, run
        assert run["state"] == "stopped"
        return run

    def http(
        self,
        path: str,
        method: str = "GET",
        token: str | None = None,
        port: int | None = None,
        body: bytes | None = None,
    ):
        """Status and body of a request to the plugin's port; None while nobody answers."""
        url = f"http://127.0.0.1:{port or self.listen_port}{path}"
        request = urllib.request.Request(url, body, method=method, headers={"Authorization": token} if token else {})
        try:
            with urllib.request.urlopen(request, timeout=5) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()
        except OSError:
            return None

    def summary(self) -> dict | None:
        answer = self.http("/summary")
        return Lines(answer[1]).run if answer and answer[0] == 200 else None

    def until(self, seconds: float = 40.0, **wanted) -> dict:
        """The first summary whose values are at least (numbers) or equal to (anything else) the wanted ones."""

        def matches():
            run = self.summary()
            if run is None:
                return None
            return all(run[k] >= v if type(v) is int else run[k] == v for k, v in wanted.items()) and run

        return eventually(matches, seconds, f"a summary with {wanted}")

    def close(self) -> None:
        for process in self.processes:
            if process.popen.poll() is None:
                process.popen.send_signal(signal.SIGKILL)
            process.popen.wait()
            process.log_stream.close()
