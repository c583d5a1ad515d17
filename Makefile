# `make demo` and `make test` need Python and make, nothing else. Which ones: requirements/supported.py.

# Compiled once, the engine starts in half the time.
unexport PYTHONDONTWRITEBYTECODE

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
# The locks are complete: pip resolves nothing, and requirements/check.py sees that nothing is amiss.
LOCKED := $(PIP) install --no-deps --require-hashes
CHECKED := $(BIN)/python requirements/check.py

.DEFAULT_GOAL := help
.PHONY: help demo test test-long test-tauri lint sabotage format bench bundle lock platforms clean

help:  ## Show this help
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

demo: $(VENV)/.runtime  ## Turn demo/lighthouse.md into demo.wav
	@$(BIN)/python -m demo.demo

test: $(VENV)/.dev  ## Run the test suite, in minutes
	@$(BIN)/python -m pytest -n auto --dist loadfile -m "not long"

test-long: $(VENV)/.dev  ## Run the tests that take longest: batches at random, real time, benchmarks
	@$(BIN)/python -m pytest -n auto -m long

lint: $(VENV)/.dev  ## Check style, types, import rules and English
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/pyright
	$(BIN)/lint-imports
	$(BIN)/python -m tests.english

sabotage: $(VENV)/.dev  ## Remove one check at a time and see the tests turn red
	@$(BIN)/python -m tests.sabotage

format: $(VENV)/.dev  ## Format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

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

$(VENV)/.bundle: $(VENV)/.runtime requirements/bundle.txt
	@$(LOCKED) -r requirements/bundle.txt
	@$(CHECKED)
	@touch $@
