"""Pictures: sRGB against published values, round trips, refusals, damaged files."""

import gc
import struct
import threading
import warnings
import zlib

import imageio.v3 as iio
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from taichi_dr.errors import FileError, InputError, ShapeError
from taichi_dr.io import images
from taichi_dr.io.images import (
    image_bytes,
    linear_to_srgb,
    load_image,
    load_mask,
    picture_sizes,
    save_animation,
    save_image,
    srgb_to_linear,
)

RAMP = np.arange(256, dtype=np.uint8)


def test_srgb_against_known_values():
    # 0.214041 is the linear value of mid grey; 0.04045 / 12.92 where the two branches meet
    np.testing.assert_allclose(srgb_to_linear([0, 0.04045, 0.5, 1]), [0, 0.0031308, 0.2140411, 1], atol=1e-7)
    np.testing.assert_allclose(linear_to_srgb([0, 0.0031308, 0.2140411, 1]), [0, 0.04045, 0.5, 1], atol=1e-6)
    np.testing.assert_allclose(linear_to_srgb(0.18), 0.461356, atol=1e-6)  # photographers' grey card


@given(st.floats(0, 1))
def test_srgb_round_trip(value):
    assert linear_to_srgb(srgb_to_linear(value)) == pytest.approx(value, abs=1e-6)


@pytest.mark.parametrize("channels", [3, 4])
def test_every_byte_survives(tmp_path, channels):
    pixels = np.random.default_rng(0).permuted(np.tile(RAMP[:, None], (1, 16 * channels)), axis=0)
    pixels = pixels.reshape(256, 16, channels)
    iio.imwrite(tmp_path / "a.png", pixels)
    loaded = load_image(tmp_path / "a.png")
    assert loaded.dtype == np.float32
    assert loaded.shape == (256, 16, channels)
    save_image(tmp_path / "b.png", loaded)
    assert (iio.imread(tmp_path / "b.png") == pixels).all()


def test_alpha_is_straight_and_linear(tmp_path):
    save_image(tmp_path / "a.png", np.full((2, 3, 3), 0.5), alpha=np.full((2, 3), 0.5))
    assert iio.imread(tmp_path / "a.png")[0, 0].tolist() == [188, 188, 188, 128]
    np.testing.assert_allclose(load_image(tmp_path / "a.png")[0, 0], [0.5029, 0.5029, 0.5029, 128 / 255], atol=1e-4)


def test_formats_without_alpha_show_white(tmp_path):
    pixels = np.zeros((8, 8, 4))
    save_image(tmp_path / "a.jpg", pixels)
    np.testing.assert_allclose(load_image(tmp_path / "a.jpg"), np.ones((8, 8, 3)), atol=0.02)


def test_grey_values_are_clipped(tmp_path):
    save_image(tmp_path / "new" / "a.png", np.array([[-1.0, 0.5, 2.0]]))
    np.testing.assert_allclose(load_image(tmp_path / "new" / "a.png")[0, :, 1], [0, 0.5029, 1], atol=1e-4)


@pytest.mark.parametrize("channels", [3, 4])
def test_openexr_holds_numbers_as_they_are(tmp_path, channels):
    pixels = np.random.default_rng(0).lognormal(size=(20, 9, channels)).astype(np.float32)
    pixels[..., 3:] = np.random.default_rng(1).uniform(0.1, 1, (20, 9, channels - 3))
    save_image(tmp_path / "a.exr", pixels)
    np.testing.assert_allclose(load_image(tmp_path / "a.exr"), pixels, rtol=0 if channels == 3 else 1e-6)


def test_openexr_of_grey_and_bad_pixels(tmp_path):
    save_image(tmp_path / "a.exr", np.array([[-1.0, 0.5, 200.0]]))
    assert load_image(tmp_path / "a.exr")[0, :, 2].tolist() == [-1, 0.5, 200]
    with pytest.raises(InputError, match=r"b.exr: pixel \(0, 0\) is nan"):
        save_image(tmp_path / "b.exr", np.array([[np.nan, 0.5]]))


def test_fields_can_be_saved(tmp_path, cpu32):
    import taichi as ti

    field = ti.Vector.field(3, ti.f32, shape=(2, 2))
    field.fill(1)
    save_image(tmp_path / "a.png", field)
    assert (load_image(tmp_path / "a.png") == 1).all()


