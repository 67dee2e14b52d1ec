"""Least squares: lines fitted by hand, error bars held to repeats with new noise, and what is not determined, named."""

import numpy as np
import pytest
import taichi as ti
from scipy.stats import chi2

import taichi_dr as dr

REPEATS = 48


def numbers(values):
    """A field of real numbers without gradients."""
    values = np.asarray(values, np.float32)
    field = ti.field(ti.f32, shape=values.shape)
    field.from_numpy(values)
    return field


def line(field, x):
    """What a line shows at ``x``."""
    return lambda: field[0] + field[1] * np.asarray(x, float)


def test_a_line_has_the_error_bars_of_the_textbook(cpu32):
    """``x = -1, 0, 1, y = 0, 1, 5``: 2 + 2.5 x, residuals 0.5, -1, 0.5, s^2 = 1.5, variances 1.5 / 3 and 1.5 / 2."""
    field = numbers([0, 0])
    found = dr.GaussNewton(line(field, [-1, 0, 1]), {"line": field}, [0, 1, 5]).run()
    np.testing.assert_allclose(field.to_numpy(), [2, 2.5], atol=1e-5)
    np.testing.assert_allclose(found.values, [2, 2.5], atol=1e-5)
    np.testing.assert_allclose(found.covariance, [[0.5, 0], [0, 0.75]], atol=1e-4)
    np.testing.assert_allclose(found.standard_errors, [0.70711, 0.86603], atol=1e-4)
    assert found.names == ("line[0]", "line[1]")
    assert (found.freedom, found.undetermined) == (1, ())
    assert found.chi_square == pytest.approx(1.5, abs=1e-5)
    assert found.table() == "line[0]   2 +- 0.71\nline[1]   2.5 +- 0.87"


def test_where_the_noise_is_known_it_makes_the_error_bars(cpu32):
    """``sigma = 2``: variances 4 / 3 and 4 / 2, whatever the residuals, and chi^2 = 1.5 / 4."""
    field = numbers([0, 0])
    found = dr.GaussNewton(line(field, [-1, 0, 1]), {"line": field}, [0, 1, 5], noise=2.0).run()
    np.testing.assert_allclose(np.diag(found.covariance), [4 / 3, 2], rtol=1e-3)
    assert found.chi_square == pytest.approx(0.375, abs=1e-5)


def test_what_was_not_measured_counts_nothing(cpu32):
    field = numbers([0, 0])
    measured, noise = [0, 1, np.nan, 5], [1, 1, np.inf, 1]
    found = dr.GaussNewton(line(field, [-1, 0, 7, 1]), {"line": field}, measured, noise=noise).run()
    np.testing.assert_allclose(found.values, [2, 2.5], atol=1e-5)
    assert found.freedom == 1


def test_correlated_numbers(cpu32):
    """``x = 0, 1, 2``: C = s^2 [[5, -3], [-3, 3]] / 6, a correlation of -3 / sqrt(15)."""
    field = numbers([1, 1])
    found = dr.GaussNewton(line(field, [0, 1, 2]), field, noise=1.0).run()
    np.testing.assert_allclose(found.covariance, np.array([[5, -3], [-3, 3]]) / 6, rtol=2e-3)
    np.testing.assert_allclose(found.correlation, [[1, -0.7746], [-0.7746, 1]], atol=1e-3)
    away = found.ellipse("parameter[0]", 1, share=0.9) - found.values
    distance = np.einsum("ki,ij,kj->k", away, np.linalg.inv(found.covariance), away)
    np.testing.assert_allclose(distance, 4.60517, rtol=1e-4, err_msg="-2 ln 0.1")


def test_a_bent_valley(cpu32):
    """Rosenbrock's: (1, 1) from (-1.2, 1)."""
    field = numbers([-1.2, 1])
    fit = dr.GaussNewton(lambda: np.array([10 * (field[1] - field[0] ** 2), 1 - field[0], 0.0]), field)
    fit.run(60)
    np.testing.assert_allclose(field.to_numpy(), [1, 1], atol=1e-3)
    assert fit.converged
    assert (np.diff(fit.losses) < 0).all()


