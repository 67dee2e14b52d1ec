"""Whether a window can be opened: asked before, for Taichi's own answer is the end of the process."""

import ctypes
import os
import sys

from taichi_dr.devices import vulkan_device
from taichi_dr.errors import BackendError

INSTEAD = "; off screen, frame.save(FILE) and taichi-dr view --screenshot FILE need none"


def require_display():
    """Raises BackendError where no window can be opened: on Linux, without an X server that answers.

    Windows and macOS always have a display.
    """
    if not sys.platform.startswith("linux"):
        return
    name = os.environ.get("DISPLAY")
    if not name:
        raise BackendError(
            "no display: expected an X server named by DISPLAY (a desktop, ssh -X, or xvfb-run -s '-screen 0"
            " 1280x1024x24')" + INSTEAD
        )
    if (server := _opened(name)) is False:
        raise BackendError(f"DISPLAY={name}: no X server answers there; start it, or name another{INSTEAD}")
    if server is None:
        raise BackendError(f"no libX11 to reach the display {name} with: install libx11-6{INSTEAD}")


def has_vulkan():
    """Whether there is a Vulkan device, which ``ti.ui.Window`` draws with, whatever the backend of the kernels is."""
    return vulkan_device() is not None


_ANSWERED = set()
"""Servers that have answered."""


def _opened(name):
    """Whether the X server ``name`` answers; None if there is no library to ask it with.

    The connection stays: a server whose only client leaves, as that of xvfb-run, begins anew, and fails the next one.
    """
    if name in _ANSWERED:
        return True
    try:
        library = ctypes.CDLL("libX11.so.6")
    except OSError:
        return None
    library.XOpenDisplay.restype = ctypes.c_void_p
    if not library.XOpenDisplay(name.encode()):
        return False
    _ANSWERED.add(name)
    return True
