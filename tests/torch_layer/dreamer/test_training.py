"""Training of the diffusion model: what a step is shown, and steps that can be taken up where they were left."""

import math

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")

from taichi_dr.torch.dreamer import training  # noqa: E402
from taichi_dr.torch.dreamer.network import Dreamer  # noqa: E402
from taichi_dr.torch.dreamer.pictures import Pictures, camera  # noqa: E402
from taichi_dr.torch.dreamer.training import Training, held_out_loss, pairs  # noqa: E402
from taichi_dr.torch.dreamer.words import COLORS, SHAPES, WORDS, is_held_out, view_words  # noqa: E402

BATCH = 2


def copied(arrays):
    return {name: array.copy() for name, array in arrays.items()}


@pytest.fixture(scope="module")
def coded():
    """Pictures of 4 x 4 pixels, so that many can be drawn; a view each of the front, the left and far above."""
    shading = np.ones((10, 2, 3, 4, 4), np.float32)
    return Pictures(shading, shading, np.array([90.0, 0.0, 45.0]), np.array([0.0, 0.0, 60.0]))


def test_what_is_held_out_is_never_drawn(coded):
    drawn = Training(coded, seed=1, batch=4000)
    pictures, said = (np.asarray(part) for part in drawn._draw())
    words = [[WORDS[i] for i in np.flatnonzero(row)] for row in said]
    told = [(shape, color) for row in words for shape in {*row} & {*SHAPES} for color in {*row} & {*COLORS}]
    assert len(told) > 3000
    assert not any(is_held_out(*pair) for pair in told)
    assert len(set(told)) == 65
    assert pictures.shape == (4000, 3, 4, 4)


def test_pictures_are_of_what_is_said(coded):
    from taichi_dr.io.images import linear_to_srgb

    pictures, said = (np.asarray(part) for part in Training(coded, seed=2, batch=500)._draw())
    for picture, row in zip(pictures, said, strict=True):
        color = [WORDS[i] for i in np.flatnonzero(row) if WORDS[i] in COLORS]
        if color:
            expected = 2 * linear_to_srgb(np.array(COLORS[color[0]], np.float32)) - 1
            np.testing.assert_allclose(picture[:, 1, 2], expected, atol=1e-6)
        views = [WORDS[i] for i in np.flatnonzero(row) if WORDS[i] in ("front", "left", "back", "right", "overhead")]
        assert tuple(views) in {(), ("front",), ("left",), ("front", "left", "overhead")}


def test_words_are_left_out_in_their_shares(coded):
    count = 20_000
    _, said = Training(coded, seed=3, batch=count)._draw()

    def share_without(first, last, rows):
        return np.mean(~rows[:, first:last].any(axis=1))

    def near(share, trials):
        return pytest.approx(share, abs=5 * math.sqrt(share * (1 - share) / trials))

    assert share_without(0, 25, said) == near(0.12, count)  # there is always a shape otherwise
    others = said[said.any(axis=1)]
    assert share_without(0, 2, others) == near(0.06, len(others))  # sizes, colours, shapes, views
    assert share_without(2, 10, others) == near(0.06, len(others))
    assert share_without(10, 20, others) == 0
    assert share_without(20, 25, others) == near(0.1, len(others))


def test_each_step_draws_others_and_each_seed_too(coded):
    first, again, other = (Training(coded, seed=seed, batch=50) for seed in (4, 4, 5))
    drawn = first._draw()
    for one, same in zip(drawn, again._draw(), strict=True):
        np.testing.assert_array_equal(one, same)
    assert (other._draw()[1] != drawn[1]).any()
    first.steps = 1
    assert (first._draw()[1] != drawn[1]).any()


def test_seeds_may_be_as_large_as_they_like(coded):
    for seed in (20261127034912, 1 << 100):
        assert math.isfinite(Training(coded, seed, BATCH).step(0.0)["loss"])


def test_steps_taken_up_are_the_steps_of_one_run(pictures):
    whole, first = (Training(pictures, seed=7, batch=BATCH) for _ in range(2))
    losses = [whole.step(i / 4) for i in range(4)]
    for i in range(2):
        assert first.step(i / 4) == losses[i]
    header, arrays = first.state()
    arrays = copied(arrays)
    first.step(0.9)  # the copy is what counts
    second = Training(pictures, seed=99, batch=BATCH + 1)
    second.restore(header, arrays)
    assert (second.steps, second.batch) == (2, BATCH)
    for i in range(2, 4):
        assert second.step(i / 4) == losses[i]
    expected, found = whole.state(), second.state()
    assert found[0] == expected[0] == {"steps": 4, "seed": 7, "batch": BATCH}
    assert set(found[1]) == set(expected[1])
    for name, array in expected[1].items():
        np.testing.assert_array_equal(found[1][name], array, err_msg=name)


