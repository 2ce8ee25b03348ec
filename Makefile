# Every workflow of the project, one command each. `make help` lists them; the sentence after ## is what it prints.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

LAB ?= dev
JOBS ?= $(shell nproc)
# Which build the lab runs: dev, asan, tsan or release.
PRESET ?= dev
# Longest run of one fuzz target in `make fuzz`, in seconds.
FUZZ_SECONDS ?= 10
GO = $$($(CURDIR)/tools/install-deps --print-go)

.PHONY: help
help: ## lists every target
	@awk 'BEGIN {FS = ":.*## "} /^[a-z][a-z0-9-]*:.*## / {printf "  %-17s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo
	@echo "  One unit test:        make unit TEST='kube_queue/holds*'"
	@echo "  One end-to-end test:  make e2e TEST=TestAttach"
	@echo "  One fuzz target:      make fuzz TARGET=xo_marker_fuzz FUZZ_SECONDS=600"

.PHONY: deps-build deps-lab
deps-build:
	@tools/install-deps build
deps-lab:
	@tools/install-deps lab

.PHONY: build
build: deps-build ## builds operator and simulator with gcc and debug information into build/dev
	@tools/build dev

.PHONY: release
release: deps-build ## builds what is shipped, optimised and hardened, into build/release
	@tools/build release

.PHONY: clang
clang: deps-build ## builds everything with clang, whose warnings are errors too
	@tools/build clang

.PHONY: unit
unit: asan ## runs the unit tests (under ASan and UBSan); TEST='suite/name' runs those that match
.PHONY: asan
asan: deps-build ## the same as unit
	@tools/build asan
	@tools/run-unit $(if $(TEST),--filter '$(TEST)',--min $(shell cat tools/unit-minimum)) build/asan

.PHONY: tsan
tsan: deps-build ## runs the race tests under ThreadSanitizer
	@tools/build tsan
	@tools/run-stress build/tsan

.PHONY: fuzz
fuzz: deps-build ## fuzzes every parser for FUZZ_SECONDS each, from the corpora in the tree; TARGET=… one of them
	@tools/build fuzz
	@tools/run-fuzz --seconds $(FUZZ_SECONDS) build/fuzz $(TARGET)

.PHONY: tidy
tidy: deps-build ## checks the rules of STYLE.md, clang-tidy, cppcheck, shell scripts, manual pages and Go code
	@tools/tidy --self-test
	@tools/tidy
	@tools/lint

.PHONY: format
format: deps-build ## formats the C sources
	@git ls-files -co --exclude-standard '*.[ch]' | xargs clang-format -i

.PHONY: format-check
format-check: deps-build ## fails when a C source is not formatted
	@git ls-files -co --exclude-standard '*.[ch]' | xargs clang-format --dry-run --Werror

.PHONY: check
check: deps-build ## what to run before each commit: format, rules, gcc and clang, unit tests
	@tools/test-all check

.PHONY: test
test: deps-build ## everything that checks the project, end to end included
	@tools/test-all test

.PHONY: demo
demo: deps-lab ## plays both ways to move a disk on a real control plane; KEEP=1 leaves it running
	@tools/build dev
	@cd e2e && KEEP=$(KEEP) $(GO) run ./cmd/lab demo

.PHONY: lab-up
lab-up: deps-lab ## starts a lab (LAB=name, WORLD=file.yaml, OPERATOR=0 without the operator)
	@tools/build $(PRESET)
	@cd e2e && $(GO) run ./cmd/lab up --name $(LAB) --preset $(PRESET) $(if $(WORLD),--world $(abspath $(WORLD)))

.PHONY: lab-down
lab-down: ## ends what lab-up started (LAB=name)
	@cd e2e && $(GO) run ./cmd/lab down --name $(LAB)

.PHONY: e2e
e2e: deps-lab ## runs the end-to-end tests in labs of their own; TEST=name runs those that match
	@tools/build $(PRESET)
	@PRESET=$(PRESET) e2e/run --go "$(GO)" $(if $(TEST),--run '$(TEST)',--min $(shell cat tools/e2e-minimum))

.PHONY: conformance
conformance: deps-lab ## holds xosim, or the Xen Orchestra that XOA_URL names, to how a real one behaves
	@tools/install-deps conformance
	@PRESET=$(PRESET) tools/conformance $(if $(TEST),--run '$(TEST)')

.PHONY: explore
explore: deps-build ## searches every state that a move can get into, around the real decision core
	@tools/build release
	@build/release/explore $(ONLY)

.PHONY: simulate
simulate: deps-build ## plays the whole operator in virtual time; SEEDS=n (0: without end) FIRST_SEED=m HOURS=h
	@AT_LEAST=$(if $(SEEDS),,100000) SECONDS_MAX=$(if $(HOURS),$$(($(HOURS)*3600))) tools/simulate $(or $(SEEDS),9200) $(or $(FIRST_SEED),1)

.PHONY: simulate-nightly
simulate-nightly: ## the same for eight hours, with seeds that nobody has played
	@$(MAKE) simulate SEEDS=0 FIRST_SEED=$$(date +%s)000 HOURS=8

.PHONY: docs-api
docs-api: deps-build ## writes the tables of docs/api from the schema and the table of reasons
	@tools/build dev
	@cmake --build build/dev --target docs-api

.PHONY: decide
decide: deps-build ## how much of the decision core its tests run, and which changes of it they do not notice
	@tools/coverage-decide
	@tools/mutate-decide

.PHONY: planted
planted: deps-lab ## takes guards out of copies of the sources, and breaks copies of xosim: each must be caught
	@tools/install-deps conformance
	@tools/build release
	@tools/explore-planted build/release
	@tools/simulate-planted build/release
	@tools/plant-deviations

.PHONY: bench
bench: deps-lab ## measures beside a controller-runtime program, and thousands of moves; rewrites the tables in docs/benchmarks.md
	@tools/build release
	@cd bench && $(GO) run ./run && $(GO) run ./load

.PHONY: image
image: ## builds the container image with buildah and starts it
	@tools/install-deps image
	@tools/image-test

.PHONY: clean
clean: ## removes everything that was built
	@rm -rf build