def test_it_goes_on_from_numbers_that_were_moved(cpu32):
    """Again down the valley, to whose bottom 0.1 is left: no damping lowers that, and those tried are forgotten."""
    field = numbers([-1.2, 1])
    fit = dr.GaussNewton(lambda: np.array([10 * (field[1] - field[0] ** 2), 1 - field[0], 0.1]), field)
    fit.run(60, tolerance=0.0)
    for _ in range(2):
        assert not fit.step(0.0)
    field.from_numpy(np.array([-1.2, 1], np.float32))
    fit.run(60)
    np.testing.assert_allclose(field.to_numpy(), [1, 1], atol=1e-3)
    assert fit.losses[0] == pytest.approx((4.4**2 + 2.2**2 + 0.1**2) / 3, rel=1e-5)
    assert (np.diff(fit.losses) < 0).all()
    field.from_numpy(np.array([-1.2, 1], np.float32))
    fit.run(1)
    assert not fit.converged


def test_dampings_that_were_tried_in_vain_are_forgotten(cpu32):
    """At the kink at 1, slopes are -0.5 and 1.5 and a difference is 0.5: the loss rises that way, however damped."""
    field, shows = numbers([1.0]), {"kink": lambda p: 2 + abs(p - 1) + 0.5 * (p - 1), "line": lambda p: p - 3}
    shape = "kink"
    fit = dr.GaussNewton(lambda: np.array([shows[shape](field[0]), 0.1]), field)
    assert not fit.step()
    assert field[0] == 1
    shape = "line"
    fit.run()
    assert field[0] == pytest.approx(3, abs=1e-4)


def test_strong_damping_is_no_convergence(cpu32):
    """Of the first step towards (2, 2.5) a millionth is left."""
    field = numbers([0, 0])
    fit = dr.GaussNewton(line(field, [-1, 0, 1]), field, [0, 1, 5], damping=1e6)
    assert fit.step()
    assert not fit.converged
    assert np.abs(field.to_numpy()).max() < 1e-4


def test_a_trial_that_makes_no_sense_is_taken_back(cpu32):
    """``sqrt(p) = 0.1`` from 4: the first step leads to p < 0, where the program shows NaN."""
    field = numbers([4.0])
    found = dr.GaussNewton(
        lambda: np.sqrt(np.where(field[0] < 0, np.nan, field[0])) * np.ones(3), field, [0.1] * 3
    ).run()
    np.testing.assert_allclose(found.values, [0.01], atol=1e-4)


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_an_exception_in_a_trial_leaves_the_best_numbers(cpu32, error):
    """``sqrt(p) = 0.1`` from 4: the first step leads to p < 0."""
    field = numbers([4.0])

    def program():
        if field[0] < 0:
            raise error
        return np.sqrt(field[0]) * np.ones(3)

    fit = dr.GaussNewton(program, field, [0.1] * 3)
    with pytest.raises(error):
        fit.run()
    assert field[0] == 4


def test_what_changes_nothing_is_named(cpu32):
    """``a b`` alone is seen: at a = 2, b = 0.5 it stays when they move by (2, -0.5); ``unused`` may be anything."""
    a, b, c, unused = (numbers([value]) for value in (2.0, 0.5, 3.0, 7.0))
    x = np.arange(6.0)
    named = {"a": a, "b": b, "c": c, "unused": unused}
    fit = dr.GaussNewton(lambda: a[0] * b[0] * x + c[0], named, 2 * x + 3, noise=1.0)
    found = fit.run()
    assert set(found.undetermined) == {"0.97 a[0] - 0.24 b[0]", "1.00 unused[0]"}
    assert a[0] * b[0] == pytest.approx(2, abs=1e-4)
    assert unused[0] == 7
    assert np.isinf(found.standard_errors[[0, 1, 3]]).all()
    assert found.standard_errors[2] == pytest.approx(np.sqrt(55 / 105), rel=1e-3)
    assert "not determined: 1.00 unused[0]" in repr(found)
    with pytest.raises(dr.InputError, match="not determined"):
        found.ellipse("a[0]", "c[0]")


def stairs(field):
    """A program of two numbers that do almost the same, whose pixels jump; and its derivatives without the jumps.

    The values of ``2 (a + b) sin 6x + 0.2 (a - b) cos 9x`` climb stairs of 0.05, each pixel's at places of its own.
    """
    x, places = np.linspace(0, 1, 2000), np.random.default_rng(8).uniform(size=2000)
    both, apart = 2 * np.sin(6 * x), 0.2 * np.cos(9 * x)

    def program():
        a, b = field.to_numpy().astype(float)
        return 0.05 * np.floor((both * (a + b) + apart * (a - b)) / 0.05 + places)

    return program, np.stack([both + apart, both - apart], axis=1)


