"""The job from data set to outputs, tiny: what is written, Ctrl-C and resuming."""

import contextlib
import dataclasses
import json
import os
import shutil
import signal

import imageio.v3 as iio
import numpy as np
import pytest

import taichi_dr as dr
from taichi_dr import shapes
from taichi_dr.errors import DataSetError, FileError, GradientError, InputError
from taichi_dr.io.meshes import load_mesh, save_mesh
from taichi_dr.io.posed.load import load_posed_images
from taichi_dr.jobs.dataset import make_dataset
from taichi_dr.jobs.listener import Listener
from taichi_dr.jobs.reconstruct import checkpoint, skipped_steps
from taichi_dr.jobs.reconstruct import mesh as mesh_reconstruction
from taichi_dr.jobs.reconstruct.evaluation import evaluate, held_out_split
from taichi_dr.jobs.reconstruct.mesh import MeshReconstruction
from taichi_dr.jobs.reconstruct.run import REPORTS, _finished, reconstruct
from taichi_dr.jobs.reconstruct.scene_fit import fit_scene
from taichi_dr.jobs.settings.dataset import DatasetSettings
from taichi_dr.jobs.settings.mesh import MeshSettings
from taichi_dr.jobs.terminal.listener import Terminal

pytestmark = pytest.mark.usefixtures("own_runtime")

STEPS = 40
OUTPUTS = {*REPORTS, "mesh.obj", "mesh.ply", "mesh.glb"}


@pytest.fixture(scope="module", autouse=True)
def two_levels():
    """The first two levels, the second from the middle on: every further one would compile for seconds."""
    with pytest.MonkeyPatch.context() as patch:
        first, second = mesh_reconstruction.LEVELS[:2]
        patch.setattr(mesh_reconstruction, "LEVELS", (first, dataclasses.replace(second, start=0.5)))
        yield


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data") / "car"
    make_dataset(DatasetSettings("car", folder, views=6, test_views=3, size=32, samples=2, backend="cpu"))
    return folder


def settings(data, out, **changes):
    return MeshSettings(data, out, **{"steps": STEPS, "faces": 5120, "batch": 3, "backend": "cpu"} | changes)


class Compilations(Listener):
    """Remembers the kernels that are compiled, by what they are compiled for."""

    def __init__(self):
        self.kernels = {}

    def said(self, text): ...

    def progressed(self, what, fraction, text=""): ...

    def stepped(self, moment): ...

    def compiling(self, kernel, model):
        self.kernels.setdefault(model, []).append(kernel)


@pytest.fixture(scope="module")
def compilations():
    return Compilations()


@pytest.fixture(scope="module")
def finished(data, tmp_path_factory, compilations):
    return reconstruct(settings(data, tmp_path_factory.mktemp("run") / "whole"), compilations)


def test_a_data_set_is_complete_and_consistent(data):
    train, test = (load_posed_images(data, split, require_alpha=True) for split in ("train", "test"))
    assert (len(train), len(test)) == (6, 3)
    assert 0.05 < train.alpha.mean() < 0.9
    assert ((train.alpha > 0) & (train.alpha < 1)).any()
    eyes = np.concatenate([train.camera_to_world, test.camera_to_world])[:, :3, 3]
    assert np.ptp(np.linalg.norm(eyes, axis=1)) < 1e-5


def test_every_output_is_written(finished):
    assert {path.name for path in finished.folder.iterdir()} == OUTPUTS
    assert not finished.interrupted
    metrics = json.loads((finished.folder / "metrics.json").read_text())
    assert metrics == finished.metrics
    assert {
        "as",
        "held_out",
        "definitions",
        "held_out_views",
        "seconds",
        "seconds_optimising",
        "seconds_compiling",
        "steps",
        "settings",
        "model",
        "files",
    } <= set(metrics)
    assert metrics["steps"] == STEPS
    assert set(metrics["held_out"]) == {"iou", "iou_half", "psnr", "ssim"}
    assert set(metrics["definitions"]) == {*metrics["held_out"], *times(metrics)}
    assert 0 < times(metrics)["seconds_optimising"] < times(metrics)["seconds"]
    assert metrics["definitions"]["iou"].startswith("soft")
    assert metrics["model"]["renderer"] == "antialiased"
    assert "measured better" in metrics["model"]["renderer_because"]
    assert len(metrics["held_out_views"]) == 3


