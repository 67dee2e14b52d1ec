"""Imports go down: the floors of the house, and who may import whom.

A module imports from its own room and from rooms on lower floors, never from another room of its own floor, and no
import runs in a circle.  Imports inside functions count like any other.
"""

import ast
import sys
from collections import namedtuple

import pytest
from names import ROOT, module_files

FLOORS = (
    ("errors", "version", "types", "inputs"),
    ("devices", "straightline", "compilation", "ranks", "memory"),
    ("runtime",),
    ("tape", "gradcheck"),
    ("kernels",),
    ("kernels.base",),
    ("kernels.screen", "kernels.camera", "kernels.optim", "kernels.distance"),
    ("kernels.shading", "kernels.zbuffer", "kernels.antialias", "kernels.networks"),
    ("kernels.soft", "kernels.march", "kernels.fit", "kernels.radiance_grid"),
    ("kernels.volume", "kernels.rays"),
    ("fields",),
    ("losses",),
    ("scene", "optim", "io.hdr"),
    ("io", "texture", "measure"),
    ("io.posed.parts",),
    ("io.posed",),
    ("implicit",),
    ("implicit.sdf", "implicit.radiance"),
    ("render",),
    ("render.mesh.surface",),
    ("render.mesh", "render.march", "render.volume", "render.rays"),
    ("render.mesh.primitives",),
    ("recipes",),
    ("public",),
    ("taichi_dr",),
    ("torch",),
    ("gui.windows",),
    ("gui", "jobs.pictures", "jobs.reconstruct.kinds", "jobs.listener"),
    ("torch.distributed",),
    ("jobs.settings",),
    ("jobs.terminal", "jobs.report"),
    ("jobs.loop",),
    ("jobs.reconstruct",),
    ("jobs.dream", "jobs.compare", "jobs.view"),
    ("jobs",),
    ("cli",),
    ("__main__",),
)
"""From the ground up: rooms (folders with all their modules) and modules, those on a line on one floor.

A module that has an entry of its own does not belong to the room that its folder is; ``taichi_dr`` is the package's
``__init__``, the door that users come in by.
"""

Import = namedtuple("Import", "file line source target")
"""An import of module ``target`` in the module ``source``, names without ``taichi_dr.`` where they are below it."""


def short(module):
    """A module's name within the package."""
    return module.removeprefix("taichi_dr.")


def room_of(module):
    """The entry of ``FLOORS`` that a module (its name within the package) belongs to, None if there is none."""
    entries = {entry for floor in FLOORS for entry in floor}
    parts = module.split(".")
    names = (".".join(parts[:length]) for length in range(len(parts), 0, -1))
    return next((name for name in names if name in entries), None)


def floor_of(room):
    """The number of a room's floor."""
    return next(number for number, floor in enumerate(FLOORS) if room in floor)


def imported(path):
    """``(line, dotted name)`` of every module or name that a file imports, inside functions too."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((node.lineno, f"{'.' * node.level}{node.module or ''}.{alias.name}") for alias in node.names)


def imports():
    """Every Import of one module of the package by another."""
    files = module_files()
    for source, path in files.items():
        for line, name in imported(path):
            target = name if name in files else name.rpartition(".")[0]
            if target in files:
                yield Import(path.relative_to(ROOT), line, short(source), short(target))


def report(found):
    """Fails with a line for each (import, rule that it breaks)."""
    lines = [f"{item.file}:{item.line}: {item.source} imports {item.target}: {rule}" for item, rule in found]
    assert not lines, "\n" + "\n".join(lines)


def test_every_module_has_a_floor_and_every_entry_exists():
    modules = {short(module) for module in module_files()}
    homeless = {module for module in modules if room_of(module) is None}
    assert not homeless, f"give these a floor in {__file__}: {sorted(homeless)}"
    entries = {entry for floor in FLOORS for entry in floor}
    assert not entries - modules, f"no longer there: {sorted(entries - modules)}"


def test_imports_go_down():
    found = []
    for item in imports():
        source, target = room_of(item.source), room_of(item.target)
        if source == target:
            continue
        if floor_of(target) > floor_of(source):
            found.append((item, f"it is on a higher floor, that of {target}"))
        elif floor_of(target) == floor_of(source):
            found.append((item, f"the rooms {source} and {target} are on one floor"))
    report(found)


def test_no_import_runs_in_a_circle():
    edges = {}
    for item in imports():
        if item.source != item.target:
            edges.setdefault(item.source, []).append(item)
    report((item, "the way leads back to where it began") for item in _circle(edges))


def _circle(edges):
    """The imports of a circle, or none."""
    done = set()

    def walk(module, way):
        for item in edges.get(module, ()):
            on_way = [step.source for step in way + [item]]
            if item.target in on_way:
                return (way + [item])[on_way.index(item.target) :]
            if item.target not in done and (circle := walk(item.target, way + [item])):
                return circle
        done.add(module)
        return []

    return next((circle for module in edges if (circle := walk(module, []))), [])


def test_imports_are_absolute():
    relative = [
        f"{path}:{line}: {name}"
        for path in module_files().values()
        for line, name in imported(path)
        if name.startswith(".")
    ]
    assert not relative, "\n".join(relative)


def test_kernels_need_the_ground_floor_alone():
    allowed = {"runtime", "errors", "tape", "memory"}
    report(
        (item, "kernels import kernels, runtime, errors, memory and tape")
        for item in imports()
        if item.source.startswith("kernels") and not (item.target.startswith("kernels") or item.target in allowed)
    )


def test_kernels_need_taichi_and_numpy_alone():
    allowed = {"taichi", "numpy", "taichi_dr"} | sys.stdlib_module_names
    foreign = [
        f"{path.relative_to(ROOT)}:{line}: {name}"
        for module, path in module_files().items()
        if module.startswith("taichi_dr.kernels.")
        for line, name in imported(path)
        if name.split(".")[0] not in allowed
    ]
    assert not foreign, "kernels import Taichi, NumPy and the standard library:\n" + "\n".join(foreign)


@pytest.mark.parametrize(
    ("package", "rooms"), [("torch", ["torch"]), ("tyro", ["cli", "jobs"]), ("rich", ["jobs", "recipes"])]
)
def test_some_packages_stay_in_their_rooms(package, rooms):
    elsewhere = [
        f"{path.relative_to(ROOT)}:{line}: {name}"
        for module, path in module_files().items()
        if short(module).split(".")[0] not in rooms
        for line, name in imported(path)
        if name.split(".")[0] == package
    ]
    assert not elsewhere, f"{package} is for {' and '.join(rooms)} alone:\n" + "\n".join(elsewhere)


def test_demos_import_the_public_door_alone():
    others = [
        f"{path.relative_to(ROOT)}:{line}: {name}"
        for path in sorted((ROOT / "demos").glob("*.py"))
        for line, name in imported(path)
        if name.split(".")[0] == "taichi_dr" and name != "taichi_dr"
    ]
    assert not others, "demos import taichi_dr as dr and nothing else of the package:\n" + "\n".join(others)
