"""Which kind of window is opened."""

from taichi_dr.errors import InputError
from taichi_dr.gui.windows.base import Window
from taichi_dr.gui.windows.display import has_vulkan, require_display
from taichi_dr.gui.windows.vulkan import VulkanWindow

KINDS = ("auto", "vulkan", "plain")


def open_window(title: str, size: tuple[int, int], kind: str = "auto") -> Window:
    """Opens a ``Window`` of (height, width): by Vulkan where there is a device, else Taichi's plain one.

    Taichi must be initialised for the former.

    Raises:
        BackendError: there is no display.
        InputError: another ``kind`` than auto, vulkan, plain.
    """
    if kind not in KINDS:
        raise InputError(f"window: expected one of {', '.join(KINDS)}, got {kind!r}")
    require_display()
    if kind == "plain" or (kind == "auto" and not has_vulkan()):
        from taichi_dr.gui.windows.plain import PlainWindow

        return PlainWindow(title, size)

    return VulkanWindow(title, size)