def test_what_two_numbers_do_alike_does_not_drown_their_difference(cpu32):
    """It is found by a difference along it, with a larger step: those along a and b are off by more than it is."""
    field = numbers([1.0, 1.0])
    program, matrix = stairs(field)
    clean, random = program(), np.random.default_rng(4)
    expected = 0.03**2 * np.linalg.inv(matrix.T @ matrix)
    found = dr.GaussNewton(program, {"ab": field}, clean + random.normal(0, 0.03, clean.shape), noise=0.03).estimate()
    assert found.undetermined == ()
    np.testing.assert_allclose(found.standard_errors, np.sqrt(np.diag(expected)), rtol=0.04)
    assert found.covariance[0, 1] == pytest.approx(expected[0, 1], rel=0.08)
    off = repeats(program, field, clean, 0.02, random)
    ratio = np.sqrt(np.mean(off**2, axis=0)) / found.standard_errors
    assert ((ratio > 0.7) & (ratio < 1.4)).all(), ratio


def repeats(program, field, clean, away, random, count=REPEATS):
    """(K, P): how far from the truth what is found is, beginning ``away`` from it, with new noise of 0.03 each time."""
    truth = field.to_numpy().astype(float)

    def repeat():
        field.from_numpy((truth + random.normal(0, 1, truth.shape) * away).astype(np.float32))
        fit = dr.GaussNewton(program, field, clean + random.normal(0, 0.03, clean.shape))
        while fit.step():
            pass
        return (field.to_numpy() - truth).reshape(-1)

    off = np.array([repeat() for _ in range(count)])
    field.from_numpy(truth.astype(np.float32))
    return off


@pytest.mark.parametrize("low", [0.0, -0.05])
@pytest.mark.parametrize("fails", ["raises", "shows NaN"])
def test_combinations_that_make_no_sense_at_later_numbers(cpu32, low, fails):
    """Differences are along ``a - b`` where steps first ended, and then numbers come near ``a - b = low``."""
    field = numbers([1.0, 1.0])
    program, _ = stairs(field)
    clean, random = program(), np.random.default_rng(1)

    def limited():
        a, b = field.to_numpy().astype(float)
        if a - b < low and fails == "raises":
            raise dr.InputError("a is below b")
        return program() if a - b >= low else np.full_like(clean, np.nan)

    for start in [(1.1, 0.9), (1.3, 1.2), (0.9, 0.7), (1.05, 0.8)]:
        field.from_numpy(np.array(start, np.float32))
        found = dr.GaussNewton(limited, field, clean + random.normal(0, 0.03, clean.shape)).run()
        assert sum(found.values) == pytest.approx(2, abs=5e-3)
        assert found.values[0] - found.values[1] >= low


@pytest.mark.parametrize(("f", "factor", "g"), [(1e3, 1e4, 1.0), (1e3, 1e4, 1.3), (1e5, 100.0, 1.0)])
def test_combinations_that_are_lost_in_rounding(cpu32, f, factor, g):
    """The rounding of f changes ``factor f`` by 0.6: steps of f as small as those of g are none."""
    of_f, of_g, both = numbers([f]), numbers([g]), numbers([0.0, 0.0])
    program, _ = stairs(both)

    def rounded():
        both.from_numpy(np.array([factor * (of_f[0] - f) + 1, of_g[0]], np.float32))
        return program()

    measured = rounded() + np.random.default_rng(4).normal(0, 0.03, 2000)
    fit = dr.GaussNewton(rounded, {"f": of_f, "g": of_g}, measured, noise=0.03)
    for found in (fit.estimate(), fit.run()):
        assert found.values[0] == f
        assert found.values[1] == pytest.approx(g, abs=0.02)
        assert (found.standard_errors > 0).all()


def test_curvature_is_no_jump(cpu32):
    """``a exp(-b t) + c exp(-d t)``, of which a combination changes little: steps and error bars of the formula."""
    t, field = np.linspace(0, 5, 100), numbers([1, 0.7, 0.8, 2.5])

    def program():
        a, b, c, d = field.to_numpy().astype(float)
        return a * np.exp(-b * t) + c * np.exp(-d * t)

    measured = program() + np.random.default_rng(0).normal(0, 0.01, t.shape)
    field.from_numpy(np.array([1, 1, 0.5, 3], np.float32))
    fit = dr.GaussNewton(program, field, measured, noise=0.01)
    found = fit.run()
    a, b, c, d = found.values
    slow, fast = np.exp(-b * t), np.exp(-d * t)
    matrix = np.stack([slow, -a * t * slow, fast, -c * t * fast], axis=1)
    assert found.undetermined == ()
    expected = 0.01 * np.sqrt(np.diag(np.linalg.inv(matrix.T @ matrix)))
    np.testing.assert_allclose(found.standard_errors, expected, rtol=0.2)
    assert len(fit.losses) - 1 <= 9


