package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Target answers every path by its latency and error ratio, and counts
// requests by the run that sent them. What is below /dist/ takes its latencies
// from there, and says in X-Took-Ms what it took.
type Target struct {
	mutex      sync.Mutex
	latency    Latency
	errorRatio float64
	random     *rand.Rand
	served     int64
	total      int64
	runs       map[string]*RunCount
	schedules  map[string]map[string]*Schedule // by run and steps
	scheduled  int
}

// RunCount is what one run has sent.
type RunCount struct {
	Requests   int64 `json:"requests"`
	Errors     int64 `json:"errors"`
	LastUnixMs int64 `json:"lastUnixMs"`
}

// NewTarget makes a target; equal seeds draw equal latencies.
func NewTarget(latency Latency, errorRatio float64, seed uint64) *Target {
	return &Target{
		latency:    latency,
		errorRatio: errorRatio,
		random:     rand.New(rand.NewPCG(seed, seed)),
		runs:       map[string]*RunCount{},
		schedules:  map[string]map[string]*Schedule{},
	}
}

// Handler routes control paths and everything else.
func (t *Target) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /-/healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /-/stats", t.stats)
	mux.HandleFunc("GET /-/distributions", t.distributions)
	mux.HandleFunc("PUT /-/control", t.control)
	mux.HandleFunc("POST /-/reset", t.reset)
	mux.HandleFunc("/", t.serve)
	return mux
}

func (t *Target) serve(w http.ResponseWriter, r *http.Request) {
	begin, run := time.Now(), cmp.Or(r.Header.Get("X-Run-Id"), "none")
	wait, failed := t.next()
	if strings.HasPrefix(r.URL.Path, "/fail") {
		failed = true
	}
	if text, found := strings.CutPrefix(r.URL.Path, "/slow/"); found {
		milliseconds, err := strconv.ParseUint(text, 10, 31)
		if err != nil {
			http.Error(w, "want /slow/<milliseconds>", http.StatusBadRequest)
			return
		}
		wait = time.Duration(milliseconds) * time.Millisecond
	}
	var known *Schedule
	if text, found := strings.CutPrefix(r.URL.Path, "/dist/"); found {
		var err error
		if known, err = t.schedule(run, text); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		wait = t.nextOf(known)
	}
	select {
	case <-time.After(wait):
	case <-r.Context().Done():
	}
	t.count(run, failed)
	if known != nil {
		w.Header().Set("X-Took-Ms", strconv.FormatInt(t.keep(known, time.Since(begin)), 10))
	}
	if failed {
		http.Error(w, "failed on purpose", http.StatusInternalServerError)
		return
	}
	fmt.Fprint(w, "ok")
}

// next decides the fate of one request. Errors are spread evenly instead of
// drawn, so that a ratio holds exactly however few requests there are.
func (t *Target) next() (wait time.Duration, failed bool) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	t.served++
	due := func(served int64) float64 { return math.Floor(float64(served)*t.errorRatio + 1e-9) }
	return t.latency.draw(t.random), due(t.served) > due(t.served-1)
}

func (t *Target) count(run string, failed bool) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	count := t.runs[run]
	if count == nil {
		count = &RunCount{}
		t.runs[run] = count
	}
	t.total++
	count.Requests++
	if failed {
		count.Errors++
	}
	count.LastUnixMs = time.Now().UnixMilli()
}

func (t *Target) stats(w http.ResponseWriter, _ *http.Request) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(map[string]any{"total": t.total, "runs": t.runs})
}

func (t *Target) distributions(w http.ResponseWriter, _ *http.Request) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(map[string]any{"runs": t.schedules})
}

func (t *Target) control(w http.ResponseWriter, r *http.Request) {
	var wanted struct {
		Latency    *string  `json:"latency"`
		ErrorRatio *float64 `json:"errorRatio"`
	}
	decoder := json.NewDecoder(r.Body)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&wanted); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	var latency Latency
	if wanted.Latency != nil {
		var err error
		if latency, err = ParseLatency(*wanted.Latency); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
	}
	if wanted.ErrorRatio != nil && !validRatio(*wanted.ErrorRatio) {
		http.Error(w, "errorRatio: want a number from 0 to 1", http.StatusBadRequest)
		return
	}
	t.mutex.Lock()
	defer t.mutex.Unlock()
	if wanted.Latency != nil {
		t.latency = latency
	}
	if wanted.ErrorRatio != nil {
		t.errorRatio, t.served = *wanted.ErrorRatio, 0
	}
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(map[string]any{"latency": t.latency.text, "errorRatio": t.errorRatio})
}

func (t *Target) reset(w http.ResponseWriter, _ *http.Request) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	t.served, t.total, t.runs = 0, 0, map[string]*RunCount{}
	t.schedules, t.scheduled = map[string]map[string]*Schedule{}, 0
	fmt.Fprintln(w, "ok")
}
