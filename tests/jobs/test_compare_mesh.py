"""``taichi-dr compare-mesh``: its table, its file, and what it refuses."""

import json

import pytest

import taichi_dr as dr
from taichi_dr import cli


def run(*arguments):
    return cli.main(["compare-mesh", *map(str, arguments)])


def test_the_table_and_the_file_say_the_same(tmp_path, capsys):
    assert run("torus", "icosphere", "--samples", 2000, "--json", tmp_path / "a" / "found.json") == 0
    rows = {line.split("  ")[0].strip(): line.split()[1:] for line in capsys.readouterr().out.splitlines() if line}
    found = json.loads((tmp_path / "a" / "found.json").read_text())
    assert rows["genus"] == ["1", "0"]
    assert rows["watertight"] == ["yes", "yes"]
    assert rows["faces"] == ["2,304", "1,280"]
    assert float(rows["chamfer"][0]) == pytest.approx(found["chamfer"], rel=1e-4)
    assert rows["chamfer"][1] == f"{found['of_diagonal']['chamfer']:.3%}"
    assert (found["mesh"]["genus"], found["reference"]["genus"]) == (1, 0)
    assert found["chamfer"] == (found["accuracy"] + found["completeness"]) / 2
    assert found["threshold"] == pytest.approx(0.01 * found["reference"]["diagonal"])
    assert 0 < found["iou"] < 1


def test_a_file_is_taken_as_it_is_unless_normalised_as_data_sets_are(tmp_path, capsys):
    box = dr.shapes.box((2, 2, 2))
    large = dr.Mesh(10 * box.numpy("vertices")[0] + 4, box.topology.faces)
    dr.save_mesh(large, tmp_path / "large.ply")
    assert run(tmp_path / "large.ply", tmp_path / "large.ply", "--samples", 100) == 0
    assert "34.641 " in capsys.readouterr().out  # 20 sqrt(3)
    assert run("box", tmp_path / "large.ply", "--normalize", "--samples", 100, "--json", tmp_path / "a.json") == 0
    found = json.loads((tmp_path / "a.json").read_text())
    assert found["reference"]["diagonal"] == pytest.approx(2)
    assert found["chamfer"] < 1e-6
    assert run("box", tmp_path / "large.ply", "--align", "scale", "--samples", 100, "--json", tmp_path / "a.json") == 0
    found = json.loads((tmp_path / "a.json").read_text())
    assert found["reference"]["diagonal"] == pytest.approx(20 * 3**0.5)
    assert found["chamfer"] < 1e-4


def test_what_is_not_defined_is_a_dash_and_null(tmp_path, capsys):
    assert run("plane", "box", "--samples", 100, "--json", tmp_path / "a.json") == 0
    assert json.loads((tmp_path / "a.json").read_text())["iou"] is None
    assert ["IoU", "-"] in [line.split() for line in capsys.readouterr().out.splitlines()]


def test_missing_empty_and_flat_files_are_errors_of_one_line(tmp_path, capsys):
    (tmp_path / "empty.obj").touch()
    (tmp_path / "line.obj").write_text("v 0 0 0\nv 1 0 0\nv 2 0 0\nf 1 2 3\n")
    for name, said in (("emptyy.obj", "did you mean"), ("empty.obj", "is empty"), ("line.obj", "have no area")):
        assert run(tmp_path / name, "box") == 2
        error = capsys.readouterr().err
        assert name in error
        assert said in error
        assert error.count("\n") == 1


def test_a_file_that_cannot_be_written_is_said_first(tmp_path, capsys):
    (tmp_path / "file").touch()
    assert run("box", "box", "--json", tmp_path / "file" / "a.json") == 2
    assert "a.json" in capsys.readouterr().err
