"""Frames to look at: in a window, a notebook or a file, and in fields for windows of one's own."""

import io
import sys
import types

import imageio.v3 as iio
import numpy as np
import pytest
import taichi as ti
from gui.told import Program
from gui.virtual_screen import until, virtual_screen

import taichi_dr as dr
from taichi_dr.kernels.screen import blit
from taichi_dr.render import viewing

SIZE = (5, 8)  # rows, columns


def corner_frame(views=1, size=SIZE):
    """Colours that tell every pixel: red grows to the right, green downwards, blue from view to view."""
    height, width = size
    frame = dr.Rasterizer(size).render(dr.shapes.icosphere(0), dr.Camera.orbit(azimuth_deg=range(views)))
    view, row, column = np.mgrid[:views, :height, :width]
    colors = np.stack([column / width, row / height, view / views], axis=-1)
    frame.color.from_numpy(colors.astype(np.float32))
    return frame, colors


def shown(colors):
    return np.round(255 * dr.linear_to_srgb(colors))


@pytest.mark.parametrize("components", [3, 4])
def test_a_pixel_lands_where_windows_have_it(any32, components):
    """Row 1, column 6 is the seventh pixel from the left and, of five rows, the fourth from the bottom."""
    frame, colors = corner_frame(views=3)
    window = ti.Vector.field(components, ti.f32, SIZE[::-1])
    frame.blit(window, view=2)
    np.testing.assert_allclose(window.to_numpy()[6, 3, :3], dr.linear_to_srgb(colors[2, 1, 6]), atol=1e-6)
    for view in (0, 1, -1):
        frame.blit(window, view)
        expected = np.ones((*SIZE[::-1], components))
        expected[..., :3] = dr.linear_to_srgb(colors[view])[::-1].swapaxes(0, 1)
        np.testing.assert_allclose(window.to_numpy(), expected, atol=1e-6)


@pytest.mark.parametrize("antialias", [False, True])
def test_a_frame_without_fields_is_shown_as_it_is(cpu32, antialias):
    """The colours are then a renderer's array, alone or beside alpha; what lies outside [0, 1] is clamped."""
    renderer = dr.Rasterizer(SIZE, antialias=antialias, background=(0.2, 1.5, -1.0))
    frame, window = renderer.render(dr.shapes.car(), dr.Camera.orbit([20, 50])), ti.Vector.field(3, ti.f32, SIZE[::-1])
    frame.blit(window, 1)
    image = window.to_numpy().swapaxes(0, 1)[::-1]
    np.testing.assert_allclose(image, dr.linear_to_srgb(np.clip(frame.numpy()[1], 0, 1)), atol=1e-6)
    assert image[0, 0].tolist() == pytest.approx([0.4845292, 1, 0], abs=1e-6)


def test_blits_compile_once(cpu32):
    frame, _ = corner_frame(views=3)
    window = ti.Vector.field(3, ti.f32, SIZE[::-1])
    frame.blit(window)
    compiled = len(blit.blit_field._primal.compiled_kernels)
    for view in range(3):
        frame.blit(window, view)
    assert len(blit.blit_field._primal.compiled_kernels) == compiled


def test_a_tape_does_not_record_blits(cpu32):
    frame, _ = corner_frame()
    loss, window = ti.field(ti.f32, (), needs_grad=True), ti.Vector.field(3, ti.f32, SIZE[::-1])
    with ti.ad.Tape(loss) as tape:
        frame.blit(window)
        assert tape.calls == []


def test_fields_that_no_blit_fits_are_refused(cpu32):
    frame, _ = corner_frame(views=2)
    wrong = (ti.Vector.field(3, ti.f32, SIZE), ti.field(ti.f32, SIZE[::-1]), ti.Vector.field(3, ti.u8, SIZE[::-1]))
    for window in wrong:
        with pytest.raises(dr.ShapeError, match=r"blit: expected a field \(8, 5\) of vectors of 3 or 4 floats, got a"):
            frame.blit(window)
    for view in (2, -3):
        with pytest.raises(dr.InputError, match=f"blit: expected a view from 0 to 1, got {view}"):
            frame.blit(ti.Vector.field(3, ti.f32, SIZE[::-1]), view)


def test_a_window_of_ti_gui_shows_rows_from_the_top(cpu32, tmp_path):
    frame, colors = corner_frame()
    window = ti.Vector.field(3, ti.f32, SIZE[::-1])
    frame.blit(window)
    gui = ti.GUI("frame", SIZE[::-1], show_gui=False)
    gui.set_image(window)
    gui.show(str(tmp_path / "window.png"))
    picture = iio.imread(tmp_path / "window.png")[..., :3]
    np.testing.assert_allclose(picture, shown(colors[0]), atol=1)


