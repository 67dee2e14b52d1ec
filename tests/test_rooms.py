"""Every room says what is in it and names doors that exist."""

import ast
import re

import pytest
from names import code_spans, resolves, rooms

WORDS = {"foo", "foo_adjoint", "_adjoint", "kernels"}
"""Code spans that are no names of anything."""


@pytest.mark.parametrize("room", rooms())
def test_a_room_says_what_is_in_it_and_its_doors_exist(room):
    docstring = ast.get_docstring(ast.parse(rooms()[room].read_text()))
    assert docstring, f"{room}/__init__.py does not say what is in it"
    spans = [span for span in code_spans(docstring) if re.fullmatch(r"[A-Za-z_][\w.]*", span)]
    names = [span for span in spans if span not in WORDS and not span.startswith("ti.")]
    assert names, f"{room}/__init__.py names no door"
    if room.startswith("taichi_dr.torch"):
        pytest.importorskip("torch", reason="torch is not installed")
    missing = [name for name in names if not resolves(name, room)]
    assert not missing, f"{room}/__init__.py names what is not there: {', '.join(missing)}"


def test_the_map_of_the_kernels_shows_every_room():
    docstring = ast.get_docstring(ast.parse(rooms()["taichi_dr.kernels"].read_text()))
    expected = {name.rpartition(".")[2] for name in rooms() if name.startswith("taichi_dr.kernels.")}
    shown = set(re.findall(r"^``(\w+)``", docstring, re.MULTILINE))
    assert shown == expected


@pytest.mark.parametrize("room", [room for room in rooms() if room.startswith("taichi_dr.kernels")])
def test_rooms_of_the_kernels_import_nothing(room):
    body = ast.parse(rooms()[room].read_text()).body
    assert len(body) == 1, f"{room}/__init__.py is a map, nothing else"
