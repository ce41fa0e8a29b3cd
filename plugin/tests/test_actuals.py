"""How far the load is from its thresholds, beside what the workers themselves noted."""

from __future__ import annotations

import json
import re
import signal

import pytest

from harness import eventually
from locust_operator_report import percentiles, three_digits

pytestmark = pytest.mark.process

#: Makes up its requests, and writes every one of them down.
NOTING = """
import json, os, random
from locust import User, constant, events, task

names = NAMES
notes = open(f"notes-{os.getpid()}.jsonl", "w", buffering=1)

class Visitor(User):
    wait_time = constant(0.02)

    @task
    def ask(self):
        name, method = random.choice(names), random.choice(["GET", "GET", "POST"])
        taken = None if random.random() < 0.05 else random.choice([random.uniform(1, 90), random.uniform(90, 20000)])
        failed = random.random() < 0.1
        self.environment.events.request.fire(
            request_type=method, name=name, response_time=taken, response_length=0,
            exception=OSError("bad") if failed else None,
        )
        notes.write(json.dumps([method, name, taken, failed]) + "\\n")
"""
NAMES = ["/shop", "/shop/1", "/shop/22", "/cart", "/user/7", "/user/7?page=1"]
METRICS = ["p50", "p95", "p99", "avg", "max", "errorRatio", "requests"]
ENDPOINTS = [
    None,
    {"method": None, "name": "/shop"},
    {"method": "POST", "name": "/shop"},
    {"method": None, "regex": r"^/shop/\d+$"},
    {"method": "GET", "regex": "user|cart"},
]


def noting(cluster, names=NAMES):
    cluster.write("locustfile.py", NOTING.replace("NAMES", repr(names)))


def threshold(metric, endpoint=None):
    return {"metric": metric, "endpoint": endpoint, "op": "lt", "limit": 1.0, "minRequests": 0, "abort": None}


def meant(endpoint, method, name):
    if endpoint is None:
        return True
    if endpoint["method"] not in (None, method):
        return False
    return endpoint["name"] == name if "name" in endpoint else re.search(endpoint["regex"], name) is not None


def directly(notes, endpoint, metric):
    """One actual, computed from single requests."""
    rows = [(taken, failed) for method, name, taken, failed in notes if meant(endpoint, method, name)]
    times = [taken for taken, _ in rows if taken is not None]
    if metric == "requests":
        return [len(rows), len(rows)]
    if metric == "errorRatio":
        return [round(sum(failed for _, failed in rows) / len(rows), 6), len(rows)]
    if metric == "avg":
        return [pytest.approx(sum(times) / len(times), abs=0.002), len(times)]
    if metric == "max":
        return [pytest.approx(max(times), abs=0.001), len(times)]
    histogram = {}
    for taken in times:
        histogram[three_digits(taken)] = histogram.get(three_digits(taken), 0) + 1
    return [percentiles(histogram, len(times), [int(metric[1:]) / 100])[0], len(times)]


def all_notes(cluster):
    return [json.loads(line) for file in cluster.src.glob("notes-*.jsonl") for line in file.read_text().splitlines()]


