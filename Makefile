# `make demo` and `make test` do all the set-up on a fresh Debian machine with Python 3.11 and a package index.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: demo test test-fast lint lock clean

demo: $(READY)
	$(BIN)/tfspine demo --out demo

test: lint
	$(BIN)/python -m pytest -n 2 --dist loadfile

test-fast: lint
	$(BIN)/python -m pytest -m "not slow"

lint: $(READY)
	$(BIN)/ruff format --check tfspine tests experiments
	$(BIN)/ruff check tfspine tests experiments
	$(BIN)/lint-imports
	$(BIN)/mypy

# irrCAC (GPL-3: tests compare with it, nothing else may) asks for SciPy 1.12 and pandas 2, and works with ours: it
# comes without its own.
$(READY): setup.cfg setup.py pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt pip setuptools wheel
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[all,test,dev,docs]"
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --no-deps irrCAC
	touch $(READY)

# The lock is what a fresh resolution of setup.cfg gives; read the difference before committing it.
lock:
	rm -rf .venv-lock && $(PYTHON) -m venv .venv-lock
	.venv-lock/bin/python -m pip install --quiet --editable ".[all,test,dev,docs]"
	.venv-lock/bin/python -m pip install --quiet --no-deps irrCAC
	.venv-lock/bin/python -m pip freeze --all --exclude-editable > constraints.txt
	rm -rf .venv-lock

clean:
	rm -rf $(VENV) demo
