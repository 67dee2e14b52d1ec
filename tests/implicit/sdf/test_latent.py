"""A decoder of shapes: gradients against central differences, training, codes that are found, files."""

import numpy as np
import pytest
import taichi as ti
from oracles.differences import relative_errors

import taichi_dr as dr
from taichi_dr.implicit.function import axes, tetrahedron
from taichi_dr.implicit.sdf.latent import Latent
from taichi_dr.kernels.base.arrays import array_from, make_array

COUNT = 40


def small(**settings):
    return Latent(3, (8, 8, 8), **({"beta": 10.0, "seed": 3} | settings))


def inputs(latent):
    random = np.random.default_rng(1)
    return {
        "points": random.uniform(-1, 1, (COUNT, 3)),
        "code": random.normal(size=3),
        "weights": latent.numpy("weights") + 0.1 * random.normal(size=latent.numpy("weights").shape),
    }


def values(latent, x, points=None):
    for name in ("code", "weights"):
        latent.set(name, x[name])
    return latent.at(x["points"] if points is None else points)


def adjoints(latent, x, g, points=None):
    """Of points, code and weights, by the contract of functions of space."""
    values(latent, x)
    points = x["points"] if points is None else points
    latent.fields.pull()
    latent.fields.zero_adjoints()
    points_adjoint = make_array(points.shape)
    latent.adjoint(array_from(points), array_from(g[:, None]), points_adjoint, len(points))
    found = {name: array.to_numpy()[:, 0] for name, array in latent.fields.adjoints.items()}
    return found | {"points": points_adjoint.to_numpy()}


def test_adjoints_equal_central_differences(cpu64):
    latent = small()
    x, g = inputs(latent), np.random.default_rng(2).normal(size=COUNT)
    found = adjoints(latent, x, g)
    assert max(relative_errors(lambda x: g @ values(latent, x), x, found, x).values()) < 1e-7


@pytest.mark.parametrize("stencil", [tetrahedron(1e-2), axes(1e-2)])
def test_adjoints_of_the_stencils_gradient_equal_central_differences(cpu64, stencil):
    latent = small()
    x, g = inputs(latent), np.random.default_rng(3).normal(size=(COUNT, 3))
    offsets = np.array(stencil.offsets)

    def around(points):
        return (points[None] + offsets[:, None]).reshape(-1, 3)

    def weighted_gradients(x):
        f = values(latent, x, around(x["points"])).reshape(-1, COUNT)
        return np.sum(g * stencil.scale * np.einsum("kp,kc->pc", f, offsets))

    seeds = stencil.scale * np.einsum("pc,kc->kp", g, offsets).ravel()
    found = adjoints(latent, x, seeds, around(x["points"]))
    found["points"] = found["points"].reshape(-1, COUNT, 3).sum(axis=0)
    assert max(relative_errors(weighted_gradients, x, found, x).values()) < 1e-7


def test_the_stencils_gradient_is_that_of_the_points(cpu64):
    latent = small()
    x = inputs(latent)
    stencil = axes(1e-4)
    f = [values(latent, x, x["points"] + offset) for offset in stencil.offsets]
    gradient = stencil.scale * sum(np.outer(f, offset) for f, offset in zip(f, stencil.offsets, strict=True))
    np.testing.assert_allclose(gradient, adjoints(latent, x, np.ones(COUNT))["points"], atol=1e-6)


@pytest.mark.parametrize("output", ["color", "depth", "normal"])
def test_gradients_of_images_equal_central_differences(cpu64, output):
    """Of what a latent shape shows away from silhouettes, by code and weights."""
    latent, camera, lights = (
        small(beta=30.0, radius=0.8),
        dr.Camera.orbit(30, 20, 2.5, fov_y_deg=45),
        dr.Lights.default(),
    )
    tracer, loss = dr.SphereTracer(latent, 12, bounds=dr.Box(-1.2, 1.2)), ti.field(ti.f64, (), needs_grad=True)
    x = {"code": 0.2 * inputs(latent)["code"], "weights": latent.numpy("weights")}
    latent.set("code", x["code"])
    frame = tracer.render(camera, lights)
    inside = frame.numpy("closest") < -1
    assert inside.sum() > 20
    weights = np.random.default_rng(4).normal(size=frame.numpy(output).shape)
    weights *= inside.reshape(inside.shape + (1,) * (weights.ndim - 3))

    def forward(x):
        for name, value in x.items():
            latent.set(name, value)
        return np.sum(weights * tracer.render(camera, lights).numpy(output))

    forward(x)
    seed = dr.tape_operation(lambda: None, lambda: getattr(frame, output).grad.from_numpy(weights))
    getattr(frame, output)
    with ti.ad.Tape(loss):
        tracer.render(camera, lights)
        seed()
    found = {name: latent.gradient(name) for name in x}
    assert max(relative_errors(forward, x, found, x, step=1e-5).values()) < 1e-5


