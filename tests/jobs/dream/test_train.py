"""``taichi-dr train-dreamer``: what it writes, how it goes on, and what it refuses."""

import json
import os
import shutil
import signal
from functools import partial

import imageio.v3 as iio
import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")

from taichi_dr import cli  # noqa: E402
from taichi_dr.jobs.dream import samples  # noqa: E402
from taichi_dr.jobs.dream import train as job  # noqa: E402
from taichi_dr.jobs.reconstruct.checkpoint import load_state  # noqa: E402
from taichi_dr.jobs.settings.dream import DreamSettings  # noqa: E402
from taichi_dr.torch.distillation.sampling import sample  # noqa: E402
from taichi_dr.torch.dreamer import drawing  # noqa: E402
from taichi_dr.torch.dreamer.checkpoint import load_dreamer  # noqa: E402
from taichi_dr.torch.dreamer.model import model_of  # noqa: E402
from taichi_dr.torch.dreamer.training import Training, held_out_loss  # noqa: E402

pytestmark = pytest.mark.usefixtures("own_runtime")

SMALL = ("--batch", 4, "--sides", 3, "--seed", 2)


@pytest.fixture(autouse=True)
def _little_to_report(monkeypatch):
    shorten(monkeypatch)


def shorten(monkeypatch):
    """Few samples in few steps, and few pictures to measure the loss on."""
    monkeypatch.setattr(samples, "COLUMNS", 2)
    monkeypatch.setattr(drawing, "sample", partial(sample, steps=2))
    monkeypatch.setattr(job, "OTHER_SIDES", 2)
    monkeypatch.setattr(job, "held_out_loss", partial(held_out_loss, count=8))


def train(*arguments):
    return cli.main(["train-dreamer", *map(str, arguments), "--backend", "cpu"])


