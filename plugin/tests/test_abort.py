"""A load that is ended early because of a threshold."""

from __future__ import annotations

import time

import pytest

from harness import LOCUSTFILE

pytestmark = pytest.mark.process

BOTH = pytest.mark.parametrize("headless", [False, True], ids=["web", "headless"])
SLOW = LOCUSTFILE.replace("/home", "/slow/300")
#: Requests that fail for 3 s and then are fine.
GETS_WELL = """
import time
from locust import User, constant, events, task

begin = []

@events.test_start.add_listener
def note(**_):
    begin.append(time.monotonic())

class Visitor(User):
    wait_time = constant(0.05)

    @task
    def ask(self):
        error = OSError("bad") if time.monotonic() - begin[-1] < 3 else None
        self.environment.events.request.fire(
            request_type="GET", name="/x", response_time=5, response_length=0, exception=error
        )
"""


def threshold(metric="p95", op="lt", limit=100.0, endpoint=None, min_requests=5, delay=1.0, sustained=1.5):
    abort = None if delay is None else {"delay": delay, "sustained": sustained}
    return {
        "metric": metric,
        "endpoint": endpoint,
        "op": op,
        "limit": limit,
        "minRequests": min_requests,
        "abort": abort,
    }


def ended_by_threshold(cluster, master, workers, index):
    """Line 1 of a run that a threshold ended."""
    assert master.wait(30) == 3, master.log()
    assert [worker.wait(5) for worker in workers] == [0, 0]
    run = cluster.final()
    assert (run["reason"], run["exit"], run["exitBy"]) == ("ThresholdAbort", 3, "plugin")
    assert run["abort"] == index
    return run


@pytest.mark.compat
@BOTH
def test_p95(cluster, headless):
    cluster.write("locustfile.py", SLOW)
    # a breach that may not end the run, and one of too few requests
    others = [threshold(delay=None), threshold(min_requests=100_000)]
    cluster.configure(thresholds=[*others, threshold(endpoint={"method": "GET", "name": "/slow/300"})])
    master, *workers = cluster.both(run_time="60s", headless=headless)
    run = ended_by_threshold(cluster, master, workers, 2)
    actuals = cluster.message()["th"][0]["a"]
    assert actuals[2] == [run["p95"], run["n"]]
    assert actuals[2][0] >= 300
    assert run["n"] <= cluster.target.counts[cluster.run_id] <= run["n"] + 4
    assert run["end"] - run["start"] < 15_000
    assert time.time() - run["end"] / 1000 < 10


@pytest.mark.compat_long
@BOTH
def test_stop_timeout_is_kept(cluster, headless):
    cluster.write("locustfile.py", LOCUSTFILE.replace("/home", "/slow/700"))
    cluster.configure(thresholds=[threshold()], endAfterStopSeconds=1)
    master = cluster.master("--stop-timeout", "3", run_time="60s", headless=headless)
    run = ended_by_threshold(cluster, master, [cluster.worker(), cluster.worker()], 0)
    assert run["n"] == cluster.target.counts[cluster.run_id]


@pytest.mark.compat_long
@BOTH
def test_in_the_ramp_up(cluster, headless):
    cluster.write("locustfile.py", SLOW)
    cluster.configure(thresholds=[threshold()])
    master = cluster.master("-u", "90", "-r", "4", run_time="60s", headless=headless)
    run = ended_by_threshold(cluster, master, [cluster.worker(), cluster.worker()], 0)
    assert run["peakUsers"] < 60
    assert run["n"] <= cluster.target.counts[cluster.run_id] <= run["n"] + 60


@pytest.mark.compat_long
@BOTH
def test_in_the_ramp_up_while_one_worker_is_slow_to_stop(cluster, headless):
    cluster.write(
        "locustfile.py", LOCUSTFILE.replace('"/home"', '"/slow/" + os.environ.get("SLOW", "300"), name="/slow"')
    )
    cluster.configure(thresholds=[threshold()])
    master = cluster.master("-u", "90", "-r", "4", "--stop-timeout", "6", run_time="60s", headless=headless)
    run = ended_by_threshold(cluster, master, [cluster.worker(), cluster.worker(env={"SLOW": "4000"})], 0)
    # the worker that is back first is not given users again
    assert run["n"] == cluster.target.counts[cluster.run_id]
    assert time.time() - run["end"] / 1000 < 12


