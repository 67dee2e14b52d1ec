"""Gradients of visibility in crops, which cameras with a moved principal point take of larger pictures."""

import numpy as np
import pytest

import taichi_dr as dr

FOV, EYE = 0.7, (0.2, 1.6, 4)
SLANTED = np.array([(-0.5, 0.7, -0.3), (0.7, 0.95, -0.4), (0.05, 0.75, 0.7)])


def crop(picture, row, column, size, eye=EYE):
    """The camera of ``size`` by ``size`` pixels from a row and a column on of a picture of ``picture`` squared."""
    right, up = picture / 2 - column - size / 2, row + size / 2 - picture / 2
    focal = picture / size / np.tan(FOV / 2)
    lens = {"focal": (focal, focal), "principal": (2 * right / size, 2 * up / size)}
    return dr.Camera(eye=eye, target=(0, 0, 0), near=0.4, far=100, **lens)


def shadows(x=0.0):
    """(what moves by x, scene): outlines, and shadows of a lamp and of the sun."""
    mesh = dr.Mesh(SLANTED + [x, 0, 0], [(0, 1, 2)], material=dr.Material(shading="flat"))
    sphere = dr.Sphere((0.75 + x, -0.1, 0.3), 0.3, material=dr.Material(albedo=0))
    card = dr.Rectangle((-0.8 + x, 0.05, -0.2), (0.3, 0.1, 0), (0, 0.3, 0.1))
    lamp, sun = dr.PointLight((0.4, 3, 0.6), 0.7), dr.DirectionalLight((-0.4, 1, 0.3), 0.4)
    floor = dr.Plane((0, -0.55, 0), (0.1, 1, 0))
    moved = (mesh, "vertices"), (sphere, "center"), (card, "center")
    return moved, dr.Scene([mesh, sphere, card, floor], dr.Lights(0.1, point=lamp, directional=sun))


def reflections(x=0.0):
    """... outlines in a mirror, of what is behind the camera."""
    mesh = dr.Mesh(SLANTED[:, [0, 2, 1]] * [3, -3, 1] + [0.6 + x, 1.9, 6], [(0, 1, 2)])
    sphere = dr.Sphere((-1.6 + x, 1.5, 5), 0.8)
    mirror = dr.Rectangle((0, 0, 0), (1.2, 0.1, 0), (0, 0.9, -0.3), material=dr.Material(reflectivity=0.8))
    return ((mesh, "vertices"), (sphere, "center")), dr.Scene([mesh, sphere, mirror])


def by_x(setting, camera, size, samples, weights):
    """The derivative by x of the sum of ``weights`` times the image."""
    moved, scene = setting()
    tracer = dr.RayTracer(size, samples=samples, bounces=1, boundary_gradients=True)
    frame = tracer.render(scene, camera)
    frame.color.grad.from_numpy(np.broadcast_to(weights[None, ..., None], (1, size, size, 3)).astype(float))
    tracer.backward()
    return sum(owner.gradient(field).reshape(-1, 3)[:, 0].sum() for owner, field in moved)


@pytest.mark.parametrize(("setting", "step"), [(shadows, 0.01), (reflections, 0.02)])
def test_a_crop_has_the_gradients_of_its_pixels_in_the_whole(cpu64, setting, step):
    """Its four quarters; and the differences of two of them, finely sampled."""
    picture, size = 32, 16
    ones, found, expected = np.ones((size, size)), {}, {}
    for row, column in np.ndindex(picture // size, picture // size):
        place = row * size, column * size
        weights = np.zeros((picture, picture))
        weights[place[0] :, place[1] :][:size, :size] = 1
        found[place] = by_x(setting, crop(picture, *place, size), size, 144, ones)
        expected[place] = by_x(setting, crop(picture, 0, 0, picture), picture, 144, weights)
    largest = max(map(abs, expected.values()))
    assert max(abs(found[place] - expected[place]) for place in found) < 0.03 * largest
    fine = dr.RayTracer(size, samples=9216, bounces=1)
    for place in sorted(found, key=lambda place: -abs(found[place]))[:2]:
        here = crop(picture, *place, size)
        after, before = (fine.render(setting(x)[1], here).numpy().sum() for x in (step, -step))
        assert abs(found[place] - (after - before) / (2 * step)) < 0.03 * largest


def test_four_pixels_of_a_picture_of_8192(any32):
    """The edge of a lamp; and of a shadow, which moves twice as much as the card half-way from there to the lamp."""
    picture, size = 8192, 4
    unit = picture / 2 / np.tan(FOV / 2) / 4  # pixels
    ones, middle = np.ones((size, size)), picture // 2 - size // 2
    for right in (0, 2000):  # pixels to the right of the middle
        x = right / unit
        shining = dr.RectangleLight((x + 1, 0, 0), (1, 0, 0), (0, 1, 0), radiance=1)
        card = dr.Rectangle((x - 2, 0, 1), (1, 0, 0), (0, 5, 0))
        lamp = dr.PointLight((x - 2, 0, 2), 1)
        floor = dr.Plane((0, 0, 0), (0, 0, 1), material=dr.Material(albedo=1))
        camera = crop(picture, middle, middle + right, size, eye=(0, 0, 4))
        seen = dr.Scene([], dr.Lights(0, area=shining))
        assert (
            abs(by_x(lambda s=seen, t=shining: (((t, "center"),), s), camera, size, 16, ones) / (-12 * unit) - 1) < 0.02
        )
        lit = dr.Scene([card, floor], dr.Lights(0, point=lamp))
        expected = -12 * 2 * unit * np.sqrt(0.5)
        assert abs(by_x(lambda s=lit, t=card: (((t, "center"),), s), camera, size, 16, ones) / expected - 1) < 0.02
