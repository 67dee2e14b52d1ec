"""What a sphere tracer shows: closed forms, invariants, every backend alike."""

import itertools

import numpy as np
import pytest
import taichi as ti
from backends import GPUS

import taichi_dr as dr

BOX = dr.Box(-1.2, 1.2)


@ti.func
def ball(p):
    return p.norm() - 0.5


@ti.func
def branching_ball(p):
    d = p.norm() - 0.5
    if d > 100.0:
        d = 0.0
    return d


@ti.func
def ring(p):
    return ti.Vector([ti.Vector([p.x, p.z]).norm() - 0.7, p.y]).norm() - 0.25


@ti.func
def half_space(p):
    return p.z


@ti.func
def position_color(p):
    return 0.5 + 0.4 * p


def front(**settings):
    return dr.Camera(**{"eye": (0, 0, 3), "fov_y": 0.8, "near": 0.1, "far": 10.0} | settings)


def test_a_ball_is_where_the_closed_form_says(any32):
    frame = dr.SphereTracer(ball, 33, bounds=BOX).render(front())
    depth, position, normal = (frame.numpy(name)[0] for name in ("depth", "position", "normal"))
    for row, col in ((16, 16), (16, 10), (12, 20)):
        x, y = (2 * col + 1 - 33) / 33 * np.tan(0.4), (33 - 2 * row - 1) / 33 * np.tan(0.4)
        d = np.array([x, y, -1]) / np.sqrt(x * x + y * y + 1)
        half = 3 * d[2]
        t = -half - np.sqrt(half**2 - 9 + 0.25)
        p = np.array([0, 0, 3]) + t * d
        np.testing.assert_allclose(position[row, col], p, atol=2e-5)
        np.testing.assert_allclose(normal[row, col], p / 0.5, atol=2e-3)
        np.testing.assert_allclose(depth[row, col], 3 - p[2], atol=2e-5)
    assert depth[0, 0] == 10.0
    assert not normal[0, 0].any()


def test_packets_and_single_rays_show_the_same(cpu32):
    packets, single = dr.SphereTracer(ball, (37, 50), bounds=BOX), dr.SphereTracer(branching_ball, (37, 50), bounds=BOX)
    assert packets.packets > 1
    assert single.packets == 1
    one, other = packets.render(front()), single.render(front())
    for name in ("color", "alpha", "depth", "normal", "position"):
        np.testing.assert_allclose(one.numpy(name), other.numpy(name), atol=1e-3, err_msg=name)


@pytest.mark.parametrize("gpu", GPUS)
def test_backends_agree(request, cpu32, gpu):
    names = ("color", "alpha", "depth", "position", "closest")

    def images():
        tracer = dr.SphereTracer(
            ring, (40, 33), bounds=dr.Ball((0, 0, 0), 1.0), color=position_color, background=(1, 0, 0)
        )
        frame = tracer.render(
            dr.Camera(eye=[(1, 1.5, 2), (0, 0.3, 2)], fov_y=0.8), dr.Lights(0.2, point=dr.PointLight((2, 2, 2)))
        )
        return {name: frame.numpy(name) for name in names}

    expected = images()
    request.getfixturevalue(gpu)
    for name, image in images().items():
        scale = 1 + np.abs(expected[name]) if name == "closest" else 1.0  # pixels: the farther, the less exact
        assert np.abs((image - expected[name]) / scale).max() < 1e-4, name


def test_moving_camera_and_scene_together_changes_nothing(cpu64):
    shift = ti.Vector.field(3, ti.f64, ())

    @ti.func
    def moved(p):
        return ring(p - shift[None])

    def image(by):
        shift[None] = by
        tracer = dr.SphereTracer(moved, 24, bounds=dr.Box(np.add(-1, by), np.add(1, by)), color=(1, 0.5, 0.2))
        camera = dr.Camera(eye=np.add((0.4, 1, 2), by), target=by, fov_y=0.9)
        return tracer.render(camera, dr.Lights(0.3, directional=dr.DirectionalLight((1, 1, 1)))).numpy("color")

    np.testing.assert_allclose(image((0.5, -0.25, 2.0)), image((0, 0, 0)), atol=1e-9)


def test_several_views_are_the_views(any32):
    eyes = [(0, 0, 2.5), (1.5, 1, 1.5), (0, 2, 0.5)]
    tracer = dr.SphereTracer(ring, 20, bounds=BOX)
    lights = dr.Lights(0.3, directional=dr.DirectionalLight((1, 1, 1)))
    together = tracer.render(dr.Camera(eye=eyes, fov_y=0.9), lights).numpy("color")
    for view, eye in enumerate(eyes):
        alone = tracer.render(dr.Camera(eye=eye, fov_y=0.9), lights).numpy("color")
        np.testing.assert_array_equal(together[view], alone[0])


