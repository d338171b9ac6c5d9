# The only entry point: on a machine with python3 (3.11+), python3-venv, make and a package index, each target sets up
# what it needs. uv comes from requirements/tools.txt by pip, everything else from requirements/dev.txt by uv; both are
# pinned by hash. See docs/decisions/0001-lock-files-without-addresses.md.

PYTHON ?= python3
VENV   := .venv
TOOLS  := $(VENV)/tools
BIN    := $(VENV)/bin
PY     := $(BIN)/python
UV     := $(TOOLS)/bin/python requirements/uv.py
CODE   := $(wildcard monitor tests bench image requirements docs notebooks deploy)
TYPED  := $(wildcard monitor tests bench image requirements docs/generate deploy/generate)

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules --no-print-directory
.PHONY: help setup demo demo-azure demo-slack test check soak image format format-check lint types imports locked bench docs lock upgrade hooks clean

help:  ## what can be asked for
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(VENV)/.ready $(VENV)/.kusto  ## environment in .venv, locked by hash; any other target does this first

demo: $(VENV)/.ready  ## a simulated tenant, the last week replayed: incidents, messages, charts, scoreboard
	$(BIN)/mintwatch demo

demo-azure: $(VENV)/.ready  ## the same by way of a local Azure: login without a secret, HTTPS, KQL, ticks
	$(BIN)/mintwatch demo-azure

demo-slack: $(VENV)/.ready  ## the same told to a local Slack: a page shows the channel, and its buttons work
	$(BIN)/mintwatch demo-slack

test: format-check lint types imports locked  ## everything CI asks for
	$(PY) -m pytest --numprocesses=logical --dist=worksteal

check: format-check lint types imports locked  ## as test, without what is slow; for every commit
	$(PY) -m pytest --numprocesses=logical --dist=worksteal -m "not slow and not soak"

soak: setup  ## a day of the daemon and more alerts through foul weather, 200 kills of it; takes many minutes
	$(PY) -m pytest --numprocesses=logical --dist=worksteal -m soak

image:  ## the container image and its slim form, with docker or with buildah and podman; prints what they carry
	$(PYTHON) image/build.py daemon slim

format: setup  ## rewrite the code in its one format
	$(BIN)/ruff format $(CODE)
	$(BIN)/ruff check --fix-only --quiet $(CODE)

format-check: setup
	$(BIN)/ruff format --check $(CODE)

lint: setup  ## ruff
	$(BIN)/ruff check $(CODE)

types: setup  ## mypy, strict
	$(BIN)/mypy $(TYPED)

imports: setup  ## the import contract: layers point down
	$(BIN)/lint-imports --no-logo

locked: setup  ## requirement files belong to pyproject.toml
	$(PY) requirements/lock.py check

bench: setup  ## what travels and how fast, beside stated baselines
	$(PY) -m bench

docs: setup  ## reference pages from the code, and what of deploy/ is made
	$(PY) -m docs.generate
	$(PY) -m deploy.generate

lock: $(TOOLS)/.ready  ## requirement files from pyproject.toml, versions kept where they may be
	$(TOOLS)/bin/python requirements/lock.py write

upgrade: $(TOOLS)/.ready  ## requirement files with the newest versions pyproject.toml allows
	$(TOOLS)/bin/python requirements/lock.py write --upgrade

hooks: setup  ## make check before every commit of this clone
	$(BIN)/pre-commit install

clean:  ## everything that can be made again
	rm -rf $(VENV) build dist demo-output .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find $(CODE) -name __pycache__ -type d -prune -exec rm -rf {} +

# --- set-up -------------------------------------------------------------------------------------------------------

NEEDS_VENV := python3-venv is missing; install it with: apt-get install python3-venv

$(TOOLS)/.ready: requirements/tools.txt
	@command -v $(PYTHON) >/dev/null || { echo "python3 is missing; install it with: apt-get install python3 python3-venv" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "$(PYTHON) is older than 3.11; install a newer one (apt-get install python3 python3-venv on Debian 12 or later) and say: make PYTHON=python3.11" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "$(NEEDS_VENV)" >&2; exit 1; }
	@{ $(PY) -c '' 2>/dev/null || $(PYTHON) -m venv --clear --without-pip $(VENV); } && $(PYTHON) -m venv --clear $(TOOLS) || { rm -rf $(VENV); echo "$(NEEDS_VENV)" >&2; exit 1; }
	@echo "set-up: uv into $(TOOLS)"
	@$(TOOLS)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: -r requirements/tools.txt
	@touch $@

$(VENV)/.synced: requirements/dev.txt $(TOOLS)/.ready
	@echo "set-up: $$(grep -c == $<) packages into $(VENV), usually ten seconds the first time"
	@$(UV) pip sync --quiet --compile-bytecode --python $(PY) --require-hashes --only-binary :all: requirements/dev.txt
	@rm -f $(VENV)/.ready
	@touch $@

$(VENV)/.ready: pyproject.toml monitor/__init__.py $(VENV)/.synced
	@echo "set-up: mintwatch itself, editable"
	@$(UV) pip install --quiet --python $(PY) --no-deps --no-build-isolation --editable .
	@touch $@

# Installed beside copies of what pins it, so that nothing made lies in the checkout; npm checks the hash in the lock file.
$(VENV)/.kusto: tests/kusto/package.json tests/kusto/package-lock.json tests/kusto/.npmrc $(VENV)/.synced
	@echo "set-up: Microsoft's KQL parser and binder, for the tests"
	@mkdir -p $(VENV)/kusto && cp tests/kusto/package.json tests/kusto/package-lock.json tests/kusto/.npmrc $(VENV)/kusto/
	@$(BIN)/npm ci --loglevel=error --prefix $(VENV)/kusto
	@touch $@
