"""Installable: sdist and wheel hold the package and nothing else, and the command works where only the wheel is."""

import ast
import email
import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from importlib.metadata import packages_distributions
from pathlib import Path, PurePosixPath

import pytest
from names import ROOT, module_files
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from taichi_dr.version import __version__

NOT_SOURCE = shutil.ignore_patterns(".*", "out", "build", "dist", "*.egg-info", "__pycache__")
PYTHONS = ("3.10", "3.11", "3.12", "3.13")
BIN = "Scripts" if os.name == "nt" else "bin"


def call(*command, cwd=None):
    """Runs a command that must succeed, without what could lead it to this checkout; returns what it printed."""
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME")}
    done = subprocess.run([*map(str, command)], cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def distributions(tmp_path_factory):
    """Paths of the sdist and of the wheel that is built from it."""
    source, out = tmp_path_factory.mktemp("source") / "taichi_dr", tmp_path_factory.mktemp("dist")
    shutil.copytree(ROOT, source, ignore=NOT_SOURCE)
    call(sys.executable, "-m", "build", "--no-isolation", "--outdir", out, source)
    return next(out.glob("*.tar.gz")), next(out.glob("*.whl"))


@pytest.fixture(scope="module")
def metadata(distributions):
    with zipfile.ZipFile(distributions[1]) as wheel:
        return email.message_from_bytes(wheel.read(f"taichi_dr-{__version__}.dist-info/METADATA"))


def installed(folder, python, wheel):
    """A new virtual environment of that Python with the wheel and nothing else; returns its folder of commands."""
    call(python, "-m", "venv", "--without-pip", folder)
    commands = folder / BIN
    pip = (sys.executable, "-m", "pip", "--python", commands / "python", "--disable-pip-version-check")
    call(*pip, "install", "--quiet", "--no-deps", "--no-index", wheel)
    return commands


@pytest.mark.slow
def test_the_wheel_holds_the_package_alone(distributions):
    with zipfile.ZipFile(distributions[1]) as wheel:
        information = {name for name in wheel.namelist() if ".dist-info/" in name}
        members = {*wheel.namelist()} - information
    modules = {path.relative_to(ROOT).as_posix() for path in module_files().values()}
    assert members == modules | {
        "taichi_dr/py.typed",
        "taichi_dr/torch/dreamer/model.npz",
        "taichi_dr/torch/single_image/model.npz",
    }
    assert {PurePosixPath(name).name for name in information} == {
        "METADATA",
        "RECORD",
        "WHEEL",
        "LICENSE",
        "entry_points.txt",
        "top_level.txt",
    }


@pytest.mark.slow
def test_the_sdist_holds_what_the_wheel_is_made_of(distributions):
    with tarfile.open(distributions[0]) as sdist:
        members = {PurePosixPath(*PurePosixPath(member.name).parts[1:]) for member in sdist if member.isfile()}
    rest = {str(name) for name in members if name.parts[0] not in ("taichi_dr", "taichi_dr.egg-info")}
    assert rest == {"LICENSE", "MANIFEST.in", "PKG-INFO", "README.md", "pyproject.toml", "setup.cfg"}
    assert {name.suffix for name in members if name.parts[0] == "taichi_dr"} == {".py", ".typed", ".npz"}


@pytest.mark.slow
def test_the_metadata_says_what_it_is(metadata):
    assert (metadata["Name"], metadata["Version"], metadata["License-Expression"]) == ("taichi-dr", __version__, "MIT")
    assert metadata["Description-Content-Type"] == "text/markdown"
    assert metadata.get_payload(decode=True).decode() == (ROOT / "README.md").read_text(encoding="utf-8")
    assert {f"Programming Language :: Python :: {python}" for python in PYTHONS} <= set(metadata.get_all("Classifier"))


@pytest.mark.slow
def test_every_import_is_a_dependency_and_every_dependency_is_imported(metadata):
    requirements = [Requirement(text) for text in metadata.get_all("Requires-Dist")]
    needed = {canonicalize_name(one.name) for one in requirements if one.marker is None}
    optional = {canonicalize_name(one.name) for one in requirements if one.marker and "dev" not in str(one.marker)}
    owners = packages_distributions()
    used = {canonicalize_name(owner) for name in imported_packages() for owner in owners.get(name, [name])}
    assert needed <= used <= needed | optional


def imported_packages():
    """Names that modules of the package import from outside, without the standard library and what checkers read."""
    names = set()
    for path in module_files().values():
        tree = ast.parse(path.read_text(encoding="utf-8"))
        unread = {child for node in ast.walk(tree) if _is_for_checkers(node) for child in ast.walk(node)}
        for node in {*ast.walk(tree)} - unread:
            if isinstance(node, ast.Import):
                names |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                names.add(node.module.split(".")[0])
    return names - sys.stdlib_module_names - {"taichi_dr"}


def _is_for_checkers(node):
    return isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"


@pytest.mark.slow
def test_the_command_works_where_the_wheel_is(distributions, tmp_path):
    """Dependencies come from the tests' environment, which takes a minute less than to install them once more."""
    commands, elsewhere = installed(tmp_path / "venv", sys.executable, distributions[1]), tmp_path / "elsewhere"
    elsewhere.mkdir()
    site = Path(call(commands / "python", "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip())
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib"))

    def run(*arguments):
        return call(commands / "taichi-dr", *arguments, cwd=elsewhere)

    program = "import taichi_dr; print(taichi_dr.__file__, taichi_dr.Mesh.__name__)"
    assert call(commands / "python", "-c", program, cwd=elsewhere) == f"{site / 'taichi_dr' / '__init__.py'} Mesh\n"
    assert run("--version") == f"taichi-dr {__version__}\n"
    assert "verdict: everything works" in run("doctor", "--backend", "cpu")
    run("dataset", "car", "images", "--views", "6", "--test-views", "2", "--size", "48", "--backend", "cpu")
    run("reconstruct", "images", "mesh", "--steps", "4", "--faces", "320", "--backend", "cpu")
    assert (elsewhere / "mesh" / "mesh.obj").stat().st_size > 1000
    assert sorted(path.name for path in elsewhere.iterdir()) == ["images", "mesh"]


@pytest.mark.slow
@pytest.mark.parametrize("version", PYTHONS)
def test_other_pythons_take_the_wheel(version, distributions, tmp_path):
    """Without dependencies: it may be installed, every module compiles, and the door opens."""
    python = interpreter(version)
    if python is None:
        pytest.skip(f"no Python {version} on this machine")
    commands = installed(tmp_path / "venv", python, distributions[1])
    site = next((tmp_path / "venv").rglob("site-packages"))
    call(commands / "python", "-W", "error", "-m", "compileall", "-f", "-q", site / "taichi_dr")
    program = "import taichi_dr, taichi_dr.errors; print(taichi_dr.version.__version__)"
    assert call(commands / "python", "-c", program, cwd=tmp_path) == f"{__version__}\n"


def interpreter(version):
    """A Python of that version (``"3.10"``) on the path or among those of pyenv that runs, or None."""
    found = [shutil.which(f"python{version}"), *Path.home().glob(f".pyenv/versions/{version}.*/{BIN}/python")]
    for python in filter(None, found):
        if subprocess.run([python, "-c", ""], capture_output=True, check=False).returncode == 0:
            return python
    return None
