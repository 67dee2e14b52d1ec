"""Draws docs/viewer.png: four windows of ``taichi-dr view`` as they are on a screen, which nobody sees, two by two.

docs/viewer.py DATA SDF FIELD PICTURE: posed images, and what ``reconstruct`` has made of them.  Needs Xvfb and xdotool.
"""

import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import imageio.v3 as iio
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
from gui.told import Program
from gui.virtual_screen import ASIDE, until, virtual_screen

HEIGHT, WIDTH = 500, 1280  # so wide that the middle is beside the panel, so high that all of that is seen
BESIDE = 460  # column from which on the panel covers nothing
STILL = 25  # s without a change, on a busy machine


def window(content, *options):
    """(H, W, 3) bytes: a window of the viewer once it is still."""
    with tempfile.TemporaryDirectory() as folder:
        screen_folder = Path(folder) / "screen"
        screen_folder.mkdir()
        name = Path(content).name
        if Path(content).exists():
            (Path(folder) / name).symlink_to(Path(content).resolve())
        command = ("-m", "taichi_dr", "view", name)
        with (
            virtual_screen(screen_folder) as screen,
            Program(screen, folder, *command, "--size", HEIGHT, WIDTH, *options),
        ):
            hands = screen.window("taichi-dr: ")
            until(lambda: hands.pixels().any(), "the first picture")
            screen.do("mousemove", *ASIDE)
            until(lambda: is_still(hands), "a picture that is done", 600)
            return hands.pixels()


def is_still(hands):
    """Whether what the window shows beside its panel does not change."""
    before = hands.pixels()
    time.sleep(STILL)
    return np.array_equal(before[:, BESIDE:], hands.pixels()[:, BESIDE:])


def main(data, sdf, field, picture):
    """Writes the picture."""
    contents = ("car",), (sdf, "--renderer", "sdf"), (field, "--show", "normals"), (data,)
    with ThreadPoolExecutor() as pool:
        mesh, solid, radiance, posed = pool.map(lambda each: window(*each), contents)
    rows = [np.concatenate(row, axis=1) for row in ((mesh, solid), (radiance, posed))]
    iio.imwrite(picture, np.concatenate(rows))


if __name__ == "__main__":
    main(*sys.argv[1:])
