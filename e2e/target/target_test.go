package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

func samples(t *testing.T, text string, count int) []time.Duration {
	t.Helper()
	latency, err := ParseLatency(text)
	if err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(1, 1))
	drawn := make([]time.Duration, count)
	for i := range drawn {
		drawn[i] = latency.draw(random)
	}
	slices.Sort(drawn)
	return drawn
}

func TestFixedLatencyIsAlwaysTheSame(t *testing.T) {
	drawn := samples(t, "fixed:5ms", 100)
	if drawn[0] != 5*time.Millisecond || drawn[99] != 5*time.Millisecond {
		t.Errorf("got %v to %v", drawn[0], drawn[99])
	}
}

func TestUniformLatencyStaysInItsRange(t *testing.T) {
	drawn := samples(t, "uniform:5ms-20ms", 10_000)
	if drawn[0] < 5*time.Millisecond || drawn[9_999] > 20*time.Millisecond {
		t.Errorf("got %v to %v", drawn[0], drawn[9_999])
	}
	if median := drawn[5_000]; math.Abs(float64(median-12500*time.Microsecond)) > float64(500*time.Microsecond) {
		t.Errorf("median %v", median)
	}
}

func TestLognormalLatencyHasItsPercentiles(t *testing.T) {
	drawn := samples(t, "lognormal:20ms,60ms", 100_000)
	for share, want := range map[float64]time.Duration{0.5: 20 * time.Millisecond, 0.95: 60 * time.Millisecond} {
		got := drawn[int(share*float64(len(drawn)))]
		if math.Abs(float64(got-want)) > 0.03*float64(want) {
			t.Errorf("p%g: got %v, want %v", share*100, got, want)
		}
	}
}

func TestBadLatenciesAreRefused(t *testing.T) {
	for _, text := range []string{"", "5ms", "fixed:", "fixed:-5ms", "uniform:20ms-5ms", "uniform:5ms", "lognormal:0s,1s", "normal:1ms,2ms"} {
		if _, err := ParseLatency(text); err == nil {
			t.Errorf("%q was taken", text)
		}
	}
}

func newTarget(t *testing.T, errorRatio float64) *Target {
	t.Helper()
	latency, err := ParseLatency("fixed:0s")
	if err != nil {
		t.Fatal(err)
	}
	return NewTarget(latency, errorRatio, 1)
}

func call(t *testing.T, target *Target, method, path, run, body string) *httptest.ResponseRecorder {
	t.Helper()
	request := httptest.NewRequest(method, path, strings.NewReader(body))
	if run != "" {
		request.Header.Set("X-Run-Id", run)
	}
	recorder := httptest.NewRecorder()
	target.Handler().ServeHTTP(recorder, request)
	return recorder
}

func TestTheErrorRatioIsExact(t *testing.T) {
	for _, ratio := range []float64{0, 0.01, 0.1, 0.3, 0.5, 1} {
		target, failed := newTarget(t, ratio), 0
		for range 1000 {
			if call(t, target, "GET", "/", "", "").Code == http.StatusInternalServerError {
				failed++
			}
		}
		if want := int(math.Round(ratio * 1000)); failed != want {
			t.Errorf("ratio %g: %d of 1000 failed, want %d", ratio, failed, want)
		}
	}
}

func TestEveryTenthRequestFails(t *testing.T) {
	target := newTarget(t, 0.1)
	for i := 1; i <= 30; i++ {
		failed := call(t, target, "GET", "/", "", "").Code != http.StatusOK
		if failed != (i%10 == 0) {
			t.Errorf("request %d: failed %v", i, failed)
		}
	}
}

func TestRequestsAreCountedByRun(t *testing.T) {
	target := newTarget(t, 0)
	call(t, target, "GET", "/a", "one", "")
	call(t, target, "POST", "/fail/b", "one", "")
	call(t, target, "GET", "/", "", "")
	call(t, target, "GET", "/-/healthz", "one", "")
	var stats struct {
		Total int64               `json:"total"`
		Runs  map[string]RunCount `json:"runs"`
	}
	if err := json.Unmarshal(call(t, target, "GET", "/-/stats", "", "").Body.Bytes(), &stats); err != nil {
		t.Fatal(err)
	}
	one := stats.Runs["one"]
	if stats.Total != 3 || one.Requests != 2 || one.Errors != 1 || one.LastUnixMs == 0 || stats.Runs["none"].Requests != 1 {
		t.Errorf("got %+v", stats)
	}
	call(t, target, "POST", "/-/reset", "", "")
	if body := call(t, target, "GET", "/-/stats", "", "").Body.String(); !strings.Contains(body, `"total":0`) {
		t.Errorf("after the reset: %s", body)
	}
}

func TestSlowSleepsAsLongAsAsked(t *testing.T) {
	begin := time.Now()
	if code := call(t, newTarget(t, 0), "GET", "/slow/30", "", "").Code; code != http.StatusOK {
		t.Errorf("code %d", code)
	}
	if took := time.Since(begin); took < 30*time.Millisecond {
		t.Errorf("took %v", took)
	}
	if code := call(t, newTarget(t, 0), "GET", "/slow/long", "", "").Code; code != http.StatusBadRequest {
		t.Errorf("code %d", code)
	}
}

