#!/usr/bin/env python3
"""When cron lines are due, found by looking at a wall clock minute by minute.

Made without the operator's code and without its libraries: `crates/core/tests/timetable.rs` and robfig/cron (see
`e2e/soak/`) are held against what this writes. Three rules are all it knows:

* a line that says times of day is due at the first minute at which the clock has reached or passed such a time that it
  had never reached before;
* any other line is due at each minute whose time matches;
* several lines are due when one of them is.

    oracle.py --seed 1 --cases 10000 > cases.jsonl

A line of output is about one timetable, its instants in seconds since 1970:

    {"crons": ["30 2 * * *"], "zone": "Europe/Berlin",
     "next": [[instant, seconds until the next occurrence], ...],
     "due": [[cursor, seconds from there to now, seconds from cursor to the latest, or null, how many before it], ...]}

or about what lines are accepted: `{"accepted": [[line, verdict], ...]}` with the verdicts of `verdict`.
"""

import argparse
import bisect
import json
import os
import random
import re
import sys
import zoneinfo
from datetime import date, datetime, timezone

import tzdata

ZONES = """
Africa/Cairo Africa/Casablanca Africa/Juba America/Asuncion America/Chicago America/Halifax America/Havana
America/Los_Angeles America/Mexico_City America/New_York America/Nuuk America/Santiago America/Sao_Paulo
America/Scoresbysund America/St_Johns Antarctica/Troll Asia/Almaty Asia/Amman Asia/Beirut Asia/Damascus Asia/Gaza
Asia/Jerusalem Asia/Kathmandu Asia/Kolkata Asia/Tehran Atlantic/Azores Australia/Lord_Howe Australia/Sydney Etc/UTC
Europe/Berlin Europe/Chisinau Europe/Dublin Europe/London Europe/Stockholm Europe/Volgograd Pacific/Apia
Pacific/Auckland Pacific/Chatham Pacific/Easter Pacific/Fiji Pacific/Norfolk
""".split()
YEARS = range(2020, 2036)
DAY = 24 * 60
EPOCH = date(1970, 1, 1).toordinal()

MONTHS = "jan feb mar apr may jun jul aug sep oct nov dec".split()
WEEKDAYS = "sun mon tue wed thu fri sat".split()
# Least, most, names of the values from the least on.
FIELDS = [(0, 59, []), (0, 23, []), (1, 31, []), (1, 12, MONTHS), (0, 6, WEEKDAYS)]
NICKNAMES = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}


class Refused(Exception):
    """A line that makes no sense; its argument is the verdict."""


def number(text):
    if not re.fullmatch(r"[+-]?[0-9]+", text):
        raise Refused("no")
    value = int(text)
    if value < 0 or value >= 2**63:
        raise Refused("no")
    return value


def value(text, names, least):
    return least + names.index(text.lower()) if text.lower() in names else number(text)


class Field:
    def __init__(self, text, least, most, names):
        self.values, self.star, self.interval = set(), False, False
        for item in text.split(","):
            if item:
                self.item(item, least, most, names)
        if self.values == set(range(least, most + 1)):
            self.interval = True

    def item(self, item, least, most, names):
        parts = item.split("/")
        ends = parts[0].split("-")
        if len(parts) > 2:
            raise Refused("no")
        star = ends[0] in ("*", "?")
        if star and len(ends) > 1:
            raise Refused("star range")
        if star:
            first, last = least, most
        elif len(ends) > 2:
            raise Refused("no")
        else:
            first, last = value(ends[0], names, least), value(ends[-1], names, least)
        step = 1
        if len(parts) == 2:
            step = number(parts[1])
            if len(ends) == 1:
                last = most
            self.interval = True
        if step == 0 or first < least or last > most or first > last:
            raise Refused("no")
        self.star |= star and step == 1
        self.interval |= star
        self.values |= set(range(first, last + 1, min(step, 100)))


