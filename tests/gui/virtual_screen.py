"""A screen that nobody sees, with keys and a mouse: Xvfb and xdotool, for programs that open windows."""

import os
import shutil
import struct
import subprocess
import time
from contextlib import contextmanager

import numpy as np
import pytest

WIDTH, HEIGHT = 1280, 1024
HEADER = 25  # numbers at the beginning of an XWD file (XWDFile.h)


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

    def do(self, *arguments):
        """Runs xdotool."""
        environment = {**os.environ, "DISPLAY": self.display}
        done = subprocess.run(
            ["xdotool", *map(str, arguments)], env=environment, capture_output=True, text=True, check=True, timeout=20
        )
        time.sleep(0.1)
        return done.stdout.split()


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
