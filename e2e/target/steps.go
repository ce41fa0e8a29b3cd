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

// step is a latency, and the share of requests that are as fast as this or faster.
type step struct {
	wait time.Duration
	upTo float64
}

// ParseSteps reads "47x80,126x20": 47 ms for 80 of 100 requests, 126 ms for
// the others. The latencies must ascend.
func ParseSteps(text string) (Steps, error) {
	var steps Steps
	var sum, last uint64
	for part := range strings.SplitSeq(text, ",") {
		wait, share, _ := strings.Cut(part, "x")
		milliseconds, err := strconv.ParseUint(wait, 10, 31)
		if err != nil || milliseconds <= last || milliseconds > longestStep {
			return nil, fmt.Errorf("step %q: want <milliseconds>x<share>, ascending from 1 to %d ms", part, longestStep)
		}
		weight, err := strconv.ParseUint(share, 10, 31)
		if err != nil || weight == 0 {
			return nil, fmt.Errorf("step %q: want a whole number above zero after the x", part)
		}
		last, sum = milliseconds, sum+weight
		steps = append(steps, step{time.Duration(milliseconds) * time.Millisecond, float64(sum)})
	}
	if len(steps) > mostSteps {
		return nil, fmt.Errorf("%d steps: want %d at most", len(steps), mostSteps)
	}
	for i := range steps {
		steps[i].upTo /= float64(sum)
	}
	return steps, nil
}

// at is the latency of one request. Multiples of the golden ratio are spread
// evenly over 0 to 1 however many there are, so the shares hold at any time.
func (s Steps) at(request int64) time.Duration {
	_, place := math.Modf(float64(request) / math.Phi)
	for _, step := range s {
		if place < step.upTo {
			return step.wait
		}
	}
	return s[len(s)-1].wait
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
