"""The end of the load: nothing is sent after it, and every request of it is counted."""

from __future__ import annotations

import signal
import time

import pytest

from harness import IMPATIENT_LOCUSTFILE, LOCUSTFILE

pytestmark = pytest.mark.process


@pytest.mark.compat_long
@pytest.mark.parametrize("headless", [False, True], ids=["web", "headless"])
def test_run_time_that_ends_in_the_ramp_up(cluster, headless):
    master = cluster.master("-u", "60", "-r", "4", run_time="4s", headless=headless)
    workers = [cluster.worker(), cluster.worker()]
    cluster.until(n=5)
    assert master.wait(20) == 0
    assert [worker.wait(5) for worker in workers] == [0, 0]
    run = cluster.final()
    assert run["reason"] == "RunTimeReached"
    assert run["peakUsers"] < 40
    assert time.time() - run["end"] / 1000 < 6
    assert run["n"] <= cluster.target.counts[cluster.run_id] <= run["n"] + 30


@pytest.mark.compat_long
@pytest.mark.parametrize("headless", [False, True], ids=["web", "headless"])
def test_a_starved_worker_still_hands_over_its_numbers(cluster, headless):
    cluster.write("locustfile.py", IMPATIENT_LOCUSTFILE)
    master = cluster.master(run_time="5s", headless=headless)
    workers = [cluster.worker(), cluster.worker()]
    start = cluster.until(state="running", n=10)["start"] / 1000
    time.sleep(max(0.0, start + 4.5 - time.time()))
    workers[0].signal(signal.SIGSTOP)
    time.sleep(9)
    workers[0].signal(signal.SIGCONT)
    assert master.wait(20) == 0
    assert [worker.wait(5) for worker in workers] == [0, 0]
    run = cluster.final()
    assert run["reason"] == "RunTimeReached"
    # requests that were under way are not waited for
    assert run["n"] <= cluster.target.counts[cluster.run_id] <= run["n"] + 4


@pytest.mark.parametrize("headless", [False, True], ids=["web", "headless"])
def test_stop_of_a_shape_ends_the_process_soon(cluster, headless):
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
    master, *workers = cluster.both(run_time=None, headless=headless)
    cluster.until(state="running", n=10)
    assert cluster.http("/stop", "POST", token=f"Bearer {cluster.run_id}")[0] == 202
    assert master.wait(12) == 3
    assert [worker.wait(5) for worker in workers] == [0, 0]
    assert cluster.final()["reason"] == "StopRequested"


@pytest.mark.compat
def test_json_does_not_empty_the_last_word(cluster):
    master = cluster.master("--json")
    cluster.worker(), cluster.worker()
    assert master.wait() == 0
    run = cluster.final()
    assert cluster.message()["ep"][0]["n"] == run["n"] > 0
