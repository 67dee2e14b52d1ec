"""Steps of a dream: whom they ask what, what they see, and what they follow."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")

from taichi_dr.jobs.settings.dream import DreamSettings  # noqa: E402
from taichi_dr.torch.distillation.schedule import cosine  # noqa: E402
from taichi_dr.torch.dreamer import drawing  # noqa: E402
from taichi_dr.torch.dreamer.dream import BLOB_PEAK, FOG, LEAST_RATE, NOTHING, Dream  # noqa: E402
from taichi_dr.torch.dreamer.model import Model  # noqa: E402
from taichi_dr.torch.dreamer.network import Dreamer  # noqa: E402
from taichi_dr.torch.dreamer.pictures import random_views  # noqa: E402
from taichi_dr.torch.dreamer.words import with_view  # noqa: E402

PLAIN = {"opacity": 0.0, "orientation": 0.0, "smoothness": 0.0, "guidance": 2.0, "views": 3, "resolution": 16}


class Asked:
    """A denoiser that answers with nothing, and keeps what it was asked."""

    def __init__(self):
        self.x, self.levels, self.prompts = [], [], []

    def __call__(self, x, t, prompts):
        self.x.append(x)
        self.levels.append(t)
        self.prompts.append(prompts)
        return torch.zeros_like(x)


def dream(asked, size=8, encode=None, **settings):
    more = {} if encode is None else {"encode": encode}
    return Dream(Model(asked, cosine(100), size, **more), DreamSettings("a red car", "out", **PLAIN | settings))


def test_a_step_asks_of_each_view_and_of_nothing(cpu32):
    asked = Asked()
    dream(asked).step(0.0)
    random = np.random.default_rng([0, 2, 0])
    azimuth, elevation = random_views(random, 3)
    expected = [with_view("a red car", *view) for view in zip(azimuth, elevation, strict=True)]
    assert asked.prompts == [expected, ["", "", ""]]
    assert [tuple(x.shape) for x in asked.x] == [(3, 3, 8, 8)] * 2
    alone = Asked()
    dream(alone, guidance=1.0, view_words="off").step(0.0)
    assert alone.prompts == [["a red car"] * 3]


def test_no_prompt_is_told_but_the_next_step_sees_other_views(cpu32):
    asked = Asked()
    run = dream(asked, guidance=1.0)
    for k in range(2):
        run.step(k / 2)
    assert run.steps == 2
    assert not torch.equal(*asked.x)
    again = Asked()
    other = dream(again, guidance=1.0)
    other.step(0.0)
    assert torch.equal(asked.x[0], again.x[0])
    assert not torch.equal(dream(Asked(), seed=1).numbers, other.numbers)


def test_levels_keep_to_their_range_and_fall(cpu32):
    asked = Asked()
    run = dream(asked, guidance=1.0, t_range=(0.3, 0.6), annealing="linear")
    for fraction in (0.0, 1.0, 7.0):
        for _ in range(8):
            run.step(fraction)
    levels = torch.stack(asked.levels)
    assert levels.min() >= 30
    assert levels[:8].max() <= 59
    assert levels[:8].float().std() > 4
    assert (levels[8:] == 30).all()  # at the end, and beyond it


def test_a_first_step_is_as_long_as_its_rate(cpu32):
    """Adam's first step is the rate, whatever the gradient, if there is any."""
    for fraction, expected in ((0.0, 0.2), (0.5, 0.2 * (1 + LEAST_RATE) / 2), (1.0, 0.2 * LEAST_RATE)):
        run = dream(Asked(), lr=0.2, seed=3)
        before = run.numbers.detach().clone()
        run.step(fraction)
        moved = (run.numbers.detach() - before).abs()
        assert moved.max() == pytest.approx(expected, rel=1e-3)
        assert moved.median() == pytest.approx(expected, rel=1e-2)


def test_terms_are_those_with_a_weight(cpu32):
    assert set(dream(Asked()).step(0.0)) == {"score"}
    once = dream(Asked(), opacity=0.1, smoothness=0.2, orientation=0.3).step(0.0)
    assert set(once) == {"score", "opacity", "smoothness", "orientation"}
    twice = dream(Asked(), opacity=0.2, smoothness=0.4, orientation=0.6).step(0.0)
    for name in ("opacity", "smoothness", "orientation"):
        assert once[name] > 0
        assert twice[name] == pytest.approx(2 * once[name], rel=1e-5)
    assert twice["score"] == pytest.approx(once["score"], rel=1e-6)


def test_what_is_encoded_is_what_is_asked_about(cpu32):
    """A picture's mean colour, say; the score counts per number of that."""
    asked, seen = Asked(), []

    def encode(pictures):
        seen.append(pictures)
        return pictures.mean(dim=(1, 2))

    run = dream(asked, size=12, encode=encode)
    before = run.numbers.detach().clone()
    run.step(0.0)
    assert [tuple(part.shape) for part in (seen[0], asked.x[0])] == [(3, 12, 12, 3), (3, 3)]
    assert seen[0].requires_grad
    assert ((seen[0] >= 0) & (seen[0] <= 1)).all()
    assert not torch.equal(run.numbers, before)


def test_it_begins_as_a_blob_or_as_fog(cpu32):
    fog, blob = dream(Asked(), start="fog"), dream(Asked(), start="blob")
    assert (fog.numbers[:, 3] == FOG).all()
    density = blob.numbers[:, 3].detach().numpy()
    distance = np.linalg.norm(blob.grid().positions(), axis=1)
    assert {*np.argsort(distance)[:8]} == {*np.argsort(-density)[:8]}  # around the middle
    assert density.max() < NOTHING + BLOB_PEAK
    assert density[distance > 1.2].max() < NOTHING + 0.02
    assert blob.numbers[:, :3].std().item() == pytest.approx(0.1, rel=0.05)


def test_states_that_are_taken_up(cpu32):
    whole, first = dream(Asked()), dream(Asked())
    expected = [whole.step(k / 3) for k in range(3)]
    assert first.step(0.0) == expected[0]
    header, arrays = first.state()
    arrays = {name: array.copy() for name, array in arrays.items()}
    second = dream(Asked())
    second.restore(header, arrays)
    assert [second.step(k / 3) for k in (1, 2)] == expected[1:]
    assert torch.equal(second.numbers, whole.numbers)
    with pytest.raises(KeyError, match="exp_avg"):
        dream(Asked()).restore(header, {"numbers": arrays["numbers"]})
    with pytest.raises(ValueError, match=r"expected numbers of shape \(2744, 4\), got \(7, 4\)"):
        dream(Asked()).restore(header, arrays | {"exp_avg": arrays["exp_avg"][:7]})


def test_drawings_are_display_values_and_the_same_for_a_seed(monkeypatch):
    monkeypatch.setattr(drawing, "sample", lambda *args: drawing_of(*args))
    told = []

    def drawing_of(denoiser, schedule, noise, prompts, nothing):
        told.append((prompts, nothing))
        return noise.clamp(-1, 1)

    network = Dreamer()
    first, again, other = (drawing.draw(network, ["a ball", "a car"], seed) for seed in (1, 1, 2))
    assert first.shape == (2, 32, 32, 3)
    assert (first.min(), first.max()) == (0, 1)
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()
    assert told[0] == (["a ball", "a car"], ["", ""])
