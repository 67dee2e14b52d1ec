"""What is said where no window can be opened, and of arguments that make no sense."""

import sys

import numpy as np
import pytest

import taichi_dr as dr
from taichi_dr.gui.viewer import _takes_size, display_bytes
from taichi_dr.gui.windows.display import require_display
from taichi_dr.io.images import linear_to_srgb

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="X is Linux's")


def test_without_a_display_there_is_an_error_that_says_what_to_do(cpu32, monkeypatch):
    monkeypatch.delenv("DISPLAY", raising=False)
    with pytest.raises(dr.BackendError, match=r"no display: expected an X server named by DISPLAY .*xvfb-run"):
        dr.gui.Viewer(lambda camera: None)


def test_a_display_that_does_not_answer_is_named(monkeypatch):
    monkeypatch.setenv("DISPLAY", ":4321")
    with pytest.raises(dr.BackendError, match=r"DISPLAY=:4321: no X server answers|no libX11"):
        require_display()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"draw": 3}, "draw: expected a function of a camera, got 3"),
        ({"draw": lambda: None}, r"expected draw\(camera\) or draw\(camera, size\), got 0 arguments"),
        ({"camera": "here"}, "camera: expected a Camera with fov_y, got 'here'"),
        ({"size": 0}, "size: expected"),
        ({"window": "gtk"}, "window: expected one of auto, vulkan, plain, got 'gtk'"),
    ],
)
def test_arguments_are_checked_before_a_window_is_opened(cpu32, monkeypatch, arguments, message):
    monkeypatch.delenv("DISPLAY", raising=False)
    with pytest.raises(dr.InputError, match=message):
        dr.gui.Viewer(**{"draw": lambda camera: None} | arguments)


def test_orthographic_cameras_are_refused(cpu32):
    with pytest.raises(dr.InputError, match="expected a Camera with fov_y"):
        dr.gui.Viewer(lambda camera: None, camera=dr.Camera((0, 0, 2), half_height=1.0))


def test_a_second_argument_is_the_size_unless_it_has_a_default():
    assert not _takes_size(lambda camera: None)
    assert _takes_size(lambda camera, size: None)
    assert not _takes_size(lambda camera, mesh=None: None)


def test_bytes_are_those_of_files_but_for_one():
    linear = np.linspace(-0.1, 1.1, 30000).reshape(100, 100, 3)
    expected = np.round(255 * linear_to_srgb(np.clip(linear, 0, 1)))
    assert np.abs(display_bytes(linear).astype(int) - expected).max() <= 1
