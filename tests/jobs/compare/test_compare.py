"""The whole comparison, tiny: what is written, what goes on, what fails."""

import base64
import io
import json
import re
import shutil
import signal
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from taichi_dr.errors import DataSetError, FileError, InputError
from taichi_dr.io.images import load_image, save_image
from taichi_dr.io.meshes import save_mesh
from taichi_dr.jobs.compare import measure
from taichi_dr.jobs.compare import run as comparison
from taichi_dr.jobs.compare.run import compare
from taichi_dr.jobs.dataset import make_dataset
from taichi_dr.jobs.settings.compare import OPTIONS, CompareSettings
from taichi_dr.jobs.settings.dataset import DatasetSettings
from taichi_dr.scene import shapes

pytestmark = pytest.mark.usefixtures("own_runtime")

MINUTES = 0.01
VOID = {"meta", "img", "source", "br"}


class Tags(HTMLParser):
    """The tags of a page, which are checked to be closed in order, its images and its text."""

    def __init__(self, page):
        super().__init__()
        self.open, self.sources, self.text = [], [], []
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        if tag not in VOID:
            self.open.append(tag)
        self.sources += [value for name, value in attributes if name in ("src", "srcset", "href")]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


@pytest.fixture(scope="module", autouse=True)
def quick():
    """Few frames and rounds."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(measure, "FRAMES", 3)
        patch.setattr(measure, "ROUNDS", 1)
        yield


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data") / "ball"
    make_dataset(DatasetSettings("sphere", folder, views=8, test_views=2, size=32, samples=2, backend="cpu"))
    return folder


def settings(data, out, **changes):
    return CompareSettings(data, out, **{"minutes": MINUTES, "only": "sdf,grid", "backend": "cpu"} | changes)


@pytest.fixture(scope="module")
def made(data, tmp_path_factory):
    return compare(settings(data, tmp_path_factory.mktemp("compared") / "out"))


def numbers_of(folder):
    return json.loads((folder / "comparison.json").read_text())


def test_every_output_is_written(made):
    names = {"comparison.html", "comparison.png", "comparison.json", "turntables.webp", "sdf", "grid"}
    assert {path.name for path in made.folder.iterdir()} == names
    assert not made.interrupted
    assert numbers_of(made.folder) == made.record
    with Image.open(made.folder / "turntables.webp") as picture:
        assert picture.n_frames == 3


def test_the_numbers_are_those_of_metrics_and_of_the_files(made):
    for name in ("sdf", "grid"):
        found = made.record["contenders"][name]
        metrics = json.loads((made.folder / name / "metrics.json").read_text())
        assert found["held_out"] == metrics["held_out"]
        assert found["seconds_optimising"] == metrics["seconds_optimising"]
        assert found["file"] == f"{name}/scene.npz"
        assert found["bytes"] == (made.folder / name / "scene.npz").stat().st_size
        assert 0 < found["milliseconds_per_view"] < 10_000
    page = (made.folder / "comparison.html").read_text()
    for name in ("sdf", "grid"):
        row = re.search(rf'<tr><th scope="row"[^>]*>{name}</th>(.*?)</tr>', page)[1]
        cells = re.findall(r"<td[^>]*>([^<]*)</td>", row)
        held_out = made.record["contenders"][name]["held_out"]
        assert cells[:3] == [f"{held_out['psnr']:.2f} dB", f"{held_out['ssim']:.4f}", f"{held_out['iou']:.4f}"]


def test_the_true_surface_of_a_data_set_is_known(made, data):
    """A ball of radius 1, whose box's diagonal is 2 sqrt(3)."""
    assert made.record["truth"] == str(data / "true_mesh.ply")
    shape = made.record["contenders"]["sdf"]["shape"]
    assert shape["chamfer_of_diagonal"] == pytest.approx(shape["chamfer"] / 12**0.5, rel=1e-3)
    assert shape["chamfer"] < 0.05
    assert (shape["parts"], shape["genus"]) == (1, 0)