def test_a_canvas_shows_rows_from_the_top(vulkan, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # where windows leave their settings
    frame, colors = corner_frame()
    window = ti.Vector.field(3, ti.f32, SIZE[::-1])
    frame.blit(window)
    shown_by = ti.ui.Window("frame", SIZE[::-1], show_window=False)
    shown_by.get_canvas().set_image(window)
    picture = shown_by.get_image_buffer_as_numpy()[..., :3]  # x to the right, y up
    shown_by.destroy()
    np.testing.assert_allclose(255 * picture.swapaxes(0, 1)[::-1], shown(colors[0]), atol=1)


def test_without_a_display_a_file_is_written_and_named(cpu32, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    frame, colors = corner_frame(views=2)
    for display in (None, ":4711"):  # none, and one that does not answer
        monkeypatch.delenv("DISPLAY", raising=False)
        if display:
            monkeypatch.setenv("DISPLAY", display)
        path = frame.show()
        assert path.parent == tmp_path
        assert capsys.readouterr().out == f"no display: wrote {path}\n"
        picture = iio.imread(path)
        assert picture.shape == (5 * 24, 2 * 8 * 24, 3)  # two views side by side, every pixel a square
        np.testing.assert_array_equal(picture[12::24, 12 : 8 * 24 : 24], shown(colors[0]))


PROGRAM = """
import numpy as np
import taichi_dr as dr

dr.init("cpu")
frame = dr.Rasterizer((2, 3)).render(dr.shapes.icosphere(0), dr.Camera.orbit())
frame.color.from_numpy(np.float32([[[[1, 0, 0], [0, 1, 0], [0, 0, 1]], [[1, 1, 0], [0, 1, 1], [1, 0, 1]]]]))
frame.show()
"""


def test_with_a_display_a_window_opens(tmp_path):
    (tmp_path / "screen").mkdir()
    with virtual_screen(tmp_path / "screen") as screen, Program(screen, tmp_path, "-c", PROGRAM) as program:
        until(lambda: screen.pixels().any() or program.process.poll() is not None, "something on the screen")
        window = screen.pixels()[: 2 * 128, : 3 * 128]
    expected = 255 * np.array([[[1, 0, 0], [0, 1, 0], [0, 0, 1]], [[1, 1, 0], [0, 1, 1], [1, 0, 1]]])
    np.testing.assert_array_equal(window[64::128, 64::128], expected)


def test_a_notebook_shows_the_picture_itself(cpu32, monkeypatch):
    displayed = []
    display = types.SimpleNamespace(display=displayed.append, Image=lambda data: iio.imread(io.BytesIO(data)))
    shell = types.SimpleNamespace(kernel=None)
    monkeypatch.setitem(sys.modules, "IPython", types.SimpleNamespace(display=display, get_ipython=lambda: shell))
    frame, colors = corner_frame()
    assert frame.show() is None
    np.testing.assert_array_equal(displayed[0][24::48, 24::48], shown(colors[0]))
    np.testing.assert_array_equal(iio.imread(io.BytesIO(frame._repr_png_())), displayed[0])


def test_large_pictures_are_averaged():
    pixels = np.zeros((1201, 3, 3))
    pixels[0, 0] = 1
    assert viewing.fitted(pixels).shape == (601, 2, 3)
    assert viewing.fitted(pixels)[0, 0].tolist() == [0.25] * 3


def test_gradients_as_numpy(cpu32):
    frame, _ = corner_frame(views=2)
    loss = ti.field(ti.f32, (), needs_grad=True)
    with ti.ad.Tape(loss):
        dr.losses.mse(frame.color, np.zeros((2, *SIZE, 3)), loss)
    np.testing.assert_allclose(frame.gradient("color"), 2 * frame.numpy("color") / (2 * 5 * 8 * 3), rtol=1e-5)
    assert frame.gradient("alpha").shape == (2, *SIZE)
    with pytest.raises(dr.InputError, match="face_id: an image of indices, which has no gradient"):
        frame.gradient("face_id")
    with pytest.raises(dr.InputError, match="unknown output 'colour'"):
        frame.gradient("colour")


def test_nothing_breaks_a_notebook(own_runtime):
    dr.init("cpu")
    frame, _ = corner_frame()
    frame.color[0, 0, 0] = (float("nan"), 0, 0)
    assert frame._repr_png_() is None
    dr.init("cpu")
    assert frame._repr_png_() is None
    assert repr(frame) == "Frame(1 view of 5 x 8: color, alpha, depth, normal, barycentric, face_id)"