def test_bounds_cut_off_what_is_beyond(any32):
    tracer = dr.SphereTracer(half_space, 16, bounds=dr.Box((-0.3, -0.3, -1), (0.3, 0.3, -0.5)))
    frame = tracer.render(front())
    assert frame.numpy("depth")[0, 8, 8] == pytest.approx(3.5, abs=1e-5)  # the box begins inside the half space
    assert frame.numpy("alpha")[0, 8, 8] == 1.0
    assert frame.numpy("alpha")[0, 1, 1] == 0.0


def test_an_orthographic_camera_sees_every_ball_from_the_front(any32):
    camera = dr.Camera.orthographic(eye=(0, 0, 3), half_height=1.0, near=0.1, far=10.0)
    frame = dr.SphereTracer(ball, 64, bounds=BOX).render(camera)
    assert frame.numpy("alpha").sum() * (2 / 64) ** 2 == pytest.approx(np.pi / 4, rel=2e-3)
    assert frame.numpy("depth")[0, 32, 32] == pytest.approx(2.5, abs=1e-3)


@pytest.mark.parametrize("bounds", [dr.Ball((0, 0, 0), 0.55), dr.Box(-0.5, 0.5)], ids=["ball", "box"])
def test_nothing_is_seen_outside_the_bounds(cpu64, bounds):
    """Not where a ray grazes the edge of what they cut off either."""
    camera = dr.Camera.orthographic(eye=(1.5, 1.2, 1.7), half_height=1.0)
    frame = dr.SphereTracer(ring, 48, bounds=bounds).render(camera)
    points = frame.numpy("position")[frame.numpy("alpha") > 0.5]
    away = np.linalg.norm(points, axis=1) - 0.55 if isinstance(bounds, dr.Ball) else np.abs(points).max(axis=1) - 0.5
    assert (np.abs(away) < 1e-9).sum() > 20
    assert away.max() < 1e-9


def test_a_camera_inside_the_bounds_sees_what_is_in_front_of_it(any32):
    frame = dr.SphereTracer(ball, 16, bounds=BOX).render(front(eye=(0, 0, 1.0)))
    assert frame.numpy("depth")[0, 8, 8] == pytest.approx(0.5, abs=2e-3)


def box(half):
    """A distance to a box of half sizes in a field."""

    @ti.func
    def distance(p):
        q = ti.abs(p) - half[None]
        return ti.max(q, 0.0).norm() + ti.min(ti.max(q.x, ti.max(q.y, q.z)), 0.0)

    return distance


def test_thin_plates_have_no_holes(cpu32):
    size, half = 96, ti.Vector.field(3, ti.f32, ())
    tracer, fine = (dr.SphereTracer(box(half), side, bounds=dr.Box(-1, 1)) for side in (size, 8 * size))
    for pixels, elevation in itertools.product((2.0, 0.4, 0.08), (1.5, 0.8, 0.2, 0.05)):
        half[None] = 0.8, 0.5 * pixels * 3 * 2 * np.tan(0.4) / size, 0.8
        eye = (0.1, 3 * np.sin(elevation), 3 * np.cos(elevation))
        camera = dr.Camera(eye=eye, target=(0, 0, 0), fov_y=0.8)
        alpha, finer = tracer.render(camera).numpy("alpha")[0], fine.render(camera).numpy("alpha")[0]
        whole = finer.reshape(size, 8, size, 8).min(axis=(1, 3)) == 1.0
        assert np.all(alpha[whole] > 0.95), (pixels, elevation)
        if elevation > 0.1:
            assert alpha.sum() == pytest.approx(finer.sum() / 64, rel=0.02)


def test_a_thin_rod_is_seen_in_one_piece(cpu32):
    @ti.func
    def rod(p):
        return p.xy.norm() - 0.002

    frame = dr.SphereTracer(rod, 64, bounds=dr.Box(-1, 1)).render(front(eye=(0.02, 2.5, 1.5)))
    alpha = frame.numpy("alpha")[0]
    rows = alpha.sum(axis=1)
    seen = np.flatnonzero(rows)
    assert len(seen) == seen[-1] - seen[0] + 1 > 20
    assert rows[seen[1:-1]].min() > 0.9 * 2 * 0.002 / (2 * np.tan(0.4) * 2.9 / 64)  # at least its width in pixels


