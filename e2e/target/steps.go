package main

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

const (
	longestStep   = 60_000 // milliseconds
	mostSteps     = 16
	mostSchedules = 64
)

// Steps is a distribution of latencies that is known beforehand.
type Steps []step

// step is a range of latencies, spread evenly over the requests whose place
// among all is between two shares.
type step struct {
	from, to    time.Duration
	above, upTo float64
}

// ParseSteps reads "47x80,120-180x20": 47 ms for 80 of 100 requests, anything
// from 120 to 180 ms for the others. The latencies must ascend.
func ParseSteps(text string) (Steps, error) {
	var steps Steps
	var last time.Duration
	var sum float64
	for part := range strings.SplitSeq(text, ",") {
		latencies, share, _ := strings.Cut(part, "x")
		first, second, isRange := strings.Cut(latencies, "-")
		from, err := parseMilliseconds(first)
		to := from
		if err == nil && isRange {
			to, err = parseMilliseconds(second)
		}
		if err != nil || from <= last || to < from {
			return nil, fmt.Errorf("step %q: want <ms>x<share> or <ms>-<ms>x<share>, ascending from 1 to %d ms", part, longestStep)
		}
		weight, err := strconv.ParseUint(share, 10, 31)
		if err != nil || weight == 0 {
			return nil, fmt.Errorf("step %q: want a whole number above zero after the x", part)
		}
		steps = append(steps, step{from, to, sum, sum + float64(weight)})
		last, sum = to, sum+float64(weight)
	}
	if len(steps) > mostSteps {
		return nil, fmt.Errorf("%d steps: want %d at most", len(steps), mostSteps)
	}
	for i := range steps {
		steps[i].above /= sum
		steps[i].upTo /= sum
	}
	return steps, nil
}

func parseMilliseconds(text string) (time.Duration, error) {
	milliseconds, err := strconv.ParseUint(text, 10, 31)
	if err == nil && milliseconds > longestStep {
		err = fmt.Errorf("%d ms is too long", milliseconds)
	}
	return time.Duration(milliseconds) * time.Millisecond, err
}

// at is the latency of one request. Multiples of the golden ratio are spread
// evenly over 0 to 1 however many there are, so the shares hold at any time.
func (s Steps) at(request int64) time.Duration {
	_, place := math.Modf(float64(request) / math.Phi)
	for _, step := range s {
		if place < step.upTo {
			within := (place - step.above) / (step.upTo - step.above)
			return step.from + time.Duration(within*float64(step.to-step.from))
		}
	}
	return s[len(s)-1].to
}

// Schedule walks through the steps for one run.
type Schedule struct {
	steps Steps
	begun int64
	// Took counts requests by the whole milliseconds that they took; what is
	// beyond the last whole one is cut.
	Took map[int64]int64 `json:"tookMs"`
}

// schedule is that of a run and of steps as they are written.
func (t *Target) schedule(run, text string) (*Schedule, error) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	if found := t.schedules[run][text]; found != nil {
		return found, nil
	}
	steps, err := ParseSteps(text)
	if err != nil {
		return nil, err
	}
	if t.scheduled == mostSchedules {
		return nil, fmt.Errorf("there are %d distributions already: POST /-/reset forgets them", mostSchedules)
	}
	t.scheduled++
	if t.schedules[run] == nil {
		t.schedules[run] = map[string]*Schedule{}
	}
	made := &Schedule{steps: steps, Took: map[int64]int64{}}
	t.schedules[run][text] = made
	return made, nil
}

// nextOf decides how long the next request of a schedule takes.
func (t *Target) nextOf(s *Schedule) time.Duration {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	s.begun++
	return s.steps.at(s.begun - 1)
}

// keep notes what a request took, and answers it in whole milliseconds.
func (t *Target) keep(s *Schedule, took time.Duration) int64 {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	// without an end to them, one slow request after the other would need memory
	milliseconds := min(took.Milliseconds(), 2*longestStep)
	s.Took[milliseconds]++
	return milliseconds
}
