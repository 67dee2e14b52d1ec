"""Training: cameras as the pictures have them, and steps that can be taken up where they were left."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")

from taichi_dr.scene.procedural.categories import CATEGORIES, random_shape  # noqa: E402
from taichi_dr.torch.single_image.training import Training, images_of  # noqa: E402

BATCH = 2


class KnowsTheShape(torch.nn.Module):
    """Stands for the network: gives the true mesh of a shape, whatever it is shown."""

    def __init__(self, mesh):
        super().__init__()
        self.vertices, self.colors = (torch.from_numpy(mesh.numpy(name)) for name in ("vertices", "colors"))
        self.faces = torch.from_numpy(mesh.numpy("faces"))

    def forward(self, images):
        return tuple(numbers.expand(len(images), -1, -1) for numbers in (self.vertices, self.colors))


@pytest.mark.parametrize("category", ["boat", "chair", "sofa"])
def test_the_true_mesh_has_no_loss_and_a_mirrored_camera_has(views, category):
    shape = list(CATEGORIES).index(category)
    training = Training(views, batch=BATCH)
    mesh = random_shape(category, 2, 0)  # the set's seed is 1: its training shapes have 2, those of the test 3
    training.network = KnowsTheShape(mesh)
    seen = np.array([2, 5, 9, 20])
    pictures = images_of(views, np.full(4, shape), seen)
    true = training.losses(pictures, seen)["silhouette"].item()
    assert true < 0.04
    assert training.losses(pictures, (24 - seen) % 24)["silhouette"].item() > true + 0.1
    assert training.losses(pictures, (seen + 12) % 24)["silhouette"].item() > true + 0.1


def test_a_step_sees_two_views_of_each_shape(views):
    training = Training(views, seed=4, batch=6)
    pictures, numbers = training._draw()
    assert pictures.shape == (12, 64, 64, 4)
    assert (numbers[:6] != numbers[6:]).all()
    for i in range(6):
        shapes = [
            (views.images[:, numbers[j]] / np.float32(255) == pictures[j].numpy()).all(axis=(1, 2, 3))
            for j in (i, i + 6)
        ]
        assert (shapes[0] & shapes[1]).any()
    again = Training(views, seed=4, batch=6)._draw()
    torch.testing.assert_close(again[0], pictures, atol=0, rtol=0)
    assert (Training(views, seed=5, batch=6)._draw()[1] != numbers).any()


def test_steps_taken_up_are_the_steps_of_one_run(views):
    whole, first = Training(views, seed=7, batch=BATCH), Training(views, seed=7, batch=BATCH)
    losses = [whole.step(i / 6) for i in range(6)]
    for i in range(3):
        assert first.step(i / 6) == losses[i]
    header, arrays = first.state()
    arrays = {name: array.copy() for name, array in arrays.items()}
    first.step(0.9)  # the copy is what counts
    second = Training(views, seed=99, batch=BATCH + 1)
    second.restore(header, arrays)
    for i in range(3, 6):
        assert second.step(i / 6) == losses[i]
    for one, other in zip(whole.network.state_dict().values(), second.network.state_dict().values(), strict=True):
        assert torch.equal(one, other)


def test_steps_make_it_better(views):
    training = Training(views, seed=0, batch=4)
    losses = [training.step(0.0)["silhouette"] for _ in range(30)]
    assert np.mean(losses[-5:]) < np.mean(losses[:5]) - 0.05


def test_a_state_that_misses_something_is_a_key_error(views):
    training = Training(views, batch=BATCH)
    training.step(0.0)
    header, arrays = training.state()
    arrays.pop("exp_avg/encoder.whole.weight")
    with pytest.raises(KeyError, match=r"exp_avg/encoder\.whole\.weight"):
        Training(views, batch=BATCH).restore(header, arrays)
