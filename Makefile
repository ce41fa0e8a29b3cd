# Thin: every target calls a script or the tool that does the work. `make help` lists them.
.DEFAULT_GOAL := help
SHELL := /bin/bash

VERSION := $(shell sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
IMAGE := locust-operator/locust-operator:$(VERSION)
NODE := target/debug/e2e-node
STEP := e2e/step.sh
# The steps of one make, and of those that it calls, share a clock.
ifndef STEPS_BEGAN
export STEPS_BEGAN := $(shell date +%s.%N)
endif
export VERSION IMAGE

.PHONY: help demo test test-unit test-api test-node bench soak lint deny cases generate operator image release \
	check-machine prepare prepare-tools node-tool node-up node-down node-status clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: ## Boot Kubernetes, install the operator, run a real load test, show its verdict
	@e2e/demo.sh

test: ## Run every test: unit, API server, node
	@e2e/test.sh unit api node

test-unit: ## Lint, and test without a cluster: Rust, plugin, chart, demo target
	@e2e/test.sh unit

test-api: ## Test the operator against a real API server
	@e2e/test.sh api

test-node: ## Test on the real node with real Locust
	@e2e/test.sh node

bench: ## Measure the operator beside a baseline, write docs/benchmarks.md (ONLY=burst: one part, no page)
	@e2e/bench.sh "$(ONLY)"

soak: ## Run for long what tests run for a moment, write docs/soak.md (ONLY=fuzz: one part and its lines)
	@e2e/soak.sh "$(ONLY)"

lint: ## Formatting, clippy, shellcheck, helm lint, licences
	@e2e/lint.sh
	@$(MAKE) --no-print-directory deny

deny: ## Licences, sources and duplicate versions of dependencies
	@command -v cargo-deny >/dev/null || $(STEP) "installing cargo-deny" \
		cargo install --quiet --locked cargo-deny --version 0.20.2
	@cargo deny --log-level error check licenses bans sources

cases: ## Write docs/cases.md from what the last `make test` saw
	@cargo run --quiet --package e2e-tests --bin seen -- write

generate: ## Write CRDs, the chart's RBAC and the reference pages
	@cargo xtask generate

operator: ## Build the operator as one static file: .node/build/locust-operator
	@$(STEP) "building the operator" ./build-static.sh .node/build/locust-operator

image: operator node-tool ## Build the operator's image into .node/images
	@mkdir -p .node/image-context && cp .node/build/locust-operator .node/image-context/
	@$(NODE) image-build --name $(IMAGE) --dockerfile Dockerfile --context .node/image-context \
		--build-arg BINARY=prebuilt >.node/build/image-archive

release: image ## Write chart package, install.yaml, image archive and checksums into dist
	@OPERATOR_IMAGE_ARCHIVE=$$(cat .node/build/image-archive) e2e/release.sh

node-tool:
	@$(STEP) "building the node tool" cargo build --locked --package e2e-node

check-machine: node-tool
	@$(NODE) check

prepare-tools: node-tool
	@$(NODE) prepare >/dev/null

prepare: prepare-tools ## Install missing packages, build Kubernetes and Helm, build the images
	@$(NODE) images

node-up: prepare ## Boot the node, or repair it
	@$(NODE) up

node-down: node-tool ## End the node and remove every trace of it
	@$(NODE) down

node-status: node-tool ## Show what runs
	@$(NODE) status

clean: node-down ## Remove everything that was built
	rm -rf .node target dist
