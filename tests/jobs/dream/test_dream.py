"""``taichi-dr dream``: what it writes, how it goes on, whom it asks, and what it refuses."""

import json
import os
import shutil
import signal
import sys

import imageio.v3 as iio
import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is not installed")

import torch

from taichi_dr import cli
from taichi_dr.errors import GeometryError
from taichi_dr.io.meshes import load_mesh
from taichi_dr.jobs.dream.run import FILES, MESHES
from taichi_dr.jobs.reconstruct.checkpoint import load_state
from taichi_dr.jobs.settings.dream import DreamSettings
from taichi_dr.torch.dreamer.dream import Dream
from taichi_dr.torch.dreamer.model import model_file, model_of, user_model

pytestmark = pytest.mark.usefixtures("own_runtime", "quick")

PROMPT = "a small red torus"
SMALL = ("--resolution", 16, "--views", 2, "--guidance", 5, "--lr", 0.1, "--t-range", 0.1, 0.8, "--backend", "cpu")

BALL = """
import torch
from taichi_dr.torch.distillation.analytic import MixtureDenoiser
from taichi_dr.torch.distillation.schedule import cosine

size, alphas_cumprod = 8, cosine(100)
grey = torch.full((3, 8, 8), -0.9)
disc = (torch.arange(8)[:, None] - 3.5) ** 2 + (torch.arange(8) - 3.5) ** 2 < 6
picture = torch.where(disc, torch.tensor([0.9, -0.9, -0.9])[:, None, None], grey)
mixture = MixtureDenoiser(picture[None], 0.05, alphas_cumprod)

def denoiser(x, t, prompts):
    assert isinstance(prompts, list) and len(prompts) == len(x) and x.shape[1:] == (3, 8, 8)
    return mixture(x, t)
"""
"""Whatever it is told, a red disc over dark grey."""


def dream(*arguments, prompt=PROMPT):
    return cli.main(["dream", prompt, *map(str, arguments)])


def contents(folder):
    header, arrays = load_state(folder / "state.npz")
    header["loop"].pop("seconds")
    return header, arrays


@pytest.fixture
def ball(tmp_path):
    path = tmp_path / "ball.py"
    path.write_text(BALL)
    return path


def test_it_writes_what_it_says(tmp_path, capsys):
    out = tmp_path / "torus"
    assert dream(out, "--steps", 3, *SMALL) == 0
    said = capsys.readouterr().out
    assert "dreaming of 'a small red torus'" in said
    assert "3 steps in " in said
    written = {path.name for path in out.iterdir()}
    assert written - {*MESHES} == {*FILES} - {*MESHES}
    metrics = json.loads((out / "metrics.json").read_text())
    assert metrics["prompt"] == PROMPT
    assert (metrics["steps"], metrics["interrupted"], metrics["backend"]) == (3, False, "cpu")
    assert set(metrics["files"]) == written - {"state.npz"}
    header, arrays = contents(out)
    assert arrays["numbers"].shape == (14**3, 4)
    assert header["dream"]["steps"] == header["loop"]["steps"] == 3
    with np.load(out / "scene.npz") as scene:
        assert any(name.endswith("numbers") for name in scene.files)


def test_a_denoiser_of_ones_own_that_knows_a_ball_makes_one(ball, tmp_path, capsys):
    """Whatever it is called: words are the program's own business."""
    out = tmp_path / "out"
    options = ("--denoiser", ball, "--steps", 60, "--guidance", 1, "--lr", 0.3, "--opacity", 0, "--orientation", 0)
    more = ("--resolution", 16, "--views", 2, "--view-words", "off", "--smoothness", 0.001, "--backend", "cpu")
    assert dream(out, *options, *more, prompt="a ripe pear") == 0
    assert "vertices" in capsys.readouterr().out
    assert sorted(path.name for path in out.iterdir()) == sorted(FILES)
    metrics = json.loads((out / "metrics.json").read_text())
    assert metrics["collapsed"] is False
    assert set(metrics["losses"]) == {"score", "smoothness"}
    for name in MESHES:
        mesh = load_mesh(out / name)
        assert mesh.face_count == metrics["faces"] > 50
    points, colors = mesh.numpy("vertices")[0], mesh.numpy("colors").reshape(-1, 3)
    assert 0.2 < np.linalg.norm(points, axis=1).mean() < 0.9
    red, green, blue = colors.mean(axis=0)
    assert red > 2 * max(green, blue)
    assert iio.imread(out / "progress.png").shape[2] >= 3
    assert len(iio.imread(out / "turntable.gif", index=None)) == 3


