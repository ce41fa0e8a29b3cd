"""Workers that come and go in the middle of a load because somebody changed their number."""

from __future__ import annotations

import json
import signal
from types import SimpleNamespace

import gevent
import pytest

from harness import LOCUSTFILE, eventually
from locust_operator_balance import Balance
from locust_operator_crew import Crew
from locust_operator_load import Load


def worker(index: int) -> str:
    return f"shop-worker-{index}_0123456789abcdef0123456789abcdef"


def test_those_that_leave_because_fewer_are_wanted_are_not_lost():
    crew = Crew(4)
    load = Load(crew)
    crew.begin_load()
    load.sample(8, map(worker, range(4)), at=0)
    load.resize(2)
    load.sample(8, map(worker, [0, 1, 3]), at=1)
    assert load.lost == set()
    # one that was to stay is lost, and one that leaves late is not
    load.sample(8, [worker(0)], at=2)
    assert load.lost == {worker(1)}


def test_those_that_left_before_the_master_heard_of_it_are_forgiven():
    crew = Crew(3)
    load = Load(crew)
    crew.begin_load()
    load.sample(8, map(worker, range(3)), at=0)
    load.sample(8, [worker(0)], at=1)
    assert load.lost == {worker(1), worker(2)}
    load.resize(2)
    assert load.lost == {worker(1)}


def test_a_larger_crew_is_expected_as_it_comes():
    crew = Crew(2)
    load = Load(crew)
    crew.begin_load()
    load.sample(8, map(worker, range(2)), at=0)
    load.resize(6)
    load.sample(8, map(worker, range(2)), at=10)
    load.sample(8, map(worker, range(6)), at=20)
    load.resize(3)
    load.sample(8, map(worker, range(3)), at=30)
    # a replacement that is missing is missed
    load.sample(8, map(worker, range(2)), at=40)
    load.finish(at=50)
    assert crew.scaled
    # 2 for 20 s, 6 until their number was changed and seen, then 3
    assert load.average_workers() == pytest.approx((2 * 20 + 6 * 10 + 3 * 10 + 2 * 10) / 50)
    assert load.average_expected() == pytest.approx((2 * 20 + 3 * 30) / 50)


def test_a_change_before_the_load_is_no_scaling():
    crew = Crew(6)
    crew.resize(2, [], loading=False)
    crew.begin_load()
    assert (crew.wanted, crew.expected, crew.scaled) == (2, 2, False)
    crew.resize(2, [], loading=True)
    assert not crew.scaled


@pytest.mark.parametrize("name", ["local", "host_0123456789abcdef", "shop-worker-x_01", ""])
def test_a_worker_without_an_index_stays(name):
    crew = Crew(4)
    crew.resize(1, [name], loading=True)
    assert not crew.may_leave(name)


class Runner:
    """As much of Locust's as the balance looks at."""

    def __init__(self, due=True, completed=True, state="running"):
        self._users_dispatcher = SimpleNamespace(_rebalance=due)
        self.spawning_completed, self.state = completed, state
        self.target_user_count, self.spawn_rate = 12, 3.0
        self.clients: dict = {}
        self.started = []

    def start(self, users, rate):
        self.started.append((users, rate))
        self._users_dispatcher._rebalance = False


def checked(runner, times, may_start=True):
    balance = Balance(runner, lambda: may_start)
    for _ in range(times):
        balance.check()
        gevent.sleep(0)
    return runner.started


def test_what_stays_due_is_done_once():
    assert checked(Runner(), 1) == []
    assert checked(Runner(), 2) == [(12, 3.0)]
    assert checked(Runner(), 9) == [(12, 3.0)]


@pytest.mark.parametrize(
    "runner", [Runner(due=False), Runner(completed=False), Runner(state="spawning"), Runner(state="stopping")]
)
def test_what_is_not_due_or_under_way_is_left_alone(runner):
    assert checked(runner, 3) == []


