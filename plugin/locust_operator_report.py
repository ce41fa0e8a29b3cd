"""Turns plain values into the report (JSON Lines) and the metrics text. Knows nothing of Locust."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

#: From here on a reader has room, so names and messages keep more of themselves.
ROOMY_LIMIT = 16 * 1024
MIN_PIN_ROOM = 440
#: What the actuals of thresholds may take: with line 1 they have to fit into the shortest usual message.
ACTUALS_LIMIT = 900


def number(value: Any) -> int | float | None:
    """A JSON number of at most three decimals; None for what JSON cannot hold."""
    if value is None or isinstance(value, bool) or not math.isfinite(value):
        return None
    rounded = round(value, 3)
    return int(rounded) if rounded == int(rounded) else rounded


def cut(text: Any, length: int) -> str:
    """Shortens in the middle: long URLs mostly differ at their ends."""
    # a lone surrogate is no valid UTF-8, and one bad byte would cost the whole line
    clean = str(text).encode("utf-8", "replace").decode("utf-8")
    if len(clean) <= length:
        return clean
    tail = length // 4
    return clean[: length - tail - 1] + "…" + clean[len(clean) - tail :]


def _line(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8") + b"\n"


def _shortened(value: float | None, digits: int) -> float | None:
    """A number without the decimals that are not among its first significant digits."""
    if not isinstance(value, float) or value == 0:
        return value
    rounded = round(value, max(0, digits - 1 - math.floor(math.log10(abs(value)))))
    return int(rounded) if rounded == int(rounded) else rounded


def actuals_line(actuals: Sequence[tuple[float | None, int] | None]) -> bytes:
    """The `th` line; actuals lose decimals rather than that one of them is missing."""
    line = _line({"k": "th", "a": actuals})
    for digits in (6, 5, 4):
        if len(line) <= ACTUALS_LIMIT:
            break
        line = _line({"k": "th", "a": [pair and (_shortened(pair[0], digits), pair[1]) for pair in actuals]})
    return line


def pin_line(versions: Mapping[str, str], files: Mapping[str, str], room: int) -> bytes:
    """The `pin` line within `room` bytes; files that find no place are hashed together as `more`."""
    names = list(files)
    for shown in range(len(names), -1, -1):
        pin: dict[str, Any] = {"k": "pin", **versions, "files": {cut(n, 100): files[n] for n in names[:shown]}}
        rest = names[shown:]
        if rest:
            listing = "".join(f"{name}\0{files[name]}\n" for name in sorted(rest))
            pin["more"] = {"n": len(rest), "sha256": hashlib.sha256(listing.encode()).hexdigest()}
        line = _line(pin)
        if len(line) <= room:
            return line
    return b""


def _take(rows: Iterable[Mapping[str, Any]], kind: str, lengths: Mapping[str, int], room: int) -> bytes:
    """The lines of as many leading rows as fit into `room`."""
    lines = b""
    for row in rows:
        short = {key: cut(value, lengths[key]) if key in lengths else value for key, value in row.items()}
        line = _line({"k": kind, **short})
        if len(lines) + len(line) > room:
            break
        lines += line
    return lines


def build_report(
    run: Mapping[str, Any],
    versions: Mapping[str, str],
    files: Mapping[str, str],
    endpoints: Iterable[Mapping[str, Any]],
    endpoint_count: int,
    errors: Sequence[Mapping[str, Any]],
    limit: int,
    actuals: Sequence[tuple[float | None, int] | None] = (),
) -> bytes:
    """The report in at most `limit` bytes, if line 1 and the actuals of thresholds alone do not need more.

    `endpoints` may compute its rows while it is read: only those that fit are asked for.
    """
    if limit >= ROOMY_LIMIT:
        lengths = {"m": 16, "name": 300, "msg": 600}
    else:
        lengths = {"m": 16, "name": 96, "msg": 160}
        # another endpoint is worth more than the medians of all
        endpoints = ({key: value for key, value in row.items() if key != "p50"} for row in endpoints)
    # what there is stands on line 1: nothing after it survives a kubelet that cuts the message
    report = _line({"k": "run", **run, "eps": endpoint_count, "errs": len(errors)})
    if actuals:
        report += actuals_line(actuals)
    report += pin_line(versions, files, min(max(MIN_PIN_ROOM, limit // 4), limit - len(report)))
    room = max(0, limit - len(report))
    # endpoints go first but may not push out what went wrong most often
    reserved = _take(errors, "err", lengths, room // 3)
    endpoint_lines = _take(endpoints, "ep", lengths, room - len(reserved))
    error_lines = _take(errors, "err", lengths, room - len(endpoint_lines))
    return report + endpoint_lines + error_lines


def _label(value: Any) -> str:
    text = str(value).encode("utf-8", "replace").decode("utf-8")
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def _sample(name: str, labels: Mapping[str, Any], value: Any) -> str:
    pairs = ",".join(f'{key}="{_label(text)}"' for key, text in labels.items())
    shown = "NaN" if value is None else repr(number(value))
    return f"{name}{{{pairs}}} {shown}" if pairs else f"{name} {shown}"


def metrics_text(
    gauges: Mapping[str, Any], families: Mapping[str, Sequence[tuple[Mapping[str, Any], Any]]], scrapes: int
) -> str:
    """Prometheus text: `gauges` have no labels, `families` hold (labels, value) pairs; names get `locust_` in front."""
    lines: list[str] = []
    for name, value in gauges.items():
        lines += [f"# TYPE locust_{name} gauge", _sample(f"locust_{name}", {}, value)]
    for name, samples in families.items():
        if samples:
            lines.append(f"# TYPE locust_{name} gauge")
            lines += [_sample(f"locust_{name}", labels, value) for labels, value in samples]
    lines += ["# TYPE locust_total_scrapes counter", _sample("locust_total_scrapes", {}, scrapes)]
    return "\n".join(lines) + "\n"


def three_digits(response_time: float) -> int:
    """Whole milliseconds of three significant digits: 147 stays, 3432 becomes 3430, 58760 becomes 58800."""
    if response_time < 1000:
        return round(response_time)
    if response_time < 10_000:
        return int(round(response_time, -1))
    if response_time < 100_000:
        return int(round(response_time, -2))
    return int(round(response_time, -3))


def percentiles(response_times: Mapping[int, int], count: int, wanted: Sequence[float]) -> list[int]:
    """Percentiles of a histogram by Locust's rule, in one pass over the buckets."""
    found: dict[float, int] = {}
    seen = 0
    # slowest first, as Locust counts: the bucket where at most `percent` of the requests are left below
    pending = sorted(wanted, reverse=True)
    for response_time in sorted(response_times, reverse=True):
        seen += response_times[response_time]
        while pending and count - seen <= int(count * pending[0]):
            found[pending.pop(0)] = response_time
        if not pending:
            break
    return [found.get(percent, 0) for percent in wanted]
