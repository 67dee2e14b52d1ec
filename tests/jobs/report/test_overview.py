"""The row of overview.png, and the looks that show geometry."""

from types import SimpleNamespace

import imageio.v3 as iio
import numpy as np
import pytest

from taichi_dr.io.posed_images import PosedImages
from taichi_dr.jobs.pictures import looks
from taichi_dr.jobs.report.overview import STAGES, Overview, best_view, close_up, color_entropy
from taichi_dr.jobs.report.pages import GAP
from taichi_dr.render.mesh.supersample import Supersampler
from taichi_dr.scene import shapes
from taichi_dr.scene.camera import Camera

SIDE = 40


def orbit(elevations):
    camera = Camera.orbit(np.zeros(len(elevations)), elevations, 3.0, 45.0)
    matrices = np.tile(np.eye(4), (camera.views, 1, 1))
    matrices[:, :3] = np.stack(camera.frames(), axis=-1)
    alpha = np.zeros((camera.views, SIDE, SIDE), np.float32)
    alpha[:, 10:20, 20:30] = 1
    focal = np.full((camera.views, 2), SIDE / 2 / np.tan(np.deg2rad(45.0) / 2))
    names = tuple(f"r_{i}.png" for i in range(camera.views))
    images = np.full((*alpha.shape, 3), (1.0, 0.0, 0.0), np.float32)
    return PosedImages(images, alpha, matrices, focal, np.full((camera.views, 2), SIDE / 2), names)


class Model:
    """Grey as shape, green from near, blue as it is."""

    def pictures(self, posed):
        return np.full((len(posed), posed.height, posed.width, 4), (0.0, 0.0, 1.0, 1.0))

    def shape(self, posed):
        return np.full((len(posed), posed.height, posed.width, 4), (0.2, 0.2, 0.2, 1.0))

    def portrait(self, near):
        return "near", np.full((near.height, near.width, 4), (0.0, 1.0, 0.0, 1.0))


@pytest.mark.usefixtures("cpu32")
def test_the_page_goes_from_images_through_stages_to_the_result_beside_its_target(tmp_path):
    train, held_out = orbit([0, 20, 40, 60, 80, -20]), orbit([0, 30])
    overview = Overview(train, held_out)
    taken = [
        fraction
        for fraction in np.linspace(0, 1, 41)
        if overview.due(fraction) and not overview.add(Model(), 7 * fraction)
    ]
    assert taken == pytest.approx(STAGES)
    again = Overview(train, held_out)
    overview.stages = dict.fromkeys((0, 7, 9), overview.stages[0.0])
    again.restore(overview.arrays())
    assert list(again.stages) == [0, 7, 9]
    assert not again.due(1.0)
    again.write(tmp_path / "page.png", Model(), "caption")
    page = iio.imread(tmp_path / "page.png")
    assert page.shape[1] == GAP + 6 * (SIDE + GAP)
    line = (page.shape[0] - 2 * SIDE) // 3
    rows = [page[top : top + SIDE] for top in (line, 2 * line + SIDE)]
    above, below = ([row[:, GAP + i * (SIDE + GAP) :][:, :SIDE] for i in range(6)] for row in rows)
    red, green, blue, grey = [255, 0, 0], [0, 255, 0], [0, 0, 255], [124] * 3
    for tile in (above[0], below[0], above[5]):
        assert (tile == red).all(axis=-1).any()
        assert (tile == 255).all(axis=-1).any()
    assert [tile[5, 5].tolist() for tile in above[1:5]] == [blue] * 4
    assert [tile[5, 5].tolist() for tile in below[1:]] == [grey] * 4 + [green]


@pytest.mark.usefixtures("cpu32")
def test_the_best_view_is_from_a_little_above():
    assert best_view(orbit([-60, -25, 0, 30, 70])) == 3


@pytest.mark.usefixtures("cpu32")
def test_of_views_from_above_the_best_shows_most_colours():
    posed = orbit([-60, 25, 10, 40, 70])
    posed.images[0, 10:20, 20:23] = posed.images[3, 10:20, 20:25] = (0.0, 1.0, 0.0)
    assert color_entropy(posed, 1) == 0
    assert color_entropy(posed, 3) == pytest.approx(1)
    assert best_view(posed) == 3


@pytest.mark.usefixtures("cpu32")
def test_a_close_up_keeps_the_middle_of_the_silhouette_in_the_middle():
    view = orbit([10])
    near = close_up(view, 3.0)
    ray = (np.array([25.0, 15.0]) - view.principal_point) / view.focal
    assert near.focal == pytest.approx(3 * view.focal)
    assert near.principal_point + ray * near.focal == pytest.approx(np.array([[SIDE / 2, SIDE / 2]]))


@pytest.mark.usefixtures("cpu32")
def test_the_shape_is_grey_and_lit_from_the_upper_left_of_every_camera():
    mesh, camera = shapes.icosphere(3, colors=(1.0, 0.0, 0.0)), Camera.orbit([0, 130], [10, -50], 3.0, 45.0)
    pictures = Supersampler((48, 48), 2).render(mesh, camera, look=looks.shape)
    for picture in pictures:
        assert np.ptp(picture[..., :3], axis=-1).max() < 1e-6
        row, column = np.unravel_index(picture[..., 0].argmax(), picture.shape[:2])
        assert row < 22
        assert column < 22
        normal = np.array([column + 0.5 - 24, 24 - row - 0.5]) / 24 * np.tan(np.deg2rad(22.5)) * (3 - looks.LIGHT[2])
        assert normal == pytest.approx(looks.LIGHT[:2], abs=0.1)
    assert pictures[0, 24, 24, 3] == 1
    assert pictures[0, 0, 0].tolist() == [0, 0, 0, 0]


def test_edges_are_dark_where_one_face_ends():
    face = np.zeros((1, 4, 6), int)
    face[:, :, 3:], face[:, 2:, 4:] = 1, 2
    values = {"face_id": face, "alpha": np.ones(face.shape), "normal": np.ones((*face.shape, 3)) * (0, 0, 1.0)}
    frame = SimpleNamespace(numpy=values.__getitem__)
    camera = SimpleNamespace(frames=lambda: tuple(np.eye(3)[:, None]))
    dark = looks.edges(frame, camera)[0, ..., 0] < 0.5 * looks.shape(frame, camera)[0, ..., 0]
    assert dark.astype(int).tolist() == [[0, 0, 0, 1, 0, 0]] * 2 + [[0, 0, 0, 1, 1, 1], [0, 0, 0, 1, 1, 0]]