def test_a_finer_level_compiles_next_to_nothing(finished, compilations):
    """Fields would have every kernel that takes them compiled again: 60 for a level."""
    first, second = compilations.kernels.items()
    assert (first[0], second[0]) == ("1280 faces at 32²", "5120 faces at 32²")
    assert len(first[1]) <= 44  # measured: 39
    assert len(second[1]) <= 5  # measured: 3, for colours


def times(metrics):
    return {name: value for name, value in metrics.items() if name.startswith("seconds")}


def test_the_sphere_becomes_the_object(data, finished):
    dr.init("cpu")
    train, held_out, _ = held_out_split(data)
    fit = fit_scene(train)
    model = MeshReconstruction(settings(data, "unused"), fit.to_unit(train), fit)
    model.start()
    start = evaluate(model, fit.to_unit(held_out)).mean
    reached = finished.metrics["held_out"]
    # Measured: IoU from 0.752 to 0.878, PSNR from 15.5 to 19.7 dB.
    assert start["iou"] < 0.77
    assert 0.85 < reached["iou"] <= 1
    assert reached["psnr"] > start["psnr"] + 3
    assert reached["ssim"] > start["ssim"] + 0.1


@pytest.fixture
def no_reports(monkeypatch):
    """Runs end with the checkpoint: the reports take most of a short one's time."""
    metrics = {"interrupted": False}
    monkeypatch.setattr("taichi_dr.jobs.reconstruct.run._Run.finish", lambda self, *a: metrics | {"steps": self.steps})


@pytest.mark.usefixtures("no_reports")
def test_the_soft_renderer_starts_from_the_hull(data, tmp_path):
    reconstruct(settings(data, tmp_path, steps=3, renderer="soft", init="hull"))
    header, arrays = checkpoint.load_state(tmp_path / checkpoint.NAME)
    vertices = arrays["model/vertices"][0]
    assert len(vertices) not in (642, 2562)
    assert np.isfinite(vertices).all()
    assert np.linalg.norm(vertices, axis=1).max() < 1.2
    assert max(losses["silhouette"] for _, losses in header["history"]) < 0.3


@pytest.mark.usefixtures("no_reports")
def test_a_mesh_file_is_a_start_that_resuming_does_not_need(data, tmp_path):
    save_mesh(shapes.torus(), tmp_path / "start.obj")
    faces = shapes.torus().face_count
    run = settings(data, tmp_path / "run", steps=None, minutes=0.02, init=str(tmp_path / "start.obj"), faces=faces)
    reconstruct(run)
    (tmp_path / "start.obj").unlink()
    header, arrays = checkpoint.load_state(tmp_path / "run" / checkpoint.NAME)
    assert header["seconds"] >= 0.02 * 60
    assert np.array_equal(arrays["model/faces"], shapes.torus().numpy("faces"))
    resumed = reconstruct(MeshSettings(data, run.out, resume=True, steps=header["steps"] + 1, backend="cpu"))
    assert resumed.metrics["steps"] == header["steps"] + 1


def test_no_level_is_begun_for_less_than_a_twentieth_of_the_budget(data, monkeypatch):
    dr.init("cpu")
    train = held_out_split(data)[0]
    fit = fit_scene(train)
    model = MeshReconstruction(settings(data, "unused"), fit.to_unit(train), fit)
    model.start()
    entered = []
    monkeypatch.setattr(model, "_enter", lambda mesh: entered.append((model._level, mesh.face_count)))
    for fraction in (0.49, 0.96, 0.99, 1.0):
        model._advance(fraction)
        assert (model._level, model.changed(), entered) == (0, False, [])
    model._advance(0.94)
    assert (model._level, model.changed(), entered) == (1, True, [(1, 5120)])


