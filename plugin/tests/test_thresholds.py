"""The pure parts of thresholds and of the workers' processors."""

from __future__ import annotations

import json
import random
import time

import pytest
from test_report import FILES, RUN, VERSIONS, endpoints, errors, run_with_locust

from harness import Lines
from locust_operator_config import Config
from locust_operator_cpu import Meter, allowed_cores, of_all
from locust_operator_crew import Crew
from locust_operator_endpoints import Merged, Selector, Sums
from locust_operator_load import Load
from locust_operator_report import ACTUALS_LIMIT, actuals_line, build_report, percentiles
from locust_operator_thresholds import Thresholds, read_threshold

pytestmark = pytest.mark.compat


def threshold(metric="p95", endpoint=None, op="lt", limit=500.0, min_requests=0, abort=None):
    return {
        "metric": metric,
        "endpoint": endpoint,
        "op": op,
        "limit": limit,
        "minRequests": min_requests,
        "abort": abort,
        "somethingNew": 1,
    }


def row(name, method="GET", times=None, failures=0, none=0):
    """Numbers of one endpoint as Locust keeps them, of response times in milliseconds."""
    times = [10] if times is None else times
    histogram = {}
    for one in times:
        histogram[one] = histogram.get(one, 0) + 1
    return {
        "name": name,
        "method": method,
        "num_requests": len(times) + none,
        "num_none_requests": none,
        "num_failures": failures,
        "total_response_time": sum(times),
        "max_response_time": max(times, default=0),
        "response_times": histogram,
        "somethingElse": {},
    }


def some_rows(count=60, seed=1):
    chosen = random.Random(seed)
    return [
        row(
            f"/{chosen.choice(['shop', 'cart', 'user'])}/{i}",
            chosen.choice(["GET", "POST"]),
            [chosen.randint(1, 900) for _ in range(chosen.randint(0, 40))],
            chosen.randint(0, 3),
            chosen.randint(0, 2),
        )
        for i in range(count)
    ]


def total(rows):
    return merge(rows, "Aggregated")


def merge(rows, name=""):
    times = [time for one in rows for time, count in one["response_times"].items() for _ in range(count)]
    return row(name, "", times, sum(r["num_failures"] for r in rows), sum(r["num_none_requests"] for r in rows))


def actuals(raw, rows, seconds=10.0):
    thresholds = Thresholds(raw)
    requests = sum(one["num_requests"] for one in rows)
    thresholds.keep_step(rows, requests)
    return thresholds.actuals(total(rows), seconds)


def directly(rows, seconds):
    """The actuals of all metrics, computed from every single response time."""
    times = sorted(time for one in rows for time, count in one["response_times"].items() for _ in range(count))
    requests, failures = (sum(one[key] for one in rows) for key in ("num_requests", "num_failures"))
    histogram = merge(rows)["response_times"]
    p50, p95, p99 = percentiles(histogram, len(times), [0.5, 0.95, 0.99])
    return {
        "p50": [p50, len(times)],
        "p95": [p95, len(times)],
        "p99": [p99, len(times)],
        "avg": [round(sum(times) / len(times), 3), len(times)],
        "max": [times[-1], len(times)],
        "errorRatio": [round(failures / requests, 6), requests],
        "rps": [round(requests / seconds, 3), requests],
        "requests": [requests, requests],
    }


SELECTORS = [
    (None, lambda r: True),
    ({"method": None, "name": "/shop/0"}, lambda r: r["name"] == "/shop/0"),
    ({"method": None, "regex": "cart"}, lambda r: "cart" in r["name"]),
    ({"method": "POST", "regex": "^/user/"}, lambda r: r["name"].startswith("/user/") and r["method"] == "POST"),
    ({"method": None, "regex": r"/\d$"}, lambda r: r["name"][-2] == "/"),
]


@pytest.mark.parametrize("place", range(len(SELECTORS)))
def test_actuals_are_those_of_a_direct_computation(place):
    endpoint, meant = SELECTORS[place]
    rows = [*some_rows(), row("/shop/0", "GET", [5, 7, 1000])]
    expected = directly([r for r in rows if meant(r)], 7.3)
    # selectors that overlap share sums, and must not change each other's
    raw = [threshold(metric, endpoint) for metric in expected] + [threshold(endpoint=e) for e, _ in SELECTORS]
    found = actuals(raw, rows, 7.3)
    assert {metric: list(pair) for metric, pair in zip(expected, found)} == expected


