# The doors for people and scripts. `make run` and `make test` set up all they need.
PYTHON ?= python3
UV := .venv/bin/uv
UV_VERSION := 0.13.8
PY := .venv/bin/python

.PHONY: run serve install test test-sqlite test-postgresql lint format permissions bench

run: .venv/installed ## the demo: everything on this machine, with a camera that paints its pictures
	@exec $(PY) manage.py demo

serve: .venv/installed ## web server, workers and scheduler, as in production
	@exec $(PY) manage.py serve

install: .venv/installed ## the virtual environment with what running takes

test: test-sqlite test-postgresql ## the whole suite, on SQLite and on PostgreSQL

test-sqlite: .venv/installed-dev
	cd camera && ../$(PY) -m pytest -q -n 3
	VISANT_TEST_DATABASE=sqlite $(PY) -m pytest -n 4 --dist loadgroup

test-postgresql: .venv/installed-dev
	VISANT_TEST_DATABASE=postgresql $(PY) -m pytest -n 4 --dist loadgroup

lint: .venv/installed-dev ## what CI checks beside the tests
	deploy/lint.sh

format: .venv/installed-dev
	.venv/bin/ruff check --fix . && .venv/bin/ruff format .

permissions: .venv/installed ## who may enter by which door, into docs/permissions.md, too
	@$(PY) manage.py permissions --write

bench: .venv/installed-dev ## numbers for bench/README.md; takes some minutes. STILLS=folder adds the evaluators
	$(if $(STILLS),$(PY) bench/evaluate.py $(STILLS) --region lower:0.65 --seeds 10)
	$(PY) bench/intake.py
	$(PY) bench/wall.py
	$(PY) bench/streams.py
	$(PY) bench/migrations.py
	$(PY) bench/import.py
	$(PY) bench/prune.py
	$(PY) bench/share.py

.venv/uv-$(UV_VERSION):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Visant needs Python 3.11 or newer; name one with PYTHON=python3.11."; exit 1; }
	@$(PYTHON) -m venv .venv || { echo "Making .venv failed. On Debian: apt install python3-venv"; exit 1; }
	@echo "Installing …"
	@$(PY) -m pip install -q --disable-pip-version-check uv==$(UV_VERSION)
	@touch $@

.venv/installed: .venv/uv-$(UV_VERSION) requirements.txt camera/pyproject.toml
	@$(UV) pip install -q --compile-bytecode --python $(PY) -r requirements.txt -e 'camera[scene]'
	@touch $@

.venv/installed-dev: .venv/installed requirements-dev.txt
	@$(UV) pip install -q --compile-bytecode --python $(PY) -r requirements-dev.txt
	@touch $@