def numbers(model):
    header, arrays = load_state(model / "state.npz")
    return header["training"]["steps"], arrays


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A run of three steps that nothing interrupts."""
    model = tmp_path_factory.mktemp("dreamer") / "whole"
    with pytest.MonkeyPatch.context() as patched:
        shorten(patched)
        assert train(model, "--steps", 3, *SMALL) == 0
    return model


def test_it_writes_what_it_says(whole):
    assert sorted(path.name for path in whole.iterdir()) == sorted(job.FILES)
    metrics = json.loads((whole / "metrics.json").read_text())
    assert (metrics["steps"], metrics["batch"], metrics["sides"], metrics["interrupted"]) == (3, 4, 3, False)
    assert metrics["parameters"] == sum(parameter.numel() for parameter in load_dreamer().parameters())
    for name in ("loss_of_seen_pairs", "loss_of_unseen_pairs"):
        assert 0.3 < metrics[name] < 3  # after three steps it sees next to nothing
    assert iio.imread(whole / "samples.png").shape[1] > 2 * 96
    network, (_, arrays) = load_dreamer(whole / "model.npz"), numbers(whole)
    for name, tensor in network.state_dict().items():  # the means, in half precision
        np.testing.assert_allclose(tensor.numpy(), arrays[f"mean/{name}"], rtol=1e-3, atol=1e-7, err_msg=name)


def test_ctrl_c_ends_it_and_resume_goes_on_bit_by_bit(whole, tmp_path, capsys, monkeypatch):
    step = Training.step

    def step_and_interrupt(self, fraction):
        losses = step(self, fraction)
        if self.steps == 2:
            os.kill(os.getpid(), signal.SIGINT)
        return losses

    model = tmp_path / "model"
    with monkeypatch.context() as patched:
        patched.setattr(Training, "step", step_and_interrupt)
        assert train(model, "--steps", 3, *SMALL) == 130
    said = capsys.readouterr().out
    assert "--resume continues" in said
    assert "2 steps in " in said
    assert "loss from other sides: " in said
    assert sorted(path.name for path in model.iterdir()) == sorted(job.FILES)
    assert json.loads((model / "metrics.json").read_text())["interrupted"] is True
    assert train(model, "--resume", "--steps", 3, "--batch", 5, "--sides", 1, "--seed", 9) == 0
    assert "resuming at step 2" in capsys.readouterr().out
    metrics = json.loads((model / "metrics.json").read_text())
    assert (metrics["batch"], metrics["sides"]) == (4, 3)  # those of the checkpoint, as --resume says
    (steps, arrays), (_, expected) = numbers(model), numbers(whole)
    assert steps == 3
    assert set(arrays) == set(expected)
    for name, array in expected.items():  # the weights, their means, and what the optimiser knows
        np.testing.assert_array_equal(arrays[name], array, err_msg=name)


def test_ctrl_c_twice_keeps_the_checkpoint(tmp_path, capsys, monkeypatch):
    def report(self):
        for _ in range(2):
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(job._Run, "report", report)
    assert train(tmp_path / "model", "--steps", 1, *SMALL) == 130
    assert "stopped before everything was written; --resume continues from" in capsys.readouterr().out
    assert sorted(path.name for path in (tmp_path / "model").iterdir()) == ["model.npz", "state.npz"]


def test_a_model_that_was_trained_is_the_one_that_is_asked(whole):
    model = model_of(DreamSettings("a red ball", whole, model=whole))
    x, t = torch.randn(1, 3, 32, 32, generator=torch.Generator().manual_seed(0)), torch.tensor([500])
    answer = model.denoiser(x, t, ["a red ball"])
    torch.testing.assert_close(answer, load_dreamer(whole / "model.npz").denoiser(x, t, ["a red ball"]))
    assert (answer - load_dreamer().denoiser(x, t, ["a red ball"])).abs().max() > 0.1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--steps", 0), "--steps: expected at least 1, got 0"),
        (("--minutes", 0), "--minutes: expected a number > 0, got 0"),
        (("--steps", 1, "--minutes", 1), "give --steps or --minutes, not both"),
        (("--resume", "--overwrite"), "give --resume or --overwrite, not both"),
        (("--batch", 0), "--batch: expected at least 1, got 0"),
        (("--sides", 0), "--sides: expected at least 1, got 0"),
        (("--seed", -1), "--seed: expected at least 0, got -1"),
    ],
)
def test_senseless_options_are_refused(arguments, said, tmp_path, capsys):
    assert train(tmp_path / "model", *arguments) == 2
    assert capsys.readouterr().err.startswith(f"taichi-dr: error: {said}")
    assert not list(tmp_path.iterdir())


def test_what_is_in_the_way_is_left_as_it_is(whole, tmp_path, capsys):
    assert train(whole, "--steps", 1, *SMALL) == 2
    assert "exists and is not empty: --resume continues it, --overwrite replaces it" in capsys.readouterr().err
    model = tmp_path / "model"
    model.mkdir()
    (model / "notes.txt").write_text("mine")
    assert train(model, "--steps", 1, "--overwrite") == 2
    assert "holds files that this command does not write" in capsys.readouterr().err
    assert train(tmp_path / "other", "--resume") == 2
    assert "no such checkpoint, nothing to resume" in capsys.readouterr().err
    assert [path.name for path in tmp_path.rglob("*")] == ["model", "notes.txt"]
    assert numbers(whole)[0] == 3


def test_damaged_states_are_not_resumed(whole, tmp_path, capsys):
    model = shutil.copytree(whole, tmp_path / "model")
    state = model / "state.npz"
    data = state.read_bytes()
    with np.load(state) as file:
        arrays = dict(file)
    np.savez(state, **arrays | {"exp_avg/words": arrays["exp_avg/words"][:5]})
    assert train(model, "--resume", "--steps", 4) == 2
    assert "no checkpoint that can be read (expected shape (25, 128), got (5, 128))" in capsys.readouterr().err
    np.savez(state, **{name: array for name, array in arrays.items() if name != "latest/words"})
    assert train(model, "--resume", "--steps", 4) == 2
    assert "state.npz: is no checkpoint that can be read ('latest/words' is missing)" in capsys.readouterr().err
    state.write_bytes(data[:1000])
    assert train(model, "--resume", "--steps", 4) == 2
    assert "state.npz: is no checkpoint that can be read" in capsys.readouterr().err


def test_the_state_of_another_command_is_not_resumed(whole, tmp_path, capsys):
    model = tmp_path / "model"
    model.mkdir()
    header = np.frombuffer(json.dumps({"settings": {}, "loop": {}, "dream": {"steps": 1}}).encode(), np.uint8)
    np.savez(model / "state.npz", **{"header.json": header, "numbers": np.zeros((3, 4))})
    assert train(model, "--resume", "--steps", 4) == 2
    assert "state.npz: is no checkpoint that can be read ('sides' is missing)" in capsys.readouterr().err
    out = tmp_path / "out"
    out.mkdir()
    shutil.copy(whole / "state.npz", out / "state.npz")
    assert cli.main(["dream", "a red ball", str(out), "--resume", "--backend", "cpu"]) == 2
    assert "state.npz: is no checkpoint that can be read ('settings' is missing)" in capsys.readouterr().err
