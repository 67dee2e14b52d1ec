"""Groups of views: every view is shown, in an order that the seed decides."""

import numpy as np
import pytest

from taichi_dr.io.posed_images import PosedImages
from taichi_dr.jobs.reconstruct.view_groups import ViewGroups, unit_camera

VIEWS = 10


@pytest.fixture
def posed():
    """Views along z; the alpha of each is its number."""
    matrices = np.tile(np.eye(4), (VIEWS, 1, 1))
    matrices[:, 2, 3] = 3.0
    alpha = np.tile(np.arange(VIEWS, dtype=np.float32)[:, None, None], (1, 128, 128))
    images, pair = np.ones((*alpha.shape, 3), np.float32), np.full((VIEWS, 2), 64.0)
    return PosedImages(images, alpha, matrices, pair, pair, tuple("abcdefghij"))


def shown(groups, steps):
    return [groups.at(step).alpha[:, 0, 0].astype(int).tolist() for step in steps]


@pytest.mark.usefixtures("cpu32")
def test_an_epoch_shows_every_view_in_groups_that_stay(posed):
    groups = ViewGroups(posed, batch=2, seed=[7, 0])
    epochs = [shown(groups, range(3 * epoch, 3 * epoch + 3)) for epoch in range(4)]
    assert {len(group) for group in epochs[0]} == {4}  # of pictures of half the full size twice as many
    assert {view for group in epochs[0] for view in group} == set(range(VIEWS))
    assert len({tuple(sorted(map(tuple, epoch))) for epoch in epochs}) == 1
    assert len({str(epoch) for epoch in epochs}) > 1
    assert len({id(groups.at(step).camera) for step in range(12)}) == 3


@pytest.mark.usefixtures("cpu32")
def test_the_seed_alone_decides_the_order(posed):
    one, same, other = (shown(ViewGroups(posed, 2, [seed, 0]), range(6)) for seed in (7, 7, 8))
    assert one == same != other


@pytest.mark.usefixtures("cpu32")
def test_colors_are_over_black_and_planes_enclose_the_object(posed):
    group = ViewGroups(posed.subset([0, 1]), batch=2, seed=[0])
    assert np.array_equal(group.at(0).colors, group.at(0).alpha[..., None].repeat(3, axis=-1))
    camera = unit_camera(posed)
    assert (camera.near, camera.far) == pytest.approx((1.4, 4.6))
