package main

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
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
