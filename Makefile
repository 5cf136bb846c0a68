PYTHON ?= python3
BIN = .venv/bin

.PHONY: help setup run test faults failover plans bench check format schema diagram lock clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' Makefile

setup: .venv/ready ## virtual environment with hash-locked dependencies, those of the tests included

# $(call install,FILE) installs a lock file: by uv in seconds, or by pip in minutes if uv fails (uv reads no pip.conf).
# Without ensurepip (a bare Debian python3), the machine's own pip fills the environment.
PIP = if [ -x $(BIN)/pip ]; then PIP="$(BIN)/python -m pip"; else PIP="$(PYTHON) -m pip --python $(BIN)/python"; fi; \
	$$PIP install --disable-pip-version-check --no-input --require-hashes --no-deps
install = $(BIN)/uv pip install --python $(BIN)/python --compile-bytecode --require-hashes --no-deps -r $(1) || { $(PIP) -r $(1); }

# What running needs.
.venv/run: locks/run.lock locks/uv.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Folio needs Python 3.11 or newer: make $(MAKECMDGOALS) PYTHON=python3.x" >&2; exit 1; }
	@$(PYTHON) -m venv .venv 2>/dev/null || $(PYTHON) -m venv --without-pip .venv
	@echo "Installing the locked dependencies into .venv"
	@$(PIP) --quiet -r locks/uv.lock
	@$(call install,locks/run.lock)
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --offline --no-deps --no-build-isolation --editable .
	@touch .venv/run

.venv/ready: locks/dev.lock .venv/run
	@$(call install,locks/dev.lock)
	@touch .venv/ready

run: .venv/run ## Folio on 127.0.0.1:8000, with a PostgreSQL of its own unless FOLIO_*_DATABASE_URL name yours
	@$(BIN)/folio serve

test: setup ## all tests: PostgreSQL in a container if a Docker Engine answers, else embedded
	@$(BIN)/python -m pytest

faults: setup ## PostgreSQL stopped, cut off, filled and starved under load; UPDATE=1 keeps the figures in docs/faults.md
	@$(BIN)/python -m pytest tests/faults -n 0

failover: setup ## a cluster of Patroni, etcd and HAProxy loses its leader under load; UPDATE=1 keeps the figures in docs/failover.md
	@$(BIN)/python -m pytest tests/failover -n 0

plans: setup ## every statement's plan on a large data set, against docs/plans.md (UPDATE=1 rewrites that); minutes
	@UPDATE=$(UPDATE) $(BIN)/python -m tests.plans

# The peers' packages are for this target only.
.venv/bench: locks/bench.lock .venv/ready
	@$(call install,locks/bench.lock)
	@touch .venv/bench

bench: .venv/bench ## speed from outside, in turn with peers; ONLY=transfers,reads ROUNDS=3 SECONDS=4 SCALE=large UPDATE=1
	@$(BIN)/python -m tests.bench $(if $(ONLY),--only $(ONLY)) $(if $(ROUNDS),--rounds $(ROUNDS)) \
	$(if $(SECONDS),--seconds $(SECONDS)) $(if $(SCALE),--scale $(SCALE)) $(if $(UPDATE),--update)

# Tools of Node for the OpenAPI document. The lock file has hashes and no addresses: npm uses the registry it is set to.
.venv/npm/ready: locks/npm/package.json locks/npm/package-lock.json
	@mkdir -p .venv/npm && cp locks/npm/*.json .venv/npm
	@cd .venv/npm && npm ci --silent --no-audit --no-fund --ignore-scripts && touch ready

check: setup ## format, lint, types, layers, SQL lint, safe migrations, OpenAPI: the whole gate
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/sqlfluff lint sql
	@$(BIN)/squawk sql/*/migrations/*.sql
	@$(BIN)/python -m tests.harness.document .venv/openapi.json
	@$(BIN)/openapi-spec-validator --errors all .venv/openapi.json
	@if $(MAKE) --no-print-directory .venv/npm/ready; then \
	REDOCLY_TELEMETRY=off REDOCLY_SUPPRESS_UPDATE_NOTICE=true .venv/npm/node_modules/.bin/redocly lint .venv/openapi.json; \
	else echo "redocly is skipped: npm is missing (apt-get install nodejs npm), or cannot install locks/npm" >&2; fi

format: setup ## format, and apply the fixes that ruff knows
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

schema: setup ## write sql/*/schema.sql from all migrations
	@$(BIN)/python -m tests.sql.schema snapshots

diagram: setup ## draw sql/schema.svg; needs Graphviz (dot)
	@$(BIN)/python -m tests.sql.schema picture

COMPILE = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header --upgrade

lock: setup ## pin all dependencies again, with hashes
	@$(COMPILE) pyproject.toml --group build --output-file locks/run.lock
	@$(COMPILE) pyproject.toml --group dev --constraint locks/run.lock --output-file locks/dev.lock
	@$(COMPILE) --group bench --constraint locks/dev.lock --output-file locks/bench.lock
	@cd locks/npm && npm install --silent --package-lock-only --omit-lockfile-registry-resolved
	@awk '/^uv==/ {found = 1; print; next} found && /--hash/ {print; next} found {exit}' locks/dev.lock > locks/uv.lock

clean: ## remove the virtual environment and caches; the data folder stays
	@rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
