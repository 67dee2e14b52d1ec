"""Coverage at silhouettes: areas, and the image's gradient against that of a supersampled one."""

from functools import partial

import numpy as np
import pytest
import taichi as ti

import taichi_dr as dr


def disc(radius, size):
    """The alpha of a ball of a radius in pixels, seen by an orthographic camera, off the middle of a pixel."""
    numbers = ti.field(ti.f64, 3)
    for k, value in enumerate((0.013, -0.021, radius * 2 / size)):
        numbers[k] = value

    @ti.func
    def ball(p):
        return (p - ti.Vector([numbers[0], numbers[1], 0.0])).norm() - numbers[2]

    camera = dr.Camera.orthographic(eye=(0, 0, 3), half_height=1.0, near=0.1, far=10.0)
    return dr.SphereTracer(ball, size, bounds=dr.Box(-1.2, 1.2)).render(camera).numpy("alpha")


@pytest.mark.parametrize(("size", "within"), [(16, 2e-3), (256, 1e-4)])
def test_the_mean_of_alpha_is_the_area(cpu64, size, within):
    radius = 0.31 * size
    assert disc(radius, size).sum() / size**2 == pytest.approx(np.pi * radius**2 / size**2, abs=within)


NUMBERS = 8  # centre and radius of a ball, then of another one; or centre and radii of a torus


def scene(name, x):
    """A distance and a colour that read the field ``x`` of 8 numbers."""

    @ti.func
    def first(p):
        return (p - ti.Vector([x[0], x[1], x[2]])).norm(1e-12) - x[3]

    @ti.func
    def second(p):
        return (p - ti.Vector([x[4], x[5], x[6]])).norm(1e-12) - x[7]

    @ti.func
    def both(p):
        return ti.min(first(p), second(p))

    @ti.func
    def color_of_both(p):
        red = 0.9
        if second(p) < first(p):
            red = 0.3
        return ti.Vector([red, 0.5, 0.2])

    @ti.func
    def torus(p):
        q = p - ti.Vector([x[0], x[1], x[2]])
        return ti.Vector([ti.Vector([q.x, q.z]).norm(1e-12) - x[3], q.y]).norm(1e-12) - x[7]

    plain = (0.9, 0.5, 0.2)

    @ti.func
    def box(p):
        q = dr.sdf.rotate(p - ti.Vector([x[0], x[1], x[2]]), (0.3, 1, 0.2), x[6])
        return dr.sdf.box(q, (x[3], x[4], x[5]))

    colored = (both, color_of_both)
    return {
        "ball": (first, plain),
        "box": (box, plain),
        "occlusion": colored,
        "seam": colored,
        "edge-on torus": (torus, plain),
    }[name]


BALLS = (0.03, -0.02, 0.1, 0.55, 0.35, 0.2, 1.1, 0.25)
SIDE_BY_SIDE = (-0.31, 0.0, 0.3, 0.3, 0.32, 0.05, -0.2, 0.33)  # less than a pixel between them
BOX = (0.03, -0.02, 0.1, 0.5, 0.35, 0.4, 0.6, 0.0)
TORUS = (0.03, -0.02, 0.1, 0.6, 0.0, 0.0, 0.0, 0.15)
CASES = {
    "ball": (BALLS, 32, (0, 1, 3)),
    "box": (BOX, 32, (0, 1, 3, 4)),
    "occlusion": (BALLS, 48, (0, 3, 4, 7)),
    "seam": (SIDE_BY_SIDE, 48, (0, 3, 4, 7)),
    "edge-on torus": (TORUS, 64, (1, 3, 7)),
}
WITHIN = {
    ("box", "unlit"): (0.12, 0.05),  # pixels with a corner have two edges, and count as if they had one
    ("occlusion", "lit"): (0.1, 0.03),  # light is found at one point of what is seen of a pixel
    ("seam", "lit"): (0.1, 0.03),
    ("edge-on torus", "lit"): (0.1, 0.03),
}
"""Of the largest block, and in the whole, where 3 % are not reached."""

FINER = 8  # the supersampled image has 64 samples per pixel


