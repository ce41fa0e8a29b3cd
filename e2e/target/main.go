// Command demo-target is a service to load: it answers as slowly and as badly
// as it is told to, and counts what each run has sent.
package main

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "demo-target:", err)
		os.Exit(1)
	}
}

func run() error {
	latency, err := ParseLatency(cmp.Or(os.Getenv("LATENCY"), "fixed:5ms"))
	if err != nil {
		return err
	}
	errorRatio, err := parseRatio(cmp.Or(os.Getenv("ERROR_RATIO"), "0"))
	if err != nil {
		return err
	}
	seed, err := strconv.ParseUint(cmp.Or(os.Getenv("SEED"), "1"), 10, 64)
	if err != nil {
		return fmt.Errorf("seed: %w", err)
	}
	server := &http.Server{
		Addr:              ":8080",
		Handler:           NewTarget(latency, errorRatio, seed).Handler(),
		ReadHeaderTimeout: 10 * time.Second,
	}
	ended, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	failed := make(chan error, 1)
	go func() { failed <- server.ListenAndServe() }()
	fmt.Printf("demo-target listens on %s: latency %s, error ratio %g\n", server.Addr, latency.text, errorRatio)
	select {
	case err := <-failed:
		return err
	case <-ended.Done():
	}
	patience, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	return server.Shutdown(patience)
}
