"""How runs end, what they leave in the termination message and what the port answers meanwhile."""

from __future__ import annotations

import hashlib
import signal
import socket
import time

import pytest

from harness import IMPATIENT_LOCUSTFILE, LOCUSTFILE, Lines, eventually

pytestmark = pytest.mark.process

FAILING = LOCUSTFILE + '\n    @task\n    def broken(self):\n        self.client.get("/fail")\n'


@pytest.mark.compat
def test_success(cluster):
    master, *workers = cluster.both(run_time="6s")
    running = cluster.until(state="running", n=10)
    assert (running["final"], running["end"], running["exit"]) == (False, None, None)
    assert master.wait() == 0
    assert [worker.wait(5) for worker in workers] == [0, 0]

    run = cluster.final()
    assert (run["reason"], run["exit"], run["exitBy"]) == ("RunTimeReached", 0, "locust")
    assert (run["peakUsers"], run["targetUsers"]) == (4, 4)
    assert (run["peakWorkers"], run["minWorkers"], run["lost"]) == (2, 2, 0)
    assert run["n"] <= cluster.target.counts[cluster.run_id] <= run["n"] + 4
    assert run["res"] == 3
    assert 5900 <= run["end"] - run["start"] <= 7000
    message = cluster.message()
    assert message["ep"][0]["name"] == "/home"
    assert message["ep"][0]["n"] == run["n"]
    assert message["pin"][0]["files"] == {"locustfile.py": hashlib.sha256(LOCUSTFILE.encode()).hexdigest()}


@pytest.mark.compat
def test_failed_requests_are_locusts_exit_code(cluster):
    cluster.write("locustfile.py", FAILING)
    master, *workers = cluster.both()
    assert master.wait() == 1
    assert [worker.wait(5) for worker in workers] == [0, 0]
    run = cluster.final()
    assert (run["reason"], run["exit"], run["exitBy"]) == ("RunTimeReached", 1, "locust")
    assert run["f"] > 0
    error = cluster.message()["err"][0]
    assert (error["m"], error["name"], error["n"]) == ("GET", "/fail", run["f"])
    assert "500" in error["msg"]


@pytest.mark.compat
def test_import_error_leaves_the_message_to_the_log(cluster):
    cluster.write("locustfile.py", "import no_such_module\n")
    master = cluster.master()
    assert master.wait() == 1
    assert cluster.message_file.read_bytes() == b""
    assert "no_such_module" in master.log()


def test_waiting_for_workers_leaves_the_message_to_the_log(cluster):
    master = cluster.master("--expect-workers-max-wait", "2", workers=1)
    waiting = cluster.until(state="waiting")
    assert (waiting["start"], waiting["minWorkers"], waiting["workers"]) == (None, None, 0)
    assert master.wait() == 1
    assert cluster.message_file.read_bytes() == b""


@pytest.mark.compat_long
@pytest.mark.parametrize("headless", [False, True], ids=["web", "headless"])
def test_sigterm_of_the_master(cluster, headless):
    master, *workers = cluster.both(run_time="60s", headless=headless)
    cluster.until(state="running", n=10)
    master.signal(signal.SIGTERM)
    assert master.wait(6) == 0
    assert [worker.wait(6) for worker in workers] == [0, 0]
    run = cluster.final()
    assert (run["reason"], run["exit"]) == ("Terminated", 0)
    # requests that were under way are not waited for
    assert run["n"] <= cluster.target.counts[cluster.run_id] <= run["n"] + 4
    assert run["lost"] == 0


@pytest.mark.parametrize("headless", [False, True], ids=["web", "headless"])
def test_sigterm_of_a_master_that_waits(cluster, headless):
    master, worker = cluster.master(workers=2, headless=headless), cluster.worker()
    cluster.until(state="waiting", workers=1)
    time.sleep(0.3)
    master.signal(signal.SIGTERM)
    code = master.wait(6)
    assert worker.wait(6) == 0
    run = cluster.final()
    assert (run["reason"], run["exit"], run["start"]) == ("Terminated", code, None)