def test_sixteen_bits_palettes_and_bilevel(tmp_path):
    from PIL import Image

    Image.fromarray(np.array([[0, 32768, 65535]], dtype=np.uint16)).save(tmp_path / "deep.png")
    expected = [0, srgb_to_linear(32768 / 65535), 1]
    np.testing.assert_allclose(load_image(tmp_path / "deep.png")[0, :, 0], expected, atol=1e-6)
    palette = Image.fromarray(np.array([[0, 1, 2]], dtype=np.uint8), mode="P")
    palette.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255])
    palette.save(tmp_path / "palette.png")
    assert load_image(tmp_path / "palette.png")[0].tolist() == np.eye(3).tolist()
    palette.save(tmp_path / "cut.png", transparency=1)
    assert load_image(tmp_path / "cut.png")[0, :, 3].tolist() == [1, 0, 1]
    Image.fromarray(np.array([[0, 255]], dtype=np.uint8)).convert("1").save(tmp_path / "bits.png")
    assert load_image(tmp_path / "bits.png")[0, :, 0].tolist() == [0, 1]
    Image.fromarray(np.array([[[255, 0], [0, 255]]], dtype=np.uint8), mode="LA").save(tmp_path / "la.png")
    assert load_image(tmp_path / "la.png")[0].tolist() == [[1, 1, 1, 0], [0, 0, 0, 1]]


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_pixels_that_are_not_finite_are_named(tmp_path, bad):
    pixels = np.zeros((4, 5, 3))
    pixels[1, 2, 0] = bad
    with pytest.raises(InputError, match=r"a.png: pixel \(1, 2, 0\) is .*1 values are not finite"):
        save_image(tmp_path / "a.png", pixels)
    with pytest.raises(InputError, match=r"a.gif, frame 1: pixel \(1, 2, 0\)"):
        save_animation(tmp_path / "a.gif", [np.zeros((4, 5, 3)), pixels])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("shape", [(4,), (2, 4, 4, 3), (4, 4, 2), (0, 4, 3)])
def test_other_shapes_are_refused(shape):
    with pytest.raises(ShapeError, match=r"got \("):
        image_bytes(np.zeros(shape))


def test_alpha_of_another_shape_is_refused(tmp_path):
    with pytest.raises(ShapeError, match=r"got \(2, 2, 3\) and \(3, 2\)"):
        save_image(tmp_path / "a.png", np.zeros((2, 2, 3)), alpha=np.zeros((3, 2)))


def test_unknown_suffixes_are_named(tmp_path):
    with pytest.raises(FileError, match=r"unknown suffix '.xyz': expected one of .png"):
        save_image(tmp_path / "a.xyz", np.zeros((2, 2, 3)))
    with pytest.raises(FileError, match=r"expected one of .gif, .mp4"):
        save_animation(tmp_path / "a.png", [np.zeros((2, 2, 3))])
    assert list(tmp_path.iterdir()) == []


def test_gif(tmp_path):
    frames = [np.full((4, 6, 3), value) for value in (0.0, 0.5, 1.0)]
    save_animation(tmp_path / "a.gif", frames, fps=10)
    movie = iio.imread(tmp_path / "a.gif")
    assert movie.shape == (3, 4, 6, 3)
    assert movie[:, 0, 0, 0].tolist() == [0, 188, 255]
    assert iio.immeta(tmp_path / "a.gif")["duration"] == 100


def test_gif_keeps_equal_frames(tmp_path):
    """So that a pause lasts: as long in sum, however the writer stores it."""
    save_animation(tmp_path / "a.gif", [np.zeros((4, 6))] * 5 + [np.ones((4, 6))], fps=10)
    count = iio.improps(tmp_path / "a.gif", index=None).shape[0]
    assert sum(iio.immeta(tmp_path / "a.gif", index=i)["duration"] for i in range(count)) == 600


def test_animations_that_cannot_be(tmp_path):
    with pytest.raises(InputError, match="at least one frame"):
        save_animation(tmp_path / "a.gif", [])
    with pytest.raises(ShapeError, match="frame 1: expected shape"):
        save_animation(tmp_path / "a.gif", [np.zeros((4, 6)), np.zeros((6, 4))])
    with pytest.raises(InputError, match="fps"):
        save_animation(tmp_path / "a.gif", [np.zeros((4, 6))], fps=0)
    assert list(tmp_path.iterdir()) == []


def test_mp4_of_odd_size(tmp_path):
    pytest.importorskip("av", reason="no MP4 encoder is installed")
    save_animation(tmp_path / "a.mp4", [np.full((33, 47, 3), value) for value in (0.0, 0.5, 1.0)], fps=12)
    movie = iio.imread(tmp_path / "a.mp4", plugin="pyav")
    assert movie.shape == (3, 34, 48, 3)
    np.testing.assert_allclose(movie[:, 16, 16, 0], [0, 188, 255], atol=4)