def interrupted_at(monkeypatch, count):
    """Sends Ctrl-C in that step."""
    step = Dream.step

    def step_and_interrupt(self, fraction):
        losses = step(self, fraction)
        if self.steps == count:
            os.kill(os.getpid(), signal.SIGINT)
        return losses

    monkeypatch.setattr(Dream, "step", step_and_interrupt)


def test_ctrl_c_ends_it_and_resume_goes_on_bit_by_bit(ball, tmp_path, capsys, monkeypatch):
    out, whole, options = tmp_path / "out", tmp_path / "whole", ("--steps", 5, "--denoiser", ball, *SMALL)
    with monkeypatch.context() as patched:
        interrupted_at(patched, 3)
        assert dream(out, *options) == 130
    assert "--resume continues" in capsys.readouterr().out
    assert json.loads((out / "metrics.json").read_text())["interrupted"] is True
    assert contents(out)[0]["dream"]["steps"] == 3
    assert dream(out, "--resume", *options) == 0
    said = capsys.readouterr().out
    assert f"continuing {out}" in said
    assert "resuming at step 3" in said
    assert json.loads((out / "metrics.json").read_text())["interrupted"] is False
    assert dream(whole, *options) == 0
    (header, arrays), (expected_header, expected) = contents(out), contents(whole)
    assert header == expected_header
    assert set(arrays) == set(expected) == {"numbers", "exp_avg", "exp_avg_sq", "shots"}
    for name, array in expected.items():
        np.testing.assert_array_equal(arrays[name], array, err_msg=name)


def test_ctrl_c_before_the_first_step_can_be_resumed(ball, tmp_path, monkeypatch):
    from taichi_dr.jobs.dream import run

    class Impatient(run.Loop):
        def run(self, what, interrupt, step, save):
            os.kill(os.getpid(), signal.SIGINT)
            super().run(what, interrupt, step, save)

    options = ("--denoiser", ball, "--steps", 2, "--resolution", 16, "--backend", "cpu")
    with monkeypatch.context() as patched:
        patched.setattr(run, "Loop", Impatient)
        assert dream(tmp_path / "out", *options) == 130
    assert contents(tmp_path / "out")[0]["dream"]["steps"] == 0
    assert dream(tmp_path / "out", "--resume", *options) == 0
    assert contents(tmp_path / "out")[0]["dream"]["steps"] == 2