@pytest.mark.compat_long
def test_sigterm_of_a_worker(cluster):
    master, evicted, kept = cluster.both(run_time="60s")
    cluster.until(state="running", n=10)
    evicted.signal(signal.SIGTERM)
    assert evicted.wait(6) == 143
    # else the two that are waited for below may be those of before
    cluster.until(workers=1)
    replacement = cluster.worker()
    cluster.until(workers=2)
    assert cluster.http("/stop", "POST", token=f"Bearer {cluster.run_id}")[0] == 202
    assert master.wait() == 3
    assert [kept.wait(5), replacement.wait(5)] == [0, 0]
    run = cluster.final()
    assert (run["lost"], run["minWorkers"], run["peakWorkers"]) == (1, 1, 2)


def test_evicted_worker_says_so_even_when_user_code_says_fine(cluster):
    # the documented way to choose an exit code also runs on workers
    cluster.write(
        "locustfile.py",
        LOCUSTFILE
        + """
from locust import events

@events.quitting.add_listener
def choose(environment, **_):
    environment.process_exit_code = 0
""",
    )
    master, evicted, kept = cluster.both(run_time="3s")
    cluster.until(state="running")
    evicted.signal(signal.SIGTERM)
    assert evicted.wait(6) == 143
    assert master.wait() == 0
    assert kept.wait(5) == 0


@pytest.mark.compat
def test_sigkill_of_the_master_leaves_a_checkpoint(cluster):
    master, *_ = cluster.both(run_time="60s")
    cluster.until(state="running", n=10)
    before = eventually(lambda: cluster.message().all and cluster.message().run["n"] and cluster.message())
    master.signal(signal.SIGKILL)
    assert master.wait() == -signal.SIGKILL
    run = cluster.message().run
    assert (run["final"], run["reason"], run["exit"]) == (False, None, None)
    assert run["n"] >= before.run["n"] > 0
    assert run["state"] in ("ramping", "running")


@pytest.mark.compat_long
def test_workers_that_all_leave_end_the_run(cluster):
    master, *workers = cluster.both(run_time="60s")
    cluster.until(state="running", n=10)
    for worker in workers:
        worker.signal(signal.SIGTERM)
    assert [worker.wait(6) for worker in workers] == [143, 143]
    assert master.wait(10) == 3
    run = cluster.final()
    assert (run["reason"], run["exit"], run["exitBy"]) == ("WorkersLost", 3, "plugin")
    assert (run["lost"], run["minWorkers"]) == (2, 0)


@pytest.mark.parametrize("headless", [False, True], ids=["web", "headless"])
def test_workers_that_are_all_killed_end_the_run(cluster, headless):
    cluster.write("locustfile.py", IMPATIENT_LOCUSTFILE)
    master, *workers = cluster.both(run_time="60s", headless=headless)
    cluster.until(state="running", n=10)
    for worker in workers:
        worker.signal(signal.SIGKILL)
    assert master.wait(20) == 3
    run = cluster.final()
    assert (run["reason"], run["lost"], run["minWorkers"]) == ("WorkersLost", 2, 0)


@pytest.mark.parametrize("headless", [False, True], ids=["web", "headless"])
def test_workers_that_come_back_when_the_load_is_over_were_lost(cluster, headless):
    cluster.write("locustfile.py", IMPATIENT_LOCUSTFILE.replace("/home", "/slow/60000"))
    master, *workers = cluster.both(run_time="60s", headless=headless)
    cluster.until(state="running")
    for worker in workers:
        worker.signal(signal.SIGSTOP)
    master.logged("The last worker went missing")
    for worker in workers:
        worker.signal(signal.SIGCONT)
    assert master.wait(20) == 3
    run = cluster.final()
    assert (run["reason"], run["n"]) == ("WorkersLost", 0)


def test_stop_in_the_web_ui_ends_the_pod(cluster):
    master, *workers = cluster.both(run_time=None)
    cluster.until(state="running", n=10)
    assert cluster.http("/stop", "POST", port=cluster.web_port)[0] == 200
    assert master.wait(8) == 3
    assert [worker.wait(5) for worker in workers] == [0, 0]
    run = cluster.final()
    assert (run["reason"], run["exitBy"]) == ("StoppedEarly", "plugin")
    assert run["n"] <= cluster.target.counts[cluster.run_id] <= run["n"] + 4


