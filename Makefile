# Each target makes its own .venv; a fresh machine needs Python 3.11+ and nothing else.
PYTHON ?= python3
BIN := .venv/bin
SECONDS ?= 20
ARGS ?=
# A broker starts in half the time when Python may keep its bytecode.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: demo test check bench conformance kafka docs picture clean

demo: .venv/ok
	$(BIN)/moldau demo --seconds $(SECONDS) $(ARGS)

test: .venv/dev
	$(BIN)/pytest -n 4 --dist loadfile -m "not long and not apache" $(ARGS)

check: .venv/dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest -n 4 --dist loadfile --hypothesis-profile fast \
	  -m "not slow and not long and not apache"

bench: .venv/dev
	$(BIN)/python -m bench $(ARGS)

# Beside a real Apache Kafka (tests/conformance, and what the rooms ask of its tools): needs Java and
# Maven, and is skipped with a reason without them; in CI it may not be.
conformance: .venv/dev
	$(BIN)/pytest -n 2 --dist loadfile -m apache $(ARGS)

kafka: .venv/ok
	$(BIN)/python -m tests.apache_kafka $(ARGS)

docs: .venv/ok
	$(BIN)/python docs/generate.py $(ARGS)

picture: .venv/ok
	$(BIN)/python docs/picture.py

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Moldau needs Python 3.11 or newer; name one: make PYTHON=python3.12 ..."; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install -q --disable-pip-version-check -U "pip>=25.1"

.venv/ok: .venv/bin/python pyproject.toml
	$(BIN)/pip install -q --disable-pip-version-check -e .
	touch $@

.venv/dev: .venv/ok
	$(BIN)/pip install -q --disable-pip-version-check --group dev
	touch $@

clean:
	rm -rf .venv .cache .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