def test_a_worker_that_keeps_users_of_others_is_told_again():
    def runner(reported):
        runner = Runner(due=False)
        runner._users_dispatcher._users_on_workers = {"a": {"Visitor": 6}, "gone": {"Visitor": 6}}
        runner.clients = {"a": SimpleNamespace(user_classes_count=reported)}
        return runner

    # users that stop by themselves are their own affair
    for reported in ({"Visitor": 6}, {"Visitor": 2}, {}):
        assert checked(runner(reported), 50) == []
    assert checked(runner({"Visitor": 7}), 3) == []
    assert checked(runner({"Visitor": 7}), 4) == [(12, 3.0)]
    assert checked(runner({"Visitor": 7}), 23) == [(12, 3.0)]
    assert checked(runner({"Visitor": 7}), 24) == [(12, 3.0)] * 2


def test_nothing_is_distributed_at_the_end_or_without_a_dispatcher():
    assert checked(Runner(), 3, may_start=False) == []
    runner = Runner()
    runner._users_dispatcher = None
    assert checked(runner, 3) == []


#: Locust calls a worker by the name of its host, which in a Job ends with the pod's index.
INDEXED = (
    LOCUSTFILE
    + """
import socket

if "INDEX" in os.environ:
    socket.gethostname = lambda: "shop-worker-" + os.environ["INDEX"]
"""
)


def scale(cluster, workers, token=None):
    body = json.dumps({"workers": workers}).encode()
    return cluster.http("/scale", "POST", token or f"Bearer {cluster.run_id}", body=body)


def start(cluster, index):
    return cluster.worker("--stop-timeout", "5", env={"INDEX": str(index)})


@pytest.mark.process
@pytest.mark.compat
def test_more_and_then_fewer_workers(cluster):
    cluster.write("locustfile.py", INDEXED)
    master = cluster.master("--stop-timeout", "5", run_time="20s")
    workers = [start(cluster, index) for index in range(2)]
    cluster.until(state="running", n=1)
    assert scale(cluster, 4)[0] == 202
    workers += [start(cluster, index) for index in (2, 3)]
    assert cluster.until(workers=4)["wanted"] == 4
    assert scale(cluster, 3)[0] == 202
    workers[3].signal(signal.SIGTERM)
    assert workers[3].wait(10) == 143
    eventually(lambda: cluster.summary()["workers"] == 3, what="three workers")
    # its users go on elsewhere
    cluster.until(users=4)
    assert master.wait() == 0
    assert [worker.wait(5) for worker in workers[:3]] == [0, 0, 0]
    run = cluster.final()
    assert (run["reason"], run["lost"], run["peakWorkers"], run["wanted"]) == ("RunTimeReached", 0, 4, 3)
    assert run["avgWorkers"] == pytest.approx(run["avgWanted"], abs=0.3)
    # what the one that left had counted is not lost
    assert run["n"] == cluster.target.counts[cluster.run_id]


@pytest.mark.process
@pytest.mark.compat
def test_fewer_workers_before_the_load(cluster):
    master = cluster.master(run_time="3s", workers=2)
    first = cluster.worker()
    cluster.until(workers=1)
    assert scale(cluster, 1)[0] == 202
    assert master.wait() == 0
    assert first.wait(5) == 0
    run = cluster.final()
    assert (run["reason"], run["lost"], run["peakWorkers"], run["avgWorkers"]) == ("RunTimeReached", 0, 1, 1)
    assert "avgWanted" not in run


@pytest.mark.process
def test_orders_that_are_refused(cluster):
    master, *workers = cluster.both(run_time="4s")
    cluster.until(state="running", n=1)
    assert scale(cluster, 4, token="Bearer else")[0] == 401
    assert cluster.http("/scale", "GET")[0] == 405
    for workers_wanted in (0, -1, 1.5, "3", True, None):
        status, body = scale(cluster, workers_wanted)
        assert (status, body) == (400, b'write {"workers": 3}, with a whole number of at least 1\n')
    assert cluster.http("/scale", "POST", f"Bearer {cluster.run_id}", body=b"three")[0] == 400
    assert cluster.summary()["wanted"] == 2
    assert master.wait() == 0
    assert [worker.wait(5) for worker in workers] == [0, 0]