def test_a_name_is_no_pattern_and_a_method_counts():
    rows = [row("/a", "GET", [10]), row("/a", "POST", [20, 20]), row("/ab", "GET", [30])]
    name = [{"method": m, "name": "/a"} for m in (None, "GET", "POST", "PUT")]
    assert actuals([threshold("max", e) for e in name], rows) == [(20, 3), (10, 1), (20, 2), (None, 0)]
    assert actuals([threshold("max", {"method": "GET", "regex": "/a"})], rows) == [(30, 2)]


@pytest.mark.parametrize("metric", ["p50", "avg", "max", "errorRatio", "rps", "requests"])
def test_an_endpoint_that_was_never_requested(metric):
    assert actuals([threshold(metric, {"method": "GET", "name": "/nowhere"})], some_rows()) == [(None, 0)]


def test_a_run_without_requests():
    raw = [threshold(metric) for metric in ("p95", "errorRatio", "rps", "requests")]
    assert actuals(raw, [], 0.0) == [(None, 0), (None, 0), (0, 0), (0, 0)]


def test_requests_without_a_time_count_but_not_for_times():
    raw = [threshold(metric, {"name": "/a"}) for metric in ("p95", "avg", "requests", "rps")]
    assert actuals(raw, [row("/a", times=[], none=4)]) == [(None, 0), (None, 0), (4, 4), (0.4, 4)]


@pytest.mark.parametrize(
    "broken",
    [
        threshold(endpoint={"regex": "("}),
        threshold(endpoint={"regex": r"\p{L}"}),
        # Python reads a set of these characters
        threshold(endpoint={"regex": "[[:alpha:]]"}),
        threshold(endpoint={"method": "GET"}),
        threshold(metric="p42"),
        threshold(op="about"),
        threshold(limit="much"),
        threshold(limit=float("nan")),
        {"metric": "p95"},
        None,
        17,
    ],
)
def test_a_threshold_that_cannot_be_read_costs_only_itself(broken):
    raw = [threshold("requests"), broken, threshold("requests", {"regex": "."})]
    assert actuals(raw, [row("/a")]) == [(1, 1), None, (1, 1)]


def test_thresholds_of_the_configuration():
    assert Config.from_json({"runId": "x"}).thresholds == ()
    assert Config.from_json({"runId": "x", "thresholds": None}).thresholds == ()
    raw = [threshold()]
    assert list(Config.from_json({"runId": "x", "thresholds": raw}).thresholds) == raw


def test_a_pattern_without_end_does_not_hold_up_the_master():
    rows = [row("/" + "a" * 60 + "!"), row("/" + "b" * 60)]
    begin = time.process_time()
    raw = [threshold("requests", {"regex": regex}) for regex in ("a", "^/(a+)+$", "^/(a|a)*$", "b")]
    assert actuals(raw, rows) == [(1, 1), None, None, (1, 1)]
    assert time.process_time() - begin < 3


def test_every_name_is_matched_only_once():
    asked = []

    class Counting(Selector):
        def matches(self, name, method):
            asked.append(name)
            return super().matches(name, method)

    merged = Merged([Counting(name="/1"), Counting(name="/2")])
    for _ in range(3):
        merged.add([row("/1"), row("/2"), row("/3")])
        merged.rebuild([row("/1"), row("/2"), row("/3")])
    assert len(asked) == 6


def test_reports_add_up_to_what_locust_has():
    thresholds = Thresholds([threshold(metric, {"regex": "shop|cart"}) for metric in ("p95", "requests", "errorRatio")])
    reports = [some_rows(seed=seed) for seed in range(4)]
    for rows in reports:
        thresholds.add(rows, sum(one["num_requests"] for one in rows))
    everything = [one for rows in reports for one in rows]

    def nothing_is_read_again():
        raise AssertionError
        yield

    thresholds.keep_step(nothing_is_read_again(), sum(one["num_requests"] for one in everything))
    meant = [one for one in everything if "user" not in one["name"]]
    expected = directly(meant, 1.0)
    assert [list(pair) for pair in thresholds.actuals(total(everything), 1.0)] == [
        expected[metric] for metric in ("p95", "requests", "errorRatio")
    ]