func TestControlChangesBehaviourOrSaysWhyNot(t *testing.T) {
	target := newTarget(t, 0)
	if code := call(t, target, "PUT", "/-/control", "", `{"errorRatio":1,"latency":"fixed:1ms"}`).Code; code != http.StatusOK {
		t.Fatalf("code %d", code)
	}
	if code := call(t, target, "GET", "/", "", "").Code; code != http.StatusInternalServerError {
		t.Errorf("code %d", code)
	}
	for _, body := range []string{`{"errorRatio":2}`, `{"latency":"soon"}`, `{"latncy":"fixed:1ms"}`, `{`} {
		if code := call(t, target, "PUT", "/-/control", "", body).Code; code != http.StatusBadRequest {
			t.Errorf("%s: code %d", body, code)
		}
	}
}

func TestStepsKeepTheirSharesAtAnyTime(t *testing.T) {
	steps, err := ParseSteps("20x60,30-40x34,60x5,80x1")
	if err != nil {
		t.Fatal(err)
	}
	shares := map[time.Duration]float64{20: 0.6, 31: 0.034, 35: 0.17, 39: 0.306, 40: 0.34, 60: 0.05, 80: 0.01}
	seen := map[time.Duration]float64{}
	for request := range int64(5000) {
		wait := steps.at(request)
		for upTo, share := range shares {
			upTo *= time.Millisecond
			if wait == upTo || wait >= 30*time.Millisecond && wait < upTo && upTo <= 40*time.Millisecond {
				seen[upTo]++
			}
			if got, want := seen[upTo], share*float64(request+1); math.Abs(got-want) > 4 {
				t.Fatalf("%v for %g of %d requests, want %g", upTo, got, request+1, want)
			}
		}
	}
	if steps.at(0) != 20*time.Millisecond {
		t.Errorf("the first took %v", steps.at(0))
	}
}

func TestBadStepsAreRefused(t *testing.T) {
	many := "1x1"
	for step := 2; step <= mostSteps+1; step++ {
		many += fmt.Sprintf(",%dx1", step)
	}
	for _, text := range []string{"", "20", "20x", "x1", "20x0", "20x-1", "0x1", "20x1,20x1", "20x1,10x1", "20x1,", "20-x1", "20-10x1", "20-30x1,30x1", "1-60001x1", "60001x1", "1.5x1", many} {
		if _, err := ParseSteps(text); err == nil {
			t.Errorf("%q was taken", text)
		}
		if code := call(t, newTarget(t, 0), "GET", "/dist/"+text, "", "").Code; code != http.StatusBadRequest {
			t.Errorf("%q: code %d", text, code)
		}
	}
}

// distributions is what the target says of one run: requests by what they took, of each distribution.
func distributions(t *testing.T, target *Target, run string) map[string]Schedule {
	t.Helper()
	var answer struct {
		Runs map[string]map[string]Schedule `json:"runs"`
	}
	if err := json.Unmarshal(call(t, target, "GET", "/-/distributions", "", "").Body.Bytes(), &answer); err != nil {
		t.Fatal(err)
	}
	return answer.Runs[run]
}

func TestWhatRequestsTookIsKeptByRunAndDistribution(t *testing.T) {
	target := newTarget(t, 0)
	said := map[int64]int64{}
	begin := time.Now()
	for range 6 {
		// the second and the fourth are slow
		took, err := strconv.ParseInt(call(t, target, "GET", "/dist/5x1,15x1", "one", "").Header().Get("X-Took-Ms"), 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		said[took]++
	}
	lasted := time.Since(begin).Milliseconds()
	call(t, target, "GET", "/dist/2x1", "one", "")
	call(t, target, "GET", "/dist/5x1,15x1", "two", "")
	call(t, target, "GET", "/", "one", "")
	one := distributions(t, target, "one")
	took, sum, slow := one["5x1,15x1"].Took, int64(0), int64(0)
	if !maps.Equal(took, said) {
		t.Errorf("kept %v, said %v", took, said)
	}
	for milliseconds, count := range took {
		sum += milliseconds * count
		if milliseconds >= 15 {
			slow += count
		}
		if milliseconds < 5 {
			t.Errorf("%d requests took %d ms", count, milliseconds)
		}
	}
	if sum < 4*5+2*15 || sum > lasted || slow < 2 {
		t.Errorf("got %v within %d ms", took, lasted)
	}
	if len(one) != 2 || len(distributions(t, target, "two")) != 1 || len(distributions(t, target, "none")) != 0 {
		t.Errorf("got %v", target.schedules)
	}
	call(t, target, "POST", "/-/reset", "", "")
	if left := distributions(t, target, "one"); len(left) != 0 {
		t.Errorf("after the reset: %v", left)
	}
}

func TestDistributionsNeedNoEndlessMemory(t *testing.T) {
	target := newTarget(t, 0)
	for run := range mostSchedules {
		if code := call(t, target, "GET", "/dist/1x1", fmt.Sprint(run), "").Code; code != http.StatusOK {
			t.Fatalf("code %d", code)
		}
	}
	if code := call(t, target, "GET", "/dist/1x1", "another", "").Code; code != http.StatusBadRequest {
		t.Errorf("one too many: code %d", code)
	}
	if code := call(t, target, "GET", "/dist/1x1", "0", "").Code; code != http.StatusOK {
		t.Errorf("one that is known: code %d", code)
	}
	known, err := target.schedule("0", "1x1")
	if err != nil {
		t.Fatal(err)
	}
	for hours := range 3 {
		if took := target.keep(known, time.Duration(hours+1)*time.Hour); took != 2*longestStep {
			t.Errorf("%d hours are kept as %d ms", hours+1, took)
		}
	}
}
