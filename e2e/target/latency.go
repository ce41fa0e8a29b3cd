package main

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"
)

// Latency says how long the next request takes.
type Latency struct {
	text string
	draw func(*rand.Rand) time.Duration
}

// ParseLatency reads "fixed:5ms", "uniform:5ms-20ms" or "lognormal:20ms,60ms",
// the latter being the median and the 95th percentile.
func ParseLatency(text string) (Latency, error) {
	kind, values, _ := strings.Cut(text, ":")
	switch kind {
	case "fixed":
		fixed, err := parseDuration(values)
		if err != nil {
			return Latency{}, fmt.Errorf("latency %q: %w", text, err)
		}
		return Latency{text, func(*rand.Rand) time.Duration { return fixed }}, nil
	case "uniform":
		low, high, err := parsePair(values, "-")
		if err != nil {
			return Latency{}, fmt.Errorf("latency %q: %w", text, err)
		}
		return Latency{text, func(random *rand.Rand) time.Duration {
			return low + time.Duration(random.Int64N(int64(high-low)+1))
		}}, nil
	case "lognormal":
		median, p95, err := parsePair(values, ",")
		if err == nil && median == 0 {
			err = fmt.Errorf("the median must be above zero")
		}
		if err != nil {
			return Latency{}, fmt.Errorf("latency %q: %w", text, err)
		}
		const zOfP95 = 1.6448536269514722
		sigma := math.Log(float64(p95)/float64(median)) / zOfP95
		return Latency{text, func(random *rand.Rand) time.Duration {
			return time.Duration(float64(median) * math.Exp(sigma*random.NormFloat64()))
		}}, nil
	}
	return Latency{}, fmt.Errorf("latency %q: want fixed:D, uniform:D-D or lognormal:P50,P95", text)
}

func parsePair(values, separator string) (low, high time.Duration, err error) {
	first, second, found := strings.Cut(values, separator)
	if !found {
		return 0, 0, fmt.Errorf("want two durations with %q between them", separator)
	}
	if low, err = parseDuration(first); err != nil {
		return 0, 0, err
	}
	if high, err = parseDuration(second); err != nil {
		return 0, 0, err
	}
	if high < low {
		return 0, 0, fmt.Errorf("%v is below %v", high, low)
	}
	return low, high, nil
}

func parseDuration(text string) (time.Duration, error) {
	duration, err := time.ParseDuration(text)
	if err == nil && duration < 0 {
		err = fmt.Errorf("%v is negative", duration)
	}
	return duration, err
}

// parseRatio reads a share of requests.
func parseRatio(text string) (float64, error) {
	ratio, err := strconv.ParseFloat(text, 64)
	if err == nil && !validRatio(ratio) {
		err = fmt.Errorf("want a number from 0 to 1")
	}
	if err != nil {
		return 0, fmt.Errorf("error ratio %q: %w", text, err)
	}
	return ratio, nil
}

func validRatio(ratio float64) bool {
	return ratio >= 0 && ratio <= 1
}
