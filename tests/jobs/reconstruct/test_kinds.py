"""The contract of a kind, proved by a toy that is neither mesh nor kernel: one grey ball, and how bright it is."""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from taichi_dr import cli
from taichi_dr.errors import DataSetError, InputError
from taichi_dr.io.posed.transforms import save_posed_images
from taichi_dr.io.posed_images import PosedImages
from taichi_dr.jobs.listener import Listener
from taichi_dr.jobs.reconstruct import kinds
from taichi_dr.jobs.reconstruct.kind import Kind
from taichi_dr.jobs.reconstruct.run import REPORTS, reconstruct
from taichi_dr.jobs.settings.mesh import MeshSettings
from taichi_dr.jobs.settings.reconstruct import As, ReconstructSettings

pytestmark = pytest.mark.usefixtures("own_runtime")

GREY = 0.25


@dataclass(frozen=True)
class BallSettings(ReconstructSettings):
    """A grey ball."""

    #: What to reconstruct.
    kind: As = "ball"
    #: Step size.
    pace: float = 0.5


class Ball(Kind):
    """The unit ball, whose grey value moves towards the mean of the images."""

    FILES = ("grey.txt",)
    plan, caption = "a ball", "one number"

    def __init__(self, settings, train, fit):
        self.pace, self.target = settings.pace, float(train.images[train.alpha > 0.5].mean())

    @staticmethod
    def check(settings):
        if settings.pace > 1:
            raise InputError("--pace: too fast")

    def start(self):
        self.grey = 0.0

    def step(self, fraction):
        self.grey += self.pace * (self.target - self.grey)
        return {"distance": abs(self.target - self.grey)}

    def changed(self):
        return False

    def pictures(self, posed):
        return silhouettes(posed)[..., None] * (self.grey, self.grey, self.grey, 1.0)

    shape = pictures

    def variants(self, posed):
        return {"half": self.pictures(posed) * 0.5}

    def portrait(self, near):
        return "near", self.pictures(near)[0]

    def export(self, folder):
        (folder / "grey.txt").write_text(str(self.grey))
        return ["grey.txt"]

    def describe(self):
        return {"grey": self.grey}

    def state(self):
        return {}, {"grey": np.array(self.grey)}

    def restore(self, header, arrays):
        self.grey = float(arrays["grey"])


def silhouettes(posed, radius=1.0):
    """Of the ball of that radius about the origin, (V, H, W)."""
    distance = np.linalg.norm(posed.camera_to_world[:, :3, 3], axis=1)[:, None, None]
    y, x = np.mgrid[0.5 : posed.height, 0.5 : posed.width]
    center, focal = posed.principal_point[:, :, None, None], posed.focal[:, :, None, None]
    slope = np.hypot((x - center[:, 0]) / focal[:, 0], (y - center[:, 1]) / focal[:, 1])
    return (slope <= radius / np.sqrt(distance**2 - radius**2)).astype(np.float32)


class Ears(Listener):
    """Remembers all of it."""

    def __init__(self):
        self.heard, self.moments = [], []

    def said(self, text):
        self.heard.append(text)

    def progressed(self, what, fraction, text=""):
        self.heard.append((what, fraction))

    def compiling(self, kernel, model):
        self.heard.append(("compiling", kernel, model))

    def stepped(self, moment):
        self.moments.append((moment.steps, moment.fraction, moment.model.grey, dict(moment.losses)))


@pytest.fixture(autouse=True)
def ball(monkeypatch):
    entry = kinds.Entry("a grey ball", f"{__name__}:Ball", f"{__name__}:BallSettings")
    monkeypatch.setitem(kinds.KINDS, "ball", entry)


