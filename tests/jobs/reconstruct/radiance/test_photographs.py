"""Fields of photographs: a ball before a far background, in a box and in all of space; images of changed exposure."""

import numpy as np
import pytest

import taichi_dr as dr
from taichi_dr.errors import DataSetError
from taichi_dr.io.images import srgb_to_linear
from taichi_dr.io.posed_images import PosedImages
from taichi_dr.jobs.reconstruct.evaluation import evaluate
from taichi_dr.jobs.reconstruct.radiance.exposure import Exposure
from taichi_dr.jobs.reconstruct.radiance.grid import GridReconstruction
from taichi_dr.jobs.reconstruct.radiance.hash import HashReconstruction
from taichi_dr.jobs.reconstruct.radiance.march import rays_of_view
from taichi_dr.jobs.reconstruct.radiance.nerf import NeRFReconstruction
from taichi_dr.jobs.reconstruct.radiance.orbit import looking
from taichi_dr.jobs.reconstruct.radiance.path import path, tour
from taichi_dr.jobs.reconstruct.radiance.space import cells_in_view, expanded, space_of
from taichi_dr.jobs.reconstruct.scene_fit import scene_of_cameras
from taichi_dr.jobs.settings.grid import GridSettings
from taichi_dr.jobs.settings.hash import HashSettings
from taichi_dr.jobs.settings.nerf import NerfSettings
from taichi_dr.kernels.base.arrays import array_from, make_array
from taichi_dr.kernels.volume.contract import contract_points
from tests.oracles.differences import relative_errors

pytestmark = pytest.mark.usefixtures("own_runtime")

STEPS, SIDE, VIEWS = 120, 32, 24
HELD_OUT = np.arange(4, VIEWS, 8)
FAR = 20.0  # radii of the ball that the background is away


def ball(gains=None):
    """PosedImages of a ball of radius 1 whose colours are those of its normals, before a sphere with stripes."""
    angles = np.linspace(0, 2 * np.pi, VIEWS, endpoint=False)
    heights = np.resize([1.0, 1.8, 0.4], VIEWS)
    eyes = np.stack([4 * np.cos(angles), heights, 4 * np.sin(angles)], axis=1)
    matrices = np.stack([looking(eye, np.array([0.0, 1.0, 0.0])) for eye in eyes])
    blank, focal = np.zeros((VIEWS, SIDE, SIDE, 3), np.float32), np.full((VIEWS, 2), 1.2 * SIDE)
    middle = np.full((VIEWS, 2), SIDE / 2)
    posed = PosedImages(
        blank, np.ones(blank.shape[:3], np.float32), matrices, focal, middle, tuple(map(str, range(VIEWS)))
    )
    for view in range(VIEWS):
        origin, directions, _ = rays_of_view(posed, view)
        shown = display(origin.astype(float), directions.astype(float))
        shown = np.clip(shown if gains is None else gains[view] * shown, 0, 1)
        posed.images[view] = srgb_to_linear(shown).reshape(SIDE, SIDE, 3)
    return posed


def display(origin, directions):
    """Display colours (R, 3) of rays, in [0.1, 0.7]."""
    ahead = -directions @ origin
    square = ahead**2 - origin @ origin
    near = np.where(square > -1, ahead - np.sqrt(np.maximum(square + 1, 0)), 0)
    far = ahead + np.sqrt(square + FAR**2)
    stripes = np.sin(6 * (origin + far[:, None] * directions) / FAR)
    return np.where((square > -1)[:, None], 0.4 + 0.3 * (origin + near[:, None] * directions), 0.4 + 0.3 * stripes)


def split(posed):
    return posed.subset(np.setdiff1d(np.arange(VIEWS), HELD_OUT)), posed.subset(HELD_OUT)


def started(train, state=None, **changes):
    dr.init("cpu")
    given = {"steps": STEPS, "levels": 4, "finest": 64, "log2_rows": 12, "samples": 8192, "backend": "cpu"}
    fit = scene_of_cameras(train)
    model = HashReconstruction(HashSettings("data", "out", **given | changes), fit.to_unit(train), fit)
    model.start() if state is None else model.restore(*state)
    return model, fit


def fitted(posed, **changes):
    """The model, and its PSNR in the views held out."""
    train, held_out = split(posed)
    model, fit = started(train, **changes)
    for step in range(STEPS):
        model.step(step / STEPS)
    found = evaluate(model, fit.to_unit(held_out))
    assert set(found.mean) == {"psnr", "ssim"}  # no silhouettes
    return model, found.mean["psnr"]


@pytest.fixture(scope="module")
def far():
    """(description, PSNR, arrays of its file, a view and the ``Seen`` of it) of what goes on behind the ball."""
    model, psnr = fitted(ball())
    view = model._train.subset([0])
    return model.describe(), psnr, model._field(), view, model._seen(view)


def test_what_is_far_away_is_fitted_in_all_of_space(far):
    assert far[0]["space"] == "unbounded"
    assert far[1] > 19
    boxed, psnr = fitted(ball(), space="box")
    assert boxed.describe()["space"] == "box"
    assert psnr < far[1] - 1.5


def test_exposures_are_found_but_for_a_common_factor(far):
    chosen = np.setdiff1d(np.arange(VIEWS), HELD_OUT)
    logarithms = np.random.default_rng(0).uniform(-0.4, 0.4, (VIEWS, 3))
    logarithms[HELD_OUT] = logarithms[chosen].mean(axis=0)
    logarithms -= logarithms[HELD_OUT[0]]
    changed = ball(np.exp(logarithms))
    model, psnr = fitted(changed, exposure=True)
    off = np.log(model._fit.exposure.gains) - logarithms[chosen]
    assert off.std() < 0.5 * logarithms[chosen].std()
    assert psnr > far[1] - 0.7
    assert list(model.describe()["gains"]) == [str(view) for view in chosen]
    assert fitted(changed)[1] < psnr - 1


