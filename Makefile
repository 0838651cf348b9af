# make demo    pretrain on real digits, see kNN accuracy climb (a minute, CPU)
# make test    run the tests
# make lint    check style and types
# make docs    these pages as a site, in docs/_build
# make dist    wheel and sdist, in dist/, checked
# make setup   only install, into .venv
# Each installs what it needs first. PYTHON chooses the interpreter (>= 3.10).

PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/.installed
export OMP_NUM_THREADS ?= 1
unexport PYTHONDONTWRITEBYTECODE  # each process would compile all of torch

.PHONY: demo test lint docs dist setup constraints clean

demo: $(INSTALLED)
	$(BIN)/mmdcl demo

test: $(INSTALLED)
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m pytest \
	    -n auto --maxprocesses 4 --dist loadfile

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

docs: $(INSTALLED)
	$(BIN)/uv pip install --quiet --python $(BIN)/python \
	    --constraint constraints.txt --editable '.[docs]'
	$(BIN)/python -m sphinx --fail-on-warning --keep-going --quiet \
	    docs docs/_build

dist: $(INSTALLED)
	$(BIN)/uv pip install --quiet --python $(BIN)/python \
	    --constraint constraints.txt --editable '.[release]'
	rm -rf dist
	$(BIN)/uv build --quiet
	$(BIN)/twine check --strict dist/*

setup: $(INSTALLED)

$(INSTALLED): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || \
	    { echo 'Python >= 3.10 is needed: make PYTHON=python3.11 ...'; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv || \
	    { echo 'No venv: on Debian, apt-get install python3-venv'; exit 1; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check \
	    --constraint constraints.txt uv
	$(BIN)/uv pip install --python $(BIN)/python \
	    --constraint constraints.txt --editable '.[onedl,det,seg,dev]'
	@touch $@

# The tested set: the newest versions that fit, for every Python we support.
constraints: $(INSTALLED)
	$(BIN)/uv pip compile pyproject.toml --universal --python-version 3.10 \
	    --extra det --extra seg --extra dev --extra bench --extra tensorboard \
	    --extra docs --extra release --extra umap \
	    --upgrade --quiet \
	    --no-annotate --no-header --no-emit-index-url | \
	    sed "/sys_platform == 'win32'/d" > constraints.new
	mv constraints.new constraints.txt

clean:
	rm -rf .venv work_dirs
