# Everything a newcomer needs: Python 3.11 or newer, and make. `make` alone explains itself.
SHELL := /bin/sh
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SUITE ?= proxy
MINUTES ?= 10

.DEFAULT_GOAL := help
.PHONY: help install install-dev demo demo-down test lint bench fuzz docs clean

help: ## explain these commands
	@echo "Tangerang city gateway. Start with: make demo"
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(VENV)/.installed ## install the gateway and the reference services into .venv

install-dev: $(VENV)/.installed-dev

$(VENV)/.installed: requirements.lock pyproject.toml .ci/install.sh
	@PYTHON="$(PYTHON)" sh .ci/install.sh $(VENV) requirements.lock
	@touch $@

$(VENV)/.installed-dev: requirements-dev.lock pyproject.toml .ci/install.sh
	@PYTHON="$(PYTHON)" sh .ci/install.sh $(VENV) requirements-dev.lock
	@touch $@ $(VENV)/.installed

demo: install ## run the whole city: four services and the gateway, with example data; Ctrl-C ends it
	@$(BIN)/python -m services.demo up

demo-down: ## end a demo that was left behind
	@if [ -x $(BIN)/python ]; then $(BIN)/python -m services.demo down; fi

test: install-dev ## install everything and run all tests, with coverage
	@sh .ci/servers.sh
	@$(BIN)/coverage erase
	@$(BIN)/coverage run -m pytest -q -n auto --dist loadfile --no-loadscope-reorder
	@$(BIN)/coverage combine -q
	@$(BIN)/coverage report --fail-under=95 --format=total >/dev/null || { $(BIN)/coverage report | tail -40; exit 1; }
	@$(BIN)/coverage report --include='gateway/rules/*' --fail-under=100
	@echo "coverage: $$($(BIN)/coverage report --format=total) % overall, 100 % of the branches of gateway/rules"

lint: install-dev ## format check, lint, types, and the floors of the house
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo

bench: install-dev ## measure, side by side (SUITE=proxy|cache|scale|limits|faults, QUICK=1, PUBLISH=1)
	@$(BIN)/python -m tests.bench --suite $(SUITE) $(if $(QUICK),--quick) $(if $(PUBLISH),--publish)

fuzz: install-dev ## read mutated messages with our parsers, h11 and httptools, guided by coverage (MINUTES=10)
	@$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes --only-binary :all: -r requirements-fuzz.lock
	@$(BIN)/python -m tests.fuzz --minutes $(MINUTES)

docs: install-dev ## write the generated pages in docs/ anew
	@$(BIN)/gateway docs
	@$(BIN)/python -m services.drawings

clean: ## remove what these commands made
	@rm -rf $(VENV) .demo .bench .fuzz .gateway .coverage .coverage.* build *.egg-info
