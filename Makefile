# make demo       the main job on data it makes itself: posed images of a procedural car, then a mesh, a signed distance
#                 and a radiance field from them, side by side on one page
# make test       format, lint, types and tests
# make bench      the tables of forward and backward times (benchmarks/)
# make gradients  every gradient against central differences: docs/GRADIENTS.md
# make docs       every picture of docs/, from what make demo and the demos write
# make site       the pages of docs/, a gallery and what every public name does, as HTML: out/site/html/index.html

PYTHON ?= python3
TEST_PROCESSES ?= 2
BIN := .venv/bin
export XDG_RUNTIME_DIR ?= /tmp

.PHONY: demo test bench gradients docs site clean

demo: .venv/installed
	$(BIN)/taichi-dr dataset car out/demo/images --views 24 --size 192 --overwrite
	$(BIN)/taichi-dr compare out/demo/images out/demo/compared --only mesh,sdf,grid --minutes 0.4 --overwrite

test: .venv/installed-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	TI_LOG_LEVEL=error $(BIN)/python -m pytest -n $(TEST_PROCESSES) --dist loadfile

bench: .venv/installed-dev
	$(BIN)/python benchmarks/raster.py
	$(BIN)/python benchmarks/sdf.py
	$(BIN)/python benchmarks/volume.py
	$(BIN)/python benchmarks/radiance_grid.py
	$(BIN)/python benchmarks/hash_grid.py
	$(BIN)/python benchmarks/nerf.py
	$(BIN)/python benchmarks/rays.py
	$(BIN)/python benchmarks/ray_tracer.py

gradients: .venv/installed-dev
	TI_LOG_LEVEL=error PYTHONPATH=.:tests $(BIN)/python -W ignore::SyntaxWarning -m tests.gradients

docs: demo .venv/installed-dev
	$(BIN)/python docs/make.py
	$(BIN)/python docs/house.py

site: .venv/installed-site
	$(BIN)/python docs/site/build.py

clean:
	rm -rf .venv build *.egg-info out

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/installed: .venv/bin/python pyproject.toml
	$(BIN)/python -m pip install --quiet --editable .
	touch $@

.venv/installed-site: .venv/bin/python pyproject.toml
	$(BIN)/python -m pip install --quiet --editable '.[site]'
	touch $@ .venv/installed

.venv/installed-dev: .venv/bin/python pyproject.toml
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	touch $@ .venv/installed