def test_locusts_own_numbers():
    run_with_locust("""
import random
from locust.stats import RequestStats
import locust_operator_snapshot as snapshot
from locust_operator_thresholds import Thresholds

METRICS = ["p50", "p95", "p99", "avg", "max", "errorRatio", "rps", "requests"]
snapshot.use_three_digit_buckets()
master, worker = RequestStats(), RequestStats()
endpoints = [None, {"method": "GET", "name": "/a"}, {"regex": "^/a$", "method": "GET"}, {"name": "/none"}]
one = {"op": "lt", "limit": 1}
raw = [{"metric": metric, "endpoint": endpoint, **one} for endpoint in endpoints for metric in METRICS]
read, added = Thresholds(raw), Thresholds(raw)
for stats in (master, worker):
    chosen = random.Random(3)
    for _ in range(500):
        name, method = chosen.choice(["/a", "/b"]), chosen.choice(["GET", "POST"])
        stats.log_request(method, name, chosen.uniform(1, 3000), 10)
        if chosen.random() < 0.2:
            stats.log_error(method, name, "bad")
master.total.start_time -= 60
read.keep_step(snapshot.rows(master), master.total.num_requests)
added.add(worker.serialize_stats(), worker.total.get_stripped_report()["num_requests"])
added.keep_step(None, master.total.num_requests)
whole, seconds = snapshot.total_row(master), snapshot.measured_seconds(master)
found = read.actuals(whole, seconds)
assert found == added.actuals(whole, seconds)
assert found[24:] == [(None, 0)] * 8, found
assert found[8:16] == found[16:24]
for entry, pairs in ((master.total, found[:8]), (master.get("/a", "GET"), found[8:16])):
    n = entry.num_requests
    expected = [entry.get_response_time_percentile(percent) for percent in (0.5, 0.95, 0.99)]
    expected += [round(entry.avg_response_time, 3), round(entry.max_response_time, 3), round(entry.fail_ratio, 6)]
    expected += [round(entry.total_rps, 3), n]
    assert pairs == [(value, n) for value in expected], (pairs, expected)
""")


def test_statistics_that_were_reset_are_read_again():
    thresholds = Thresholds([threshold("requests", {"regex": "."})])
    thresholds.add([row("/a", times=[1] * 9)], 9)
    thresholds.add([row("/a", times=[1] * 2)], 2)
    # Locust emptied its statistics between the two reports
    thresholds.keep_step([row("/a", times=[1] * 2)], 2)
    assert thresholds.actuals(row("Aggregated", times=[1] * 2), 1.0) == [(2, 2)]
    thresholds.begin()
    assert thresholds.actuals(row("Aggregated", times=[]), 1.0) == [(None, 0)]


def test_only_what_is_wanted_is_computed():
    thresholds = Thresholds([threshold("requests"), threshold("requests"), None])
    assert thresholds.actuals(row("Aggregated"), 1.0, [1]) == [None, (1, 1), None]


def ends(checks, **changes):
    """When the load is ended, by the actuals of checks one second apart: (value, requests)."""
    thresholds = Thresholds([threshold(**{"limit": 100.0, "abort": {"delay": 3.0, "sustained": 2.0}, **changes})])
    for second, pair in enumerate(checks, 1):
        if thresholds.ends_run([pair], float(second)) == 0:
            return second
    return None


BAD, GOOD = (200, 50), (50, 50)


def test_abort():
    assert ends([BAD] * 9) == 5
    assert ends([GOOD] * 9) is None
    assert ends([GOOD] * 4 + [BAD] * 9) == 7
    # a break begins anew
    assert ends([BAD, BAD, BAD, BAD, GOOD, BAD, BAD, GOOD, BAD, BAD]) is None
    assert ends([BAD] * 9, abort={"delay": 0.0, "sustained": 0.0}) == 1
    assert ends([BAD] * 9, abort=None) is None
    assert ends([None] * 9) is None
    assert ends([(None, 0)] * 9) is None


def test_abort_needs_enough_requests():
    assert ends([(200, 9)] * 9, min_requests=10) is None
    assert ends([(200, 10)] * 9, min_requests=10) == 5
    assert ends([(200, 9)] * 3 + [(200, 10)] * 6, min_requests=10) == 6
    # no limit on volumes, but nothing has been said before the first request
    assert ends([(1, 1)] * 9, metric="rps", op="gte", min_requests=10) == 5
    assert ends([(0, 0)] * 9, metric="rps", op="gte") is None


@pytest.mark.parametrize(
    ("op", "value", "breached"),
    [
        ("lt", 99, False),
        ("lt", 100, True),
        ("lte", 100, False),
        ("lte", 101, True),
        ("gt", 101, False),
        ("gt", 100, True),
        ("gte", 100, False),
        ("gte", 99, True),
    ],
)
def test_operators(op, value, breached):
    assert read_threshold(threshold(op=op, limit=100.0)).breached((value, 1)) is breached


