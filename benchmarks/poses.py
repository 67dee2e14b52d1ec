"""Which of a camera's parameters find their way back: poses from one image, by what is optimised, and from how far off.

    python benchmarks/poses.py
    python benchmarks/poses.py --shapes car --truths 1 --starts 60

Every start is turned in one of 12 directions, the roll among them, about the object or in the camera's own place.  All
compare the same blurred pictures, with Adam and the same schedule; counted are those that end within 1 degree of the
truth.
"""

import argparse
import statistics
import time

import numpy as np
from scipy.spatial.transform import Rotation

import taichi_dr as dr
from taichi_dr.kernels.base.arrays import write_array
from taichi_dr.recipes.pose import GREY, blurred, levels_for
from taichi_dr.recipes.targets import read_targets

SIZE, STEPS, DIRECTIONS = 64, 60, 12

ALL = ("eye", "target", "up")
PARAMETERS = {
    "`pose`": (("pose",),) * 3,
    "`eye`, `target`, `up`": (ALL,) * 3,
    "`eye`, then all three": (("eye",), ALL, ALL),
}
"""What moves at each level."""

STARTS = {"3 in place": (3, True, 1), "5": (5, False, 1), "20": (20, False, 1), "60": (60, False, 0)}
"""Degrees, whether the turn is about the camera itself, and the level to begin at: near starts need no coarse steps.

The recipe always begins at the coarsest level.
"""


def directions(count):
    """(count, 3) unit vectors, spread evenly."""
    i = np.arange(count)
    height, longitude = 1 - (2 * i + 1) / count, np.pi * (3 - np.sqrt(5)) * i
    ring = np.sqrt(1 - height**2)
    return np.stack([ring * np.cos(longitude), height, ring * np.sin(longitude)], axis=1)


def scene(shape, truth):
    """A mesh, its lights, where the image was taken from, and the image."""
    mesh, lights, random = getattr(dr.shapes, shape)(), dr.Lights.default(), np.random.default_rng(truth)
    azimuth, elevation = random.uniform(0, 360), np.rad2deg(np.arcsin(random.uniform(-0.9, 0.9)))
    target = random.uniform(-0.08, 0.08, 3)
    camera = dr.Camera.orbit(azimuth, elevation, random.uniform(2.5, 3.2), 45, target=target)
    return mesh, lights, camera, dr.supersampled(mesh, camera, SIZE, lights)


def turned(truth, degrees, in_place):
    """Cameras 2.8 from the origin that look at it, or the true one, turned by so many degrees in every direction."""
    _, up, backward, eye = (part[0].astype(np.float64) for part in truth.frames())
    turns = Rotation.from_rotvec(np.deg2rad(degrees) * directions(DIRECTIONS))
    lens = {"fov_y": np.deg2rad(45), "near": 0.1, "far": 100}
    if in_place:
        return dr.Camera(eye, eye - 2.8 * turns.apply(backward), turns.apply(up), **lens)
    return dr.Camera(turns.apply(2.8 * eye / np.linalg.norm(eye)), (0, 0, 0), turns.apply(up), **lens)


def angles(camera, truth):
    """Degrees between the axes of every view and those of the truth."""
    axes, true_axes = (np.stack(views.frames()[:3], axis=1) for views in (camera, truth))
    return np.rad2deg(Rotation.from_matrix(axes @ true_axes[0].T).magnitude())


def by_parameters(moving, first, mesh, lights, image, camera):
    """Optimises the named fields of all views of ``camera``, each on its own, from level ``first`` on."""
    targets = read_targets(image, 1, behind=GREY)
    renderer = dr.Rasterizer(SIZE, antialias=True, background=GREY)
    for level, names in zip(levels_for((SIZE, SIZE))[first:], moving[first:], strict=True):
        goal = targets.shrunk(level.size)
        renderer.size = goal.size
        fields = [getattr(camera, name) for name in names]
        optimizer = dr.Adam(fields, lr=level.turn, schedule=dr.schedules.cosine(STEPS, 0.1))
        for _ in range(STEPS):
            for name in ("eye", "target", "up", "pose"):
                getattr(camera, name).grad.fill(0)
            frame = renderer.render(mesh, camera, lights)
            for name, wanted in (("color", goal.color), ("alpha", goal.alpha)):
                residual = blurred((frame.numpy(name) - wanted)[:, None], level.blur)
                gradient = frame.variable(name).gradient
                write_array(gradient, blurred(residual, level.blur).reshape(gradient.shape))
            renderer.backward()
            optimizer.step()
    return camera


def by_recipe(guesses, first, mesh, lights, image, camera):
    """``dr.fit_pose`` from every view."""
    found = [
        dr.fit_pose(mesh, image, camera[k], lights, guesses=guesses, steps=STEPS).camera for k in range(len(camera))
    ]
    eye, up = (np.concatenate([view.frames()[k] for view in found]) for k in (3, 1))
    backward = np.concatenate([view.frames()[2] for view in found])
    return dr.Camera(eye, eye - backward, up)


def main():
    """Prints a row for each way, with a column for each angle."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shapes", nargs="+", default=["car", "airplane"], help="names of dr.shapes")
    parser.add_argument("--truths", type=int, default=2, help="cameras for each shape")
    parser.add_argument("--starts", nargs="+", default=list(STARTS), choices=list(STARTS), help="degrees off")
    options = parser.parse_args()
    dr.init("cpu", random_seed=1)
    ways = {name: (by_parameters, moving) for name, moving in PARAMETERS.items()}
    ways |= {f"`fit_pose`, {guesses} guess{'es' * (guesses > 1)}": (by_recipe, guesses) for guesses in (1, 16)}
    count = DIRECTIONS * options.truths * len(options.shapes)
    print(
        f"| found, of {count}; median error | {' | '.join(f'{name} deg' for name in options.starts)} | seconds each |"
    )
    print("|---" * (len(options.starts) + 2) + "|")
    for name, (way, setting) in ways.items():
        began = time.process_time()
        cells = [cell(way, setting, start, options) for start in options.starts]
        each = (time.process_time() - began) / (count * len(options.starts))
        print(f"| {name} | {' | '.join(cells)} | {each:.1f} |", flush=True)


def cell(way, setting, start, options):
    """How many come within a degree of the truth, and the median error."""
    degrees, in_place, first = STARTS[start]
    errors = []
    for shape in options.shapes:
        for truth in range(options.truths):
            mesh, lights, camera, image = scene(shape, truth)
            found = way(setting, first, mesh, lights, image, turned(camera, degrees, in_place))
            errors += angles(found, camera).tolist()
    return f"{sum(error < 1 for error in errors)}; {statistics.median(errors):.2f}°"


if __name__ == "__main__":
    main()
