"""Posed images of which the headers alone have been read: what is known of them then, and each picture when asked."""

import json
import warnings

import imageio.v3 as iio
import numpy as np
import pytest
from oracles import photographs
from oracles.photographs import HEIGHT, NAMES, WIDTH
from PIL import Image

from taichi_dr.errors import DataSetError, InputError
from taichi_dr.io.posed import load
from taichi_dr.io.posed.load import load_posed_images, open_posed_images

FOCAL, CENTER = (60.0, 55.0), (31.0, 25.0)


@pytest.fixture
def data(tmp_path):
    photographs.save_photographs(tmp_path / "images", FOCAL, CENTER)
    photographs.write_nerfstudio(tmp_path / "transforms.json", FOCAL, CENTER)
    return tmp_path


def same(opened, loaded):
    """Checks that all but the pictures is there before these are read, and each picture when it is."""
    cameras = opened.cameras
    assert (len(cameras), cameras.height, cameras.width) == (len(loaded), loaded.height, loaded.width)
    assert cameras.names == loaded.names
    for name in ("camera_to_world", "focal", "principal_point", "points", "depths", "region"):
        np.testing.assert_array_equal(getattr(cameras, name), getattr(loaded, name))
    assert not cameras.images.any()
    assert not cameras.alpha.any()
    for view in (3, 0, 4, 1, 2):
        colors, alpha = opened.picture(view)
        np.testing.assert_array_equal(colors, loaded.images[view])
        np.testing.assert_array_equal(alpha, loaded.alpha[view])


@pytest.mark.parametrize("lens", [{}, {"k1": -0.1, "k2": 0.02}])
def test_opened_images_are_those_that_are_loaded(data, lens):
    photographs.write_nerfstudio(data / "transforms.json", FOCAL, CENTER, **lens)
    same(open_posed_images(data, largest=40), load_posed_images(data, largest=40))


def test_images_that_are_cut_to_one_size_are_cut_as_they_are_loaded(data):
    frames = json.loads((data / "transforms.json").read_text())
    lens = {name: frames[name] for name in ("fl_x", "fl_y", "cx", "cy")}
    for frame, cut in zip(frames["frames"], (0, 2, 4, 0, 2), strict=True):
        path = data / frame["file_path"]
        iio.imwrite(path, iio.imread(path)[: HEIGHT - cut, cut:])
        frame |= lens | {"w": WIDTH - cut, "h": HEIGHT - cut, "cx": CENTER[0] - cut}
    (data / "transforms.json").write_text(json.dumps(frames))
    opened = open_posed_images(data)
    assert (opened.cameras.height, opened.cameras.width) == (HEIGHT - 4, WIDTH - 4)
    same(opened, load_posed_images(data))


def test_only_headers_are_read_before_a_picture_is_asked_for(data, monkeypatch):
    read, decode = [], load.decode_image
    monkeypatch.setattr(load, "decode_image", lambda *given: read.append(given[1].name) or decode(*given))
    opened = open_posed_images(data)
    assert opened.cameras.images.strides == (0, 0, 0, 0)  # the same zero everywhere
    assert read == []
    opened.picture(3)
    assert read == [NAMES[3]]


