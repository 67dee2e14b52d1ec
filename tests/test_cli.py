"""The command line: help, errors in one line, exit codes."""

import os
import re
import shlex
import signal
import subprocess
import sys

import imageio.v3 as iio
import numpy as np
import pytest

from taichi_dr import cli
from taichi_dr.io.images import save_image
from taichi_dr.jobs.reconstruct import kinds
from taichi_dr.jobs.settings.mesh import MeshSettings
from taichi_dr.version import __version__


def run(*arguments):
    return cli.main([str(argument) for argument in arguments])


@pytest.mark.parametrize("command", [command for command in cli.COMMANDS if command != "doctor"])
def test_help_has_examples_that_can_be_parsed(command, capsys):
    with pytest.raises(SystemExit) as exit_info:
        run(command, "--help")
    assert exit_info.value.code == 0
    _, heading, examples = capsys.readouterr().out.partition("examples:\n")
    lines = examples.partition("\n\n")[0].splitlines()
    assert heading
    assert len(lines) >= 2
    for line in lines:
        name, *arguments = shlex.split(line)
        assert name == "taichi-dr"
        assert isinstance(cli._parse(arguments), cli.COMMANDS[arguments[0]][0])


def test_the_help_without_a_command_shows_each(capsys):
    with pytest.raises(SystemExit) as exit_info:
        run("--help")
    assert exit_info.value.code == 0
    text = capsys.readouterr().out
    assert all(f"  taichi-dr {command}" in text for command in cli.COMMANDS)


@pytest.mark.parametrize("command", cli.COMMANDS)
def test_help_fits_the_terminal_and_names_the_real_defaults(command, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "70")
    with pytest.raises(SystemExit):
        run(command, "--help")
    text = capsys.readouterr().out
    paragraphs = [line for line in text.splitlines() if line[:1].strip() and not line.startswith("usage:")]
    assert max(map(len, paragraphs)) <= 70
    assert "default: None" not in text
    assert "None" not in text


@pytest.mark.parametrize(
    "command", ["dataset", "reconstruct", "inspect", "convert", "render", "compare", "compare-mesh", "doctor"]
)
def test_what_is_read_and_written_is_called_an_image(command, capsys):
    """Networks are shown pictures, which no file need hold."""
    with pytest.raises(SystemExit):
        run(command, "--help")
    assert not {"picture", "pictures"} & {word.strip(".,:;()") for word in capsys.readouterr().out.split()}


def test_the_help_of_reconstruct_says_which_kinds_there_are_and_how_to_see_their_options(capsys):
    with pytest.raises(SystemExit):
        run("reconstruct", "--help")
    text = capsys.readouterr().out
    shown = text.partition("kinds:\n")[2].partition("\n\n")[0].splitlines()
    assert [line.split()[:2] for line in shown] == [["--as", name] for name in kinds.KINDS]
    assert "taichi-dr reconstruct --as mesh --help shows all options of a kind" in " ".join(text.split())
    assert options_of(text) == SHARED


@pytest.mark.parametrize("arguments", [("--as", "mesh", "--help"), ("out", "--as=mesh", "-h")])
def test_the_help_of_a_kind_shows_what_it_needs_and_nothing_else(arguments, capsys):
    with pytest.raises(SystemExit) as exit_info:
        run("reconstruct", *arguments)
    assert exit_info.value.code == 0
    text = capsys.readouterr().out
    own = {"--init", "--renderer", "--faces", "--batch", "--texture", "--lr", "--color-lr", "--smoothness"}
    own |= {"--light"}
    assert options_of(text) == SHARED | own
    assert "mesh.obj" in text
    examples = text.partition("examples:\n")[2].partition("\n\n")[0].splitlines()
    assert len(examples) >= 2
    assert all(type(cli._parse(line.split()[1:])) is MeshSettings for line in examples)


SHARED = {"--help", "--as", "--steps", "--minutes", "--size", "--skip-missing", "--resume", "--overwrite", "--view"}
SHARED |= {"--backend", "--seed", "--background"}