def lit_torus():
    """A program that shows a torus under a light (direction times intensity, ambient), and the light."""
    mesh, camera = dr.shapes.torus(), dr.Camera.orbit(35, 40, 3, 45)
    renderer, light = dr.Rasterizer(48, antialias=True), numbers([0.3, 0.6, 0.8, 0.5])

    def program():
        *toward, ambient = light.to_numpy().astype(float)
        size = np.linalg.norm(toward)
        lights = dr.Lights(ambient=ambient, directional=[dr.DirectionalLight(np.array(toward) / size, size)])
        return renderer.render(mesh, camera, lights).numpy("color")

    return program, light


def test_error_bars_are_the_scatter_of_repeats(cpu32):
    """The squared distances of K repeats, in the metric of the covariance, add up to chi^2 of K P."""
    program, light = lit_torus()
    clean, truth, random = program(), light.to_numpy().astype(float), np.random.default_rng(3)

    def repeat():
        light.from_numpy(truth.astype(np.float32))
        fit = dr.GaussNewton(program, {"light": light}, clean + random.normal(0, 0.03, clean.shape))
        while fit.step():
            pass
        return light.to_numpy() - truth

    off = np.array([repeat() for _ in range(REPEATS)])
    light.from_numpy(truth.astype(np.float32))
    fit = dr.GaussNewton(program, {"light": light}, clean + random.normal(0, 0.03, clean.shape))
    found = fit.estimate()
    assert found.noise == pytest.approx(0.03, rel=0.05)
    low, high = chi2.ppf([0.001, 0.999], REPEATS * 4)
    total = np.einsum("ki,ij,kj->", off, np.linalg.inv(found.covariance), off)
    assert low < total < high
    assert not low < total / 1.5 < high, "error bars 22 % too large would be found out"
    each = np.sum(off**2, axis=0) / found.standard_errors**2
    low, high = chi2.ppf([0.0005, 0.9995], REPEATS)
    assert ((low < each) & (each < high)).all()


@pytest.mark.slow
def test_the_pose_of_a_camera_from_one_image(cpu32):
    """Six numbers, of which turns and shifts look much alike: repeats scatter as the covariance says, all and each."""
    camera, renderer = dr.Camera.orbit(35, 20, 2.8, 45), dr.Rasterizer(3 * 64, antialias=True)
    box, lights = dr.shapes.box(), dr.Lights.default()

    def program():
        color = renderer.render(box, camera, lights).numpy("color")
        return color.reshape(64, 3, 64, 3, 3).mean(axis=(1, 3))

    clean, random = program(), np.random.default_rng(1)
    found = dr.GaussNewton(program, camera.pose, clean + random.normal(0, 0.03, clean.shape)).estimate()
    assert found.undetermined == ()
    away = found.standard_errors.reshape(camera.pose.to_numpy().shape)
    off = repeats(program, camera.pose, clean, away, random, count := 20)
    low, high = chi2.ppf([0.001, 0.999], count * 6)
    assert low < np.einsum("ki,ij,kj->", off, np.linalg.inv(found.covariance), off) < high
    each = np.sum(off**2, axis=0) / found.standard_errors**2
    low, high = chi2.ppf([0.0005, 0.9995], count)
    assert ((low < each) & (each < high)).all()


def test_brightness_of_lamp_and_paint_are_one(cpu32):
    """Through a renderer: the picture is that of the product of two numbers."""
    program, light = lit_torus()
    paint = numbers([1.5])
    named = {"paint": paint, "light": light}
    found = dr.GaussNewton(lambda: paint[0] * program(), named, noise=0.02).estimate()
    (combination,) = found.undetermined
    assert {"paint[0]", "light[0]", "light[1]", "light[2]", "light[3]"} <= set(combination.split())


def test_numbers_that_something_else_has_found(cpu32):
    field = numbers([2, 2.5])
    fit = dr.GaussNewton(line(field, [-1, 0, 1]), field, [0, 1, 5])
    np.testing.assert_allclose(np.diag(fit.estimate().covariance), [0.5, 0.75], rtol=1e-3)
    assert field.to_numpy().tolist() == [2, 2.5]


