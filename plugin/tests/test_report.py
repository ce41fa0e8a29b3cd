"""The pure parts: sizes, cuts, buckets, percentiles, metrics text."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from harness import PLUGIN, Lines
from locust_operator_crew import Crew
from locust_operator_load import Load
from locust_operator_report import build_report, cut, metrics_text, number, pin_line, three_digits

RUN = {
    "v": 1,
    "run": "0f0e0d0c-0b0a-0908-0706-050403020100",
    "final": True,
    "state": "stopped",
    "reason": "RunTimeReached",
    "exit": 0,
    "exitBy": "locust",
    **{key: 1795220463299 for key in ("start", "end", "now")},
    **{key: 100000 for key in ("users", "peakUsers", "targetUsers", "workers", "peakWorkers", "minWorkers", "lost")},
    **{key: 1234567890 for key in ("n", "f", "exc")},
    **{key: 1234567.123 for key in ("rps", "avg", "min", "max", "p50", "p95", "p99")},
    "res": 3,
    "cur": {"rps": 1234567.123, "fps": 1234567.123, "p95": 123456},
}
VERSIONS = {"locust": "2.47.0", "python": "3.13.11"}
FILES = {"locustfile.py": "a" * 64}


def endpoints(count, name="/catalogue/{}"):
    row = {"m": "GET", "f": 0, "rps": 1.5, "avg": 12.345, "p95": 20, "p99": 30}
    return [{**row, "name": name.format(i), "n": count - i} for i in range(count)]


def errors(count, message="HTTPError('500 Server Error for url: /{}')"):
    return [{"m": "GET", "name": f"/{i}", "msg": message.format(i), "n": count - i} for i in range(count)]


def report(ep, err, limit, files=FILES, run=RUN):
    return build_report(run, VERSIONS, files, iter(ep), len(ep), err, limit)


@pytest.mark.compat
@pytest.mark.parametrize("limit", [1200, 1536, 2048, 2457, 4096, 65536])
@pytest.mark.parametrize("name", ["/{}", "/" + "long/" * 300 + "{}", "/日本語のページ/" * 40 + "{}", '/"quoted"\n\\{}'])
def test_report_stays_within_its_limit(limit, name):
    content = report(endpoints(50, name), errors(50, name + " went wrong"), limit)
    lines = Lines(content)
    assert len(content) <= limit
    assert content.endswith(b"\n")
    assert lines.run["run"] == RUN["run"]
    assert len(lines.all) == content.count(b"\n")
    assert len(content.split(b"\n")[0]) <= 1000
    assert (lines.run["eps"], lines.run["errs"]) == (50, 50)
    assert [row["n"] for row in lines["ep"]] == list(range(50, 50 - len(lines["ep"]), -1))


def test_the_most_frequent_error_is_there_beside_many_endpoints():
    lines = Lines(report(endpoints(50), errors(3), 2048))
    assert lines["err"][0]["n"] == 3
    assert len(lines["ep"]) >= 5


def test_everything_is_there_when_it_fits():
    lines = Lines(report(endpoints(3), errors(2), 2048))
    assert [line["k"] for line in lines.all] == ["run", "pin", "ep", "ep", "ep", "err", "err"]


def test_only_the_endpoints_that_fit_are_computed():
    asked = []

    def rows():
        for row in endpoints(1000):
            asked.append(row)
            yield row

    lines = Lines(build_report(RUN, VERSIONS, FILES, rows(), 1000, [], 2048))
    assert len(asked) == len(lines["ep"]) + 1


@pytest.mark.parametrize("size", [300, 700, 1100, 1500])
def test_a_report_cut_anywhere_keeps_its_complete_lines(size):
    content = report(endpoints(20), errors(5), 2048)
    lines = Lines(content[:size])
    complete = content[:size].count(b"\n")
    assert lines.all == Lines(content).all[:complete]


def test_many_files_are_hashed_together_when_they_do_not_fit():
    files = {f"package/module_{i}.py": f"{i:064x}" for i in range(100)}
    line = pin_line(VERSIONS, files, 440)
    pin = json.loads(line)
    assert len(line) <= 440
    assert pin["more"]["n"] + len(pin["files"]) == 100
    assert next(iter(pin["files"])) == "package/module_0.py"
    changed = json.loads(pin_line(VERSIONS, {**files, "package/module_99.py": "f" * 64}, 440))
    assert changed["more"]["sha256"] != pin["more"]["sha256"]


def test_cut_keeps_both_ends_and_repairs_what_is_no_text():
    assert cut("/" + "a" * 200 + "?id=17", 40).endswith("?id=17")
    assert len(cut("x" * 500, 40)) == 40
    assert cut("bad \udc80 byte", 40).encode()


@pytest.mark.parametrize(
    ("value", "shown"),
    [(1.23456, 1.235), (2.0, 2), (7, 7), (None, None), (float("nan"), None), (float("inf"), None)],
)
def test_numbers(value, shown):
    assert number(value) == shown


@pytest.mark.parametrize(
    ("time", "bucket"),
    [
        (0, 0),
        (0.4, 0),
        (0.6, 1),
        (99.5, 100),
        (147, 147),
        (999.4, 999),
        (999.9, 1000),
        (1004, 1000),
        (1006, 1010),
        (3432, 3430),
        (58760, 58800),
        (123456, 123000),
        (1234567, 1235000),
    ],
)
def test_three_digits(time, bucket):
    assert three_digits(time) == bucket
    assert isinstance(three_digits(time), int)


def run_with_locust(code):
    """A process of its own: Locust patches the whole interpreter, and pytest's workers do not survive that."""
    subprocess.run([sys.executable, "-c", code], check=True, env={"PYTHONPATH": str(PLUGIN)})