@pytest.fixture
def data(tmp_path):
    """A grey ball of radius 2 from six sides, 32 x 32 pixels."""
    axes = np.eye(3)
    matrices = np.tile(np.eye(4), (6, 1, 1))
    for view, backward in enumerate(np.concatenate([axes, -axes])):
        matrices[view, :3, 2], matrices[view, :3, 0] = backward, np.roll(backward, 1)
        matrices[view, :3, 1] = np.cross(backward, np.roll(backward, 1))
        matrices[view, :3, 3] = 7 * backward
    names = tuple(f"view {view}" for view in range(6))
    blank = np.full((6, 32, 32, 3), GREY, np.float32)
    posed = PosedImages(blank, blank[..., 0], matrices, np.full((6, 2), 40.0), np.full((6, 2), 16.0), names)
    posed = PosedImages(blank, silhouettes(posed, 2.0), matrices, posed.focal, posed.principal_point, names)
    save_posed_images(tmp_path / "data", posed, "train")
    save_posed_images(tmp_path / "data", posed.subset([0, 1]), "test")
    return tmp_path / "data"


def test_a_kind_needs_its_methods_alone_to_be_reconstructed(data, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ears = Ears()
    summary = reconstruct(BallSettings(Path("data"), tmp_path / "out", steps=4, backend="cpu"), ears)
    assert {path.name for path in summary.folder.iterdir()} == {*REPORTS, "grey.txt"}
    assert float((summary.folder / "grey.txt").read_text()) == pytest.approx(GREY * (1 - 0.5**4), rel=0.02)
    metrics = json.loads((summary.folder / "metrics.json").read_text())
    assert (metrics["as"], metrics["steps"], metrics["settings"]["pace"]) == ("ball", 4, 0.5)
    assert metrics["settings"]["data"] == str(data)  # wherever it is read
    assert metrics["model"] == {"grey": pytest.approx(GREY * (1 - 0.5**4), rel=0.02)}
    assert metrics["held_out"]["iou"] > 0.85  # of 32 x 32 pixels
    assert [moment[0] for moment in ears.moments] == [0, 1, 2, 3, 4]
    assert [moment[1] for moment in ears.moments] == [0, 0.25, 0.5, 0.75, 1]
    greys = [moment[2] for moment in ears.moments]
    assert greys == sorted(greys)
    assert ears.moments[0][3] == {}
    assert ears.moments[1][3] == {"distance": pytest.approx(GREY / 2, rel=0.02)}
    assert "a ball" in ears.heard
    assert ears.heard[-1] == ("writing", 1.0)


def test_minutes_count_steps_without_compiling(data, tmp_path, monkeypatch):
    clock = SimpleNamespace(now=1000.0, compiled=50.0)
    plain_step, plain_pictures = Ball.step, Ball.pictures

    def step(ball, fraction):  # 3 s, and 7 more in the first one
        compiling = 7.0 if fraction == 0 else 0.0
        clock.now, clock.compiled = clock.now + 3.0 + compiling, clock.compiled + compiling
        return plain_step(ball, fraction)

    def pictures(ball, posed):
        clock.now += 100.0
        return plain_pictures(ball, posed)

    monkeypatch.setattr(Ball, "step", step)
    monkeypatch.setattr(Ball, "pictures", pictures)
    monkeypatch.setattr("taichi_dr.jobs.reconstruct.run.time", SimpleNamespace(monotonic=lambda: clock.now))
    monkeypatch.setattr("taichi_dr.compilation.seconds_compiling", lambda: clock.compiled)
    ears = Ears()
    found = reconstruct(BallSettings(data, tmp_path / "out", minutes=0.25, backend="cpu"), ears).metrics
    assert [moment[1] for moment in ears.moments] == pytest.approx([0, 0.2, 0.4, 0.6, 0.8, 1])
    assert (found["seconds_optimising"], found["seconds_compiling"]) == (15.0, 7.0)
    assert found["seconds"] > 100
    again = BallSettings(data, tmp_path / "out", resume=True, minutes=0.3, backend="cpu")
    found = reconstruct(again).metrics
    assert (found["steps"], found["seconds_optimising"], found["seconds_compiling"]) == (6, 18.0, 7.0)


def test_resuming_finds_the_kind_of_the_run(data, tmp_path, recwarn):
    reconstruct(BallSettings(data, tmp_path / "out", steps=2, pace=0.25, backend="cpu"))
    again = MeshSettings(data, tmp_path / "out", resume=True, steps=3, backend="cpu")  # --as was not given
    found = reconstruct(again).metrics
    assert (found["as"], found["settings"]["pace"]) == ("ball", 0.25)
    assert found["model"]["grey"] == pytest.approx(GREY * (1 - 0.75**3), rel=0.02)
    assert not recwarn.list


def test_resuming_warns_of_options_of_another_kind(data, tmp_path):
    reconstruct(BallSettings(data, tmp_path / "out", steps=1, backend="cpu"))
    again = MeshSettings(data, tmp_path / "out", resume=True, steps=2, faces=99, backend="cpu")
    with pytest.warns(UserWarning, match=r"--faces: not used, .* \(no such option\)"):
        reconstruct(again)


def test_the_check_of_a_kind_comes_before_the_images(tmp_path):
    with pytest.raises(InputError, match="too fast"):
        reconstruct(BallSettings(tmp_path / "nothing", tmp_path / "out", pace=2.0))


def test_settings_of_another_kind_are_refused():
    with pytest.raises(InputError, match="--as ball: expected BallSettings, got MeshSettings"):
        MeshSettings("a", "b", kind="ball").check()
    with pytest.raises(InputError, match="--as mesh: expected MeshSettings, got ReconstructSettings"):
        ReconstructSettings("a", "b").check()


def test_an_unknown_kind_is_an_error_that_lists_the_known_ones():
    for find in (kinds.kind_class, kinds.settings_class):
        with pytest.raises(InputError, match=f"--as: expected {' or '.join(kinds.KINDS)}, got volume"):
            find("volume")


def test_the_command_line_makes_the_settings_of_a_kind(data, tmp_path, capsys):
    arguments = ["reconstruct", str(data), str(tmp_path / "out"), "--as", "ball"]
    assert cli._parse([*arguments, "--pace", "0.1"]) == BallSettings(data, tmp_path / "out", pace=0.1)
    assert cli.main([*arguments, "--steps", "1", "--backend", "cpu"]) == 0
    text = capsys.readouterr().out
    assert re.search(r"^1 steps in \d+ s on cpu$", text, re.MULTILINE)
    assert "ball:            " in text
    with pytest.raises(SystemExit):
        cli.main(["reconstruct", "--as", "ball", "--help"])
    text = capsys.readouterr().out
    assert text.startswith("A grey ball.")
    assert "--pace" in text
    assert "--faces" not in text


@pytest.mark.parametrize("name", kinds.KINDS)
def test_every_entry_of_the_table_leads_to_classes(name):
    assert issubclass(kinds.kind_class(name), Kind)
    assert issubclass(kinds.settings_class(name), ReconstructSettings)
    assert kinds.settings_class(name)("data", "out").kind == name
    assert kinds.kind_class(name).FILES


def test_a_kind_that_lacks_a_method_cannot_be_made():
    class Half(Kind):
        """Without anything."""

    with pytest.raises(TypeError, match="abstract"):
        Half(None, None, None)


def test_cameras_that_see_nothing_in_common_are_warned_of_as_inspect_does(data, tmp_path):
    file = data / "transforms_train.json"
    contents = json.loads(file.read_text())
    for frame in contents["frames"]:  # right, down, forward in place of right, up, backward
        frame["transform_matrix"] = (np.array(frame["transform_matrix"]) * [1, -1, -1, 1]).tolist()
    file.write_text(json.dumps(contents))
    said = (
        r"do not look at a common region: .*; 100% would see one place if the matrices were camera to world with axes"
    )
    with pytest.warns(UserWarning, match=said), pytest.raises(DataSetError, match="no common volume"):
        reconstruct(BallSettings(data, tmp_path / "out", steps=1, backend="cpu"))
