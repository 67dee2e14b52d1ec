"""A screen that nobody sees, with keys and a mouse: Xvfb and xdotool, for programs that open windows."""

import ctypes
import os
import shutil
import struct
import subprocess
import time
from contextlib import contextmanager

import numpy as np
import pytest

import taichi_dr as dr

WIDTH, HEIGHT = 1280, 1024
HEADER = 25  # numbers at the beginning of an XWD file (XWDFile.h)
XLIB = {
    "XOpenDisplay": (ctypes.c_void_p, ctypes.c_char_p),
    "XInternAtom": (ctypes.c_ulong, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int),
    "XSendEvent": (ctypes.c_int, ctypes.c_void_p, ctypes.c_ulong, ctypes.c_int, ctypes.c_long, ctypes.c_char_p),
    "XCloseDisplay": (ctypes.c_int, ctypes.c_void_p),
}
CLIENT_MESSAGE = "@iLiPLLiL128s"  # XClientMessageEvent: type, serial, whether sent, display, window, what, bits, data
LONGEST = 120  # s that anything may take, on a busy machine
NOTICED = 0.5  # s in which a window looks at the pointer, on a busy machine
ASIDE = (1270, 1000)  # where the pointer covers no window
CURSOR = 20  # pixels to the right that the pointer covers
LIT = 25  # levels of 255 by which a slider becomes lighter or darker when it is touched


def until(holds, what, seconds=LONGEST):
    """What ``holds()`` returns once that is true; fails, saying ``what`` was waited for, if it does not come."""
    ending = time.monotonic() + seconds
    while not (found := holds()):
        if time.monotonic() > ending:
            pytest.fail(f"waited {seconds} s for {what}")
        time.sleep(0.05)
    return found


def require(kind):
    """Skips where windows of a kind cannot be opened, or fails where they have to be."""
    if kind == "vulkan" and "vulkan" not in dr.available_backends():
        message = "no Vulkan device on this machine"
        pytest.fail(message) if os.environ.get("TAICHI_DR_REQUIRE_VULKAN") else pytest.skip(message)


def difference(a, b):
    """The mean difference of pictures, in levels of 255; of other sizes, infinite."""
    return float(np.abs(a.astype(int) - b).mean()) if a.shape == b.shape else np.inf