def test_a_second_ctrl_c_leaves_what_can_be_resumed(ball, tmp_path, monkeypatch, capsys):
    def report(self):
        os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr("taichi_dr.jobs.dream.run._Run.report", report)
    interrupted_at(monkeypatch, 1)
    assert dream(tmp_path / "out", "--denoiser", ball, "--steps", 2, "--resolution", 16, "--backend", "cpu") == 130
    assert "stopped before everything was written; --resume continues" in capsys.readouterr().out
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["state.npz"]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (("--guidance", 6), "guidance 5.0, not 6.0"),
        (("--views", 3), "views 2, not 3"),
        (("--resolution", 17), "resolution 16, not 17"),
        (("--start", "fog"), "start 'blob', not 'fog'"),
        (("--view-words", "off"), "view_words 'on', not 'off'"),
        (("--annealing", "none"), "annealing 'linear', not 'none'"),
        (("--t-range", 0.1, 0.7), "t_range [0.1, 0.8], not [0.1, 0.7]"),
        (("--seed", 4), "seed 0, not 4"),
        (("--lr", 0.2), "lr 0.1, not 0.2"),
        (("--opacity", 0.5), "opacity 0.25, not 0.5"),
        (("--smoothness", 0.5), "smoothness 0.25, not 0.5"),
        (("--orientation", 0.5), "orientation 0.25, not 0.5"),
    ],
)
def test_settings_that_differ_are_named(changed, said, made, capsys):
    folder, options = made
    before = contents(folder)
    assert dream(folder, "--resume", "--steps", 2, *options, *changed) == 2
    error = capsys.readouterr().err
    assert f"state.npz: was made with {said}: resume it with that, or start anew with --overwrite" in error
    assert contents(folder)[0] == before[0]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder with a run of a step, and its options."""
    program = tmp_path_factory.mktemp("program") / "ball.py"
    program.write_text(BALL)
    folder = tmp_path_factory.mktemp("dream") / "out"
    options = ("--denoiser", program, *SMALL, "--opacity", 0.25, "--smoothness", 0.25, "--orientation", 0.25)
    assert dream(folder, "--steps", 1, *options) == 0
    return folder, options


def test_another_denoiser_is_named(made, tmp_path, capsys):
    folder, options = made
    shutil.copy(options[1], tmp_path / "other.py")
    assert dream(folder, "--resume", "--denoiser", tmp_path / "other.py", *options[2:]) == 2
    assert f"was made with denoiser '{options[1]}', not '{tmp_path / 'other.py'}'" in capsys.readouterr().err
    assert dream(folder, "--resume", *options[2:]) == 2
    assert f"was made with denoiser '{options[1]}', not None" in capsys.readouterr().err


def test_another_prompt_and_damaged_states_are_not_resumed(made, tmp_path, capsys):
    folder, options = made
    assert dream(folder, "--resume", *options, prompt="a blue car") == 2
    assert "was made with prompt 'a small red torus', not 'a blue car'" in capsys.readouterr().err
    out = tmp_path / "out"
    out.mkdir()
    whole = (folder / "state.npz").read_bytes()
    with np.load(folder / "state.npz") as file:
        arrays = dict(file)
    for name in ("numbers", "exp_avg_sq", "shots"):
        np.savez(out / "state.npz", **{key: array for key, array in arrays.items() if key != name})
        assert dream(out, "--resume", "--steps", 2, *options) == 2
        assert f"state.npz: is no checkpoint that can be read ('{name}" in capsys.readouterr().err
    np.savez(out / "state.npz", **arrays | {"exp_avg": arrays["exp_avg"][:5]})
    assert dream(out, "--resume", "--steps", 2, *options) == 2
    assert "expected numbers of shape (2744, 4), got (5, 4)" in capsys.readouterr().err
    (out / "state.npz").write_bytes(whole[:1000])
    assert dream(out, "--resume", "--steps", 2, *options) == 2
    assert "state.npz: is no checkpoint that can be read" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("prompt", "said"),
    [
        ("a red tours", "'a red tours': 'tours' is no word that is known: did you mean 'torus'?"),
        ("a red ball and a car", "'a red ball and a car': 'and' is no word that is known"),
        ("a red ball, car", "'a red ball, car': expected one of the shapes, got ball and car"),
        ("a large red", "'a large red': expected one of the shapes among the words\n  sizes: small, large\n"),
        ("  ", 'PROMPT: expected words, such as "a small red torus", got none'),
    ],
)
def test_prompts_that_make_no_sense_are_refused(prompt, said, tmp_path, capsys):
    assert dream(tmp_path / "out", prompt=prompt) == 2
    assert capsys.readouterr().err.startswith(f"taichi-dr: error: {said}")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--steps", 0), "--steps: expected at least 1, got 0"),
        (("--minutes", 0), "--minutes: expected a number > 0, got 0"),
        (("--steps", 1, "--minutes", 1), "give --steps or --minutes, not both"),
        (("--resume", "--overwrite"), "give --resume or --overwrite, not both"),
        (("--views", 0), "--views: expected at least 1, got 0"),
        (("--resolution", 15), "--resolution: expected 16 to 256 vertices, got 15"),
        (("--resolution", 257), "--resolution: expected 16 to 256 vertices, got 257"),
        (("--guidance", 0), "--guidance: expected a number > 0, got 0.0"),
        (("--lr", "nan"), "--lr: expected a number > 0, got nan"),
        (("--opacity", -1), "--opacity: expected at least 0, got -1.0"),
        (("--orientation", "nan"), "--orientation: expected a number"),
        (("--smoothness", "inf"), "--smoothness: expected a number"),
        (("--t-range", 0.5, 0.4), "--t-range: expected 0 <= LOW <= HIGH <= 1, got 0.5 0.4"),
        (("--t-range", "nan", 0.4), "--t-range: expected 0 <= LOW <= HIGH <= 1, got nan 0.4"),
        (("--seed", -1), "--seed: expected at least 0, got -1"),
        (("--denoiser", "a.py", "--model", "b"), "give --denoiser or --model, not both"),
    ],
)
def test_senseless_options_are_refused(arguments, said, tmp_path, capsys):
    assert dream(tmp_path / "out", *arguments) == 2
    assert capsys.readouterr().err.startswith(f"taichi-dr: error: {said}")
    assert not list(tmp_path.iterdir())


def test_what_is_in_the_way_is_left_as_it_is(made, tmp_path, capsys):
    folder, options = made
    assert dream(folder, "--steps", 1, *options) == 2
    assert "exists and is not empty: --resume continues it, --overwrite replaces it" in capsys.readouterr().err
    strange = tmp_path / "out"
    strange.mkdir()
    (strange / "notes.txt").write_text("mine")
    for how in ((), ("--overwrite",)):
        assert dream(strange, "--steps", 1, *options, *how) == 2
    assert "holds files that this command does not write" in capsys.readouterr().err
    assert dream(tmp_path / "other", "--resume", *options) == 2
    assert "no such checkpoint, nothing to resume" in capsys.readouterr().err
    assert [path.name for path in tmp_path.rglob("*")] == ["out", "notes.txt"]


def test_overwrite_begins_anew(made, tmp_path):
    folder, options = made
    out = shutil.copytree(folder, tmp_path / "out")
    (out / "mesh.obj").write_text("of the first run")
    assert dream(out, "--overwrite", "--steps", 2, *options, "--seed", 3) == 0
    header, _ = contents(out)
    assert (header["dream"]["steps"], header["settings"]["seed"]) == (2, 3)
    assert not (out / "mesh.obj").exists() or "of the first run" not in (out / "mesh.obj").read_text()


def test_models_by_file_and_folder(tmp_path, capsys):
    from taichi_dr.torch.dreamer.checkpoint import SHIPPED
    from taichi_dr.torch.single_image.checkpoint import SHIPPED as OTHER

    assert dream(tmp_path / "out", "--model", tmp_path / "none") == 2
    assert "none: no such file" in capsys.readouterr().err
    (tmp_path / "empty").mkdir()
    assert dream(tmp_path / "out", "--model", tmp_path / "empty") == 2
    assert "model.npz: no such file" in capsys.readouterr().err
    assert dream(tmp_path / "out", "--model", OTHER) == 2
    assert "expected a file of the format 'taichi_dr dreamer 1'" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
    assert [model_file(given) for given in (None, SHIPPED, SHIPPED.parent)] == [SHIPPED] * 3


GOOD = "size = 8\nalphas_cumprod = [0.9, 0.5, 0.1]\ndef denoiser(x, t, prompts):\n    return x\n"
ENCODE = "def encode(p):\n    return {}\n"


@pytest.mark.parametrize(
    ("program", "said"),
    [
        ("raise KeyError('token')", "denoiser.py: fails with KeyError: 'token'"),
        ("import sys; sys.exit(3)", "denoiser.py: fails with SystemExit: 3"),
        ("def f(:", "denoiser.py: fails with SyntaxError: "),
        ("size = 8", "denoiser.py: expected it to define denoiser(x, t, prompts), which returns the noise in x"),
        (GOOD.replace("alphas_cumprod", "alphas"), "denoiser.py: expected it to define alphas_cumprod, the schedule"),
        (GOOD.replace("size", "side"), "denoiser.py: expected it to define size, the pixels on a side"),
        (GOOD.replace("8", "7"), "denoiser.py: size: expected a whole number of pixels, at least 8, got 7"),
        (GOOD.replace("8", "'8'"), "denoiser.py: size: expected a whole number of pixels, at least 8, got '8'"),
        (GOOD + "denoiser = 4", "denoiser.py: denoiser: expected a function, got 4"),
        (GOOD + "encode = 'planes'", "denoiser.py: encode: expected a function, got 'planes'"),
        (GOOD.replace("0.5", "0.95"), "alphas_cumprod: expected numbers that fall, got 0.9 at 0 and 0.95 at 1"),
        (GOOD.replace("0.1", "0.0"), "alphas_cumprod[2]: expected a number between 0 and 1, got 0.0"),
        (GOOD.replace("[0.9, 0.5, 0.1]", "'linear'"), "alphas_cumprod: expected numbers, got 'linear'"),
        (
            GOOD.replace("return x", "return x[:, :1]"),
            "denoiser: expected noise of shape (2, 3, 8, 8), got (2, 1, 8, 8)",
        ),
        (
            GOOD.replace("return x", "return len(x.nothing)"),
            "denoiser.py: denoiser fails in line 4 with AttributeError: ",
        ),
        (GOOD.replace(", prompts", ""), "denoiser.py: denoiser fails with TypeError: "),
        (
            GOOD + ENCODE.format("p.detach().numpy()"),
            "denoiser.py: encode: expected a tensor of shape (2, ...), got nd",
        ),
        (GOOD + ENCODE.format("p[:1]"), "encode: expected a tensor of shape (2, ...), got (1, 8, 8, 3)"),
        (
            GOOD + ENCODE.format("p.detach()"),
            "denoiser.py: encode: x has no graph, and pictures no gradient: leave out",
        ),
        (GOOD.replace("return x", "return None"), "denoiser: expected noise of shape (2, 3, 8, 8), got NoneType"),
        (GOOD.replace("return x", "return x / 0"), "denoiser: item 0 of 2 has 192 numbers that are not finite"),
        (
            GOOD.replace(
                "return x", "import torch\n    with torch.enable_grad():\n        return x.requires_grad_() * 1"
            ),
            "denoiser: its answer has a graph",
        ),
    ],
)
def test_programs_that_are_no_denoisers_are_refused(program, said, tmp_path, capsys):
    (tmp_path / "denoiser.py").write_text(program)
    options = ("--denoiser", tmp_path / "denoiser.py", "--steps", 1, *SMALL)
    assert dream(tmp_path / "out", *options, prompt="a ripe pear") == 2
    assert said in capsys.readouterr().err
    assert not list((tmp_path / "out").glob("*"))


def test_a_program_imports_what_is_beside_it_and_encodes_as_it_likes(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", [*sys.path])
    (tmp_path / "beside_the_denoiser.py").write_text("def halves(p):\n    return p.mean(dim=3) / 2\n")
    program = "from beside_the_denoiser import halves\n" + GOOD + ENCODE.format("halves(p)")
    (tmp_path / "denoiser.py").write_text(program)
    pictures = torch.ones(2, 8, 8, 3, requires_grad=True)
    x = user_model(tmp_path / "denoiser.py").encode(pictures)
    assert torch.equal(x, torch.full((2, 8, 8), 0.5))


def test_the_packages_own_model_is_where_the_pictures_are(tmp_path):
    """Meta tensors are nowhere, as those on CUDA are not where the file is read to."""
    model = model_of(DreamSettings("a red ball", tmp_path / "out"))
    x, t = torch.zeros(1, 3, 32, 32, device="meta"), torch.zeros(1, dtype=torch.int64, device="meta")
    assert model.denoiser(x, t, ["a red ball"]).device.type == "meta"


def test_a_torch_without_cuda_is_told_of_where_taichi_has_it(ball, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("taichi_dr.torch.tensors.run_device", lambda: "cuda")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert dream(tmp_path / "out", "--denoiser", ball, "--steps", 1, *SMALL) == 2
    assert "the backend is CUDA, which this PyTorch has not: install one that has" in capsys.readouterr().err


def test_fine_grids_have_meshes_of_bounded_fineness(ball, tmp_path, monkeypatch):
    asked = []

    def solid_mesh(grid, nodes):
        asked.append(nodes)
        raise GeometryError("none")

    monkeypatch.setattr("taichi_dr.jobs.dream.run.solid_mesh", solid_mesh)
    monkeypatch.setattr("taichi_dr.jobs.dream.run.MOST_NODES", 30)
    for resolution in (16, 24):
        options = ("--denoiser", ball, "--steps", 1, "--views", 1, "--resolution", resolution, "--backend", "cpu")
        assert dream(tmp_path / f"{resolution}", *options) == 0
    assert asked == [24, 30]


def test_a_missing_program_is_named(tmp_path, capsys):
    assert dream(tmp_path / "out", "--denoiser", tmp_path / "none.py") == 2
    error = capsys.readouterr().err
    assert "none.py: no such file; expected a Python program that defines denoiser, alphas_cumprod, size" in error
    assert not list(tmp_path.iterdir())


def test_a_volume_that_is_no_solid_has_no_mesh(ball, tmp_path, capsys, monkeypatch):
    def dissolve(self, fraction):
        self.numbers.data.fill_(-12.0)
        return {}

    monkeypatch.setattr(Dream, "step", dissolve)
    out = tmp_path / "out"
    assert dream(out, "--denoiser", ball, "--steps", 1, "--resolution", 16, "--backend", "cpu") == 0
    said = capsys.readouterr().out
    assert "there is no mesh: no surface: " in said
    assert "It has collapsed: 0% of its pictures are covered. Another --seed may do better." in said
    assert {path.name for path in out.iterdir()} == {*FILES} - {*MESHES}
    metrics = json.loads((out / "metrics.json").read_text())
    assert (metrics["vertices"], metrics["faces"], metrics["collapsed"]) == (0, 0, True)
