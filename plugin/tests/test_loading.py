"""The ways the plugin is loaded, and how workers wait for their master."""

from __future__ import annotations

import json
import re
import signal
import time

import pytest

from harness import LOCUSTFILE

pytestmark = pytest.mark.process

TWO_CLASSES = LOCUSTFILE + LOCUSTFILE.replace("Visitor", "Buyer").replace('"/home"', '"/home", name="/cart"')
SHAPE = """
from locust import LoadTestShape

class Short(LoadTestShape):
    def tick(self):
        return (3, 10) if self.get_run_time() < 2 else None
"""


def ends_well(cluster, **master):
    process, *workers = cluster.both(**master)
    assert process.wait() == 0, process.log()
    assert [worker.wait(5) for worker in workers] == [0, 0]
    assert cluster.final()["reason"] == "RunTimeReached"
    return process


@pytest.mark.compat
def test_entry_default_file(cluster):
    ends_well(cluster, files=cluster.entry())
    assert set(cluster.message()["pin"][0]["files"]) == {"locustfile.py"}


@pytest.mark.compat
def test_entry_environment(cluster, monkeypatch):
    (cluster.src / "locustfile.py").rename(cluster.src / "shop.py")
    env = {"LOCUST_LOCUSTFILE": "shop.py"}
    master = cluster.master(files=cluster.entry(), env=env)
    workers = [cluster.worker(files=cluster.entry(), env=env) for _ in range(2)]
    assert master.wait() == 0
    assert [worker.wait(5) for worker in workers] == [0, 0]
    assert set(cluster.message()["pin"][0]["files"]) == {"shop.py"}


@pytest.mark.parametrize("how", ["flag", "locust.conf", "home", "pyproject.toml"])
def test_entry_config_file(cluster, how):
    (cluster.src / "locustfile.py").rename(cluster.src / "shop.py")
    flag = []
    if how == "flag":
        flag = ["--config", str(cluster.write("mine.conf", "locustfile = shop.py\n"))]
    elif how == "home":
        (cluster.root / ".locust.conf").write_text(f"locustfile = {cluster.src / 'shop.py'}\n")
    elif how == "locust.conf":
        cluster.write("locust.conf", "locustfile = shop.py\n")
    else:
        cluster.write("pyproject.toml", '[tool.locust]\nlocustfile = "shop.py"\n')
    files = [*cluster.entry(), *flag]
    ends_well(cluster, files=files)
    assert set(cluster.message()["pin"][0]["files"]) == {"shop.py"}


def test_entry_shows_the_users_file_in_the_web_ui(cluster):
    cluster.configure(endAfterStopSeconds=None)
    cluster.both(files=cluster.entry(), run_time="10s")
    cluster.until(state="running")
    page = cluster.http("/", port=cluster.web_port)[1].decode()
    assert "locustfile.py" in page
    assert "locust_operator" not in page


def test_entry_several_files_and_a_shape(cluster):
    cluster.write("a.py", LOCUSTFILE)
    cluster.write("b.py", LOCUSTFILE.replace("Visitor", "Buyer") + SHAPE)
    env = {"LOCUST_LOCUSTFILE": "a.py,b.py"}
    master = cluster.master(files=cluster.entry(), env=env, run_time=None)
    for _ in range(2):
        cluster.worker(files=cluster.entry(), env=env)
    assert master.wait() == 0
    assert spawned(master.log()) == {"Buyer", "Visitor"}
    run = cluster.final()
    assert (run["reason"], run["peakUsers"], run["targetUsers"]) == ("RunTimeReached", 3, None)


@pytest.mark.compat
def spawned(log):
    """The classes of which users were spawned. How many, Locust's log does not know for sure: it waits a second for
    what workers say."""
    classes = re.findall(r"Spawning is complete.*({.*})|All users spawned: ({.*})", log)
    return set(json.loads(next(filter(None, classes[0]))))


def test_entry_directory(cluster):
    (cluster.src / "locustfile.py").unlink()
    cluster.write("tests/visit.py", LOCUSTFILE)
    cluster.write("tests/buy.py", LOCUSTFILE.replace("Visitor", "Buyer"))
    env = {"LOCUST_LOCUSTFILE": "tests"}
    master = cluster.master(files=cluster.entry(), env=env)
    for _ in range(2):
        cluster.worker(files=cluster.entry(), env=env)
    assert master.wait() == 0
    assert spawned(master.log()) == {"Buyer", "Visitor"}
    assert set(cluster.message()["pin"][0]["files"]) == {"visit.py", "buy.py"}


def test_entry_picks_a_class_by_name(cluster):
    cluster.write("locustfile.py", TWO_CLASSES)
    master = cluster.master("Buyer", files=cluster.entry())
    for _ in range(2):
        cluster.worker(files=cluster.entry())
    assert master.wait() == 0
    # Locust's log names the other class as well, with no users.
    assert {endpoint["name"] for endpoint in cluster.message()["ep"]} == {"/cart"}


