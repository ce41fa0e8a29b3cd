"""Whether the workers were there, and had enough processor."""

from __future__ import annotations

import signal

import pytest

from harness import IMPATIENT_LOCUSTFILE, LOCUSTFILE

pytestmark = pytest.mark.process

#: A worker with BUSY computes all the time, and has the limits of the cgroup that BUSY names.
BUSY = (
    LOCUSTFILE
    + """
import sys, time
from locust import events

@events.init.add_listener
def limit(**_):
    if "BUSY" in os.environ:
        sys.modules["locust_operator_cpu"].CGROUP = os.environ["BUSY"]

class Thinker(Visitor):
    @task
    def think(self):
        end = time.monotonic() + 0.3
        while "BUSY" in os.environ and time.monotonic() < end:
            pass

# else one worker may get all users of one class
Visitor.abstract = True
"""
)


@pytest.mark.compat
@pytest.mark.parametrize("headless", [False, True], ids=["web", "headless"])
def test_saturated_worker(cluster, headless):
    cluster.write("locustfile.py", BUSY)
    cgroup = cluster.root / "cgroup"
    cgroup.mkdir()
    # so little that a machine that is busy with other things still leaves that much to the worker
    (cgroup / "cpu.max").write_text("2000 100000\n")
    master = cluster.master("-u", "8", run_time="8s", headless=headless)
    workers = [cluster.worker(env={"BUSY": str(cgroup)}), cluster.worker()]
    running = cluster.until(state="running", n=1)
    assert running["cpuMax"] <= 100
    assert master.wait() == 0
    assert [worker.wait(5) for worker in workers] == [0, 0]
    run = cluster.final()
    assert (run["cpuWorkers"], run["cpuMax"]) == (1, 100)


@pytest.mark.compat_long
def test_workers_that_idle(cluster):
    cluster.write("locustfile.py", LOCUSTFILE.replace("constant(0.05)", "constant(1)"))
    master, *_ = cluster.both(run_time="6s")
    assert master.wait() == 0
    run = cluster.final()
    assert run["cpuWorkers"] == 0
    assert 0 <= run["cpuMax"] < 90
    assert run["avgWorkers"] == 2


@pytest.mark.compat_long
def test_average_of_workers_when_one_is_killed(cluster):
    cluster.write("locustfile.py", IMPATIENT_LOCUSTFILE)
    master, killed, kept = cluster.both(run_time="14s")
    cluster.until(state="running", n=1)
    killed.signal(signal.SIGKILL)
    gone = cluster.until(minWorkers=1, lost=1)
    at = (gone["now"] - gone["start"]) / 1000
    assert master.wait(30) == 0
    assert kept.wait(5) == 0
    run = cluster.final()
    seconds = (run["end"] - run["start"]) / 1000
    # the look before and the answer that is cached are at most a second away
    assert run["avgWorkers"] == pytest.approx((2 * at + (seconds - at)) / seconds, abs=1.2 / seconds)
    assert (run["minWorkers"], run["peakWorkers"], run["lost"]) == (1, 2, 1)


@pytest.mark.compat_long
def test_saturated_worker_that_is_slow_to_start(cluster):
    # the load reaches this worker before its locustfile hears of the runner
    slow = "\n@events.init.add_listener\ndef dawdle(**_):\n    import gevent\n\n    gevent.sleep(3)\n"
    cluster.write("locustfile.py", BUSY.replace("class Thinker", slow + "\nclass Thinker"))
    cgroup = cluster.root / "cgroup"
    cgroup.mkdir()
    (cgroup / "cpu.max").write_text("20000 100000\n")
    master = cluster.master("-u", "8", run_time="12s", workers=1)
    worker = cluster.worker(env={"BUSY": str(cgroup)})
    assert master.wait() == 0
    assert worker.wait(5) == 0
    assert cluster.final()["cpuWorkers"] == 1