def test_fixed_weights_get_no_gradient(cpu64):
    latent = small()
    x, g = inputs(latent), np.random.default_rng(2).normal(size=COUNT)
    free = adjoints(latent, x, g)
    latent.fixed_weights = True
    fixed = adjoints(latent, x, g)
    assert not fixed["weights"].any()
    np.testing.assert_array_equal(fixed["code"], free["code"])
    np.testing.assert_array_equal(fixed["points"], free["points"])


def test_single_precision(any32):
    latent = small()
    x, g = inputs(latent), np.random.default_rng(2).normal(size=COUNT)
    found = adjoints(latent, x, g)
    by_numpy = {name: np.zeros_like(value) for name, value in x.items()}
    f = forward_and_back(latent, x, g, by_numpy)
    np.testing.assert_allclose(values(latent, x), f, atol=1e-5)
    for name, expected in by_numpy.items():
        np.testing.assert_allclose(found[name], expected, atol=1e-4 * np.abs(expected).max())


def forward_and_back(latent, x, g, adjoints):
    """Values by NumPy in float64, rows [p, z] as they stand; adds to the adjoints."""
    beta, rows = 10.0, np.concatenate([x["points"], np.broadcast_to(x["code"], (COUNT, 3))], axis=1)
    layers, targets = latent._mlp.layers(x["weights"]), latent._mlp.layers(adjoints["weights"])
    h, given, out = np.zeros((COUNT, 0)), [], []
    for matrix, code, biases in layers:
        full = matrix if code is None else np.concatenate([matrix, code])
        given.append(h if code is None else np.concatenate([h, rows], axis=1))
        h = given[-1] @ full + biases
        out.append(h)
        h = np.logaddexp(0, beta * h) / beta
    g = g[:, None]
    for k in reversed(range(len(layers))):
        if k < len(layers) - 1:
            g = g / (1 + np.exp(-beta * out[k]))
        matrix, code, _ = layers[k]
        full, product = matrix if code is None else np.concatenate([matrix, code]), given[k].T @ g
        targets[k][0][:] += product[: len(matrix)]
        targets[k][2][:] += g.sum(axis=0)
        below = g @ full.T
        if code is not None:
            targets[k][1][:] += product[len(matrix) :]
            adjoints["points"] += below[:, -6:-3]
            adjoints["code"] += below[:, -3:].sum(axis=0)
            below = below[:, :-6]
        g = below
    return out[-1][:, 0]


def balls(count, samples, seed=0):
    """Points in a cube, and the distances to balls about the origin; their radii."""
    random = np.random.default_rng(seed)
    radii = np.linspace(0.3, 0.7, count)
    points = random.uniform(-1, 1, (count, samples, 3))
    return points, np.linalg.norm(points, axis=-1) - radii[:, None], radii


def trained(steps=150, **settings):
    latent = Latent(2, (32, 32, 32))
    points, distances, _ = balls(9, 2048)
    return latent, latent.fit(points, distances, steps=steps, batch=(9, 256), **settings)


def test_shapes_are_learned_and_an_unseen_one_is_found(cpu32):
    latent, losses = trained(300)
    points, distances, radii = balls(9, 500, seed=1)
    assert np.mean(losses[-10:]) < 0.06 * losses[0]
    for code, at, expected in zip(latent.codes, points, distances, strict=True):
        latent.set("code", code)
        assert np.abs(latent.at(at) - expected).mean() < 0.012
    assert latent.fixed_weights
    weights = latent.numpy("weights")
    latent.set("code", 0.0)
    at, radius = points[0], (radii[3] + radii[4]) / 2
    latent.find(at, np.linalg.norm(at, axis=1) - radius, steps=150)
    assert np.abs(latent.at(at) - (np.linalg.norm(at, axis=1) - radius)).mean() < 0.015
    np.testing.assert_array_equal(latent.numpy("weights"), weights)


def test_the_seed_decides(cpu32):
    (one, losses), (same, _), (other, _) = trained(5), trained(5), trained(5, seed=1)
    np.testing.assert_array_equal(one.numpy("weights"), same.numpy("weights"))
    np.testing.assert_array_equal(one.codes, same.codes)
    assert np.abs(one.numpy("weights") - other.numpy("weights")).max() > 1e-4
    assert len(losses) == 5


def test_training_says_how_far_it_is(cpu32):
    told = []
    _, losses = trained(3, on_step=told.append)
    assert [(progress.step, progress.steps, progress.loss) for progress in told] == [
        (k + 1, 3, loss) for k, loss in enumerate(losses)
    ]