def test_a_state_before_the_first_step_is_a_beginning(pictures):
    first, second = Training(pictures, seed=7, batch=BATCH), Training(pictures, seed=8, batch=BATCH)
    header, arrays = first.state()
    second.restore(header, copied(arrays))
    assert second.step(0.0) == first.step(0.0)


def test_the_weights_are_means_over_steps(pictures):
    run = Training(pictures, seed=1, batch=BATCH)
    expected = copied(run.state()[1])
    for steps in (1, 2):
        run.step(0.0)
        arrays = run.state()[1]
        memory = (1 + steps) / (10 + steps)  # 2 / 11, 3 / 12, ...: less than 0.999 up to the 8990th step
        for name in ("mean/words", "mean/unet.enter.weight"):
            latest = arrays[name.replace("mean", "latest")]
            expected[name] = memory * expected[name] + (1 - memory) * latest
            np.testing.assert_allclose(arrays[name], expected[name], atol=1e-6)
            assert (latest != expected[name]).any()


def test_the_first_step_is_as_long_as_the_warm_up_says(pictures):
    """Adam's first step is the rate, whatever the gradient: here the 200th part of it."""
    run = Training(pictures, seed=1, batch=BATCH)
    before = run.state()[1]["latest/unet.leave.bias"].copy()
    run.step(0.0)
    moved = np.abs(run.state()[1]["latest/unet.leave.bias"] - before)
    np.testing.assert_allclose(moved, training.RATE / training.WARM_UP, rtol=0.01)


def test_the_pace_warms_up_and_falls_along_a_cosine(coded):
    run = Training(coded)
    assert run._pace(0.0) == pytest.approx(1 / 200)
    run.steps = 10_000
    assert [run._pace(part) for part in (0.0, 0.5, 1.0, 7.0)] == pytest.approx([1.0, 0.51, 0.02, 0.02])


def damaged(header, arrays, name):
    """A state without something, and one in which it has another shape."""
    yield header, {key: array for key, array in arrays.items() if key != name}
    yield header, arrays | {name: arrays[name][:1]}


@pytest.mark.parametrize("name", ["mean/words", "latest/unet.enter.weight", "exp_avg/words", "exp_avg_sq/time.0.bias"])
def test_damaged_states_are_not_taken_up(pictures, name):
    run = Training(pictures, batch=BATCH)
    run.step(0.0)
    header, arrays = run.state()
    for state, error in zip(damaged(header, arrays, name), (KeyError, (ValueError, RuntimeError)), strict=True):
        with pytest.raises(error):
            Training(pictures, batch=BATCH).restore(*state)
    with pytest.raises(KeyError):
        Training(pictures, batch=BATCH).restore({"steps": 1}, arrays)


def test_the_held_out_loss_is_of_pairs_that_are_held_out_and_the_same_every_time(pictures, monkeypatch):
    seen = []

    def prompts_of(prompts):
        seen.append(list(prompts))
        return bags(prompts)

    bags = training.bags
    monkeypatch.setattr(training, "bags", prompts_of)
    torch.manual_seed(0)
    network = Dreamer().eval()
    hidden, again = (held_out_loss(network, pictures, held_out=True, count=16) for _ in range(2))
    shown = held_out_loss(network, pictures, held_out=False, count=16)
    assert hidden == again
    assert hidden != shown
    names = list(COLORS)
    told = {(SHAPES[i], names[j]) for i, j in pairs(held_out=True)}
    sides = {" ".join(view_words(*side)) for side in zip(pictures.azimuth_deg, pictures.elevation_deg, strict=True)}
    for prompts, expected in zip(seen, (True, True, False), strict=True):
        for prompt in prompts:
            words, _, side = prompt.partition(", ")
            _, color, shape = words.split()
            assert ((shape, color) in told) == expected
            assert side.removesuffix(" view") in sides


def test_a_network_that_sees_nothing_has_a_loss_of_one(pictures):
    class Blind(torch.nn.Module):
        alphas_cumprod = Dreamer().alphas_cumprod

        def forward(self, x, t, words):
            return torch.zeros_like(x)

    assert held_out_loss(Blind(), pictures, held_out=True, count=32) == pytest.approx(1, abs=0.03)


def test_cameras_are_those_of_orbits():
    packed = camera([90.0, 0.0], [0.0, 0.0]).eye.to_numpy()
    np.testing.assert_allclose(packed, [[2.8, 0, 0], [0, 0, 2.8]], atol=1e-6)
