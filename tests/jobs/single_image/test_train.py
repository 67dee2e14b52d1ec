"""``taichi-dr train-reconstructor``: what it writes, how it goes on, and what it refuses."""

import json
import os
import signal

import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is not installed")

import taichi_dr as dr
from taichi_dr import cli
from taichi_dr.jobs.reconstruct.checkpoint import load_state
from taichi_dr.jobs.single_image.shape_views import make_shape_views
from taichi_dr.jobs.single_image.train import FILES
from taichi_dr.torch.single_image.checkpoint import load_network
from taichi_dr.torch.single_image.training import Training

pytestmark = pytest.mark.usefixtures("own_runtime")


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A set of a shape of each category."""
    folder = tmp_path_factory.mktemp("shapes") / "set"
    dr.init("cpu")
    make_shape_views(folder, 8, seed=1)
    return folder


def train(*arguments):
    return cli.main(["train-reconstructor", *map(str, arguments), "--backend", "cpu"])


def numbers(model):
    header, arrays = load_state(model / "state.npz")
    return header["training"]["steps"], arrays


def test_a_run_that_goes_on_is_one_run(data, tmp_path, capsys):
    assert train(data, tmp_path / "whole", "--steps", 6, "--batch", 2) == 0
    out = capsys.readouterr().out
    assert "8 shapes of airplane, boat, car, chair, cupboard, lamp, sofa, table; 8 others are held out" in out
    assert "8 held-out shapes: voxel IoU 0." in out
    assert sorted(path.name for path in (tmp_path / "whole").iterdir()) == sorted(FILES)
    metrics = json.loads((tmp_path / "whole" / "metrics.json").read_text())
    assert (metrics["steps"], metrics["batch"], metrics["interrupted"]) == (6, 2, False)
    by_category = metrics["held_out_voxel_iou_by_category"]
    assert np.mean(list(by_category.values())) == pytest.approx(metrics["held_out_voxel_iou"])
    assert load_network(tmp_path / "whole" / "model.npz")


def test_ctrl_c_ends_it_and_resume_goes_on(data, tmp_path, capsys, monkeypatch):
    step = Training.step

    def step_and_interrupt(self, fraction):
        losses = step(self, fraction)
        if self.steps == 3:
            os.kill(os.getpid(), signal.SIGINT)
        return losses

    model = tmp_path / "model"
    with monkeypatch.context() as patched:
        patched.setattr(Training, "step", step_and_interrupt)
        assert train(data, model, "--steps", 6, "--batch", 2) == 130
    assert "--resume continues" in capsys.readouterr().out
    assert sorted(path.name for path in model.iterdir()) == sorted(FILES)
    assert json.loads((model / "metrics.json").read_text())["interrupted"] is True
    assert numbers(model)[0] == 3
    assert train(data, model, "--resume", "--steps", 6, "--batch", 5) == 0
    assert "resuming at step 3" in capsys.readouterr().out
    assert json.loads((model / "metrics.json").read_text())["batch"] == 2  # that of the checkpoint, as --resume says
    assert train(data, tmp_path / "whole", "--steps", 6, "--batch", 2) == 0
    (steps, arrays), (_, whole) = numbers(model), numbers(tmp_path / "whole")
    assert steps == 6
    for name, array in whole.items():  # the weights, and what the optimiser knows
        np.testing.assert_array_equal(arrays[name], array, err_msg=name)


def test_a_set_is_made_where_there_is_none(tmp_path, capsys):
    assert train(tmp_path / "set", tmp_path / "model", "--count", 9, "--steps", 1, "--batch", 2) == 0
    assert json.loads((tmp_path / "set" / "shape_views.json").read_text())["made"]["count"] == 9
    assert "9 shapes of airplane" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--steps", 0), "--steps: expected at least 1, got 0"),
        (("--minutes", 0), "--minutes: expected a number > 0, got 0"),
        (("--steps", 1, "--minutes", 1), "give --steps or --minutes, not both"),
        (("--resume", "--overwrite"), "give --resume or --overwrite, not both"),
        (("--batch", 1), "--batch: expected at least 2, got 1"),
        (("--count", 0), "--count: expected at least 1, got 0"),
        (("--seed", -1), "--seed: expected at least 0, got -1"),
    ],
)
def test_senseless_options_are_refused(arguments, said, tmp_path, capsys):
    assert train(tmp_path / "set", tmp_path / "model", *arguments) == 2
    assert capsys.readouterr().err.startswith(f"taichi-dr: error: {said}")
    assert not list(tmp_path.iterdir())


def test_what_is_in_the_way_is_left_as_it_is(data, tmp_path, capsys):
    model = tmp_path / "model"
    model.mkdir()
    (model / "notes.txt").write_text("mine")
    assert train(data, model, "--steps", 1) == 2
    assert "exists and is not empty" in capsys.readouterr().err
    assert train(data, model, "--steps", 1, "--overwrite") == 2
    assert "holds files that this command does not write" in capsys.readouterr().err
    assert train(model, tmp_path / "other", "--steps", 1) == 2
    assert "it is no set of shapes, and none is made in it" in capsys.readouterr().err
    assert train(data, tmp_path / "other", "--resume") == 2
    assert "no such checkpoint, nothing to resume" in capsys.readouterr().err
    assert [path.name for path in model.iterdir()] == ["notes.txt"]


def test_other_data_and_damaged_states_are_not_resumed(data, tmp_path, capsys):
    model = tmp_path / "model"
    assert train(data, model, "--steps", 1, "--batch", 2) == 0
    make_shape_views(tmp_path / "other", 10)
    assert train(tmp_path / "other", model, "--resume", "--steps", 2) == 2
    assert "not the shapes that" in capsys.readouterr().err
    make_shape_views(tmp_path / "alike", 8, seed=3)
    assert train(tmp_path / "alike", model, "--resume", "--steps", 2) == 2
    assert "sum of some pictures' bytes: expected" in capsys.readouterr().err
    state = model / "state.npz"
    with np.load(state) as file:
        arrays = dict(file)
    for name in ("network/encoder.whole.bias", "exp_avg/encoder.whole.bias"):
        np.savez(state, **{**arrays, name: arrays[name][:5]})
        assert train(data, model, "--resume", "--steps", 2) == 2
        assert "state.npz: is no checkpoint that can be read" in capsys.readouterr().err
    np.savez(state, **arrays)
    state.write_bytes(state.read_bytes()[:1000])
    assert train(data, model, "--resume", "--steps", 2) == 2
    assert "state.npz: is no checkpoint that can be read" in capsys.readouterr().err