@pytest.mark.filterwarnings("ignore:.*another aspect")
def test_what_headers_tell_is_refused_and_what_pictures_tell_when_they_are_read(data):
    path = data / "images" / NAMES[1]
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    opened = open_posed_images(data)
    assert opened.picture(0)[0].shape == (HEIGHT, WIDTH, 3)
    with pytest.raises(DataSetError, match=r"images/b\.png: not a PNG or JPEG, or damaged"):
        opened.picture(1)
    iio.imwrite(path, np.zeros((HEIGHT, WIDTH // 2, 3), np.uint8))
    with pytest.raises(DataSetError, match=r"in size: images/a\.png is 64 × 48, images/b\.png is 32 × 48"):
        open_posed_images(data)
    path.write_bytes(b"no picture")
    with pytest.raises(DataSetError, match=r"images/b\.png: not a PNG or JPEG, or damaged"):
        open_posed_images(data)


def test_masks_of_another_aspect_are_refused_before_a_picture_is_read(data, monkeypatch):
    monkeypatch.setattr(load, "decode_image", None)
    (data / "masks").mkdir()
    for name in NAMES:
        Image.new("L", (WIDTH, HEIGHT // 2 if name == NAMES[4] else HEIGHT)).save(data / "masks" / name)
    with pytest.raises(DataSetError, match=r"masks/e\.png: is 64 × 24, but .*images/e\.png is 64 × 48: another aspect"):
        open_posed_images(data)


def test_a_background_is_looked_for_as_the_first_picture_is_read_and_once(data, monkeypatch):
    for name in NAMES:
        pixels = np.full((HEIGHT, WIDTH, 3), (250, 250, 250), np.uint8)
        pixels[10:30, 20:40] = 60, 20, 200
        iio.imwrite(data / "images" / name, pixels)
    loaded = load_posed_images(data, background="auto")
    assert loaded.alpha[:, 20, 30].min() == 1
    assert loaded.alpha[:, 2, 2].max() == 0
    read, decode = [], load.decode_image
    monkeypatch.setattr(load, "decode_image", lambda *given: read.append(given[1].name) or decode(*given))
    opened = open_posed_images(data, background="auto")
    assert read == []
    same(opened, loaded)
    assert len(read) == 2 * len(NAMES)  # all five borders, then the pictures
    read.clear()
    with pytest.warns(UserWarning, match="the middle one is #fafafa"):
        loaded = load_posed_images(data, background="red")
    assert len(read) == 2 * len(NAMES)
    read.clear()
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # borders are not looked at to warn of them
        same(open_posed_images(data, background="red"), loaded)
    assert len(read) == len(NAMES)
    with pytest.raises(InputError, match="no colour"):
        open_posed_images(data, background="nothing")


def save_before_white(folder, borders=(250, 250, 250)):
    """Saves a square before a colour as each of the photographs."""
    for i, name in enumerate(NAMES):
        pixels = np.full((HEIGHT, WIDTH, 3), borders[i % len(borders)], np.uint8)
        pixels[10:30, 20:40] = 60, 20, 200
        iio.imwrite(folder / name, pixels)


@pytest.mark.parametrize("background", ["auto", "white"])
def test_a_damaged_picture_is_passed_over_as_a_background_is_looked_for(data, monkeypatch, background):
    save_before_white(data / "images")
    path = data / "images" / NAMES[4]
    path.write_bytes(path.read_bytes()[:100])
    read, decode = [], load.decode_image
    monkeypatch.setattr(load, "decode_image", lambda *given: read.append(given[1].name) or decode(*given))
    opened = open_posed_images(data, background=background)
    for view in range(4):
        alpha = opened.picture(view)[1]
        assert alpha[20, 30] == 1
        assert alpha[2, 2] == 0
    with pytest.raises(DataSetError, match=r"images/e\.png: not a PNG or JPEG, or damaged"):
        opened.picture(4)
    assert len(read) == (10 if background == "auto" else 5)
    with pytest.raises(DataSetError, match=r"images/e\.png: not a PNG or JPEG, or damaged"):
        load_posed_images(data, background=background)


def test_where_no_border_can_be_read_another_picture_has_the_background(data, monkeypatch):
    save_before_white(data / "images")
    monkeypatch.setattr(load, "BORDERS", 2)  # the first and the last
    for name in (NAMES[0], NAMES[1], NAMES[4]):
        path = data / "images" / name
        path.write_bytes(path.read_bytes()[:100])
    opened = open_posed_images(data, background="auto")
    for view in (0, 1, 4):
        with pytest.raises(DataSetError, match=rf"images/{NAMES[view]}: not a PNG"):
            opened.picture(view)
    assert opened.picture(3)[1][2, 2] == 0


def test_borders_without_one_colour_are_looked_at_once(data, monkeypatch):
    read, decode = [], load.decode_image
    save_before_white(data / "images", borders=(250, 120, 10))
    monkeypatch.setattr(load, "decode_image", lambda *given: read.append(given[1].name) or decode(*given))
    opened = open_posed_images(data, background="auto")
    for view in range(5):
        with pytest.raises(DataSetError, match="have no one colour"):
            opened.picture(view)
    assert len(read) == 5