def test_the_first_of_several_breached_thresholds_ends_the_load():
    abort = {"delay": 0.0, "sustained": 1.0}
    thresholds = Thresholds([threshold(abort=None), threshold(abort=abort), threshold(abort=abort)])
    bad = (900, 50)
    assert thresholds.due(0.5) == [1, 2]
    assert thresholds.ends_run([bad, bad, bad], 1.0) is None
    assert thresholds.ends_run([bad, bad, bad], 2.0) == 1
    thresholds.begin()
    assert thresholds.ends_run([bad, bad, bad], 1.0) is None


# ---- report --------------------------------------------------------------------------------------


def report(actuals, limit=2048, run=RUN, ep=50):
    return build_report(
        run, VERSIONS, FILES, iter(endpoints(ep, "/" + "long/" * 300 + "{}")), ep, errors(50), limit, actuals
    )


def test_no_thresholds_no_line():
    assert Lines(report([]))["th"] == []


def test_actuals_stand_right_after_line_one():
    content = report([(423, 1000), None, (0.012345, 99), (None, 0), (812.375, 7)])
    assert content.split(b"\n")[1] == b'{"k":"th","a":[[423,1000],null,[0.012345,99],[null,0],[812.375,7]]}'
    assert [line["k"] for line in Lines(content).all][:3] == ["run", "th", "pin"]


@pytest.mark.parametrize("value", [0.123456, 0.000123, 12345.678, 1234567, 0.5, None])
@pytest.mark.parametrize("limit", [1365, 2048, 65536])
def test_fifty_actuals_are_never_dropped(value, limit):
    run = {**RUN, "avgWorkers": 100000.123, "cpuWorkers": 100000, "cpuMax": 100, "abort": 49}
    content = report([(value, 1234567)] * 50, limit, run)
    first, second = content.split(b"\n")[:2]
    assert len(first) <= 1000
    assert len(json.loads(second)["a"]) == 50
    assert len(content) <= max(limit, len(first) + len(second) + 2)
    assert len(content) <= max(limit, 2048)


@pytest.mark.parametrize("value", [0.123456, 12345.678, 123456.789, 1234, 0.5, None])
def test_fifty_usual_actuals_fit(value):
    line = actuals_line([(value, 1234567)] * 50)
    assert len(line) <= ACTUALS_LIMIT
    shown = json.loads(line)["a"][0][0]
    assert shown == value or abs(shown - value) <= value * 5e-4


# ---- speed ---------------------------------------------------------------------------------------


def test_speed_of_many_patterns_over_many_endpoints(capsys):
    """Prints what a second costs: how fast this machine is right now is not what is tested."""
    chosen = random.Random(7)
    names = [f"/area-{i % 97}/part-{i % 31}/item-{i}" for i in range(2000)]
    patterns = [rf"^/area-{i}/" for i in range(20)] + [rf"/part-{i}/item-\d+$" for i in range(20)]
    patterns += ["^/area-[0-4]", "item-1", "9$", "^/", "part-1.*item", "[02468]$", "area-9", "2", "item-19", "part-2/"]
    raw = [threshold("p95", {"regex": p}, abort={"delay": 0.0, "sustained": 9.0}) for p in patterns]
    thresholds = Thresholds(raw)

    def reported(requests):
        return [row(name, times=[chosen.randint(5, 700) for _ in range(requests)]) for name in names]

    def spent(action):
        begin = time.process_time()
        action()
        return 1000 * (time.process_time() - begin)

    whole = row("Aggregated", times=list(range(700)))
    nothing, full = reported(0), reported(100)
    matching = spent(lambda: thresholds.add(nothing, 0))
    reading = spent(lambda: (thresholds.keep_step(full, -1), thresholds.actuals(whole, 1.0)))
    # a second brings 6000 requests of all endpoints from two workers, and one check
    news = [(reported(1), reported(2)) for _ in range(5)]
    seconds = []
    for pair in news:
        adding = spent(lambda pair=pair: [thresholds.add(rows, 0) for rows in pair])
        checking = spent(lambda: thresholds.ends_run(thresholds.actuals(whole, 1.0, thresholds.due(1.0)), 1.0))
        seconds.append((adding, checking))
    adding, checking = (sum(times) / len(seconds) for times in zip(*seconds))
    with capsys.disabled():
        print(
            f"\n50 patterns, 2000 endpoints: {matching:.0f} ms once for the names, {reading:.0f} ms once at the end;"
            f" a second {adding:.1f} ms for reports and {checking:.1f} ms for the check"
        )
    assert all(thresholds.actuals(whole, 1.0))