@pytest.mark.compat
@pytest.mark.parametrize("headless", [False, True], ids=["web", "headless"])
def test_stop_through_the_port(cluster, headless):
    # the user's own autoquit does not hold up a stop
    cluster.configure(endAfterStopSeconds=None)
    master, *workers = cluster.both(run_time="60s", headless=headless)
    cluster.until(state="running", n=10)
    assert cluster.http("/stop", "POST")[0] == 401
    assert cluster.http("/stop", "POST", token="Bearer wrong")[0] == 401
    assert cluster.http("/stop", "POST", token="Bearer \u00e9")[0] == 401
    assert cluster.http("/stop", "GET", token=f"Bearer {cluster.run_id}")[0] == 405
    assert cluster.summary()["reason"] is None
    assert cluster.http("/stop", "POST", token=f"Bearer {cluster.run_id}")[0] == 202
    assert master.wait(8) == 3
    assert [worker.wait(5) for worker in workers] == [0, 0]
    run = cluster.final()
    assert (run["reason"], run["exit"], run["exitBy"]) == ("StopRequested", 3, "plugin")
    assert run["n"] <= cluster.target.counts[cluster.run_id] <= run["n"] + 4


@pytest.mark.parametrize("headless", [False, True], ids=["web", "headless"])
def test_stop_before_load(cluster, headless):
    master, worker = cluster.master(workers=2, headless=headless), cluster.worker()
    cluster.until(state="waiting", workers=1)
    assert cluster.http("/stop", "POST", token=f"Bearer {cluster.run_id}")[0] == 202
    assert master.wait(6) == 3
    assert worker.wait(6) == 0
    run = cluster.final()
    assert (run["reason"], run["exit"], run["exitBy"], run["n"]) == ("StopRequested", 3, "plugin", 0)


def test_user_autoquit_is_left_alone(cluster):
    cluster.configure(endAfterStopSeconds=None)
    master = cluster.master("--autoquit", "4", run_time="1s", workers=1)
    cluster.worker()
    cluster.until(state="stopped")
    stopped = time.monotonic()
    assert master.wait() == 0
    assert time.monotonic() - stopped > 2.5
    assert cluster.final()["reason"] == "RunTimeReached"


def test_no_host_is_no_requests(cluster):
    master, *workers = cluster.both(host=False)
    assert master.wait(15) == 3
    for worker in workers:
        worker.wait(10)
    run = cluster.final()
    assert (run["reason"], run["n"], run["exitBy"]) == ("NoRequests", 0, "plugin")


def test_users_that_send_nothing_are_no_requests(cluster):
    cluster.write("locustfile.py", LOCUSTFILE.replace('self.client.get("/home")', "pass"))
    master, *workers = cluster.both()
    assert master.wait() == 3
    assert [worker.wait(5) for worker in workers] == [0, 0]
    assert cluster.final()["reason"] == "NoRequests"


@pytest.mark.compat_long
def test_exit_code_of_user_code_wins(cluster):
    cluster.write(
        "locustfile.py",
        LOCUSTFILE
        + """
from locust import events

@events.quitting.add_listener
def choose(environment, **_):
    environment.process_exit_code = 42
""",
    )
    master, *_ = cluster.both()
    assert master.wait() == 42
    run = cluster.final()
    assert (run["exit"], run["exitBy"]) == (42, "user")


def test_headless(cluster):
    master, *workers = cluster.both(headless=True)
    cluster.until(state="running", workers=2)
    assert master.wait() == 0
    assert [worker.wait(5) for worker in workers] == [0, 0]
    run = cluster.final()
    assert run["reason"] == "RunTimeReached"
    assert run["n"] <= cluster.target.counts[cluster.run_id] <= run["n"] + 4


@pytest.mark.compat_long
@pytest.mark.parametrize("headless", [False, True], ids=["web", "headless"])
def test_stop_timeout_counts_all_and_ends_soon(cluster, headless):
    cluster.configure(endAfterStopSeconds=1)
    cluster.write("locustfile.py", LOCUSTFILE.replace("/home", "/slow/700"))
    master = cluster.master("--stop-timeout", "3", run_time="4s", headless=headless)
    workers = [cluster.worker(), cluster.worker()]
    assert master.wait() == 0
    assert [worker.wait(5) for worker in workers] == [0, 0]
    run = cluster.final()
    assert time.time() - run["end"] / 1000 < 3 + 5
    assert run["n"] == cluster.target.counts[cluster.run_id]
    assert (run["f"], run["reason"]) == (0, "RunTimeReached")