def test_levels_that_are_passed_over_are_not_begun(monkeypatch):
    assert [mesh_reconstruction.level_at(fraction, 0) for fraction in (0.44, 0.46, 0.5, 0.9, 0.96)] == [0, 0, 1, 1, 0]
    ends = dataclasses.replace(mesh_reconstruction.LEVELS[1], start=0.9)
    monkeypatch.setattr(mesh_reconstruction, "LEVELS", (*mesh_reconstruction.LEVELS, ends))
    assert [mesh_reconstruction.level_at(fraction, 0) for fraction in (0.84, 0.86, 0.9)] == [1, 0, 2]
    assert mesh_reconstruction.level_at(0.86, 1) == 1


def test_few_faces_make_a_coarse_start(data):
    dr.init("cpu")
    fit = fit_scene(held_out_split(data)[0])
    for most, count in ((20, 20), (319, 80), (1280, 1280), (45000, 1280)):
        assert len(mesh_reconstruction._start_shape(settings(data, "unused", faces=most), fit)[1]) == count


def moved(contents):
    for frame in contents["frames"]:
        for row in frame["transform_matrix"][:3]:
            row[3] *= 2


@pytest.mark.parametrize(
    ("change", "what"), [(moved, "cameras or silhouettes"), (lambda c: c["frames"].pop(), "training images")]
)
def test_resuming_with_other_data_is_refused(change, what, data, finished, tmp_path):
    out, other = shutil.copytree(finished.folder, tmp_path / "run"), shutil.copytree(data, tmp_path / "data")
    contents = json.loads((other / "transforms_train.json").read_text())
    change(contents)
    (other / "transforms_train.json").write_text(json.dumps(contents))
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    with pytest.raises(DataSetError, match=rf"data: not the data that .*state\.npz was made with: other {what};"):
        reconstruct(MeshSettings(other, out, resume=True, steps=STEPS + 1, backend="cpu"))
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before


def test_the_mesh_lies_where_the_object_is(finished):
    mesh = load_mesh(finished.folder / "mesh.obj")
    extent = np.abs(mesh.numpy("vertices")).max()
    assert 0.7 < extent < 1.4
    colors = mesh.numpy("colors")
    assert colors.min() >= 0
    assert colors.max() <= 1


def test_pictures_can_be_read(finished):
    assert iio.imread(finished.folder / "comparison.png").shape[1] > 3 * 32
    assert iio.imread(finished.folder / "overview.png").shape[1] > 6 * 32
    assert iio.imread(finished.folder / "losses.png").ndim == 3
    assert len(iio.imread(finished.folder / "progress.gif", index=None)) >= 3


def test_an_interrupted_run_keeps_everything_and_resumes_to_the_same_mesh(data, finished, tmp_path, monkeypatch, capfd):
    plain_step = MeshReconstruction.step

    def step_then_interrupt(self, fraction):
        losses = plain_step(self, fraction)
        if self._step == 2 and self._level == 1:
            os.kill(os.getpid(), signal.SIGINT)
        return losses

    monkeypatch.setattr(MeshReconstruction, "step", step_then_interrupt)
    first = reconstruct(settings(data, tmp_path / "run"))
    assert "what has been reached is written; once more stops at once" in capfd.readouterr().err
    monkeypatch.undo()
    assert first.interrupted
    assert 0 < first.metrics["steps"] < STEPS
    assert {path.name for path in first.folder.iterdir()} == OUTPUTS

    second = reconstruct(MeshSettings(data, tmp_path / "run", resume=True, backend="cpu"))
    assert not second.interrupted
    assert second.metrics["steps"] == STEPS
    states = [checkpoint.load_state(run.folder / checkpoint.NAME) for run in (finished, second)]
    for name in ("vertices", "colors"):
        whole, resumed = (arrays[f"model/{name}"] for _, arrays in states)
        assert np.array_equal(resumed, whole)
    assert len(states[0][0]["history"]) == len(states[1][0]["history"])
    stages = [sorted(name for name in arrays if name.startswith("stages/")) for _, arrays in states]
    assert stages == [["stages/0", f"stages/{3 * STEPS // 10}", f"stages/{STEPS // 10}"]] * 2