@pytest.mark.parametrize("call", ["run", "estimate", "jacobian"])
def test_what_the_program_writes_belongs_to_the_numbers_at_last(cpu32, call):
    """The last differences were taken to both sides of them."""
    field, written = numbers([2.0, 2.5]), numbers([0.0] * 3)

    def program():
        written.from_numpy(line(field, [-1, 0, 1])().astype(np.float32))
        return written

    calls = {
        "run": lambda: dr.GaussNewton(program, field, [0, 1, 5]).run(),
        "estimate": lambda: dr.GaussNewton(program, field, [0, 1, 5]).estimate(),
        "jacobian": lambda: dr.jacobian(program, field),
    }
    calls[call]()
    np.testing.assert_array_equal(written.to_numpy(), line(field, [-1, 0, 1])().astype(np.float32))


def test_several_things_shown_and_variables(cpu32):
    mesh = dr.shapes.box()
    brightness = dr.Camera.orbit().fields.variable("parameters")
    assert brightness.to_numpy().size > 3
    a = numbers([1.0])
    fit = dr.GaussNewton(lambda: [a, mesh.variable("vertices"), np.ones((2, 2)) * a[0]], a, [3.0, 0.0, 3.0])
    fit.run()
    assert a[0] == pytest.approx(3, abs=1e-4)


def refused(message, error=dr.InputError, **changes):
    """Makes a fit that is wrong in one point."""
    field = numbers([1.0, 2.0])
    arguments = {"program": line(field, [0, 1, 2]), "parameters": field, "measured": [0, 1, 2]} | changes
    with pytest.raises(error, match=message):
        dr.GaussNewton(**arguments)


def test_what_cannot_be_is_refused(cpu32):
    field, whole = numbers([1.0]), ti.field(ti.i32, shape=2)
    refused("parameters: expected 1 to 1,000 numbers, got 0", parameters=[])
    refused("parameter 1 is the same field as parameter 0", parameters=[field, field])
    refused("count: expected a field of real numbers, f32 or f64, got i32", parameters={"count": whole})
    refused("place: expected a Taichi field, got ndarray", parameters={"place": np.zeros(3)})
    refused("got 1,001 in mesh", parameters={"mesh": numbers(np.zeros(1001))})
    refused(
        r"measured: expected \(3,\), the shape of what the program shows, got \(2,\)", dr.ShapeError, measured=[0, 1]
    )
    refused("measured: expected finite numbers", measured=[0, np.nan, 1])
    refused("noise: expected standard deviations", noise=0)
    refused("noise: expected standard deviations", noise=[1, -1, 1])
    refused("expected more numbers measured than the 2 parameters, got 2", noise=[1, np.inf, 1])
    refused('way: expected "differences" or "forward"', way="reverse")
    refused("damping: expected a number > 0", damping=0)
    refused("got str as number 0", program=lambda: "red")
    refused(r"expected finite numbers, got nan at \[1\]", Exception, program=lambda: np.array([1, np.nan]))
    refused("difference: expected positive numbers", difference=-1.0)
    refused("difference: expected a number for each of parameter, got", difference={"other": 1.0})


def test_within_a_tape_it_is_refused(cpu32):
    field, loss = numbers([1.0, 2.0]), ti.field(ti.f32, shape=(), needs_grad=True)
    with pytest.raises(Exception, match=r"outside of any ti\.ad\.Tape"), ti.ad.Tape(loss):
        dr.GaussNewton(line(field, [0, 1, 2]), field)


@pytest.mark.parametrize("way", ["differences", "forward"])
def test_within_a_tape_it_runs_under_no_grad(cpu64, way):
    """What it finds, ``2 - x``, is an index to the tape; a program may call what has no gradient, too."""
    p, shown = ti.field(ti.f64, 2, needs_dual=True), ti.field(ti.f64, 3, needs_dual=True)
    x, loss = (ti.field(ti.f64, (), needs_grad=True) for _ in range(2))
    renderer, mesh, camera = dr.Rasterizer(4), dr.shapes.icosphere(0), dr.Camera.orbit()
    look = ti.ad.no_grad(lambda: renderer.render(mesh, camera))

    @ti.kernel
    def fill(p: ti.template(), shown: ti.template()):
        for i in shown:
            shown[i] = p[0] + p[1] * i

    @ti.kernel
    def scale(x: ti.template(), p: ti.template(), loss: ti.template()):
        loss[None] += x[None] * x[None] * p[0]

    def program():
        look()
        fill(p, shown)
        return shown

    x[None] = 3.0
    with ti.ad.Tape(loss):
        ti.ad.no_grad(lambda: dr.GaussNewton(program, p, [2, 1, 0], way=way).run())()
        scale(x, p, loss)
    np.testing.assert_allclose(p.to_numpy(), [2, -1], atol=1e-6)
    assert x.grad[None] == pytest.approx(2 * 3 * 2, rel=1e-6)