def test_the_page_is_whole_and_needs_nothing_else(made):
    page = Tags((made.folder / "comparison.html").read_text())
    assert page.open == []
    assert len(page.sources) == 2 + 2 * (2 + 2 * 3)  # turntables; of each view the image, and each of two
    for source in page.sources:
        kind, _, code = source.partition(";base64,")
        assert kind == "data:image/webp"
        Image.open(io.BytesIO(base64.b64decode(code, validate=True))).verify()
    text = "".join(page.text)
    assert "http" not in text
    assert all(line in text for line in ("Which to use when", "Images from new sides", "One by one"))


def test_what_is_finished_is_not_made_again_and_another_one_joins_it(made, data):
    before = (made.folder / "sdf" / "metrics.json").read_bytes()
    again = compare(settings(data, made.folder, only="sdf,mesh"))
    assert (made.folder / "sdf" / "metrics.json").read_bytes() == before
    assert list(again.record["contenders"]) == ["sdf", "mesh"]
    assert again.record["contenders"]["mesh"]["file"] == "mesh/mesh.glb"


def test_a_truth_that_is_named_takes_the_place_of_the_known_one(data, made, tmp_path):
    """Twice as large a ball: the surface is a radius away from it."""
    ball = shapes.icosphere(3)
    ball.set("vertices", 2 * ball.numpy("vertices"))
    save_mesh(ball, tmp_path / "large.ply")
    again = compare(settings(data, made.folder, only="sdf", truth=str(tmp_path / "large.ply")))
    assert again.record["contenders"]["sdf"]["shape"]["chamfer"] == pytest.approx(1.0, abs=0.05)


def test_ctrl_c_writes_the_page_of_what_there_is_and_the_same_command_goes_on(data, tmp_path, monkeypatch):
    class Pressed(comparison.Audience):
        """Presses Ctrl-C in the first step that it sees, but for the one that a run begins at."""

        begins_at = 0

        def stepped(self, moment):
            if moment.steps == self.begins_at + 1:
                signal.raise_signal(signal.SIGINT)

    long = {"minutes": 1000.0}  # so that it is Ctrl-C that ends it, however slow a step is
    first = compare(settings(data, tmp_path / "out", only="sdf,grid", **long), Pressed([]))
    assert first.interrupted
    assert list(first.record["contenders"]) == ["sdf"]
    page = (tmp_path / "out" / "comparison.html").read_text()
    assert "stopped before its time: sdf" in page
    assert "not yet made: grid" in page
    assert first.record["contenders"]["sdf"]["steps"] == 1
    Pressed.begins_at = 1
    second = compare(settings(data, tmp_path / "out", only="sdf", **long), Pressed([]))
    assert second.record["contenders"]["sdf"]["steps"] == 2
    third = compare(settings(data, tmp_path / "out", only="sdf", minutes=1e-9))  # is spent by now
    assert not third.interrupted
    assert not third.record["contenders"]["sdf"]["interrupted"]


def test_ctrl_c_while_one_is_measured_keeps_it_and_begins_no_other(data, made):
    class Pressed(comparison.Audience):
        """Presses Ctrl-C while the first one is measured, once."""

        pressed = False

        def progressed(self, what, fraction, text=""):
            if what == "measuring" and not Pressed.pressed:
                Pressed.pressed = True
                signal.raise_signal(signal.SIGINT)

    stopped = compare(settings(data, made.folder, only="sdf,grid"), Pressed([]))
    assert stopped.interrupted
    assert list(stopped.record["contenders"]) == ["sdf"]
    assert "error" not in stopped.record["contenders"]["sdf"]


def test_what_fails_is_on_the_page_with_its_reason_and_the_others_go_on(data, tmp_path):
    """Opaque images: a solid needs silhouettes, a grid makes do."""
    opaque = tmp_path / "opaque"
    shutil.copytree(data, opaque)
    for path in opaque.glob("*/*.png"):
        save_image(path, np.ascontiguousarray(load_image(path)[..., :3]))
    with pytest.warns(UserWarning, match="no alpha"):
        made = compare(settings(opaque, tmp_path / "out", only="sdf,grid"))
    assert "has no alpha channel" in made.record["contenders"]["sdf"]["error"]
    assert "iou" not in made.record["contenders"]["grid"]["held_out"]
    page = Tags((made.folder / "comparison.html").read_text())
    assert page.open == []
    assert "has no alpha channel" in "".join(page.text)