def test_a_finished_run_goes_on_with_a_larger_budget(data, finished, tmp_path, capsys):
    out = shutil.copytree(finished.folder, tmp_path / "run")
    resumed = reconstruct(MeshSettings(data, out, resume=True, steps=STEPS + 2, backend="cpu"), Terminal())
    assert resumed.metrics["steps"] == STEPS + 2
    assert "its budget is spent" not in capsys.readouterr().out
    for name, value in times(finished.metrics).items():
        assert resumed.metrics[name] > value


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_finished_run_that_is_resumed_has_nothing_to_do_and_says_so(data, finished, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("taichi_dr.runtime.init", lambda *a, **b: pytest.fail("the work has begun"))
    out = shutil.copytree(finished.folder, tmp_path / "run")
    for steps in (None, STEPS - 1):
        resumed = reconstruct(MeshSettings(data, out, resume=True, steps=steps, backend="cpu"), Terminal())
        assert (resumed.metrics, resumed.interrupted) == (finished.metrics, False)
        assert capsys.readouterr().out.splitlines() == [
            "its budget is spent: more --steps or --minutes than that would go on",
            "everything is written already",
        ]
    assert contents(out) == contents(finished.folder)


@pytest.mark.parametrize("lost", ["mesh.ply", "losses.png", "metrics.json"])
def test_what_a_finished_run_lacks_is_written_without_another_step(lost, data, finished, tmp_path, capsys):
    out = shutil.copytree(finished.folder, tmp_path / "run")
    (out / lost).unlink()
    resumed = reconstruct(MeshSettings(data, out, resume=True, backend="cpu"), Terminal())
    assert {path.name for path in out.iterdir()} == OUTPUTS
    assert resumed.metrics["held_out"] == finished.metrics["held_out"]
    assert resumed.metrics["steps"] == STEPS
    said = capsys.readouterr().out
    assert "its budget is spent" in said
    assert "already" not in said


def test_metrics_of_fewer_steps_are_not_those_of_the_run(data, finished, tmp_path):
    out = shutil.copytree(finished.folder, tmp_path / "run")
    run = settings(data, out)
    assert _finished(run, STEPS) == finished.metrics
    for changes in ({"steps": STEPS - 1}, {"interrupted": True}, {"files": ["mesh.stl"]}):
        (out / "metrics.json").write_text(json.dumps(finished.metrics | changes))
        assert _finished(run, STEPS) is None


@pytest.mark.parametrize(
    "changes",
    [
        {"held_out": {}},
        {"held_out": {"psnr": "high", "ssim": 1, "iou": 1}},
        {"model": None},
        {"model": {"faces": "many"}},
        {"seconds": None},
        {"as": 3},
        {"files": [None]},
        {"files": None},
        {"settings": []},
    ],
)
def test_metrics_that_make_no_sense_are_none_and_written_again(data, finished, tmp_path, changes):
    out = shutil.copytree(finished.folder, tmp_path / "run")
    for metrics in (finished.metrics | changes, {k: v for k, v in finished.metrics.items() if k not in changes}):
        (out / "metrics.json").write_text(json.dumps(metrics))
        assert _finished(settings(data, out), STEPS) is None


def test_what_is_said_at_the_end(finished):
    said = finished.lines()
    assert said[0].startswith(f"{STEPS} steps in ")
    assert said[0].endswith(" 2,562 vertices, 5,120 faces")
    assert said[-1] == f"numbers:         {finished.folder / 'metrics.json'}"
    assert [line[:17].strip() for line in said[1:]] == ["held-out images:", "report:", "mesh:", "numbers:"]


def test_temporary_files_of_a_killed_run_are_swept_up(data, tmp_path):
    for name in (".state.0123abcd.npz", ".mesh.0123abcd.obj"):
        (tmp_path / name).touch()
    with pytest.raises(FileError, match="nothing to resume"):
        reconstruct(settings(data, tmp_path, resume=True))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("init", "said"),
    [("nosuch.obj", "--init nosuch.obj: no such file; expected sphere"), ("bad.obj", "is this an OBJ")],
)
def test_a_start_that_is_not_there_is_an_error_before_the_images_are_read(init, said, data, tmp_path, monkeypatch):
    monkeypatch.setattr("taichi_dr.jobs.reconstruct.run.held_out_split", lambda *a: pytest.fail("reads the images"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bad.obj").write_text("no mesh")
    with pytest.raises(FileError, match=said):
        reconstruct(settings(data, tmp_path / "out", init=init))
    assert not (tmp_path / "out").exists()


def test_gradients_that_stay_non_finite_end_the_run(data, finished, tmp_path, monkeypatch):
    out, steps = shutil.copytree(finished.folder, tmp_path / "run"), []
    monkeypatch.setattr(skipped_steps, "MOST_IN_A_ROW", 3)
    monkeypatch.setattr("taichi_dr.optim.optimizers.UniformAdam.step", lambda self: steps.append(self))
    monkeypatch.setattr("taichi_dr.jobs.reconstruct.run.SECONDS_BETWEEN_CHECKPOINTS", 0.0)
    with pytest.raises(GradientError, match=r"^3 steps in a row had gradients that are not finite; a smaller --lr"):
        reconstruct(settings(data, out, steps=1000, overwrite=True))
    assert len(steps) == 3
    assert [path.name for path in out.iterdir()] == [checkpoint.NAME]  # nothing of the run before
    assert checkpoint.load_state(out / checkpoint.NAME)[0]["steps"] == 2


def test_a_run_that_overwrites_and_is_stopped_before_it_saves_does_not_speak_of_resuming(
    data, finished, tmp_path, monkeypatch, capsys
):
    out = shutil.copytree(finished.folder, tmp_path / "run")

    def interrupted(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(MeshReconstruction, "step", interrupted)
    with pytest.raises(KeyboardInterrupt):
        reconstruct(settings(data, out, overwrite=True), Terminal())
    assert "--resume" not in capsys.readouterr().out
    assert list(out.iterdir()) == []


def test_a_start_that_cannot_be_used_keeps_what_would_be_overwritten(data, finished, tmp_path, monkeypatch):
    def fails(self):
        raise DataSetError("no start")

    monkeypatch.setattr(MeshReconstruction, "start", fails)
    out = shutil.copytree(finished.folder, tmp_path / "run")
    with pytest.raises(DataSetError, match="no start"):
        reconstruct(settings(data, out, overwrite=True))
    assert {path.name for path in out.iterdir()} == OUTPUTS


def test_an_output_folder_in_use_is_refused(finished, data):
    with pytest.raises(FileError, match="--resume continues it"):
        reconstruct(settings(data, finished.folder))


def test_resuming_nothing_is_refused(data, tmp_path):
    with pytest.raises(FileError, match="nothing to resume"):
        reconstruct(settings(data, tmp_path, resume=True))


def test_a_broken_checkpoint_is_named(data, tmp_path):
    (tmp_path / checkpoint.NAME).write_bytes(b"not a checkpoint")
    with pytest.raises(FileError, match=r"state\.npz"):
        reconstruct(settings(data, tmp_path, resume=True))


@pytest.mark.parametrize(
    "header",
    [{}, [], {"settings": {}}, {"settings": {"lr": -1.0}}, {"settings": {"lr": "fast"}}, {"settings": {}, "model": {}}],
)
def test_a_checkpoint_that_lacks_something_is_named(data, tmp_path, header):
    checkpoint.save_state(tmp_path / checkpoint.NAME, header, {})
    with pytest.raises(FileError, match=r"state\.npz: is no checkpoint that can be read"):
        reconstruct(settings(data, tmp_path, resume=True))


def _set(place, value):
    def change(header, arrays):
        *holders, key = place
        for name in holders:
            header = header[name]
        header[key] = value

    return change


def _of_array(name, made):
    def change(header, arrays):
        arrays[name] = made(arrays[name])

    return change


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_of_array("model/vertices", lambda a: a * np.nan), "model/vertices: expected finite numbers"),
        (_of_array("model/vertices", lambda a: a[:-1]), "vert"),
        (_of_array("model/faces", lambda a: a + 1_000_000), "face"),
        (_of_array("model/colors", lambda a: a[:, :2]), "color"),
        (_of_array("model/coordinates", lambda a: a[1:]), "shape"),
        (_of_array("model/color/colors/second", lambda a: a - 1), "second': expected means of squares"),
        (_of_array("model/color/colors/first", lambda a: a[1:]), "first': expected shape"),
        (_of_array("frames/0000", lambda a: a[:20]), "frames/0000: is no picture"),
        (_of_array("stages/0", lambda a: a[:, 1:]), "stages/0: expected bytes"),
        (_set(["steps"], -1), "steps: expected a whole number"),
        (_set(["seconds"], "long"), "seconds: expected a finite number"),
        (_set(["history"], [[1, 2, 3]]), "unpack"),
        (_set(["history"], [[1, {"color": "red"}]]), "float"),
        (_set(["marks"], [0.5]), "integer"),
        (_set(["model", "level"], 4), "level: expected a whole number from 0 to 1, got 4"),
        (_set(["model", "step"], 2.5), "step: expected a whole number"),
        (_set(["settings", "batch"], 2.5), "--batch: expected a value of <class 'int'>, got 2.5"),
        (_set(["settings", "renderer"], "none"), "--renderer: expected"),
        (_set(["settings", "kind"], ["mesh"]), "unhashable"),
    ],
)
def test_a_checkpoint_with_other_contents_is_refused_by_name(data, finished, tmp_path, change, said):
    header, arrays = checkpoint.load_state(finished.folder / checkpoint.NAME)
    change(header, arrays)
    checkpoint.save_state(tmp_path / checkpoint.NAME, header, arrays)
    with pytest.raises(FileError, match=r"state\.npz: is no checkpoint that can be read .*; --overwrite") as error:
        reconstruct(settings(data, tmp_path, resume=True, steps=2 * STEPS))
    assert said in str(error.value)
    assert [path.name for path in tmp_path.iterdir()] == [checkpoint.NAME]


