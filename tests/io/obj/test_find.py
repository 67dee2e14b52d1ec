"""Files that other files name in other words."""

import os

import pytest

from taichi_dr.io.obj.find import find_file


@pytest.fixture
def folder(tmp_path):
    place = tmp_path / "thing"
    for name in ("Wood.PNG", "my tex.png", "a b/stone.jpg", "textures/leaf.png", "K\u00f6rper.png", "x.png"):
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).touch()
    (tmp_path / "textures").mkdir()
    (tmp_path / "textures" / "above.png").touch()
    return place


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("Wood.PNG", "Wood.PNG"),
        ("wood.png", "Wood.PNG"),
        (".\\Wood.PNG", "Wood.PNG"),
        ("./wood.png", "Wood.PNG"),
        ("my tex.png", "my tex.png"),
        ("my%20tex.png", "my tex.png"),
        ("C:\\Users\\me\\Wood.PNG", "Wood.PNG"),
        ("/home/me/project/wood.png", "Wood.PNG"),
        ("\\\\server\\share\\A B\\Stone.JPG", "a b/stone.jpg"),
        ("A B\\STONE.jpg", "a b/stone.jpg"),
        ("..\\tex\\a\\x.png", "x.png"),
        ("leaf.png", "textures/leaf.png"),
        ("maps/leaf.png", "textures/leaf.png"),
        ("above.png", "../textures/above.png"),
        ("..\\Thing\\x.png", "../thing/x.png"),
        ("Ko\u0308rper.png", "K\u00f6rper.png"),
        ("K\u00d6RPER.PNG", "K\u00f6rper.png"),
    ],
)
def test_spellings(folder, name, found):
    assert os.path.samefile(find_file(folder, name), folder / found)


@pytest.mark.parametrize("name", ["", ".", "..", "a b", "none.png", "Wood", "Wood.jpg", "x" * 5000, "a\0b", "/" * 300])
def test_what_is_not_there(folder, name):
    assert find_file(folder, name) is None


def test_another_suffix_is_taken_where_it_may_be(folder):
    suffixes = (".png", ".jpg")
    assert find_file(folder, "wood.tga", suffixes) == folder / "Wood.PNG"
    assert find_file(folder, "WOOD", suffixes) == folder / "Wood.PNG"
    assert find_file(folder, "D:\\a b\\stone.dds", suffixes) == folder / "a b" / "stone.jpg"
    assert find_file(folder, "wood.tga", (".jpg",)) is None


def test_a_name_that_is_no_utf8_on_the_disk(tmp_path):
    stored = os.path.join(os.fsencode(tmp_path), "K\u00f6rper.png".encode("latin-1"))
    try:
        open(stored, "wb").close()
    except OSError:
        pytest.skip("this file system has names in UTF-8 alone")
    assert os.fsencode(find_file(tmp_path, "K\u00f6rper.png")) == stored