@pytest.mark.compat
@pytest.mark.parametrize("headless", [False, True], ids=["web", "headless"])
def test_shape(cluster, headless):
    cluster.write(
        "locustfile.py",
        LOCUSTFILE
        + """
from locust import LoadTestShape

class Steps(LoadTestShape):
    def tick(self):
        time = self.get_run_time()
        return (2, 10) if time < 1.5 else (5, 10) if time < 3.5 else None
""",
    )
    master, *workers = cluster.both(run_time=None, headless=headless)
    assert master.wait() == 0
    # Locust's main greenlet itself would sleep for the 60 s of autoquit here
    assert time.time() - cluster.final()["end"] / 1000 < 12
    assert [worker.wait(5) for worker in workers] == [0, 0]
    run = cluster.final()
    assert (run["reason"], run["targetUsers"], run["peakUsers"]) == ("RunTimeReached", None, 5)


def test_sigterm_of_a_headless_shape(cluster):
    cluster.write(
        "locustfile.py",
        LOCUSTFILE
        + """
from locust import LoadTestShape

class Flat(LoadTestShape):
    def tick(self):
        return (2, 10)
""",
    )
    master, *workers = cluster.both(run_time=None, headless=True)
    cluster.until(state="running", n=10)
    master.signal(signal.SIGTERM)
    assert master.wait(8) == 0
    assert [worker.wait(5) for worker in workers] == [0, 0]
    assert cluster.final()["reason"] == "Terminated"


@pytest.mark.compat
def test_metrics_and_unknown_paths(cluster):
    master, *_ = cluster.both(run_time="60s")
    cluster.until(state="running", n=10)
    status, body = cluster.http("/metrics")
    text = body.decode()
    assert status == 200
    for line in ("locust_up 1", "locust_running 2", "locust_users 4", "locust_workers_count 2"):
        assert f"\n{line}\n" in f"\n{text}"
    assert 'locust_requests_num_requests{method="GET",name="/home"} ' in text
    assert 'locust_requests_num_requests{method="",name="Aggregated"} ' in text
    assert 'state="running"} 2' in text
    assert cluster.http("/nothing")[0] == 404
    assert cluster.http("/summary", "POST")[0] == 405
    status, body = cluster.http("/summary")
    assert [line["k"] for line in Lines(body).all] == ["run", "pin", "ep"]


def test_port_answers_beside_a_closed_web_ui(cluster):
    strict = cluster.master("--web-login", "--web-base-path", "/hidden", run_time="60s")
    cluster.worker()
    cluster.worker()
    cluster.until(state="running")
    assert cluster.http("/stop", "POST", token=f"Bearer {cluster.run_id}")[0] == 202
    assert strict.wait(8) == 3


def test_busy_port_costs_only_the_numbers(cluster):
    with socket.socket() as other:
        other.bind(("0.0.0.0", cluster.listen_port))
        other.listen()
        master, *_ = cluster.both()
        assert master.wait() == 0
    assert "no live numbers" in master.log()
    assert cluster.final()["reason"] == "RunTimeReached"


def test_unwritable_message_costs_only_the_message(cluster):
    master, *_ = cluster.both(env={"TERMINATION_LOG": str(cluster.root / "nowhere" / "log")})
    assert master.wait() == 0
    assert master.log().count("the report cannot be written") == 1


@pytest.mark.compat_long
def test_a_fault_of_the_plugin_does_not_change_the_run(cluster):
    broken = (cluster.mount / "locust_operator_snapshot.py").read_text()
    (cluster.mount / "locust_operator_snapshot.py").unlink()
    (cluster.mount / "locust_operator_snapshot.py").write_text(
        broken.replace("def totals(", "def totals(runner):\n    raise ZeroDivisionError\n\n\ndef unused(")
    )
    master, *workers = cluster.both()
    assert master.wait() == 0
    assert [worker.wait(5) for worker in workers] == [0, 0]
    assert "ZeroDivisionError" in master.log()
    assert cluster.message_file.read_bytes() == b""


def test_uncaught_exceptions_of_tasks_are_counted(cluster):
    cluster.write("locustfile.py", LOCUSTFILE.replace('self.client.get("/home")', 'self.client.get("/"); 1 / 0'))
    master, *_ = cluster.both()
    assert master.wait() == 1
    run = cluster.final()
    assert run["exc"] > 0
    assert run["exitBy"] == "locust"