def test_settings_that_resuming_does_not_use_are_named(data, tmp_path, recwarn):
    from taichi_dr.jobs.reconstruct.run import _saved_settings

    old = dataclasses.asdict(settings(data, tmp_path, batch=5))
    with pytest.warns(UserWarning, match="--batch, --color-lr: not used.*5, 0.05"):
        now = _saved_settings(MeshSettings(data, tmp_path, resume=True, batch=7, color_lr=0.1), old)
    assert (now.batch, now.color_lr) == (5, 0.05)
    recwarn.clear()
    _saved_settings(MeshSettings(data, tmp_path, resume=True, batch=5, steps=9), old)
    assert not recwarn.list


def test_ctrl_c_while_the_outputs_are_written_keeps_the_checkpoint(data, finished, tmp_path, monkeypatch, capsys):
    out = shutil.copytree(finished.folder, tmp_path / "run")

    def interrupted(*arguments):
        raise KeyboardInterrupt

    (out / "losses.png").unlink()
    monkeypatch.setattr("taichi_dr.jobs.reconstruct.run.evaluate", interrupted)
    with pytest.raises(KeyboardInterrupt):
        reconstruct(MeshSettings(data, out, resume=True, backend="cpu"), Terminal())
    assert "--resume continues from" in capsys.readouterr().out
    assert {path.name for path in out.iterdir()} == OUTPUTS - {"losses.png"}
    assert checkpoint.load_state(out / checkpoint.NAME)[0]["steps"] == STEPS