def test_a_damaged_checkpoint_is_a_failure_on_the_page(data, made, tmp_path):
    shutil.copytree(made.folder, tmp_path / "out")
    (tmp_path / "out" / "sdf" / "state.npz").write_bytes(b"PK torn")
    again = compare(settings(data, tmp_path / "out"))
    assert "state.npz: is no checkpoint that can be read" in again.record["contenders"]["sdf"]["error"]
    assert again.record["contenders"]["grid"]["held_out"] == made.record["contenders"]["grid"]["held_out"]
    assert "is no checkpoint that can be read" in "".join(Tags((again.folder / "comparison.html").read_text()).text)


def test_messages_name_options_of_this_command_alone(data, made):
    said = []

    class Told(comparison.Audience):
        """Keeps what is said."""

        def said(self, text):
            said.append(text)

    with pytest.warns(UserWarning, match="--seed: not used, the same command goes on"):
        compare(settings(data, made.folder, seed=5), Told([]))
    assert any("budget is spent: more --minutes than" in text for text in said)
    assert set(re.findall(r"--[a-z-]+", " ".join(said))) <= OPTIONS


@pytest.mark.parametrize("kind", ["mesh", "grid"])
def test_options_of_another_command_are_said_to_be(kind):
    text = comparison._explained("a smaller --lr or --smoothness may avoid that, --seed as well", kind)
    assert text.endswith(f"as well (--lr, --smoothness: of taichi-dr reconstruct --as {kind})")
    assert comparison._explained("--background auto keys it", kind) == "--background auto keys it"


def test_pictures_that_are_smaller_than_the_images_are_said_to_be(data, made, monkeypatch):
    page = "".join(Tags((made.folder / "comparison.html").read_text()).text)
    assert "of all pixels" not in page
    monkeypatch.setattr(measure, "LARGEST_SHOWN", 16)
    again = compare(settings(data, made.folder, only="sdf"))
    page = "".join(Tags((again.folder / "comparison.html").read_text()).text)
    assert "Times, and pictures and dB of single images below, are those of 16 × 16 of 32 × 32 pixels" in page


def test_the_view_that_tells_most_is_among_those_that_are_shown(monkeypatch):
    monkeypatch.setattr(measure, "best_view", lambda posed: 5)
    assert measure.shown_views(range(8)).tolist() == [2, 5, 7]
    assert measure.shown_views(range(6)).tolist() == [1, 3, 5]
    monkeypatch.setattr(measure, "best_view", lambda posed: 1)
    assert measure.shown_views(range(2)).tolist() == [0, 1]


def test_if_all_fail_that_is_an_error(tmp_path, data):
    (tmp_path / "out" / "sdf").mkdir(parents=True)
    (tmp_path / "out" / "sdf" / "letter.txt").write_text("dear reader")
    with pytest.raises(FileError, match="exists and is not empty"):
        compare(settings(data, tmp_path / "out", only="sdf"))


def test_what_is_refused(data, tmp_path, made):
    with pytest.raises(InputError, match=r"--only: expected some of mesh,sdf,.*, got cloud"):
        compare(settings(data, tmp_path / "out", only="mesh,cloud"))
    with pytest.raises(InputError, match=r"--only: .* got nothing"):
        compare(settings(data, tmp_path / "out", only=""))
    with pytest.raises(InputError, match="--minutes: expected a number > 0, got 0"):
        compare(settings(data, tmp_path / "out", minutes=0))
    with pytest.raises(FileError, match=r"moon\.obj"):
        compare(settings(data, tmp_path / "out", truth="moon.obj"))
    assert not (tmp_path / "out").exists()
    other = tmp_path / "other"
    shutil.copytree(data, other)
    transforms = json.loads((other / "transforms_train.json").read_text())
    transforms["frames"].pop()
    (other / "transforms_train.json").write_text(json.dumps(transforms))
    with pytest.raises(
        FileError, match=r"other: not the data that .*sdf/state\.npz was made with: other training images;.*--overwrite"
    ):
        compare(settings(other, made.folder))
    (made.folder / "letter.txt").write_text("dear reader")
    with pytest.raises(FileError, match="does not write"):
        compare(settings(data, made.folder))


def test_no_such_data(tmp_path):
    with pytest.raises(DataSetError):
        compare(settings(tmp_path / "nowhere", tmp_path / "out"))
