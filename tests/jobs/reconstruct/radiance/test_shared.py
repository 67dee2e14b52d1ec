"""What radiance fields share: display values, batches of pixels, the orbit, the mesh of a density, the scene's file."""

import numpy as np
import pytest

from taichi_dr.errors import FileError, GeometryError
from taichi_dr.io.images import srgb_to_linear
from taichi_dr.io.posed_images import PosedImages
from taichi_dr.jobs.reconstruct.radiance.batches import PixelBatches
from taichi_dr.jobs.reconstruct.radiance.display import linear, shaded, stored
from taichi_dr.jobs.reconstruct.radiance.orbit import looking, orbit, upwards
from taichi_dr.jobs.reconstruct.radiance.scene import Scene, is_radiance, load_scene, save_scene
from taichi_dr.jobs.reconstruct.radiance.surface import density_mesh
from taichi_dr.jobs.report.metrics import over_white


def posed(views=4, height=6, width=8, seed=0):
    """Random pictures; cameras around the z axis, which is up, looking down by 30 degrees."""
    random = np.random.default_rng(seed)
    angles = 2 * np.pi * np.arange(views) / views
    eyes = 4 * np.stack([np.cos(0.5) * np.cos(angles), np.cos(0.5) * np.sin(angles), np.full(views, np.sin(0.5))], 1)
    matrices = np.stack([looking(eye, np.array([0.0, 0, 1])) for eye in eyes])
    values = random.integers(0, 256, (views, height, width, 4))
    values[..., :3] *= values[..., 3:] > 0
    images, alpha = srgb_to_linear(values[..., :3] / 255).astype(np.float32), (values[..., 3] / 255).astype(np.float32)
    lenses = np.tile([9.0, 10.0], (views, 1)), np.tile([4.5, 2.5], (views, 1))
    return PosedImages(images, alpha, matrices, *lenses, tuple(map(str, range(views)))), values


def test_stored_values_are_those_of_the_files():
    images, values = posed()
    np.testing.assert_array_equal(stored(images), values)


def test_what_is_over_white_is_the_display_colour_over_white():
    random = np.random.default_rng(1)
    alpha = random.random((2, 3, 4))
    color = alpha[..., None] * random.random((2, 3, 4, 3))
    np.testing.assert_allclose(over_white(linear(color, alpha)), color + (1 - alpha[..., None]), atol=1e-6)


def test_rays_of_a_batch_pass_their_pixels():
    images, values = posed()
    number = (2 * 6 + 4) * 8 + 5  # view 2, row 4, column 5
    batch = PixelBatches(images, [0]).of(np.array([number]))
    matrix = images.camera_to_world[2]
    np.testing.assert_allclose(batch.origins[0], matrix[:3, 3], rtol=1e-6)
    local = batch.directions[0] @ matrix[:3, :3]
    np.testing.assert_allclose(local / -local[2], [(5.5 - 4.5) / 9, -(4.5 - 2.5) / 10, -1], atol=1e-6)
    assert np.linalg.norm(batch.directions[0]) == pytest.approx(1)
    np.testing.assert_allclose(batch.colors[0], values[2, 4, 5, :3] / 255, rtol=1e-6)
    white = batch.over(np.ones(3))[0]
    a = values[2, 4, 5, 3] / 255
    np.testing.assert_allclose(white, a * values[2, 4, 5, :3] / 255 + 1 - a, rtol=1e-6)


def test_batches_follow_from_seed_and_step():
    batches, again = (PixelBatches(posed()[0], [3]) for _ in range(2))
    np.testing.assert_array_equal(batches.at(5, 10).directions, again.at(5, 10).directions)
    assert (batches.at(5, 10).directions != batches.at(6, 10).directions).any()


def test_an_orbit_goes_around_the_axis_that_is_up():
    images, _ = posed()
    np.testing.assert_array_equal(upwards(images), [0, 0, 1])
    around = orbit(images, frames=8)
    eyes = around.camera_to_world[:, :3, 3]
    np.testing.assert_allclose(eyes[:, 2], 4 * np.sin(0.5))
    np.testing.assert_allclose(np.linalg.norm(eyes, axis=1), 4)
    np.testing.assert_allclose(np.einsum("vi,vi->v", eyes, around.camera_to_world[:, :3, 2]), 4)
    assert (around.camera_to_world[:, 2, 1] > 0.8).all()
    turned = np.unwrap(np.arctan2(eyes[:, 1], eyes[:, 0]))
    np.testing.assert_allclose(np.diff(turned), 2 * np.pi / 8)


def test_a_wall_that_faces_the_camera_is_lit_evenly():
    images, _ = posed(views=1)
    grey = shaded(np.full((1, 6, 8), 3.0), np.ones((1, 6, 8)), images)
    np.testing.assert_allclose(grey[..., :3], 0.5 * (0.15 + 0.85 * 0.64), rtol=1e-5)


def ball(points, directions):
    """Dense within a radius of 0.6; as red as x is large, and green if seen from outside."""
    radius = np.linalg.norm(points, axis=-1)
    facing = -(points * directions).sum(axis=-1) / np.maximum(radius, 1e-9)
    color = np.stack([0.5 + 0.5 * points[..., 0], facing, 0 * radius], axis=-1)
    return 1e3 / (1 + np.exp(40 * (radius - 0.6))), color


def test_the_mesh_of_a_dense_ball():
    mesh = density_mesh(ball, np.full(3, -1.0), np.ones(3), 48)
    points = mesh.numpy("vertices")[0]
    radius = np.linalg.norm(points, axis=1)
    assert radius.std() < 0.01
    assert radius.mean() == pytest.approx(0.69, abs=0.03)  # where half of the light is lost in a cell
    corners = points[mesh.numpy("faces")]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    assert (np.einsum("fi,fi->f", normals, corners.mean(axis=1)) > 0).all()
    colors = mesh.numpy("colors").reshape(-1, 3)
    assert colors[:, 1].min() > 0.95
    np.testing.assert_allclose(colors[:, 0], srgb_to_linear(np.clip(0.5 + 0.5 * points[:, 0], 0, 1)), atol=1e-3)


def test_nothing_dense_has_no_mesh():
    with pytest.raises(GeometryError, match="no surface: the density is 0 at most"):
        density_mesh(lambda p, d: (np.zeros(len(p)), np.zeros((len(p), 3))), np.full(3, -1.0), np.ones(3), 16)


def test_a_scene_comes_back_from_its_file(tmp_path):
    scene = Scene("grid", np.arange(3.0), 2.0, np.array([0.0, 0, 1]), {"numbers": np.arange(4)})
    save_scene(tmp_path / "scene.npz", scene)
    assert is_radiance(tmp_path / "scene.npz")
    again = load_scene(tmp_path / "scene.npz")
    assert (again.kind, again.radius) == ("grid", 2.0)
    np.testing.assert_array_equal(again.arrays["numbers"], np.arange(4))
    np.savez(tmp_path / "other.npz", distances=np.zeros(3))
    assert not is_radiance(tmp_path / "other.npz")
    with pytest.raises(FileError, match=r"other\.npz: is no scene"):
        load_scene(tmp_path / "other.npz")