def test_a_second_ctrl_c_stops_at_once_even_if_a_library_swallows_it(data, finished, tmp_path, monkeypatch, capsys):
    out = shutil.copytree(finished.folder, tmp_path / "run")

    def interrupt(*arguments):
        os.kill(os.getpid(), signal.SIGINT)

    def swallow(*arguments):
        with contextlib.suppress(BaseException):
            interrupt()
        return []

    monkeypatch.setattr(MeshReconstruction, "step", interrupt)
    monkeypatch.setattr(MeshReconstruction, "export", swallow)
    monkeypatch.setattr("taichi_dr.jobs.reconstruct.run.evaluate", lambda *a: pytest.fail("goes on"))
    with pytest.raises(KeyboardInterrupt):
        reconstruct(MeshSettings(data, out, resume=True, steps=STEPS + 5, backend="cpu"), Terminal())
    assert checkpoint.load_state(out / checkpoint.NAME)[0]["steps"] == STEPS + 1
    assert "--resume continues from" in capsys.readouterr().out
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_overwriting_with_data_that_cannot_be_read_keeps_the_old_result(finished, tmp_path):
    with pytest.raises(DataSetError):
        reconstruct(settings(tmp_path / "nothing", finished.folder, overwrite=True))
    assert {path.name for path in finished.folder.iterdir()} == OUTPUTS