@pytest.mark.compat_long
@pytest.mark.parametrize("autoquit", [None, 0.5], ids=["autoquit", "managed"])
def test_failed_requests_are_the_thresholds_affair(cluster, autoquit):
    cluster.write("locustfile.py", LOCUSTFILE.replace("/home", "/fail"))
    cluster.configure(thresholds=[threshold("errorRatio", "lte", 0.01)], endAfterStopSeconds=autoquit)
    # as the operator starts a test that has thresholds
    master = cluster.master("--exit-code-on-error", "0", run_time="60s")
    ended_by_threshold(cluster, master, [cluster.worker(), cluster.worker()], 0)
    assert cluster.message()["th"][0]["a"][0][0] == 1


@pytest.mark.compat_long
def test_not_before_the_delay(cluster):
    cluster.write("locustfile.py", SLOW)
    cluster.configure(thresholds=[threshold(delay=9.0, sustained=0.0), threshold(delay=60.0, sustained=0.0)])
    master, *workers = cluster.both(run_time="60s")
    run = ended_by_threshold(cluster, master, workers, 0)
    assert 8900 <= run["end"] - run["start"] < 14_000


@pytest.mark.compat_long
def test_a_breach_that_ends_ends_nothing(cluster):
    cluster.write("locustfile.py", GETS_WELL)
    # workers report every 3 s: all failed, half of them failed, a third failed
    cluster.configure(thresholds=[threshold("errorRatio", "lt", 0.85, sustained=6.5)])
    master = cluster.master("--exit-code-on-error", "0", run_time="14s")
    workers = [cluster.worker(), cluster.worker()]
    breached = cluster.until(n=5)
    assert breached["f"] == breached["n"]
    assert master.wait(30) == 0
    assert [worker.wait(5) for worker in workers] == [0, 0]
    run = cluster.final()
    assert run["reason"] == "RunTimeReached"
    assert "abort" not in run
    assert cluster.message()["th"][0]["a"] == [[round(run["f"] / run["n"], 6), run["n"]]]


@BOTH
def test_shape(cluster, headless):
    cluster.write(
        "locustfile.py",
        SLOW
        + """
from locust import LoadTestShape

class Flat(LoadTestShape):
    def tick(self):
        return (4, 10)
""",
    )
    cluster.configure(thresholds=[threshold()])
    master, *workers = cluster.both(run_time=None, headless=headless)
    ended_by_threshold(cluster, master, workers, 0)


def test_exit_code_of_user_code_wins(cluster):
    cluster.write(
        "locustfile.py",
        SLOW
        + """
from locust import events

@events.quitting.add_listener
def choose(environment, **_):
    environment.process_exit_code = 42
""",
    )
    cluster.configure(thresholds=[threshold()])
    master, *_ = cluster.both(run_time="60s")
    assert master.wait(30) == 42
    run = cluster.final()
    assert (run["reason"], run["abort"], run["exitBy"]) == ("ThresholdAbort", 0, "user")


def test_a_second_test_starts_with_a_clean_sheet(cluster):
    cluster.write("locustfile.py", LOCUSTFILE.replace("/home", "/slow/300"))
    # long enough to start another test from the web UI before the process ends
    cluster.configure(thresholds=[threshold(endpoint={"regex": "slow"}, delay=7.0)], endAfterStopSeconds=3)
    master, *workers = cluster.both(run_time=None)
    first = cluster.until(state="stopped")
    assert (first["reason"], first["abort"]) == ("ThresholdAbort", 0)
    cluster.until(workers=2)
    form = b"user_count=4&spawn_rate=20&run_time=5"
    assert cluster.http("/swarm", "POST", port=cluster.web_port, body=form)[0] == 200
    second = cluster.until(state="stopped", reason="RunTimeReached")
    assert "abort" not in second
    assert second["start"] > first["end"]
    assert master.wait(30) == 0
    assert [worker.wait(5) for worker in workers] == [0, 0]
    assert cluster.message()["th"][0]["a"][0][1] == cluster.final()["n"]