def test_the_first_loss_is_the_mean_difference(cpu64):
    points, distances, _ = balls(2, 64)
    latent = small()
    expected = np.abs(latent.at(points) - distances).mean()
    assert latent.fit(points, distances, steps=1)[0] == pytest.approx(expected, rel=0.02), "codes begin small"


def test_beyond_its_reach_the_loss_wants_no_distance(cpu64):
    points, distances, _ = balls(2, 64)
    f = small().at(points)
    wrong_side = np.where(distances > 0, np.minimum(f - 0.1, 0), np.maximum(f + 0.1, 0))
    expected = np.abs(np.where(np.abs(distances) > 0.1, wrong_side, f - distances)).mean()
    assert small().fit(points, distances, steps=1, reach=0.1)[0] == pytest.approx(expected, rel=0.02)


def test_a_network_begins_as_a_ball(cpu32):
    latent = Latent(8, (256,) * 4, radius=0.6)
    directions = np.random.default_rng(1).normal(size=(1000, 3))
    on_ball = 0.6 * directions / np.linalg.norm(directions, axis=1, keepdims=True)
    assert np.abs(latent.at(on_ball)).mean() < 0.06
    assert latent.at(np.zeros(3)) < -0.3
    assert (latent.at(1.6 * on_ball) > 0.2).all()


def test_files_hold_all_of_it(cpu32, tmp_path):
    latent, _ = trained(3)
    latent.set("code", [0.1, -0.2])
    latent.save(tmp_path / "shapes.npz")
    loaded = Latent.load(tmp_path / "shapes.npz")
    points = np.random.default_rng(1).uniform(-1, 1, (5, 7, 3))
    np.testing.assert_array_equal(loaded.at(points), latent.at(points))
    np.testing.assert_array_equal(loaded.codes, latent.codes)
    assert repr(loaded) == repr(latent)
    assert (loaded.fixed_weights, loaded.reach) == (True, np.inf)
    latent.reach = 0.25
    latent.save(tmp_path / "shapes.npz")
    assert Latent.load(tmp_path / "shapes.npz").reach == 0.25


def test_bad_files_are_refused(cpu32, tmp_path):
    path = tmp_path / "shapes.npz"
    with pytest.raises(dr.FileError, match="no such file"):
        Latent.load(path)
    small().save(path)
    whole = path.read_bytes()
    for length in (len(whole) - 1, len(whole) // 2, 10):
        path.write_bytes(whole[:length])
        with pytest.raises(dr.FileError, match=r"shapes\.npz: is no Latent that can be read"):
            Latent.load(path)
    np.savez(path, weights=np.zeros(3))
    with pytest.raises(dr.FileError, match=r"shapes\.npz: is no Latent"):
        Latent.load(path)


@pytest.mark.parametrize(
    ("points", "distances", "settings", "error", "message"),
    [
        (np.zeros((2, 5, 3)), np.zeros((2, 4)), {}, dr.ShapeError, r"got \(2, 5, 3\) and \(2, 4\)"),
        (np.zeros((2, 0, 3)), np.zeros((2, 0)), {}, dr.InputError, "at least one sample"),
        (np.full((2, 5, 3), np.nan), np.zeros((2, 5)), {}, dr.InputError, r"points: 30 numbers .* nan at \(0, 0, 0\)"),
        (np.zeros((2, 5, 3)), np.full((2, 5), np.inf), {}, dr.InputError, "distances: 10 numbers"),
        (np.zeros((2, 5, 3)), np.zeros((2, 5)), {"reach": 0}, dr.InputError, "reach: expected a number above 0, got 0"),
        (np.zeros((2, 5, 3)), np.zeros((2, 5)), {"steps": 0}, dr.InputError, "steps: expected a whole number"),
        (np.zeros((2, 5, 3)), np.zeros((2, 5)), {"prior": -1}, dr.InputError, "prior: expected a number of at least 0"),
        (np.zeros((2, 5, 3)), np.zeros((2, 5)), {"batch": (0, 9)}, dr.InputError, "batch: expected at least 1"),
    ],
)
def test_bad_samples_are_named(cpu32, points, distances, settings, error, message):
    with pytest.raises(error, match=message):
        small().fit(points, distances, **settings)


def test_bad_arguments_are_named(cpu32):
    with pytest.raises(dr.InputError, match="code_size: expected a whole number of at least 1, got 0"):
        Latent(0)
    with pytest.raises(dr.InputError, match="radius: expected a number above 0, got -1"):
        Latent(radius=-1)
    with pytest.raises(dr.ShapeError, match=r"points: expected shape \(\.\.\., 3\), got \(4, 2\)"):
        small().at(np.zeros((4, 2)))
    with pytest.raises(AttributeError, match=r'latent.set\("code", values\) writes its numbers'):
        small().code = 1
