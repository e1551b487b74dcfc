# Two commands for a new user: `make analyze` and `make test`. Both create the environment first.
PYTHON  ?= python3
VENV    := .venv
BIN     := $(VENV)/bin
CAPTURE ?= fixtures/accept-queue-ack-drop/client.pcap
KERNELS := $(wildcard tcpautopsy/*/_kernel.py)
RULES   := $(wildcard rules/*/*.yaml)
COMPILED := $(VENV)/kernels-compiled

.PHONY: help analyze test check lint types imports docs score bench clean

help:  ## this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## */\t/' | expand -t 12

$(VENV)/installed: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade pip
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	touch $@

# An editable install compiles the kernels and reads the rules once; a newer source needs them again.
$(COMPILED): $(VENV)/installed $(KERNELS) $(RULES) build_hooks/kernels.py
	$(BIN)/python build_hooks/kernels.py
	touch $@

analyze: $(COMPILED)  ## analyse CAPTURE (default: a fixture) and write its page here
	@$(BIN)/tcpautopsy analyze '$(CAPTURE)'

test: $(COMPILED)  ## all checks and all tests
	$(MAKE) --no-print-directory check
	$(BIN)/python -m pytest -n 2 --dist worksteal --cov --cov-report=term:skip-covered

check: lint types imports docs  ## style, types, import rules, generated documents

lint: $(COMPILED)  ## ruff
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(COMPILED)  ## mypy --strict
	$(BIN)/mypy

imports: $(COMPILED)  ## who may import whom
	$(BIN)/lint-imports

docs: $(COMPILED)  ## are the generated documents current?
	$(BIN)/python -m docs.generate --check

score: $(COMPILED)  ## how often the causes named are right, on all recordings
	@$(BIN)/python -m fixtures.scoreboard

bench: $(COMPILED)  ## what an analysis costs, beside other tools, into docs/performance.md (about 15 minutes)
	@$(BIN)/python -m benchmarks

clean:  ## remove what make made
	rm -rf $(VENV) build dist .coverage htmlcov
	find tcpautopsy -name '_kernel*.so' -o -name '_kernel.c' | xargs -r rm -f
