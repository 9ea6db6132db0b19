# The commands of a working day. Everything lands in this folder: .venv, var/, build/.
.DEFAULT_GOAL := help
.PHONY: help setup demo quick unit test coverage soak bench check types lint format docs lock words bundle bundle-check disposable-domains migration clean

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed-from-lock
export PIP_DISABLE_PIP_VERSION_CHECK := 1

help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

setup: $(STAMP) ## Create .venv with the locked dependencies

$(STAMP): requirements/dev.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Python 3.11 or newer is needed; name one with: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing the locked dependencies into $(VENV) (the first time takes a minute) …"
	@$(BIN)/pip install --quiet --use-pep517 --require-hashes --requirement requirements/dev.lock
	@$(BIN)/pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

demo: setup ## Send the sample issue to 1,000 subscribers on this machine (ARGS="--once --json")
	@$(BIN)/newsletter demo $(ARGS)

# Types are checked anew only where modules changed: the first time takes half a minute longer.
quick: setup ## Check the code and run the unit tests, in a minute
	@$(MAKE) --no-print-directory --jobs=2 --output-sync=target types lint unit

unit: setup ## Run the tests that need neither a database nor another process
	@QUICK=1 $(BIN)/python -m pytest -m unit -n 2 --quiet $(ARGS)

# Tests of servers wait much: three processes keep two cores busy.
test: setup ## Check the code and run every test
	@$(MAKE) --no-print-directory --jobs=2 --output-sync=target types lint docs
	@$(BIN)/python -m pytest -n 3 $(ARGS)

coverage: setup ## Run every test and show which lines none of them reaches
	@$(BIN)/python -m pytest -n 2 --cov --cov-report=term-missing:skip-covered $(ARGS)

soak: setup ## Run every test long, on both databases: 20,000 recipients, 50 deaths
	@SOAK=1 $(BIN)/python -m pytest -n 2 --timeout 3600 $(ARGS)

bench: setup ## Measure beside references; writes build/bench.json (ARGS="--scale 0.1")
	@$(BIN)/python -m bench $(ARGS)

check: setup ## Lint, types, layers; scripts and styles, too, where their packages are installed (make bundle)
	@$(MAKE) --no-print-directory --jobs=2 --output-sync=target types lint

types: setup
	@$(BIN)/mypy

lint: setup
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/djangofmt --check --quiet templates/web || { echo "Pages' templates are not formatted: make format"; exit 1; }
	@! LC_ALL=C.UTF-8 grep -rnE '^.{101,}' templates || { echo "Templates have at most 100 columns, as Python has"; exit 1; }
	@$(BIN)/djlint templates/web --lint --quiet
	@$(BIN)/lint-imports
	@if [ -x frontend/node_modules/.bin/tsc ]; then cd frontend && npm run --silent check; fi

format: setup ## Format the code and the templates of pages; scripts and styles, too, as with make check
	@$(BIN)/ruff format --quiet .
	@$(BIN)/djangofmt --quiet templates/web
	@if [ -x frontend/node_modules/.bin/prettier ]; then cd frontend && npm run --silent format; fi

docs: setup ## Build the documentation as a site in build/site; fails on a broken link
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict

lock: setup ## Write the lock files anew from pyproject.toml
	@$(BIN)/uv pip compile --quiet --no-strip-extras --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links \
		--no-header --output-file requirements/runtime.lock pyproject.toml
	@$(BIN)/uv pip compile --quiet --no-strip-extras --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links \
		--no-header --group dev --output-file requirements/dev.lock pyproject.toml requirements/build.in
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links \
		--no-header --output-file requirements/build.lock requirements/build.in

words: setup ## Bring the catalogues in newsletter/i18n up to date with source and templates
	@$(BIN)/python -m newsletter.cli.catalogues

bundle: ## Check the scripts and build the editor of frontend/ (needs Node.js; running the product does not)
	@cd frontend && npm ci --silent --no-audit --no-fund && npm run --silent check && node build.mjs

bundle-check: ## Build the editor anew, and compare it with what is kept
	@cd frontend && npm ci --silent --no-audit --no-fund && node build.mjs ../build/editor
	@diff -r build/editor newsletter/web/static/vendor/editor && echo "The editor's bundle is what frontend/ makes."

disposable-domains: setup ## Bring the list of disposable mail domains up to date
	@$(BIN)/uv run --quiet --isolated --no-project --with disposable-email-domains python subscribers/forms/renew_domains.py

migration: setup ## Write a migration from what changed in the tables (MESSAGE="add …")
	@$(BIN)/python -m newsletter.database.migrations "$(MESSAGE)"

clean: ## Remove what was built here, the demo's data included
	rm -rf $(VENV) var build dist