@pytest.mark.compat
def test_percentiles_are_locusts():
    run_with_locust("""
from locust.stats import calculate_response_time_percentile
from locust_operator_report import percentiles
wanted = [0.5, 0.95, 0.99, 0.0, 1.0]
for times in ({}, {5: 1}, {1: 10, 2: 10}, {i: i % 7 + 1 for i in range(200)}, {3: 99, 1000: 1}):
    count = sum(times.values())
    expected = [calculate_response_time_percentile(times, count, percent) for percent in wanted]
    assert percentiles(times, count, wanted) == expected, (times, percentiles(times, count, wanted), expected)
""")


@pytest.mark.compat
def test_locust_keeps_three_digits_once_asked():
    run_with_locust("""
from locust.stats import RequestStats
import locust_operator_snapshot as snapshot
assert snapshot.use_three_digit_buckets() == 3
stats = RequestStats()
for time in (147, 3432.4, 58760, None):
    stats.log_request("GET", "/", time, 10)
assert dict(stats.total.response_times) == {147: 1, 3430: 1, 58800: 1}, stats.total.response_times
assert (stats.total.min_response_time, stats.total.max_response_time) == (147, 58760)
assert (stats.total.num_requests, stats.total.num_none_requests) == (4, 1)
assert stats.get("/", "GET").response_times[3430] == 1
""")


@pytest.mark.compat
def test_a_bucketing_of_the_users_own_is_kept():
    run_with_locust("""
import locust.stats
if hasattr(locust.stats, "bucket_response_time"):
    locust.stats.bucket_response_time = lambda time: round(time, -3)
    import locust_operator_snapshot as snapshot
    assert snapshot.use_three_digit_buckets() == 2
    assert locust.stats.bucket_response_time(1234) == 1000
""")


def test_metrics_text():
    text = metrics_text(
        {"users": 4, "requests_fail_ratio": 0.12345},
        {
            "requests_num_requests": [
                ({"method": "GET", "name": '/a"b\\c\nd'}, 7),
                ({"name": "x"}, None),
            ],
            "errors": [],
        },
        3,
    )
    assert text == (
        "# TYPE locust_users gauge\nlocust_users 4\n"
        "# TYPE locust_requests_fail_ratio gauge\nlocust_requests_fail_ratio 0.123\n"
        "# TYPE locust_requests_num_requests gauge\n"
        'locust_requests_num_requests{method="GET",name="/a\\"b\\\\c\\nd"} 7\n'
        'locust_requests_num_requests{name="x"} NaN\n'
        "# TYPE locust_total_scrapes counter\nlocust_total_scrapes 3\n"
    )


@pytest.mark.compat
def test_metrics_are_those_that_are_listed():
    run_with_locust("""
from pathlib import Path
from types import SimpleNamespace
from locust.stats import RequestStats
import locust_operator_snapshot as snapshot
from locust_operator_report import metrics_text
stats = RequestStats()
stats.log_request("GET", "/", 12, 10)
stats.log_error("GET", "/", "broken")
worker = SimpleNamespace(id="worker-1", state="running", user_count=4)
runner = SimpleNamespace(stats=stats, clients={"worker-1": worker}, user_count=4)
lines = [line for line in metrics_text(*snapshot.metrics(runner, "running"), 1).splitlines() if line[0] != "#"]
rows = [row.split("\\t") for row in (Path(snapshot.__file__).parent / "metrics.tsv").read_text().splitlines()]
names = {line.replace("{", " ").split()[0] for line in lines}
assert names == {name for name, _, _ in rows}, names ^ {name for name, _, _ in rows}
for name, labels, _ in rows:
    line = next(line for line in lines if line.startswith((name + " ", name + "{")))
    assert all(f'{label}="' in line for label in labels.split(", ") if label), line
    assert labels or "{" not in line, line
""")


def test_a_short_report_has_endpoints_for_medians():
    rows = [{**row, "p50": 12} for row in endpoints(3)]
    roomy, short = Lines(report(rows, [], 64 * 1024)), Lines(report(rows, [], 2048))
    assert [line["p50"] for line in roomy.all if line["k"] == "ep"] == [12, 12, 12]
    assert ["p50" in line for line in short.all if line["k"] == "ep"] == [False, False, False]


def test_workers_are_tracked_by_identity():
    load = Load(Crew(2))
    load.sample(4, ["a", "b", "c"])
    load.sample(6, ["a", "b"])
    load.sample(5, ["a", "b", "d"])
    assert (load.lost, load.peak_workers, load.min_workers, load.peak_users) == ({"c"}, 3, 2, 6)
    load.sample(5, ["a", "b", "c", "d"])
    assert load.lost == set()
    load.finish()
    load.sample(0, [])
    assert (load.lost, load.min_workers) == (set(), 2)


@pytest.mark.parametrize(
    ("who", "run_time", "connected", "reason"),
    [
        ({"stop_and_optionally_quit"}, 60, 2, "RunTimeReached"),
        ({"shape_worker"}, None, 2, "RunTimeReached"),
        ({"shape_worker", "tick"}, None, 2, "StoppedEarly"),
        ({"stop"}, 0.1, 2, "RunTimeReached"),
        ({"stop"}, 60, 2, "StoppedEarly"),
        ({"handle_message"}, 60, 0, "WorkersLost"),
        ({"stop"}, "60s", 2, "StoppedEarly"),
    ],
)
def test_why_a_load_stops(who, run_time, connected, reason):
    assert Load(Crew(2)).why_stopping(who, run_time, connected) == reason