def test_missing_data_leaves_no_folder(tmp_path):
    with pytest.raises(DataSetError, match="no such folder"):
        reconstruct(settings(tmp_path / "nothing", tmp_path / "out"))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "wrong",
    [
        {"steps": 0},
        {"minutes": 1.0},
        {"resume": True, "overwrite": True},
        {"lr": 0.0},
        {"batch": 0},
        {"kind": "volume"},
    ],
)
def test_settings_outside_their_domain_are_refused(wrong):
    with pytest.raises(InputError):
        settings("a", "b", **wrong).check()


def test_every_eighth_view_is_held_out_without_test_views(data, tmp_path):
    contents = json.loads((data / "transforms_train.json").read_text())
    for frame in contents["frames"]:
        frame["file_path"] = str(data / frame["file_path"])
    (tmp_path / "transforms_train.json").write_text(json.dumps(contents))
    train, held_out, note = held_out_split(tmp_path)
    assert (len(train), len(held_out)) == (5, 1)
    assert "8th" in note


@pytest.mark.parametrize(("with_test", "views", "fewest"), [(True, 4, 4), (False, 5, 5)])
def test_four_images_to_train_with_are_needed(with_test, views, fewest, data, tmp_path):
    for split in ("train", "test") if with_test else ("train",):
        shutil.copytree(data / split, tmp_path / split)
        shutil.copy(data / f"transforms_{split}.json", tmp_path)
    contents = json.loads((data / "transforms_train.json").read_text())
    frames = contents["frames"]
    for count in (views, views - 1, 1):
        contents["frames"] = frames[:count]
        (tmp_path / "transforms_train.json").write_text(json.dumps(contents))
        if count == views:
            assert len(held_out_split(tmp_path)[0]) == 4
            continue
        images = "1 training image is" if count == 1 else f"{count} training images are"
        with pytest.raises(DataSetError, match=f"{images} too few: at least {fewest} are needed"):
            held_out_split(tmp_path)


def test_a_background_that_was_not_removed_is_refused(data, tmp_path):
    shutil.copytree(data, tmp_path, dirs_exist_ok=True)
    for path in (tmp_path / "train").iterdir():
        pixels = iio.imread(path)
        pixels[..., 3] = 255
        iio.imwrite(path, pixels)
    with pytest.raises(DataSetError, match=r"6 of 6 images are fully opaque \(r_0\.png, .*, …\): alpha is used"):
        held_out_split(tmp_path)


def test_a_step_budget_replaces_one_of_minutes(data, tmp_path):
    from taichi_dr.jobs.reconstruct.run import _saved_settings

    old = dataclasses.asdict(settings(data, tmp_path, steps=None, minutes=2.0, batch=5))
    now = _saved_settings(MeshSettings(data, tmp_path, resume=True, steps=9), old)
    assert (now.steps, now.minutes, now.batch) == (9, None, 5)
    again = _saved_settings(MeshSettings(data, tmp_path, resume=True), old)
    assert (again.steps, again.minutes) == (None, 2.0)