class Screen:
    """An X server: its display's name, what it shows, and what its user does."""

    def __init__(self, display, folder):
        self.display, self._file = display, folder / "Xvfb_screen0"

    def pixels(self):
        """(H, W, 3) bytes: the screen, from the file that Xvfb keeps it in (the format XWD)."""
        data = self._file.read_bytes()
        numbers = struct.unpack(f">{HEADER}I", data[: 4 * HEADER])
        size, width, height, stride, colors = (numbers[i] for i in (0, 4, 5, 12, 19))
        rows = np.frombuffer(data, np.uint8, stride * height, size + 12 * colors).reshape(height, stride // 4, 4)
        return rows[:, :width, 2::-1].copy()

    @property
    def environment(self):
        """Of programs that open windows on it."""
        return {"XDG_RUNTIME_DIR": "/tmp", **os.environ, "DISPLAY": self.display}

    def do(self, *arguments, check=True):
        """Runs xdotool; the words that it prints."""
        command = ["xdotool", *map(str, arguments)]
        done = subprocess.run(
            command, env=self.environment, capture_output=True, text=True, check=check, timeout=LONGEST
        )
        time.sleep(0.1)
        return done.stdout.split()

    def window(self, name, border=0):
        """The ``Hands`` on the window of a name, once it is there."""
        return Hands(self, until(lambda: self.do("search", "--name", name, check=False), f"a window {name}")[0], border)


class Hands:
    """Keys and mouse of a window, and what it shows within a border of so many pixels.

    Keys go to the window that the pointer is on.
    """

    def __init__(self, screen, window, border):
        self._screen, self._window, self._border = screen, window, border

    def press(self, *keys):
        """Presses keys, one after the other."""
        self.move(300, 150)
        for key in keys:
            self._screen.do("key", key)

    def hold(self, key, seconds):
        """Holds a key for about so long."""
        self.move(300, 150)
        self._screen.do("keydown", key)
        time.sleep(seconds)
        self._screen.do("keyup", key)

    def move(self, x, y):
        """Moves the pointer to a place in the window."""
        self._screen.do("mousemove", "--window", self._window, x, y)

    def click(self, button, place=(300, 150)):
        """Presses a button of the mouse at a place in the window; 4 and 5 are the wheel's."""
        self.move(*place)
        self._screen.do("click", button)

    def drag(self, start, end, steps=6):
        """Drags with the left button from one place in the window to another, and waits at both ends: a window that
        looks at the pointer now and then is to see where it began and ended."""
        self.move(*start)
        self._screen.do("mousedown", 1)
        time.sleep(NOTICED)
        for step in range(1, steps + 1):
            self.move(*(round(a + (b - a) * step / steps) for a, b in zip(start, end, strict=True)))
        time.sleep(NOTICED)
        self._screen.do("mouseup", 1)

    def slide(self, start, end):
        """Drags a slider of the panel from one place on it to another; each step when the last one has been seen: the
        pointer on it, the button down, the slider moved, the button up."""
        self._screen.do("mousemove", *ASIDE)
        rows, columns = slice(start[1] - 3, start[1] + 4), slice(start[0] + CURSOR, start[0] + 100)

        def answered(what, *command):
            before = self.pixels()[rows, columns].astype(int)
            self._screen.do(*command)
            until(lambda: np.abs(self.pixels()[rows, columns] - before).max() > LIT, f"a slider {what}")

        answered("that the pointer is on", "mousemove", "--window", self._window, *start)
        answered("that is held", "mousedown", 1)
        answered("that moves", "mousemove", "--window", self._window, *end)
        answered("that is let go", "mouseup", 1)

    def ask_to_close(self):
        """Asks the program to close the window, as the cross in its title does, by a message of the window manager."""
        library = ctypes.CDLL("libX11.so.6")
        for name, (answer, *arguments) in XLIB.items():
            function = getattr(library, name)
            function.restype, function.argtypes = answer, arguments
        display = library.XOpenDisplay(self._screen.display.encode())
        protocols, delete = (library.XInternAtom(display, name, 0) for name in (b"WM_PROTOCOLS", b"WM_DELETE_WINDOW"))
        window = int(self._window)
        message = struct.pack(CLIENT_MESSAGE, 33, 0, 1, display, window, protocols, 32, delete, b"")
        assert library.XSendEvent(display, window, 0, 0, message)
        library.XCloseDisplay(display)

    def destroy(self):
        """Takes the window from the program, without asking."""
        self._screen.do("windowclose", self._window)

    def resize(self, width, height):
        """Gives the window another size, as a window manager does."""
        self._screen.do("windowsize", self._window, width, height)

    def pixels(self):
        """(H, W, 3) bytes: what the window shows."""
        lines = self._screen.do("getwindowgeometry", "--shell", self._window)
        facts = {name: int(fact) for name, fact in (line.split("=") for line in lines)}
        (x, y), border = (facts["X"], facts["Y"]), self._border
        return self._screen.pixels()[border:, border:][y : y + facts["HEIGHT"], x : x + facts["WIDTH"]]

    def sees(self, expected, most=0.1, row=0):
        """Waits until the window shows a picture (H, W, 3) of bytes from a row on, but for ``most`` levels of 255 on
        average."""
        self._screen.do("mousemove", *ASIDE)
        until(lambda: difference(self.pixels()[row:], expected[row:]) < most, "a picture in the window")


@contextmanager
def virtual_screen(folder):
    """A ``Screen`` for the length of the block; skips where Xvfb or xdotool are missing."""
    missing = [name for name in ("Xvfb", "xdotool") if shutil.which(name) is None]
    if missing:
        pytest.skip(f"{' and '.join(missing)}: not installed (apt install xvfb xdotool)")
    arguments = ["-screen", "0", f"{WIDTH}x{HEIGHT}x24", "-fbdir", str(folder), "-nolisten", "tcp", "-noreset"]
    reading, writing = os.pipe()
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(writing), *arguments],
        pass_fds=[writing],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(writing)
    try:
        with os.fdopen(reading) as answer:
            yield Screen(f":{int(answer.readline())}", folder)
    finally:
        server.terminate()
        server.wait(20)