def test_distances_that_are_not_finite_are_named(any32):
    @ti.func
    def broken(p):
        return ti.sqrt(0.2 - p.x) - 0.3

    tracer = dr.SphereTracer(broken, 16, bounds=dr.Box(-1, 1))
    with pytest.raises(
        dr.InputError, match=r"NaN or infinite on the rays of \d+ of 256 pixels.*view 0, row \d+, column"
    ):
        tracer.render(front())


def test_infinite_distances_and_colours_that_are_not_finite_are_named(any32):
    radius = ti.field(ti.f32, ())
    radius[None] = np.inf

    @ti.func
    def endless(p):
        return p.norm() - radius[None]

    @ti.func
    def broken(p):
        return ti.Vector([0.5, ti.sqrt(p.x), 0.5])

    with pytest.raises(
        dr.InputError, match=r"the distance is NaN or infinite at 64 of 64 points .* view 0, row 0, col"
    ):
        dr.SphereTracer(endless, 8, bounds=BOX).render(front())
    with pytest.raises(
        dr.InputError, match=r"the colour is NaN or infinite at \d+ of \d+ points .* row \d+, column \d"
    ):
        dr.SphereTracer(ball, 8, bounds=BOX, color=broken).render(front())


@ti.func
def two_places(p, q):
    return p.norm() - q.norm()


@ti.func
def no_number(p):
    p.norm()


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"function": 5}, r"expected a ti\.func of a point .*, got 5"),
        ({"function": lambda p: p.norm()}, r"expected a ti\.func of a point .*, got <function"),
        ({"function": two_places}, r"two_places: expected a ti\.func of a point, got one of \(p, q\)"),
        ({"function": position_color}, r"returns one number; Taichi says:(.|\n)* got (a vector|3 of them)"),
        ({"function": no_number}, r"returns one number; Taichi says:(.|\n)* got nothing"),
        ({"color": ball}, r"returns a vector of 3; Taichi says:(.|\n)* got a number"),
        ({"color": (1, 2)}, "color: expected three numbers"),
        ({"max_steps": 2.5}, r"max_steps: expected a whole number of at least 1, got 2\.5"),
        ({"material": "phong"}, "material: expected a Material object, got 'phong'"),
    ],
)
def test_arguments_of_another_kind_are_refused(cpu32, given, problem):
    with pytest.raises(dr.InputError, match=problem):
        dr.SphereTracer(**{"function": ball, "size": 8, "bounds": BOX} | given)


def test_what_makes_no_sense_is_refused(cpu32):
    @ti.func
    def looping(p):
        d = p.norm()
        for _ in range(3):
            d = d * 0.5
        return d

    with pytest.raises(dr.GradientError, match=r"looping has a loop .*test_render\.py, line \d+"):
        dr.SphereTracer(looping, 8, bounds=BOX)
    with pytest.raises(dr.InputError, match=r"bounds: expected a dr\.Box or a dr\.Ball"):
        dr.SphereTracer(ball, 8, bounds=(-1, 1))
    with pytest.raises(dr.InputError, match="size"):
        dr.SphereTracer(ball, 0, bounds=BOX)
    with pytest.raises(dr.InputError, match="silhouette_width"):
        dr.SphereTracer(ball, 8, bounds=BOX, silhouette_width=0.0)
    with pytest.raises(dr.InputError, match="low < high"):
        dr.Box(1, -1)
    for radius in (0, "1"):
        with pytest.raises(dr.InputError, match=r"Ball\.radius"):
            dr.Ball((0, 0, 0), radius)
    with pytest.raises(dr.InputError, match="camera: expected a Camera"):
        dr.SphereTracer(ball, 8, bounds=BOX).render(None)


def test_bounds_that_the_camera_does_not_see_show_the_background(any32):
    tracer = dr.SphereTracer(ball, 8, bounds=dr.Box((10, 10, 10), (11, 11, 11)), background=(0.2, 0.4, 0.6))
    frame = tracer.render(front())
    assert not frame.numpy("alpha").any()
    np.testing.assert_allclose(frame.numpy("color"), np.broadcast_to((0.2, 0.4, 0.6), (1, 8, 8, 3)), atol=1e-7)
    frame.color.grad.fill(1.0)
    tracer.backward()


def test_exact_distances_take_longer_steps_to_the_same_places(cpu32):
    steps = {}
    for exact, function in {False: ring, True: dr.sdf.Exact(ring)}.items():
        frame = dr.SphereTracer(function, 64, bounds=BOX).render(front(eye=(0.5, 0.8, 2.0)))
        steps[exact] = frame.numpy("steps").mean(), frame.numpy("depth")
    assert steps[True][0] <= steps[False][0]
    np.testing.assert_allclose(steps[True][1], steps[False][1], atol=2e-3)
