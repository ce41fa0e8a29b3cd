"""Shared fixtures."""

from __future__ import annotations

import sys

import pytest

from harness import PLUGIN, Cluster, Target

sys.path.insert(0, str(PLUGIN))


@pytest.fixture(scope="session")
def target():
    return Target()


@pytest.fixture
def cluster(tmp_path, target):
    run = Cluster(tmp_path, target)
    yield run
    run.close()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """Shows the processes' logs beside a failure."""
    outcome = yield
    report = outcome.get_result()
    run = getattr(item, "funcargs", {}).get("cluster")
    if report.when == "call" and report.failed and run is not None:
        for process in run.processes:
            report.sections.append((process.name, process.log()[-6000:]))
        report.sections.append(("termination message", run.message_file.read_text(errors="replace")))
