# `make demo` and `make test` need Python and make, nothing else. Which ones: requirements/supported.py.

# Compiled once, the engine starts in half the time.
unexport PYTHONDONTWRITEBYTECODE

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PROGRAMS := .cache/programs
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
# The locks are complete: pip resolves nothing, and requirements/check.py sees that nothing is amiss.
LOCKED := $(PIP) install --no-deps --require-hashes
CHECKED := $(BIN)/python requirements/check.py

.DEFAULT_GOAL := help
# A test waits for other processes about a third of its time: three at once for every two cores.
AT_ONCE = $(shell $(BIN)/python -c "import os; print(max(2, (os.cpu_count() or 1) * 3 // 2))")

# Tests of one part in this process: no engine, no model, no worker.
FAST := tests/text tests/inference tests/process tests/store/test_chunks.py tests/store/test_jobs.py tests/store/test_preferences.py \
    tests/audio/test_log.py tests/audio/test_log_file.py tests/audio/test_pcm.py tests/audio/test_seams.py tests/audio/test_wav.py \
    tests/test_fields.py tests/models/test_dispatch.py tests/models/test_published.py tests/models/test_spec.py \
    tests/models/test_state.py tests/models/test_take.py tests/models/test_watchdog.py \
    tests/scheduler/test_active_job.py tests/scheduler/test_attempts.py tests/scheduler/test_audible_span.py \
    tests/scheduler/test_fairness.py tests/scheduler/test_feed.py tests/scheduler/test_finisher.py tests/scheduler/test_job_run.py \
    tests/scheduler/test_pauses.py tests/scheduler/test_plan.py tests/scheduler/test_progress.py \
    tests/test_config.py tests/test_docs.py tests/test_english.py tests/test_house.py
.PHONY: help demo test test-fast test-long test-tauri lint contract programs sabotage format client bench bundle lock platforms clean

help:  ## Show this help
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

demo: $(VENV)/.runtime  ## Turn demo/lighthouse.md into demo.wav
	@$(BIN)/python -m demo.demo

test-fast: $(VENV)/.dev  ## Run the tests that start no engine and no model, in seconds
	@$(BIN)/python -m pytest -q -n 2 -m "not long" $(FAST)

test: $(VENV)/.dev  ## Run the test suite, in minutes
	@$(BIN)/python -m pytest -n $(AT_ONCE) --dist loadfile --no-loadscope-reorder -m "not long"

test-long: $(VENV)/.dev  ## Run the tests that take longest: batches at random, real time, benchmarks
	@$(BIN)/python -m pytest -n auto -m "long or fuzz" --hypothesis-profile thorough

lint: $(VENV)/.dev  ## Check style, types, import rules, English and what is generated
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/pyright
	$(BIN)/lint-imports
	$(BIN)/python -m tests.english
	$(BIN)/python clients/python/generate.py --check

contract: $(VENV)/.dev $(VENV)/.contract  ## Compare a running engine with its OpenAPI document
	@$(BIN)/python -m tests.contract

programs: $(VENV)/.dev $(PROGRAMS)/.python $(PROGRAMS)/.node  ## Let programs made for OpenAI speak with the engine; needs Node
	@$(BIN)/python -m tests.programs

sabotage: $(VENV)/.dev  ## Remove one check at a time and see the tests turn red
	@$(BIN)/python -m tests.sabotage

format: $(VENV)/.dev  ## Format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

client: $(VENV)/.dev  ## Make what the Python client has from the OpenAPI document, and its sync half
	$(BIN)/python clients/python/generate.py

bench: $(VENV)/.dev  ## Measure the engine; see docs/performance.md
	$(BIN)/python -m bench.service

bundle: dist/qwen-tts.sizes.json  ## Build dist/qwen-tts, a folder, and a single file, which need no Python

dist/qwen-tts.sizes.json: $(VENV)/.bundle bundle.py $(shell find app frozen migrations -name '*.py' -o -name '*.spec')
	$(BIN)/python bundle.py

test-tauri: bundle  ## Test the Tauri plugin, the client and the example app; needs Rust and Node, see docs/development.md
	@bash tauri/test.sh

lock: $(VENV)/.dev  ## Pin what pyproject.toml asks for: names, versions and hashes; UPGRADE=--upgrade for the newest
	$(BIN)/python -m requirements.lock $(UPGRADE)

platforms: $(VENV)/.dev  ## See on which platforms the pinned packages install without a compiler
	@$(BIN)/python -m requirements.platforms

clean:  ## Remove what was made here
	rm -rf $(VENV) .cache .hypothesis .pytest_cache .ruff_cache .import_linter_cache build dist demo.wav
	rm -rf tauri/node_modules tauri/target tauri/Cargo.lock tauri/*/dist tauri/example/e2e/screenshots

$(VENV)/.runtime: pyproject.toml requirements/runtime.txt requirements/build.txt
	@command -v $(PYTHON) >/dev/null || { echo "q3tts needs Python, and there is no $(PYTHON) here"; exit 1; }
	@$(PYTHON) requirements/supported.py
	@echo "making the virtual environment in $(VENV) ..."
	@$(PYTHON) -m venv $(VENV)
	@$(LOCKED) -r requirements/runtime.txt -r requirements/build.txt
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@$(CHECKED)
	@touch $@

$(VENV)/.dev: $(VENV)/.runtime requirements/dev.txt
	@$(LOCKED) -r requirements/dev.txt
	@$(CHECKED)
	@touch $@

$(VENV)/.contract: $(VENV)/.dev requirements/contract.txt
	@$(LOCKED) -r requirements/contract.txt
	@$(CHECKED)
	@touch $@

$(PROGRAMS)/.python: $(VENV)/.dev requirements/programs.txt
	@$(BIN)/python -m venv $(PROGRAMS)/python
	@$(PROGRAMS)/python/bin/python -m pip --disable-pip-version-check --quiet install --no-deps --require-hashes -r requirements/programs.txt
	@$(PROGRAMS)/python/bin/python -m pip --disable-pip-version-check --quiet check
	@touch $@

$(PROGRAMS)/.node: tests/programs/unchanged/package-lock.json
	@mkdir -p $(PROGRAMS)/node
	@cp tests/programs/unchanged/package.json tests/programs/unchanged/package-lock.json tests/programs/unchanged/.npmrc $(PROGRAMS)/node
	@npm ci --prefix $(PROGRAMS)/node --no-fund --no-audit --silent
	@touch $@

$(VENV)/.bundle: $(VENV)/.runtime requirements/bundle.txt
	@$(LOCKED) -r requirements/bundle.txt
	@$(CHECKED)
	@touch $@