def test_mp4_without_an_encoder_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setattr(images.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(FileError, match="pip install av"):
        save_animation(tmp_path / "a.mp4", [np.zeros((4, 6, 3))])
    assert list(tmp_path.iterdir()) == []


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_damaged_files_raise_file_errors_only(tmp_path, data):
    path = tmp_path / "a.png"
    save_image(path, np.random.default_rng(0).random((8, 8, 4)))
    good = path.read_bytes()
    kind = data.draw(st.sampled_from(["cut", "flip", "random"]))
    if kind == "cut":
        bad = good[: data.draw(st.integers(1, len(good) // 2))]
    elif kind == "flip":
        at = data.draw(st.integers(0, len(good) - 1))
        bad = good[:at] + bytes([good[at] ^ data.draw(st.integers(1, 255))]) + good[at + 1 :]
    else:
        bad = data.draw(st.binary(min_size=1, max_size=200))
    path.write_bytes(bad)
    error, picture = outcome(path)
    if error is not None:
        assert str(path) in str(error)
    else:
        assert kind == "flip"  # a changed byte may still be a picture
        assert np.isfinite(picture).all()


def outcome(path):
    """(error, None) or (None, picture)."""
    try:
        return None, load_image(path)
    except FileError as error:
        return error, None


def test_missing_and_empty_files(tmp_path):
    (tmp_path / "empty.png").touch()
    with pytest.raises(FileError, match=r"empty\.png: is empty"):
        load_image(tmp_path / "empty.png")
    with pytest.raises(FileError, match=r"none\.png: no such file"):
        load_image(tmp_path / "none.png")


RED = np.array([[[200, 30, 30]] * 3, [[255, 255, 255]] * 3], np.uint8)  # above red, below white


def png_of_16_bits(path, pixels, key):
    """A PNG file of 16 bits, grey or RGB, that keys out a colour."""

    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    height, width = pixels.shape[:2]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels)
    header = struct.pack(">IIBBBBB", width, height, 16, 2 if pixels.ndim == 3 else 0, 0, 0, 0)
    parts = [
        (b"IHDR", header),
        (b"tRNS", np.array(key, ">u2").tobytes()),
        (b"IDAT", zlib.compress(rows)),
        (b"IEND", b""),
    ]
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts))


def save_keyed(path, kind):
    grey = RED[:, :, 1]
    if kind == "RGB":
        Image.fromarray(RED).save(path, transparency=(255, 255, 255))
    elif kind == "grey":
        Image.fromarray(grey).save(path, transparency=255)
    elif kind == "palette":
        Image.fromarray(RED).quantize(2).save(path, transparency=Image.fromarray(RED).quantize(2).getpixel((0, 1)))
    elif kind == "RGB, 16 bits":
        png_of_16_bits(path, RED.astype(int) * 257, (65535, 65535, 65535))
    elif kind == "grey, 16 bits":
        png_of_16_bits(path, grey.astype(int) * 257, 65535)
    elif kind == "grey and alpha":
        Image.fromarray(np.dstack([grey, 255 - grey // 255 * 255])).save(path)


KEYED = ["RGB", "grey", "palette", "RGB, 16 bits", "grey, 16 bits", "grey and alpha"]


@pytest.mark.parametrize("kind", KEYED)
def test_a_colour_that_is_keyed_out_is_transparent(tmp_path, kind):
    save_keyed(tmp_path / "a.png", kind)
    loaded = load_image(tmp_path / "a.png")
    assert loaded.shape == (2, 3, 4)
    assert loaded[:, :, 3].tolist() == [[1, 1, 1], [0, 0, 0]]
    expected = [30, 30, 30] if "grey" in kind else [200, 30, 30]
    np.testing.assert_allclose(loaded[0, 0, :3], srgb_to_linear(np.array(expected) / 255), atol=1e-6)


def test_palettes_may_be_partly_transparent(tmp_path):
    picture = Image.new("P", (3, 1))
    picture.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255])
    for column in range(3):
        picture.putpixel((column, 0), column)
    picture.save(tmp_path / "a.png", transparency=bytes([255, 51, 0]))
    loaded = load_image(tmp_path / "a.png")
    np.testing.assert_allclose(loaded[0], [[1, 0, 0, 1], [0, 1, 0, 0.2], [0, 0, 1, 0]], atol=1e-6)


@pytest.mark.parametrize("name", ["a.webp", "a.png"])
def test_of_an_animation_the_first_picture_is_read(tmp_path, name):
    first, second = Image.fromarray(RED), Image.fromarray(RED[::-1].copy())
    first.save(tmp_path / name, save_all=True, append_images=[second], **({"lossless": True} if "webp" in name else {}))
    np.testing.assert_allclose(load_image(tmp_path / name), srgb_to_linear(RED / 255), atol=1e-6)


def test_inks_of_print_become_red_green_and_blue(tmp_path):
    Image.fromarray(RED.repeat(8, axis=0).repeat(8, axis=1)).convert("CMYK").save(tmp_path / "a.jpg", quality=100)
    loaded = load_image(tmp_path / "a.jpg")
    assert loaded.shape == (16, 24, 3)
    np.testing.assert_allclose(linear_to_srgb(loaded[[4, 12], 12]) * 255, RED[:, 0], atol=3)


@pytest.mark.parametrize(
    ("pixels", "mode", "expected"),
    [
        ([[0, 255]], "L", [0, 1]),
        ([[0, 1]], "L", [0, 1]),
        ([[0, 51]], "L", [0, 0.2]),
        ([[0, 1]], "P", [0, 1]),
        ([[[255, 255, 255, 0], [255, 255, 255, 255]]], "RGBA", [0, 1]),
        ([[[0, 0, 0, 255], [255, 255, 255, 255]]], "RGBA", [0, 1]),
        ([[0, 1]], "1", [0, 1]),
        ([[0, 65535]], "I;16", [0, 1]),
    ],
)
def test_masks_of_every_mode(tmp_path, pixels, mode, expected):
    kind = {"I;16": np.uint16, "1": bool}.get(mode, np.uint8)
    picture = Image.fromarray(np.array(pixels, kind))
    if mode == "P":
        picture = picture.convert("P")
        picture.putpalette([0, 0, 0, 128, 0, 0])
    picture.save(tmp_path / "mask.png")
    np.testing.assert_allclose(load_mask(tmp_path / "mask.png")[0], expected, atol=1e-6)


def test_a_gif_that_cannot_be_written_leaves_no_traceback(tmp_path, capfd):
    with pytest.raises(FileError, match="cannot be written: File name too long"):
        save_animation(tmp_path / f"{300 * 'a'}.gif", [np.zeros((4, 4, 3))])
    gc.collect()  # imageio's writers report when they are deleted
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("read", [load_image, load_mask, picture_sizes])
def test_warnings_of_other_threads_are_told_while_a_picture_is_read(tmp_path, monkeypatch, read):
    save_image(tmp_path / "a.png", np.zeros((4, 4)))
    inside, goes_on, opened = threading.Event(), threading.Event(), Image.open

    def slow(*given):
        inside.set()
        assert goes_on.wait(60)
        warnings.warn("of a tag", stacklevel=1)
        return opened(*given)

    monkeypatch.setattr(images.Image, "open", slow)
    thread = threading.Thread(target=read, args=(tmp_path / "a.png",))
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        thread.start()
        assert inside.wait(60)
        warnings.warn("meanwhile", stacklevel=1)
        goes_on.set()
        thread.join(60)
        warnings.warn("afterwards", stacklevel=1)
    assert [str(one.message) for one in told] == ["meanwhile", "afterwards"]


def test_pictures_are_read_without_warnings_whatever_filters_are_set(tmp_path, monkeypatch):
    save_image(tmp_path / "a.png", np.zeros((4, 4)))
    opened = Image.open
    monkeypatch.setattr(images.Image, "open", lambda *given: warnings.warn("a tag", stacklevel=1) or opened(*given))
    with warnings.catch_warnings():
        for _ in range(3):
            warnings.simplefilter("error")
            assert load_image(tmp_path / "a.png").shape == (4, 4, 3)
            assert load_mask(tmp_path / "a.png").shape == (4, 4)
        assert warnings.filters.count(images._NOTHING) == 1
        with pytest.raises(UserWarning, match="a tag"):
            images.Image.open(tmp_path / "a.png")


def test_the_header_of_an_enormous_picture_is_read_without_a_warning(tmp_path):
    Image.new("1", (12_000, 12_000)).save(tmp_path / "a.png")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert picture_sizes(tmp_path / "a.png") == ((12_000, 12_000), (12_000, 12_000))


@pytest.mark.parametrize("read", [load_image, load_mask])
def test_a_picture_that_promises_more_pixels_than_its_bytes_can_say_is_refused_unread(tmp_path, read):
    path = tmp_path / "a.gif"
    Image.new("P", (8, 6)).save(path)
    data = path.read_bytes()
    path.write_bytes(data[:6] + (12000).to_bytes(2, "little") + (9000).to_bytes(2, "little") + data[10:])
    with pytest.raises(FileError, match=r"a\.gif: its 12000 × 9000 pixels cannot be in \d+ bytes: it is damaged"):
        read(path)


def test_many_pixels_of_one_colour_are_a_picture(tmp_path):
    Image.new("1", (5000, 4000), 1).save(tmp_path / "a.png")
    assert (tmp_path / "a.png").stat().st_size < 20_000  # 1,000 pixels in a byte
    assert load_mask(tmp_path / "a.png").shape == (4000, 5000)