@pytest.mark.compat
def test_entry_missing_file_is_locusts_message(cluster):
    env = {"LOCUST_LOCUSTFILE": "absent.py"}
    direct = cluster.master(files=["-f", "absent.py"])
    through = cluster.master(files=cluster.entry(), env=env)
    assert (direct.wait(), through.wait()) == (1, 1)
    assert "Could not find 'absent.py'" in direct.log()
    assert through.log() == direct.log()
    assert cluster.message_file.read_bytes() == b""


def test_entry_import_error_is_the_users_traceback(cluster):
    cluster.write("locustfile.py", "import no_such_module\n")
    master = cluster.master(files=cluster.entry())
    assert master.wait() == 1
    assert "No module named 'no_such_module'" in master.log()
    assert cluster.message_file.read_bytes() == b""


def test_entry_without_user_classes_is_locusts_message(cluster):
    cluster.write("locustfile.py", "x = 1\n")
    master = cluster.master(files=cluster.entry())
    assert master.wait() == 1
    assert "No User class found!" in master.log()


@pytest.mark.parametrize("entry", [False, True], ids=["files", "entry"])
def test_pytest_style_file_loads_the_plugin_once(cluster, entry):
    # Locust loads all files twice then
    cluster.write("locustfile.py", "def test_home(session):\n    session.get('/home')\n")
    files = cluster.entry() if entry else cluster.files()
    master = ends_well(cluster, files=files)
    assert "no live numbers" not in master.log()
    assert cluster.final()["n"] > 0


def test_plugin_named_twice(cluster):
    master = ends_well(cluster, files=cluster.files("locustfile.py", str(cluster.mount / "locust_operator_plugin.py")))
    assert "no live numbers" not in master.log()


@pytest.mark.compat_long
@pytest.mark.parametrize("entry", [False, True], ids=["files", "entry"])
@pytest.mark.parametrize("lacking", ["config", "modules"])
def test_outside_the_operator_it_does_nothing(cluster, lacking, entry):
    if lacking == "config":
        (cluster.mount / "config.json").unlink()
    else:
        (cluster.mount / "locust_operator_runtime.py").unlink()
    files = cluster.entry() if entry else cluster.files()
    master = cluster.master("--autoquit", "1", files=files, workers=1)
    worker = cluster.worker(files=files)
    assert master.wait() == 0
    assert worker.wait(5) == 0
    assert cluster.message_file.read_bytes() == b""


@pytest.mark.compat_long
def test_variables_of_the_same_names_are_the_users(cluster):
    env = {"TEST_ROLE": "buyer", "TEST_NAME": "checkout"}
    worker = cluster.worker(env=env)
    worker.logged("waiting for master 127.0.0.1")
    master = cluster.master(workers=1, env=env)
    assert master.wait() == 0
    assert worker.wait(5) == 0
    assert cluster.final()["reason"] == "RunTimeReached"


def test_imported_modules_are_pinned(cluster):
    cluster.write("helpers/shop.py", "X = 1\n")
    cluster.write("prices.py", "Y = 2\n")
    cluster.write("locustfile.py", "import prices\nfrom helpers import shop\nimport requests\n" + LOCUSTFILE)
    ends_well(cluster)
    assert set(cluster.message()["pin"][0]["files"]) == {"locustfile.py", "prices.py", "helpers/shop.py"}


@pytest.mark.compat
def test_worker_waits_for_a_late_master(cluster):
    workers = [cluster.worker(), cluster.worker()]
    for worker in workers:
        worker.logged("waiting for master 127.0.0.1")
    master = cluster.master()
    begin = time.monotonic()
    cluster.until(workers=2)
    assert time.monotonic() - begin < 15
    assert master.wait() == 0
    assert [worker.wait(5) for worker in workers] == [0, 0]
    assert "answered after" in workers[0].log()


@pytest.mark.compat_long
def test_worker_gives_up_after_the_deadline(cluster):
    cluster.configure(startDeadlineSeconds=2)
    worker = cluster.worker()
    assert worker.wait(10) == 1
    assert "gave up" in worker.log()
    assert "did not answer within 2 s" in worker.log()


def test_worker_survives_a_name_that_does_not_resolve_yet(cluster):
    cluster.configure(startDeadlineSeconds=1, masterHost="not-there.invalid")
    worker = cluster.worker()
    assert worker.wait(15) == 1
    assert "not-there.invalid" in worker.log()


def test_sigterm_of_a_worker_that_waits(cluster):
    worker = cluster.worker()
    worker.logged("waiting for master")
    worker.signal(signal.SIGTERM)
    assert worker.wait(3) == 143


def test_locustfile_from_the_master(cluster):
    # the plugin travels with the user's file and finds its neighbours in the mount
    master = cluster.master(workers=1)
    elsewhere = {"TMPDIR": str(cluster.root / "logs")}
    worker = cluster.worker(files=["-f", "-"], env=elsewhere)
    assert master.wait() == 0
    assert worker.wait(5) == 0
    assert cluster.final()["reason"] == "RunTimeReached"
