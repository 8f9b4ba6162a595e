# `make demo` and `make test` do all the set-up on a fresh Debian machine with Python 3.11 and a package index.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: demo test test-fast test-slow lint docs dist protocol lock clean

demo: $(READY)
	$(BIN)/tfspine demo --out demo

# Files go to the workers in the order of tests/conftest.py, the longest first.
PYTEST := $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

test: lint
	$(PYTEST) -m "not long"

test-fast: lint
	$(PYTEST) -m "not slow"

test-slow: $(READY)
	$(PYTEST) -m long

lint: $(READY)
	$(BIN)/ruff format --check tfspine tests experiments
	$(BIN)/ruff check tfspine tests experiments
	$(BIN)/lint-imports
	$(BIN)/mypy
	$(BIN)/vermin --quiet --no-tips --violations --eval-annotations --target=3.10- tfspine
	$(BIN)/hadolint Dockerfile

docs: $(READY)
	$(BIN)/sphinx-build --fail-on-warning --keep-going -b html docs docs/_build/html

dist: $(READY)
	rm -rf dist && $(BIN)/python -m build
	$(BIN)/twine check --strict dist/*
	$(BIN)/check-wheel-contents dist/*.whl

# With the compiler of protobuf 4, in its own environment: see tfspine/client/wire/serving.proto.
protocol:
	rm -rf .venv-protocol && $(PYTHON) -m venv .venv-protocol
	.venv-protocol/bin/python -m pip install --quiet "grpcio-tools==1.62.3" "setuptools<80"
	.venv-protocol/bin/python -m grpc_tools.protoc --proto_path=. --python_out=. tfspine/client/wire/serving.proto
	rm -rf .venv-protocol

# irrCAC (GPL-3: only tests may use it, to compare results) requires SciPy 1.12 and pandas 2, but works with newer
# versions: it is installed without its requirements.
$(READY): setup.cfg setup.py pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt pip setuptools wheel
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[all,test,dev,docs]"
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --no-deps irrCAC
	touch $(READY)

# Pin the versions that pip chooses for setup.cfg now; read the difference before committing it.
lock:
	rm -rf .venv-lock && $(PYTHON) -m venv .venv-lock
	.venv-lock/bin/python -m pip install --quiet --editable ".[all,test,dev,docs]"
	.venv-lock/bin/python -m pip install --quiet --no-deps irrCAC
	.venv-lock/bin/python -m pip freeze --all --exclude-editable > constraints.txt
	rm -rf .venv-lock

clean:
	rm -rf $(VENV) demo dist build docs/_build
