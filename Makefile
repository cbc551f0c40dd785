# Everything a newcomer types. `make demo` and `make test` set up what they need.

VENV   := .venv
PYTHON ?= python3
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
TESTS  := $(BIN)/python -m pytest -c tests/pytest.toml
TWO    := -n 2 --dist loadfile --no-loadscope-reorder
FAULT  ?=
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help demo demo-docker checks break test catalogue faults recovery lint index bench bench-cost bench-faults bench-held-out clean
.DEFAULT_GOAL := help

help:            ## this list
	@grep -E '^[a-z-]+: .*##' Makefile | sed -E 's/:.*## /\t/' | expand -t 13

demo: $(READY)   ## start the embedded stack, diagnose it, stop it; FAULT=name breaks it first
	@trap '$(BIN)/python -m stack down' EXIT; \
	  $(BIN)/python -m stack up || exit 1; \
	  if [ -n "$(FAULT)" ]; then $(BIN)/python -m stack break $(FAULT) || exit 1; fi; \
	  $(BIN)/python -m pytest --target=.stack/oncall.toml

demo-docker: $(READY) ## the same under Compose, in containers; FAULT=name breaks it first
	@trap '$(BIN)/python -m stack down --docker' EXIT; \
	  $(BIN)/python -m stack up --docker || exit 1; \
	  if [ -n "$(FAULT)" ]; then $(BIN)/python -m stack break $(FAULT) || exit 1; fi; \
	  $(BIN)/python -m pytest --target=.stack/oncall.toml

checks: $(READY) ## diagnose the stack that oncall.toml describes
	@$(BIN)/python -m pytest

break: $(READY)  ## break the running embedded stack: FAULT=name
	@$(BIN)/python -m stack break $(FAULT)

test: $(READY)   ## the suite's own tests: rules, units, integrations, one fault of each class
	@status=0; $(TESTS) -m alone tests || status=1; \
	  $(TESTS) -m "not alone and not slow and not catalogue" $(TWO) --durations=40 --durations-min=5 tests || status=1; \
	  exit $$status

catalogue: $(READY) ## the tests that make test leaves out: further faults of a class, further cases of a kind
	@$(TESTS) -m "catalogue and not slow" $(TWO) --durations=20 --durations-min=5 tests

faults: $(READY) ## every way to break either stack, each once; `make test` takes one of each kind under Docker
	@ONCALL_ALL_FAULTS=1 $(BIN)/python -m pytest -c tests/pytest.toml $(TWO) -m "not alone" tests/faults tests/strangers tests/components

recovery: $(READY) ## the playbook's steps, typed after every Docker fault: does the next run end healthy?
	@$(BIN)/python -m bench recovery

lint: $(READY)   ## style and types
	@$(BIN)/ruff check . && $(BIN)/ruff format --check -q .
	@$(BIN)/mypy

index: $(READY)  ## bring what is generated up to date: the README's index of checks, the schemas of a result and of the target file
	@$(BIN)/python -m tests.readme_index
	@$(BIN)/python -m tests.result_schema
	@$(BIN)/python -m tests.target_schema

bench: $(READY)  ## speed beside the playbook's own commands, the plain way and monitoring-plugins, as ratios in one run
	@$(BIN)/python -m bench

bench-cost: $(READY) ## what one run costs the stack: requests, queries, connections, bytes, database time
	@$(BIN)/python -m bench cost

bench-faults: $(READY) ## how often the diagnosis is right: every fault, doubles, benign scenarios, 100 healthy runs; both stacks
	@status=0; for mode in "" --docker; do $(BIN)/python -m bench accuracy $$mode || status=1; done; exit $$status

bench-held-out: $(READY) ## how often the diagnosis is right about faults that it has not learned from; three kinds of stack
	@status=0; $(BIN)/python -m bench held-out || status=1; $(BIN)/python -m bench.readme_figures; exit $$status

clean:           ## end the embedded stack, drop the environment
	@test ! -x $(BIN)/python || $(BIN)/python -m stack down
	@rm -rf $(VENV)

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	  || { echo "This needs Python 3.11 or newer: apt-get install python3 python3-venv, or make PYTHON=/path/to/python3.11"; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null \
	  || { echo "This needs Python's venv module: apt-get install python3-venv"; exit 1; }
	@echo "Setting up $(VENV) ..."
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install -qq --disable-pip-version-check -c constraints.txt -e '.[stack,dev]' \
	  || { echo "The packages could not be installed: see pip's message above"; exit 1; }
	@touch $(READY)