def options_of(text):
    """The options that a help text has entries for."""
    return {found[1] for line in text.splitlines() if (found := re.match(r"\W (?:-h, )?(--[a-z-]+)", line))}


@pytest.mark.parametrize("arguments", [("--help",), ("-h", "--as", "mesh")])
def test_an_unknown_kind_has_no_help(arguments, capsys):
    assert run("reconstruct", *arguments, "--as", "volume") == 2
    assert capsys.readouterr().err == f"taichi-dr: error: --as: expected {' or '.join(kinds.KINDS)}, got volume\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["--version"],
        ["reconstruct", "--help"],
        ["reconstruct", "--as", "mesh", "--help"],
        ["dream", "--help"],
        ["train-dreamer", "--help"],
    ],
)
def test_a_help_text_does_not_wait_for_taichi(arguments):
    heavy = {
        "taichi",
        "torch",
        "numpy",
        "scipy",
        "skimage",
        "matplotlib",
        "taichi_dr.public",
        "taichi_dr.jobs.reconstruct.mesh",
    }
    program = f"""if True:
        import sys
        from taichi_dr.cli import main
        try:
            main({arguments})
        finally:
            print({heavy} & sys.modules.keys(), file=sys.stderr)
    """
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "set()\n")
    assert done.stdout


def test_exit_codes_are_in_the_help(capsys):
    with pytest.raises(SystemExit):
        run("--help")
    assert "Exit codes: 0 done" in capsys.readouterr().out


def test_version(capsys):
    assert run("--version") == 0
    assert capsys.readouterr().out == f"taichi-dr {__version__}\n"


