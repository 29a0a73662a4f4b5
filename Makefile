# `make` shows what there is.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
export GOFLAGS ?= -mod=readonly

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)
COMMIT  ?= $(shell git rev-parse HEAD 2>/dev/null)
DATE    ?= $(shell git log -1 --format=%cI 2>/dev/null)
LDFLAGS := -s -w -buildid= -X main.version=$(VERSION) -X main.commit=$(COMMIT) -X main.date=$(DATE)
BUILD   := CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags '$(LDFLAGS)'
TOOL    := go tool -modfile=tools/go.mod
P       ?= 2
RACE    ?= $(if $(shell command -v "$$(go env CC)"),-race)
FUZZTIME ?= 30s
PIN     ?= $(if $(shell command -v taskset),taskset -c 0)

.PHONY: help
help: ## show this list
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sort | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

.PHONY: run
run: ## serve the agent with emulated vendors: no account, no network
	@go build -o bin/voicectl ./cmd/voicectl
	@exec ./bin/voicectl serve --sandbox --dev $(ARGS)

.PHONY: build
build: ## build the static, reproducible binary bin/voicectl and print its sha256
	@mkdir -p bin
	@$(BUILD) -o bin/voicectl ./cmd/voicectl
	@sha256sum bin/voicectl

.PHONY: test
test: ## run all tests that need Go alone, with the race detector, shuffled
	@[ -n "$(RACE)" ] || echo "no C compiler: the race detector is off"
	go test $(RACE) -shuffle=on -p $(P) -timeout 20m $(TESTFLAGS) $$(go list ./... | grep -v /test/)
	go test $(RACE) -shuffle=on -p 1 -parallel $(P) -timeout 20m $(TESTFLAGS) ./test/... # whole programs that hold times: one after the other

.PHONY: e2e
e2e: ## run the tests that drive a real browser
	go test -tags e2e -count=1 -p 1 -timeout 15m -v ./test/e2e/...

.PHONY: interop
interop: ## run the tests in which the vendors' own client libraries judge the sandbox and the server
	go test -tags interop -count=1 -p 1 -timeout 10m -v ./test/interop/...

.PHONY: peers
peers: PYTHON ?= python3
peers: VENV ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/voicectl/peers
peers: ## call a Pipecat bot that runs on the sandbox, and serve, and compare (needs Python 3.11)
	@cmp -s test/peers/pipecat/requirements.txt "$(VENV)/requirements.txt" || { \
	  $(PYTHON) -m venv --clear "$(VENV)"; "$(VENV)/bin/pip" install -q -r test/peers/pipecat/requirements.txt; \
	  cp test/peers/pipecat/requirements.txt "$(VENV)/"; }
	PEERS_PYTHON="$(VENV)/bin/python" PEERS_CALLS="$(CALLS)" PEERS_CHORUS="$(CHORUS)" PEERS_WRITE="$(WRITE)" go test -tags peers -count=1 -p 1 -timeout 20m -v ./test/peers

.PHONY: bench
bench: ## measure what docs/benchmarks.md claims; says machine and commit
	@echo "machine  $$(nproc) x $$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo 2>/dev/null | head -1), $$(uname -sr), $$(go env GOVERSION), load $$(cut -d' ' -f1 /proc/loadavg 2>/dev/null)"
	@echo "commit   $(COMMIT)"
	$(PIN) go test -run '^$$' -bench . -benchmem -p 1 ./internal/...
	go test -run '^$$' -bench . -benchtime 1x ./test/bench

.PHONY: fuzz
fuzz: ## fuzz every target for FUZZTIME (30s)
	@go list -e -f '{{.ImportPath}} {{.Dir}}' ./... | while read -r pkg dir; do \
	  { grep -hoE '^func Fuzz[A-Za-z0-9_]+' "$$dir"/*_test.go 2>/dev/null || true; } | awk '{print $$2}' | while read -r f; do \
	    echo "== $$f in $$pkg"; go test -run '^$$' -fuzz "^$$f\$$" -fuzztime $(FUZZTIME) -parallel $(P) "$$pkg" < /dev/null; \
	  done; \
	done

.PHONY: nightly
nightly: ## the long forms of all tests (kills, power cuts, churn, an hour of call), 10 minutes a fuzz target
	VOICECTL_NIGHTLY=1 go test $(RACE) -shuffle=on -count=1 -timeout 180m -p 1 ./...
	$(MAKE) fuzz FUZZTIME=10m
	$(MAKE) check-repro

.PHONY: lint
lint: ## vet, golangci-lint, formatting, tidy go.mod, current generated pages
	go vet ./...
	$(TOOL) golangci-lint run ./...
	@out=$$($(TOOL) gofumpt -l $$(git ls-files -co --exclude-standard '*.go')); \
	  if [ -n "$$out" ]; then echo "not formatted (make lint-fix):"; echo "$$out"; exit 1; fi
	go mod tidy -diff
	@go test -count=1 -run TestDocs_AreCurrent ./cmd/voicectl

.PHONY: lint-fix
lint-fix: ## format, and mend what the linters can mend by themselves
	$(TOOL) golangci-lint run --fix ./...
	$(TOOL) gofumpt -w $$(git ls-files -co --exclude-standard '*.go')

.PHONY: generate
generate: ## write .env.example and the reference pages in docs/
	go run ./cmd/voicectl docs .

.PHONY: check-repro
check-repro: ## build here and, from nothing, in another folder, and compare
	@d=$$(mktemp -d); trap 'rm -rf "$$d"' EXIT; \
	$(BUILD) -o "$$d/here" ./cmd/voicectl; \
	mkdir "$$d/elsewhere"; git ls-files -co --exclude-standard -z | xargs -0 cp --parents -t "$$d/elsewhere"; \
	(cd "$$d/elsewhere" && GOCACHE="$$d/cache" $(BUILD) -o "$$d/there" ./cmd/voicectl); \
	(cd "$$d" && sha256sum here there && cmp here there && echo "the same binary")

.PHONY: clean
clean: ## remove what was built
	rm -rf bin