# ---- workers -------------------------------------------------------------------------------------


def test_average_of_workers_by_time():
    load = Load(Crew(2))
    load.sample(4, ["a", "b"], at=100.0)
    assert load.average_workers() == 2
    load.sample(4, ["a", "b"], at=101.0)
    load.sample(4, ["a"], at=104.0)
    assert load.average_workers() == 2
    load.finish(at=108.0)
    assert load.average_workers() == (4 * 2 + 4 * 1) / 8
    load.finish(at=900.0)
    load.sample(4, [], at=901.0)
    assert load.average_workers() == 1.5


@pytest.mark.parametrize(
    ("files", "cores"),
    [
        ({}, 1.0),
        ({"cpu.max": "max 100000\n"}, 1.0),
        ({"cpu.max": "50000 100000\n"}, 0.5),
        ({"cpu.max": "400000 100000\n"}, 1.0),
        ({"cpu.max": "nonsense"}, 1.0),
        ({"cpu.max": "\u00e9"}, 1.0),
        ({"cpu/cpu.cfs_quota_us": "25000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 0.25),
        ({"cpu,cpuacct/cpu.cfs_quota_us": "25000\n", "cpu,cpuacct/cpu.cfs_period_us": "50000\n"}, 0.5),
        ({"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, 1.0),
        ({"cpu/cpu.cfs_quota_us": "25000\n"}, 1.0),
        ({"cpu.max": "50000 0"}, 1.0),
    ],
)
def test_cores_a_cgroup_allows(tmp_path, files, cores):
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(content, encoding="utf-8")
    assert allowed_cores(str(tmp_path)) == cores


def metered(*shares, cores=1.0, seconds=1.0):
    """A load whose seconds used these shares of a core."""
    meter = Meter(cores, 50.0, 1000.0)
    cpu, now = 50.0, 1000.0
    for share in shares:
        cpu, now = cpu + share * seconds, now + seconds
        meter.sample(cpu, now)
    return meter.report()


def test_saturated_worker():
    assert metered() == {"cpuMax": 0, "saturated": False}
    assert metered(0.5, 0.2, 0.89) == {"cpuMax": 89, "saturated": False}
    assert metered(0.1, 0.9, 0.1) == {"cpuMax": 90, "saturated": True}
    assert metered(0.1, 0.9, 0.1, 0.1) == {"cpuMax": 90, "saturated": False}
    assert metered(*[0.1] * 90, *[0.95] * 10) == {"cpuMax": 95, "saturated": True}
    assert metered(*[0.1] * 90, *[0.95] * 9, 0.1, *[0.95] * 9)["saturated"] is False
    assert metered(0.45, cores=0.5) == {"cpuMax": 90, "saturated": True}
    assert metered(1.7) == {"cpuMax": 100, "saturated": True}


def test_a_look_that_comes_late_counts_for_all_its_seconds():
    assert metered(*[0.1] * 90, 1.0, seconds=1.0)["saturated"] is False
    meter = Meter(1.0, 0.0, 0.0)
    for second in range(1, 91):
        meter.sample(0.1 * second, float(second))
    meter.sample(9.0 + 12.0, 90.0 + 12.0)
    assert meter.report() == {"cpuMax": 100, "saturated": True}


def test_a_look_that_comes_too_early_waits_for_the_next():
    meter = Meter(1.0, 0.0, 0.0)
    meter.sample(0.01, 0.01)
    assert meter.report()["cpuMax"] == 0
    meter.sample(0.2, 1.0)
    assert meter.report()["cpuMax"] == 20


def test_what_line_one_says_of_all_workers():
    assert of_all({}) == {"cpuWorkers": 0, "cpuMax": 0}
    reports = {"a": {"cpuMax": 97, "saturated": True}, "b": {"cpuMax": 12, "saturated": False}, "c": {}}
    assert of_all(reports) == {"cpuWorkers": 1, "cpuMax": 97}


def test_sums_of_a_row_leave_the_row_alone():
    one = row("/a", times=[5, 5, 9])
    before = json.dumps(one)
    sums = Sums.of(one)
    assert (sums.percentile("p50"), sums.timed, sums.max_time) == (5, 3, 9)
    merged = Sums()
    merged.merge(sums)
    merged.add(one)
    assert (merged.timed, merged.percentile("p99")) == (6, 9)
    assert json.dumps(one) == before