@pytest.mark.compat
@pytest.mark.parametrize("headless", [False, True], ids=["web", "headless"])
def test_actuals_are_those_of_a_direct_computation(cluster, headless):
    noting(cluster)
    wanted = [(metric, endpoint) for endpoint in ENDPOINTS for metric in METRICS]
    special = [
        threshold("p95", {"method": None, "name": "/nowhere"}),
        threshold("p95", {"method": None, "regex": "("}),
        threshold("rps"),
        threshold("rps", {"method": None, "name": "/shop"}),
    ]
    thresholds = [*special, *(threshold(metric, endpoint) for metric, endpoint in wanted)]
    cluster.configure(thresholds=thresholds, messageLimit=4096)
    # --json empties Locust's statistics before the last word
    master = cluster.master("--json", "--exit-code-on-error", "0", run_time="5s", headless=headless)
    workers = [cluster.worker(), cluster.worker()]
    running = cluster.until(state="running", n=20)
    assert (running["avgWorkers"], running["cpuMax"] >= 0) == (2, True)
    assert master.wait() == 0
    assert [worker.wait(5) for worker in workers] == [0, 0]
    run, notes, message = cluster.final(), all_notes(cluster), cluster.message()
    assert run["n"] == len(notes) > 100
    assert [line["k"] for line in message.all][:3] == ["run", "th", "pin"]
    nowhere, broken, rps, shop_rps, *actuals = message["th"][0]["a"]
    assert (nowhere, broken) == ([None, 0], None)
    assert rps == [run["rps"], run["n"]]
    assert shop_rps[0] == pytest.approx(run["rps"] * shop_rps[1] / run["n"], rel=0.001)
    assert actuals == [directly(notes, endpoint, metric) for metric, endpoint in wanted]
    assert [run["p50"], run["p95"], run["p99"]] == [pair[0] for pair in actuals[:3]]
    assert "threshold 1 is not usable" in master.log()


@pytest.mark.compat_long
def test_fifty_thresholds_and_long_names_fit(cluster):
    names = ["/" + "very-long-part/" * 60 + str(i) for i in range(40)]
    noting(cluster, names)
    long = {"method": None, "name": names[0]}
    cluster.configure(thresholds=[threshold(METRICS[i % 7], long if i % 2 else None) for i in range(50)])
    master, *_ = cluster.both(run_time="4s")
    assert master.wait() == 1
    content = cluster.message_file.read_bytes()
    message = cluster.message()
    assert len(content) <= 2048
    assert [line["k"] for line in message.all][:2] == ["run", "th"]
    first, second = content.split(b"\n")[:2]
    assert len(first) <= 1000
    assert len(second) <= 900
    assert len(message["th"][0]["a"]) == 50
    assert cluster.final()["n"] == message["th"][0]["a"][6][0] == len(all_notes(cluster))


def test_statistics_that_are_reset_after_the_ramp_up(cluster):
    noting(cluster)
    cluster.configure(thresholds=[threshold("requests", {"regex": "."}), threshold("requests")])
    master = cluster.master("--reset-stats", "-u", "8", "-r", "2", run_time="12s")
    for _ in range(2):
        cluster.worker("--reset-stats")

    def in_step():
        message = cluster.message()
        return message["th"] and message["th"][0]["a"] == [[message.run["n"]] * 2] * 2 and message.run["n"] > 50

    eventually(in_step)
    assert master.wait() == 1
    assert in_step()
    assert cluster.final()["n"] < len(all_notes(cluster))


def test_a_killed_master_leaves_actuals(cluster):
    noting(cluster)
    cluster.configure(thresholds=[threshold("requests", {"regex": "shop"})])
    master, *_ = cluster.both(run_time="60s")
    eventually(lambda: cluster.message()["th"] and cluster.message()["th"][0]["a"][0][1])
    master.signal(signal.SIGKILL)
    master.wait()
    assert cluster.message().run["final"] is False
    assert cluster.message()["th"][0]["a"][0][0] > 0
    assert cluster.message().run["avgWorkers"] == 2


@pytest.mark.compat_long
def test_a_fault_in_the_thresholds_costs_only_them(cluster):
    broken = (cluster.mount / "locust_operator_thresholds.py").read_text()
    (cluster.mount / "locust_operator_thresholds.py").unlink()
    (cluster.mount / "locust_operator_thresholds.py").write_text(
        broken.replace("def actual(", "def actual(*_):\n    raise ZeroDivisionError\n\n\ndef unused(")
    )
    thresholds = [{**threshold("p95"), "abort": {"delay": 0.0, "sustained": 0.0}}, threshold("requests")]
    cluster.configure(thresholds=thresholds)
    master, *workers = cluster.both()
    assert master.wait() == 0
    assert [worker.wait(5) for worker in workers] == [0, 0]
    assert "ZeroDivisionError" in master.log()
    assert cluster.final()["reason"] == "RunTimeReached"
    assert cluster.message()["th"][0]["a"] == [None, None]
