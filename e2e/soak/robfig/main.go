// Command robfig holds the cases of crates/core/tests/oracle/oracle.py, read from standard input, against
// robfig/cron, whose ParseStandard reads the schedules of Kubernetes' CronJobs.
//
// What may differ is listed at `allowed` and in the documentation of locust_core::schedule::timetable; any other
// difference is a mismatch. ZONEINFO must name the database that the cases were made with.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"time"

	"github.com/robfig/cron/v3"
)

type group struct {
	Crons    []string    `json:"crons"`
	Zone     string      `json:"zone"`
	Next     [][2]int64  `json:"next"`
	Accepted [][2]string `json:"accepted"`
}

type tally struct {
	cases, mismatches int
	differences       map[string]int
}

func (t *tally) differs(why string) { t.differences[why]++ }

func (t *tally) mismatch(format string, arguments ...any) {
	t.mismatches++
	if t.mismatches <= 20 {
		fmt.Printf("mismatch: "+format+"\n", arguments...)
	}
}

// parse is ParseStandard, which panics at "TZ=" without a space.
func parse(line string) (schedule cron.Schedule, err error) {
	defer func() {
		if recovered := recover(); recovered != nil {
			err = fmt.Errorf("panic: %v", recovered)
		}
	}()
	return cron.ParseStandard(line)
}

// accepted: what the operator accepts CronJob accepts, and the other way round, but for what the verdict names.
func (t *tally) accepted(line, verdict string) {
	t.cases++
	_, err := parse(line)
	switch {
	case (err == nil) == (verdict == "ok"):
	case verdict == "never" || verdict == "star range" || verdict == "every" || verdict == "zone":
		t.differs("refused: " + verdict)
	default:
		t.mismatch("%q is %s, and robfig says %v", line, verdict, err)
	}
}

// next of several lines.
func next(schedules []cron.Schedule, at time.Time) time.Time {
	var first time.Time
	for _, schedule := range schedules {
		if one := schedule.Next(at); !one.IsZero() && (first.IsZero() || one.Before(first)) {
			first = one
		}
	}
	return first
}

// allowed says why an occurrence may differ; empty is that it may not.
func allowed(at, ours, theirs time.Time) string {
	if theirs.IsZero() {
		if ours.Year() > at.Year()+5 {
			return "robfig looks five years ahead"
		}
		return ""
	}
	from, until := ours, theirs
	if until.Before(from) {
		from, until = until, from
	}
	if midnightMissing(at, until) {
		return "a midnight that was leapt over"
	}
	if oddChange(at, until) {
		return "a change by half an hour"
	}
	_, before := from.Add(-26 * time.Hour).Zone()
	for it := from.Add(-26 * time.Hour); it.Before(from.Add(26 * time.Hour)); it = it.Add(15 * time.Minute) {
		if _, offset := it.Zone(); offset != before {
			return "the clock was changed within 26 hours"
		}
	}
	return ""
}

// midnightMissing says whether a day between has no midnight: robfig walks from midnight to midnight, and from the
// first of a month to the next.
func midnightMissing(from, until time.Time) bool {
	// A day without a midnight is shorter than a day: steps of one could leave it out.
	for day := from.Add(-24 * time.Hour); day.Before(until.Add(24 * time.Hour)); day = day.Add(12 * time.Hour) {
		year, month, number := day.Date()
		if time.Date(year, month, number, 0, 0, 0, 0, day.Location()).Hour() != 0 {
			return true
		}
	}
	return false
}

// oddChange says whether a clock between is changed by part of an hour: robfig walks on from midnight in whole hours.
func oddChange(from, until time.Time) bool {
	_, before := from.Add(-24 * time.Hour).Zone()
	for day := from.Add(-24 * time.Hour); day.Before(until.Add(24 * time.Hour)); day = day.Add(24 * time.Hour) {
		if _, offset := day.Zone(); (offset-before)%3600 != 0 {
			return true
		}
	}
	return false
}

func (t *tally) group(one group) error {
	for _, it := range one.Accepted {
		t.accepted(it[0], it[1])
	}
	if len(one.Crons) == 0 {
		return nil
	}
	zone, err := time.LoadLocation(one.Zone)
	if err != nil {
		return err
	}
	var schedules []cron.Schedule
	for _, line := range one.Crons {
		schedule, err := parse(line)
		if err != nil {
			return fmt.Errorf("%q: %w", line, err)
		}
		schedules = append(schedules, schedule)
	}
	for _, it := range one.Next {
		t.cases++
		at := time.Unix(it[0], 0).In(zone)
		ours, theirs := time.Unix(it[0]+it[1], 0).In(zone), next(schedules, at)
		if ours.Equal(theirs) {
			continue
		}
		if why := allowed(at, ours, theirs); why != "" {
			t.differs(why)
		} else {
			t.mismatch("%q in %s after %s is %s, and robfig says %s", one.Crons, one.Zone, at, ours, theirs)
		}
	}
	return nil
}

func main() {
	all := tally{differences: map[string]int{}}
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var one group
		if err := json.Unmarshal(lines.Bytes(), &one); err != nil {
			log.Fatal(err)
		}
		if err := all.group(one); err != nil {
			log.Fatal(err)
		}
	}
	if err := lines.Err(); err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%d cases, %d mismatches; intended differences: %v\n", all.cases, all.mismatches, all.differences)
	if all.mismatches > 0 || all.cases == 0 {
		os.Exit(1)
	}
}