class Line:
    def __init__(self, text):
        if text.startswith(("TZ=", "CRON_TZ=")):
            raise Refused("zone")
        if text.startswith("@"):
            if text.startswith("@every "):
                raise Refused("every")
            if text not in NICKNAMES:
                raise Refused("no")
            text = NICKNAMES[text]
        texts = text.split()
        if len(texts) != 5:
            raise Refused("no")
        fields = [Field(text, *kind) for text, kind in zip(texts, FIELDS)]
        minute, hour, self.dom, self.month, self.dow = fields
        self.fixed = not (minute.interval or hour.interval)
        self.minutes = [at // 60 in hour.values and at % 60 in minute.values for at in range(DAY)]
        self.times = [at for at in range(DAY) if self.minutes[at]]
        self.both = self.dom.star or self.dow.star
        self.dates = {}
        # No day of 400 years: never.
        if not all(field.values for field in fields) or not self.ever():
            raise Refused("never")

    def ever(self):
        # 2000 to 2027 has every day of every month on every day of the week.
        return any(self.on(day) for day in range(date(2000, 1, 1).toordinal() - EPOCH, date(2028, 1, 1).toordinal() - EPOCH))

    def on(self, day):
        """Whether a day, counted from 1970-01-01, matches."""
        if day not in self.dates:
            it = date.fromordinal(EPOCH + day)
            dom, dow = it.day in self.dom.values, it.isoweekday() % 7 in self.dow.values
            self.dates[day] = it.month in self.month.values and (dom and dow if self.both else dom or dow)
        return self.dates[day]

    def matches(self, minute):
        """Whether a minute of the wall clock, counted from 1970-01-01 00:00, matches."""
        return self.minutes[minute % DAY] and self.on(minute // DAY)


def verdict(text):
    """ok, no, or what robfig accepts and the operator does not: never, star range, every, zone."""
    try:
        Line(text)
    except Refused as refused:
        return refused.args[0]
    return "ok"


class Clock:
    """The wall clock of a zone."""

    def __init__(self, name):
        self.zone = zoneinfo.ZoneInfo(name)
        self.days = {}

    def shown(self, minute):
        """The minute of the wall clock, counted from 1970-01-01 00:00, at a minute since 1970-01-01T00:00Z."""
        local = datetime.fromtimestamp(minute * 60, self.zone)
        assert local.second == 0
        return (local.toordinal() - EPOCH) * DAY + local.hour * 60 + local.minute

    def day(self, day):
        """What it shows at each minute of a UTC day; just how far it is ahead if it runs evenly."""
        if day not in self.days:
            begin, end = day * DAY, (day + 1) * DAY
            # From the minute before: what is shown then is followed by what is shown first.
            ahead = {self.shown(at) - at for at in (begin - 1, *range(begin, end, 15), end - 1)}
            self.days[day] = ahead.pop() if len(ahead) == 1 else [self.shown(at) for at in range(begin, end)]
        return self.days[day]

    def changes(self):
        """The minutes from which its offset is another."""
        offset = lambda minute: self.shown(minute) - minute
        begin, end = ((date(year, 1, 1).toordinal() - EPOCH) * DAY for year in (YEARS[0], YEARS[-1] + 1))
        found = []
        for at in range(begin, end, 6 * 60):
            if offset(at) != offset(at + 6 * 60):
                found.append(next(it for it in range(at + 1, at + 6 * 60 + 1) if offset(it) != offset(at)))
        return found


def occurrences(lines, clock, begin, end):
    """The minutes in [begin, end), minutes since 1970-01-01T00:00Z, at which something is due."""
    found = set()
    for line in lines:
        found.update(of_line(line, clock, begin, end))
    return sorted(found)


def of_line(line, clock, begin, end):
    found = []
    # The highest minute that was ever shown; unknown after days that were left out.
    highest = None
    for day in range(begin // DAY - 1, end // DAY + 1):
        # All dates that a wall clock shows in this UTC day.
        if not any(line.on(near) for near in (day - 1, day, day + 1)):
            highest = None
            continue
        if highest is None:
            highest = clock.shown(day * DAY - 1)
        shown = clock.day(day)
        if isinstance(shown, int) and (not line.fixed or highest == day * DAY - 1 + shown):
            # The clock shows what it has not shown before, minute after minute.
            for near in (day - 1, day, day + 1):
                if line.on(near):
                    found.extend(near * DAY - shown + minute for minute in line.times
                                 if day * DAY <= near * DAY - shown + minute < (day + 1) * DAY)
            highest = (day + 1) * DAY - 1 + shown
            continue
        if isinstance(shown, int):
            shown = [at + shown for at in range(day * DAY, (day + 1) * DAY)]
        for at, local in enumerate(shown, day * DAY):
            if not line.fixed or local == highest + 1:
                due = line.matches(local)
            else:
                # Nothing if it was shown before, else all that was passed.
                due = any(line.matches(minute) for minute in range(highest + 1, local + 1))
            if due:
                found.append(at)
            if local > highest:
                highest = local
    return [at for at in found if begin <= at < end]


def some(rng, least, most, names, step=True):
    """A field."""
    word = lambda it: rng.choice([names[it - least], names[it - least].upper()]) if names and rng.random() < 0.4 else str(it)

    def item():
        first, last = sorted(rng.randint(least, most) for _ in range(2))
        kind = rng.random()
        stepped = f"/{rng.choice([1, 2, 3, 5, 7, 10, 15, 20, 30, 40])}" if step and rng.random() < 0.4 else ""
        if kind < 0.5:
            return word(rng.randint(least, most))
        if kind < 0.75:
            return word(first) + "-" + word(last) + stepped
        return (rng.choice("**?") if stepped else word(first)) + stepped

    return ",".join(item() for _ in range(rng.choice([1, 1, 1, 2, 3])))


def frequent(rng):
    """A line that is due at least once a week, most near the hours at which clocks are changed."""
    minute = rng.choice(["0", "30", "15", "59", "0,30", "*", "*/5", "*/15", "*/30", "0/20", "1-59/7", "0-59", some(rng, *FIELDS[0])])
    hour = rng.choice(["*", "*", "0", "1", "2", "3", "23", "22", "0,1,2,3", "1-3", "*/2", "*/3", "0-23", "2/3", some(rng, *FIELDS[1])])
    days = rng.choice(["* * *"] * 5 + ["* * 0", "* * sat,SUN,mon", "? * 0-3", "*/2 * *", "* * */2", "1-31 * 0", "*/3 * MON"])
    return rng.choice(["@daily", "@hourly", "@weekly"]) if rng.random() < 0.05 else f"{minute} {hour} {days}"


def rare(rng):
    """Any line."""
    if rng.random() < 0.08:
        return rng.choice(list(NICKNAMES))
    minute = rng.choice(["0", "30", "*/20", some(rng, *FIELDS[0])])
    hour = rng.choice(["0", "2", "*/6", some(rng, *FIELDS[1])])
    dom = rng.choice(["*", "?", "1", "13", "29", "30", "31", "1,15", "*/2", some(rng, *FIELDS[2])])
    month = rng.choice(["*", "*", "2", "3,10", "FEB", some(rng, *FIELDS[3])])
    dow = rng.choice(["*", "*", "*", "0", "5", some(rng, *FIELDS[4])])
    return f"{minute} {hour} {dom} {month} {dow}"


def garbled(rng):
    """A line of which much makes no sense."""
    if rng.random() < 0.1:
        word = rng.choice(list(NICKNAMES) + ["@every 1h", "@every 90s", "@reboot", "@every", "TZ=UTC 0 0 * * *", "@DAILY"])
        return word + rng.choice(["", "", "", " ", "s"])
    line = rare(rng)
    for _ in range(rng.choice([0, 0, 1, 1, 1, 2, 3])):
        at = rng.randrange(len(line) + 1)
        put = rng.choice(list("0123456789*?,-/ LW#H+@") + ["7", "60", "24", "mon", "Feb", "31 2", "\t", "_", "", ""])
        line = line[:at] + put + line[at + rng.choice([0, 1]):]
    return line


def timetable(rng, make):
    crons = []
    for _ in range(rng.choice([1, 1, 1, 1, 2, 3])):
        while True:
            cron = make(rng)
            if verdict(cron) == "ok":
                crons.append(cron)
                break
    return crons, [Line(cron) for cron in crons]


def group(rng, crons, lines, clock, name, begin, end, instants, dues):
    """The cases about these instants whose answer lies before `end`."""
    found = [minute * 60 for minute in occurrences(lines, clock, begin, end)]
    cases = []
    for at in sorted(set(instants(found))):
        index = bisect.bisect_right(found, at)
        if begin * 60 <= at and index < len(found):
            cases.append([at, found[index] - at])
    spans = []
    for _ in range(dues):
        cursor, now = sorted(rng.randrange(begin * 60, end * 60) for _ in range(2))
        first, last = bisect.bisect_right(found, cursor), bisect.bisect_right(found, now)
        spans.append([cursor, now - cursor, found[last - 1] - cursor if last > first else None, max(last - first - 1, 0)])
    return {"crons": crons, "zone": name, "next": cases, "due": spans}


def around(rng, change, clock, name, count):
    """Cases around a change of the clock."""
    crons, lines = timetable(rng, frequent)
    begin, end = change - DAY - DAY // 2, change + 8 * DAY

    def instants(found):
        near = [it for it in found if abs(it - change * 60) < 8 * 3600]
        for _ in range(count):
            kind = rng.random()
            if kind < 0.4 and near:
                yield rng.choice(near) + rng.choice([-60, -1, 0, 1, 59])
            elif kind < 0.8:
                yield change * 60 + rng.choice([-1, 0, 1]) * rng.choice([0, 1, 60, 1800, 3599, 3600, 3601, 5400, 7200, 10800, 86400])
            else:
                yield change * 60 + rng.randint(-DAY * 60, DAY * 60)

    return group(rng, crons, lines, clock, name, begin, end, instants, 1 + count // 10)


def anywhere(rng, clock, name, count):
    """Cases of any lines over years, or of frequent ones over some days."""
    year = rng.choice(YEARS)
    crons, lines = timetable(rng, rng.choice([frequent, rare]))
    begin = (date(year, rng.randint(1, 12), rng.randint(1, 28)).toordinal() - EPOCH) * DAY + rng.randrange(DAY)
    days = {sum(line.on(begin // DAY + day) for day in range(8 * 366)) for line in lines}
    # So long that about twenty days are to be looked at.
    end = begin + min(8 * 366, max(10, 8 * 366 * 20 // max(days))) * DAY
    instants = lambda found: [rng.randrange(begin * 60, end * 60) for _ in range(count)]
    return group(rng, crons, lines, clock, name, begin, end, instants, 1 + count // 10)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--cases", type=int, default=10_000)
    parser.add_argument("--each", type=int, default=0, help="instants of a timetable; by the number of cases if 0")
    options = parser.parse_args()

    here = os.path.dirname(os.path.abspath(__file__))
    with open(os.path.join(here, "tzdata.txt"), encoding="utf-8") as file:
        wanted = file.read().strip()
    if tzdata.IANA_VERSION != wanted:
        sys.exit(f"tzdata is {tzdata.IANA_VERSION}, and the operator's is {wanted}")
    zoneinfo.reset_tzpath(to=[])

    rng = random.Random(options.seed)
    clocks = {name: Clock(name) for name in ZONES}
    changes = [(name, change) for name, clock in clocks.items() for change in clock.changes()]
    print(f"{len(changes)} changes of {len(ZONES)} clocks", file=sys.stderr)
    each = options.each or min(200, max(5, options.cases // 5 // len(changes)))

    cases = 0

    def write(one):
        nonlocal cases
        cases += len(one.get("next", ())) + len(one.get("due", ())) + len(one.get("accepted", ()))
        print(json.dumps(one, separators=(",", ":")))

    # Each change at least once.
    covered = False
    while not covered or cases < options.cases:
        write({"accepted": [[line, verdict(line)] for line in (garbled(rng) for _ in range(100 * each))]})
        for name, change in changes:
            if covered and cases >= options.cases:
                break
            write(around(rng, change, clocks[name], name, each))
            if rng.random() < 0.2:
                name = rng.choice(ZONES)
                write(anywhere(rng, clocks[name], name, each))
        covered = True
    print(f"{cases} cases", file=sys.stderr)


if __name__ == "__main__":
    main()