def test_who_reads_the_output_may_go(tmp_path):
    command = f"{sys.executable} -m taichi_dr reconstruct --help | true"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=False)
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("reconstruct", "a", "b", "--as", "volume"), f"--as: expected {' or '.join(kinds.KINDS)}, got volume"),
        (
            ("reconstruct", "a", "b", "--as", "hash", "--init", "c"),
            "--as hash: has no --init, its numbers mean nothing",
        ),
        (("reconstruct", "a", "b", "--as=nerf", "--init=c"), "--as nerf: has no --init, its numbers mean nothing"),
        (("render", "car", "a.png", "--soft", "--sigma", "0"), "--sigma: expected a number > 0, got 0.0"),
        (("render", "car", "a.png", "--sigma", "1e-3"), "--sigma: has no effect without --soft"),
        (("render", "car", "a.png", "--gamma", "1e-3"), "--gamma: has no effect without --soft"),
        (("render", "car", "a.png", "--frames", "3"), "--frames: has no effect without --turntable"),
        (
            ("render", "car", "a.png", "--lighting", "none", "--shading", "flat"),
            "--shading: has no effect without a --lighting",
        ),
        (("render", "car", "a.png", "--size", "64", "4"), "--size: expected at least 8, got 4"),
        (("render", "car", "a.png", "--distance", "0"), "--distance: expected a number > 0, got 0.0"),
        (("render", "car", "a.png", "--background", "reddish"), "reddish: no colour: expected a name"),
        (("compare-mesh", "car", "box", "--threshold", "0"), "--threshold: expected a number > 0, got 0.0"),
        (("convert", "car", "out", "--size", "4"), "--size: expected at least 8, got 4"),
        (("inspect", "car", "--picture", "a.txt"), "a.txt: unknown suffix '.txt'"),
        (("inspect", "car"), "car: no such folder"),
        (("compare-mesh", "car", "box", "--samples", "0"), "--samples: expected at least 1, got 0"),
        (("doctor", "--timeout", "-1"), "--timeout: expected a number > 0, got -1.0"),
    ],
)
def test_senseless_options_are_refused_in_one_line(arguments, said, capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert run(*arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"taichi-dr: error: {said}")
    assert error.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_a_missing_file_is_one_line_that_names_its_neighbours(tmp_path, capsys):
    (tmp_path / "spot.obj").touch()
    assert run("render", tmp_path / "spott.obj", tmp_path / "out.png") == 2
    error = capsys.readouterr().err
    assert error.startswith("taichi-dr: error: ")
    assert error.count("\n") == 1
    assert "did you mean" in error
    assert "spot.obj" in error
    assert not (tmp_path / "out.png").exists()


def test_a_misspelt_shape_is_recognised(tmp_path, capsys):
    assert run("dataset", "airplan", tmp_path / "out", "--backend", "cpu") == 2
    assert "did you mean airplane" in capsys.readouterr().err


def test_wrong_values_are_errors_not_tracebacks(tmp_path, capsys):
    assert run("dataset", "car", tmp_path / "out", "--views", "0") == 2
    assert "--views" in capsys.readouterr().err
    assert run("reconstruct", tmp_path / "none", tmp_path / "out") == 2
    assert "no such folder" in capsys.readouterr().err


def test_an_existing_data_set_is_not_overwritten(tmp_path, capsys):
    (tmp_path / "train").mkdir()
    assert run("dataset", "car", tmp_path) == 2
    assert "--overwrite" in capsys.readouterr().err


@pytest.mark.usefixtures("own_runtime")
def test_render_writes_a_picture_and_a_turntable(tmp_path, capsys):
    picture, turntable = tmp_path / "car.png", tmp_path / "car.gif"
    options = ("--size", 48, "--turntable", turntable, "--frames", 3, "--backend", "cpu")
    assert run("render", "car", picture, *options) == 0
    pixels = iio.imread(picture)
    assert pixels.shape == (48, 48, 4)
    assert 0.1 < (pixels[..., 3] > 128).mean() < 0.9
    assert len(iio.imread(turntable, index=None)) == 3
    assert str(picture) in capsys.readouterr().out


@pytest.mark.usefixtures("own_runtime")
def test_render_soft(tmp_path):
    options = ("--soft", "--size", 32, "--lighting", "none", "--backend", "cpu")
    assert run("render", "sphere", tmp_path / "a.png", "--sigma", 1e-3, *options) == 0
    pixels = iio.imread(tmp_path / "a.png")
    assert pixels.shape == (32, 32, 4)
    assert pixels[0, 0].tolist() == [0, 0, 0, 0]
    assert pixels[16, 16, 3] > 250
    faint = (pixels[..., 3] > 8) & (pixels[..., 3] < 128)
    assert faint.sum() > 20
    # Straight alpha: the surface has one colour, at its blurred rim as in its middle.
    assert np.abs(pixels[faint, :3].astype(int) - pixels[16, 16, :3]).max() <= 1
    assert run("render", "sphere", tmp_path / "a.jpg", *options) == 0
    assert iio.imread(tmp_path / "a.jpg")[0, 0].min() > 250


SIDES = """v 1 -1 1 1 0 0\nv 1 -1 -1 1 0 0\nv 1 1 0 1 0 0
v -1 -1 1 0 0 1\nv -1 -1 -1 0 0 1\nv -1 1 0 0 0 1\nf 1 2 3\nf 4 5 6\n"""  # red at +x, blue at -x


@pytest.mark.usefixtures("own_runtime")
@pytest.mark.parametrize("soft", [(), ("--soft",)])
def test_render_from_the_side_over_a_background(soft, tmp_path):
    (tmp_path / "sides.obj").write_text(SIDES)
    options = ("--elevation-deg", 0, "--lighting", "none", "--background", "#102030", "--backend", "cpu", *soft)
    for azimuth, color in ((90, [255, 0, 0, 255]), (-90, [0, 0, 255, 255])):
        options_here = ("--azimuth-deg", azimuth, "--size", 24, 48, "--distance", 2.5)
        assert run("render", *options_here, *options, tmp_path / "sides.obj", tmp_path / "a.png") == 0
        pixels = iio.imread(tmp_path / "a.png")
        assert pixels.shape == (24, 48, 4)
        assert pixels[13, 24].tolist() == color
        assert pixels[0, 0].tolist() == [0x10, 0x20, 0x30, 255]
    covered = (pixels[..., 2] > 128).sum()
    assert run("render", tmp_path / "sides.obj", tmp_path / "a.png", *options, *options_here, "--distance", 5) == 0
    assert (iio.imread(tmp_path / "a.png")[..., 2] > 128).sum() < 0.5 * covered


@pytest.mark.usefixtures("own_runtime")
@pytest.mark.parametrize("size", [(24, 48), (48, 24)])
def test_the_mesh_fills_the_shorter_side(size, tmp_path):
    assert run("render", "sphere", tmp_path / "a.png", "--size", *size, "--backend", "cpu") == 0
    covered = iio.imread(tmp_path / "a.png")[..., 3] > 128
    assert covered.shape == size
    assert 20 <= covered.any(axis=0).sum() <= 24
    assert 20 <= covered.any(axis=1).sum() <= 24


@pytest.mark.usefixtures("own_runtime")
def test_flat_shading_gives_every_face_one_colour(tmp_path):
    colors = {}
    for shading in ("flat", "gouraud"):
        options = ("--shading", shading, "--size", 32, "--backend", "cpu")
        assert run("render", "box", tmp_path / "a.png", *options) == 0
        pixels = iio.imread(tmp_path / "a.png")
        colors[shading] = len(np.unique(pixels[pixels[..., 3] == 255], axis=0))
    assert colors["flat"] < colors["gouraud"]


@pytest.mark.usefixtures("own_runtime")
def test_a_mesh_that_lacks_its_texture_is_warned_of_once(tmp_path, capsys):
    (tmp_path / "a.obj").write_text("v 0 0 0\nv 1 0 0\nv 0 1 0\nvt 0 0\nvt 1 0\nvt 0 1\nf 1/1 2/2 3/3\n")
    save_image(tmp_path / "red.png", np.full((2, 2, 3), (1.0, 0.0, 0.0)))
    command = ("render", tmp_path / "a.obj", tmp_path / "a.png", "--size", 16, "--backend", "cpu")
    assert run(*command) == 0
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "a.obj: has texture coordinates but no texture, so it is clay: --texture FILE" in error
    assert run(*command, "--texture", tmp_path / "red.png") == 0
    assert capsys.readouterr().err == ""


@pytest.mark.usefixtures("own_runtime")
def test_an_existing_image_is_replaced(tmp_path):
    (tmp_path / "a.png").write_text("old")
    assert run("render", "car", tmp_path / "a.png", "--size", 16, "--backend", "cpu") == 0
    assert iio.imread(tmp_path / "a.png").shape == (16, 16, 4)


@pytest.mark.parametrize("names", [("a.txt", "b.gif"), ("a.png", "b.txt"), ("a.png", "file/b.gif")])
def test_render_checks_its_paths_first(names, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("taichi_dr.runtime.init", lambda *a, **b: pytest.fail("the work has begun"))
    (tmp_path / "file").touch()
    picture, turntable = (tmp_path / name for name in names)
    assert run("render", "car", picture, "--turntable", turntable) == 2
    assert "error: " in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.usefixtures("own_runtime")
def test_a_texture_must_be_there_and_be_of_use(tmp_path, capsys):
    save_image(tmp_path / "red.png", np.full((2, 2, 3), (1.0, 0.0, 0.0)))
    options = ("--size", 16, "--lighting", "none", "--backend", "cpu")
    for shape in ("box", "car"):
        assert run("render", shape, tmp_path / "a.png", "--texture", tmp_path / "missing.png", *options) == 2
        assert "missing.png: no such file" in capsys.readouterr().err
    assert run("render", "car", tmp_path / "a.png", "--texture", tmp_path / "red.png", *options) == 2
    assert "car: has no texture coordinates" in capsys.readouterr().err
    assert run("render", "sphere", tmp_path / "a.png", "--texture", tmp_path / "red.png", *options) == 0
    assert iio.imread(tmp_path / "a.png")[8, 8].tolist() == [255, 0, 0, 255]


def test_ctrl_c_has_its_exit_code(tmp_path, monkeypatch, capsys):
    def interrupted(settings):
        os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr("taichi_dr.jobs.dataset.make_dataset", interrupted)
    assert run("dataset", "car", tmp_path / "out") == 130
    assert "interrupted" in capsys.readouterr().err


INTERRUPTED_IMPORT = """
import os, signal, sys
from taichi_dr.__main__ import main
class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == module:
            try:
                os.kill(os.getpid(), signal.SIGINT)
            except BaseException:  # as some modules do
                pass
module = sys.argv.pop(1)
sys.meta_path.insert(0, Finder())
main()
"""


@pytest.mark.parametrize("module", ["tyro", "numpy", "taichi", "skimage.metrics", "taichi_dr.jobs.reconstruct.mesh"])
def test_ctrl_c_while_modules_are_imported_ends_the_command_at_once(module, tmp_path):
    command = [sys.executable, "-c", INTERRUPTED_IMPORT, module, "reconstruct", str(tmp_path), str(tmp_path / "out")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (130, "taichi-dr: interrupted\n")


@pytest.mark.parametrize(
    ("arguments", "title"),
    [
        (("dataset", "spott", "out"), "images of spott"),
        (("render", "spott", "a.png"), "image of spott"),
        (("inspect", "data"), "what data is"),
        (("convert", "data", "out"), "data in the format of NeRF"),
        (("reconstruct", "data", "out"), "mesh from the images in data"),
        (("reconstruct", "data", "out", "--resume"), "continuing out"),
        (("dream", "a ball of gold", "out"), "dreaming of 'a ball of gold'"),
        (("dream", "a red ball", "out", "--resume"), "continuing out"),
        (("train-dreamer", "out", "--resume"), "continuing out"),
    ],
)
def test_a_command_says_at_once_what_it_is_about(arguments, title, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert run(*arguments) == 2
    assert capsys.readouterr().out == f"{title}\n"


def test_the_first_line_does_not_wait_for_taichi(tmp_path):
    program = f"""if True:
        import os, sys
        from taichi_dr.cli import main
        class Out:
            def write(self, text):
                print(text, end="", file=sys.__stdout__)
            def flush(self):
                print({{"taichi", "numpy", "rich"}} & sys.modules.keys(), file=sys.__stdout__, flush=True)
                os._exit(0)
        sys.stdout = Out()
        main(["dataset", "car", {str(tmp_path / "out")!r}])
    """
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.stdout == "images of car\nset()\n"


def test_what_was_compiled_is_kept_for_the_next_process(tmp_path):
    command = [sys.executable, "-m", "taichi_dr", "render", "box", str(tmp_path / "a.png"), "--size", "16"]
    environment = os.environ | {"TI_OFFLINE_CACHE": "1", "TI_OFFLINE_CACHE_FILE_PATH": str(tmp_path / "cache")}
    done = subprocess.run([*command, "--backend", "cpu"], capture_output=True, text=True, env=environment, check=False)
    assert (done.returncode, done.stdout) == (0, f"image of box\n{tmp_path / 'a.png'}\n")
    kept = [path.suffix for path in (tmp_path / "cache").rglob("*")]
    assert kept.count(".tic") >= 5
    assert ".tcb" in kept


def test_the_module_runs_quietly():
    command = [sys.executable, "-m", "taichi_dr", "--help"]
    environment = {name: value for name, value in os.environ.items() if name != "ENABLE_TAICHI_HEADER_PRINT"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0
    assert "reconstruct" in done.stdout
    assert "[Taichi]" not in done.stdout + done.stderr


@pytest.mark.parametrize("command", ["dataset", "reconstruct"])
def test_an_output_that_cannot_be_made_is_an_error_before_the_work(command, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("taichi_dr.runtime.init", lambda *a, **b: pytest.fail("the work has begun"))
    (tmp_path / "file").touch()
    for out in ("/proc/foo/x", tmp_path / "file" / "x"):
        assert run(command, "car", out) == 2
        assert f"error: {out}" in capsys.readouterr().err