def test_the_adjoint_of_gains_equals_central_differences():
    random = np.random.default_rng(3)
    exposure, views = Exposure(3), np.array([0, 2, 2, 1])
    exposure.logarithms = random.normal(size=(3, 3))
    seen, weights = random.uniform(size=(4, 5)), random.normal(size=(4, 5))
    seen_adjoint, found = exposure.adjoint(seen, views, weights)

    def loss(seen, logarithms):
        exposure.logarithms = logarithms
        return (weights * exposure.apply(seen, views)).sum()

    x = {"seen": seen, "logarithms": exposure.logarithms}
    adjoints = {"seen": seen_adjoint, "logarithms": found}
    errors = relative_errors(lambda x: loss(x["seen"], x["logarithms"]), x, adjoints, x)
    assert max(errors.values()) < 1e-7


def test_a_run_in_two_parts_ends_as_one():
    train, _ = split(ball())

    def stepped(first, last, state=None):
        model, _ = started(train, state, exposure=True)
        for step in range(first, last):
            model.step(step / STEPS)
        return model.state()

    header, arrays = stepped(0, 20)
    resumed_header, resumed = stepped(7, 20, stepped(0, 7))
    assert {name for name in header if header[name] != resumed_header[name]} <= {"seconds"}
    for name, values in arrays.items():
        np.testing.assert_array_equal(resumed[name], values, err_msg=name)


def test_the_file_draws_the_same(far):
    _, _, arrays, view, seen = far
    dr.init("cpu")
    again = HashReconstruction.drawing(arrays)(view)
    np.testing.assert_allclose(again.color, seen.color, atol=1e-6)
    assert (again.alpha > 0.999).all(), "no ray sees through the sky"


def test_nerf_goes_on_behind_the_ball():
    train, held_out = split(ball())
    dr.init("cpu")
    small = {"width": 32, "depth": 3, "frequencies": 4, "rays": 128, "samples": 16, "added": 16, "lr": 3e-3}
    fit = scene_of_cameras(train)
    given = NerfSettings("data", "out", steps=10, warm_up=0, backend="cpu", **small)
    model = NeRFReconstruction(given, fit.to_unit(train), fit)
    model.start()
    for step in range(10):
        model.step(step / 10)
    assert "in all of space" in model.plan
    view = fit.to_unit(held_out).subset([0])
    seen, again = model._seen(view), NeRFReconstruction.drawing(model._field())(view)
    np.testing.assert_allclose(again.color, seen.color, atol=1e-6)
    assert np.mean((seen.color - dr.linear_to_srgb(view.images)) ** 2) < 0.05


def test_the_mesh_is_made_from_points_of_space():
    model, _ = started(split(ball())[0])
    found = model._at(np.array([[2.0, 0, 0], [0.5, 0, 0]]), np.array([0.0, 0, 1]))
    contracted = model._field_now.at(np.array([[1.5, 0, 0], [0.5, 0, 0]]), np.array([0.0, 0, 1]))
    for part, expected in zip(found, contracted, strict=True):
        np.testing.assert_allclose(part, expected, rtol=1e-5)


def test_what_few_cameras_see_is_not_before_the_middle():
    posed = ball().moved(np.zeros(3), 2.0)
    space = space_of("auto", posed, None)
    cells = cells_in_view(posed, space)
    assert cells[64, 64, 64], "the middle"
    assert cells[4, 64, 64], "far away, where one camera looks"
    assert space.begins(posed.camera_to_world[:, :3, 3]).min() > 0.4
    corner = cells[:8, :8, :8]
    assert not corner.any(), "beyond all that is"


def test_a_grid_warns_that_it_ends_at_a_box():
    posed = ball()
    fit = scene_of_cameras(posed)
    with pytest.warns(UserWarning, match="--as grid ends at a box, .*; --as hash is for photographs"):
        GridReconstruction(GridSettings("data", "out"), fit.to_unit(posed), fit)


def test_silhouettes_have_nothing_behind_them():
    posed = ball()
    posed.alpha[:, :4] = 0
    with pytest.raises(DataSetError, match="--space unbounded: the images have silhouettes"):
        started(posed, space="unbounded")


def test_points_of_the_ball_expand_to_those_that_contract_to_them(cpu64):
    places = np.random.default_rng(1).uniform(-1.1, 1.1, (50, 3))
    contracted = make_array((50, 3))
    contract_points(array_from(expanded(places)), array_from(np.zeros((1, 3))), 1.0, contracted, 50)
    np.testing.assert_allclose(contracted.to_numpy(), places, atol=1e-12)


def test_the_path_goes_past_the_cameras_and_closes():
    posed = ball()
    shown = path(posed, frames=40, size=16)
    eyes = shown.camera_to_world[:, :3, 3]
    away = np.linalg.norm(eyes[:, None] - posed.camera_to_world[:, :3, 3], axis=2)
    assert away.min(axis=1).max() < 1.0
    steps = np.linalg.norm(eyes - np.roll(eyes, 1, axis=0), axis=1)
    assert steps.max() < 3 * np.median(steps), "from the last frame to the first too"
    turns = shown.camera_to_world[:, :3, :3]
    np.testing.assert_allclose(turns @ turns.transpose(0, 2, 1), np.broadcast_to(np.eye(3), turns.shape), atol=1e-12)
    assert (shown.width, shown.height) == (16, 16)


def test_a_tour_visits_every_camera_once():
    order = tour(ball().camera_to_world)
    assert order[0] == 0
    assert sorted(order) == list(range(VIEWS))