@pytest.mark.parametrize(
    ("name", "light"),
    [(name, light) for name in CASES for light in ("unlit", "lit") if (name, light) != ("box", "lit")],
)
def test_the_gradient_is_that_of_a_supersampled_image(cpu64, name, light):
    numbers, size, chosen = CASES[name]
    cameras = ("lens",) if name == "box" else ("eye", "lens")  # turning by the target, the eye hardly moves the box
    lights = dr.Lights(0.3, directional=dr.DirectionalLight((0.3, 0.4, 1))) if light == "lit" else None
    block, whole = WITHIN.get((name, light), (0.03, 0.03))
    x = ti.field(ti.f64, NUMBERS, needs_grad=True)
    camera = dr.Camera(eye=(0.1, 0.02, 3), target=(0, 0, 0), fov_y=0.7)
    function, color = scene(name, x)
    settings = {"bounds": dr.Box(-1.4, 1.4), "color": color, "background": (0.1, 0.2, 0.8)}
    tracer, finer = (dr.SphereTracer(function, side, **settings) for side in (size, FINER * size))
    changes = {f"number {k}": partial(change_number, x, np.array(numbers), k) for k in chosen}
    changes |= {name: partial(change_camera, camera, name, camera.numpy(name)) for name in cameras}
    x.from_numpy(np.array(numbers))
    measured = {what: blocks(differences(finer, camera, lights, change), size) for what, change in changes.items()}
    found = block_gradients(tracer, camera, lights, x, size)
    for what, expected in measured.items():
        gradient = found[what] if what in found else found["numbers"][..., int(what[-1])]
        largest = np.abs(expected).max()
        np.testing.assert_allclose(gradient, expected, atol=block * largest, err_msg=what)
        assert abs(gradient.sum() - expected.sum()) < whole * np.abs(expected).sum(), what


def test_depth_is_that_of_the_pixels_centre_at_edges_too(cpu64):
    """Colours are those of the middle of what is seen; a ball's depth has its closed form at the centre."""

    @ti.func
    def ball(p):
        return p.norm(1e-12) - 0.7

    camera = dr.Camera.orthographic(eye=(0, 0, 3), half_height=1.0, near=0.1, far=10.0)
    frame = dr.SphereTracer(ball, 24, bounds=dr.Box(-1.2, 1.2)).render(camera)
    x = (np.arange(24) + 0.5) / 12 - 1
    inside = x**2 + x[:, None] ** 2
    expected = np.where(inside < 0.49, 3 - np.sqrt(np.maximum(0.49 - inside, 0)), 10.0)
    np.testing.assert_allclose(frame.numpy("depth")[0], expected, atol=2e-6)
    assert ((frame.numpy("alpha")[0] > 0.5) & (frame.numpy("alpha")[0] < 1)).sum() > 20


def change_number(x, numbers, k, by):
    x.from_numpy(numbers + by * (np.arange(NUMBERS) == k))


def change_camera(camera, name, start, by):
    camera.fields.set(name, start + by * (np.arange(start.size).reshape(start.shape) == 0))


def differences(tracer, camera, lights, change, step=1e-3):
    """How the image, its colours summed, changes: central differences."""
    images = []
    for by in (step, -step, 0.0):
        change(by)
        images.append(tracer.render(camera, lights).numpy("color")[0].sum(axis=-1))
    plus, minus, _ = images
    return (plus - minus) / (2 * step)


def blocks(image, size):
    """Sums over the pixels of blocks of 8 x 8 of an image of ``size``, which this one is a finer one of."""
    finer = len(image) // size
    return image.reshape(size // 8, 8 * finer, size // 8, 8 * finer).sum(axis=(1, 3)) / finer**2


def block_gradients(tracer, camera, lights, x, size):
    """The gradient of each block's sum by the numbers, and by the first components of eye and lens."""
    count = size // 8
    found = {
        "numbers": np.zeros((count, count, NUMBERS)),
        "eye": np.zeros((count, count)),
        "lens": np.zeros((count, count)),
    }
    frame = tracer.render(camera, lights)
    for row, col in np.ndindex(count, count):
        weights = np.zeros((1, size, size, 3))
        weights[0, 8 * row : 8 * row + 8, 8 * col : 8 * col + 8] = 1.0
        frame.color.grad.from_numpy(weights)
        x.grad.fill(0)
        before = {name: camera.gradient(name).ravel()[0] for name in ("eye", "lens")}
        tracer.backward()
        found["numbers"][row, col] = x.grad.to_numpy()
        for name, value in before.items():
            found[name][row, col] = camera.gradient(name).ravel()[0] - value
    return found


def test_closest_approach_and_its_gradient(cpu64):
    radius = ti.field(ti.f64, (), needs_grad=True)
    radius[None] = 0.4

    @ti.func
    def ball(p):
        return p.norm() - radius[None]

    tracer = dr.SphereTracer(ball, 16, bounds=dr.Box(-1.2, 1.2))
    camera = dr.Camera.orthographic(eye=(0, 0, 3), half_height=1.0, near=0.1, far=10.0)
    frame = tracer.render(camera)
    x = (2 * np.arange(16) - 15) / 16
    expected = (np.hypot(*np.meshgrid(x, x)) - 0.4) * 8  # pixels
    np.testing.assert_allclose(frame.numpy("closest")[0], expected, atol=2e-2)
    frame.closest.grad.fill(1.0)
    tracer.backward()
    assert radius.grad[None] == pytest.approx(-8 * 256, rel=1e-6)
