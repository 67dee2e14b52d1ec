"""The digits' diffusion model of ``demos/two_digits.py`` against NumPy, and what it knows of noise."""

import importlib
import itertools
import math
import sys
from pathlib import Path

import numpy as np
import pytest

import taichi_dr as dr

torch = pytest.importorskip("torch", reason="torch is not installed")

DEMOS = Path(__file__).parents[2] / "demos"
TRAINED = Path(__file__).parents[3] / "shared" / "data" / "networks" / "ddpm_mnist28_yichizz_starter.npz"
CHANNELS = 1, 16, 32, 32, 16


@pytest.fixture
def demo(monkeypatch):
    monkeypatch.syspath_prepend(DEMOS)
    yield importlib.import_module("two_digits")
    for name in ("two_digits", "common"):
        sys.modules.pop(name, None)


@pytest.fixture
def trained(demo):
    if not TRAINED.exists():
        pytest.skip("needs the shared data")
    return demo.DigitModel(TRAINED)


def arrays():
    """Random numbers under the names of the model's file, of about the trained ones' size."""
    random = np.random.default_rng(1)
    shapes = {"blocks.4.weight": (1, 16, 3, 3), "blocks.4.bias": (1,), "frequencies": (16,)}
    for block, (before, after) in enumerate(itertools.pairwise(CHANNELS)):
        shapes |= {f"blocks.{block}.net.0.weight": (after, before, 7, 7), f"blocks.{block}.net.0.bias": (after,)}
        shapes |= {f"blocks.{block}.net.1.{part}": (after, 28, 28) for part in ("weight", "bias")}
    for layer, (before, after) in {0: (32, 128), 2: (128, 128), 4: (128, 128), 6: (128, 16)}.items():
        shapes |= {f"time_embed.{layer}.weight": (after, before), f"time_embed.{layer}.bias": (after,)}
    made = {f"gt.{name}": random.normal(size=shape) / math.sqrt(np.prod(shape[1:])) for name, shape in shapes.items()}
    made = {name: (1 + 28 * x if "net.1.weight" in name else x).astype(np.float32) for name, x in made.items()}
    return made | {"alpha_t": np.linspace(0.999, 0.001, 1001, dtype=np.float32)}


def gelu(x):
    """``x Phi(x)``."""
    return 0.5 * x * (1 + np.vectorize(math.erf)(x / math.sqrt(2)))


def convolution(x, weight, bias):
    """(C, H, W) -> (O, H, W), zeros around."""
    reach = weight.shape[-1] // 2
    padded = np.pad(x, ((0, 0), (reach, reach), (reach, reach)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, weight.shape[-2:], axis=(1, 2))
    return np.einsum("chwij,ocij->ohw", windows, weight) + bias[:, None, None]


def oracle(numbers, x, t):
    """The noise in one picture (1, 28, 28) at a level, in double precision."""
    numbers = {name.removeprefix("gt."): array.astype(float) for name, array in numbers.items()}
    phase = t / 1000 * numbers["frequencies"]
    time = np.concatenate([np.sin(phase), np.cos(phase) - 1])
    for layer in (0, 2, 4, 6):
        time = numbers[f"time_embed.{layer}.weight"] @ time + numbers[f"time_embed.{layer}.bias"]
        time = gelu(time) if layer < 6 else time
    for block in range(4):
        x = convolution(x, *(numbers[f"blocks.{block}.net.0.{part}"] for part in ("weight", "bias")))
        x = (x - x.mean()) / np.sqrt(x.var() + 1e-5)
        x = gelu(x * numbers[f"blocks.{block}.net.1.weight"] + numbers[f"blocks.{block}.net.1.bias"])
        x = x + time[:, None, None] if block == 0 else x
    return convolution(x, numbers["blocks.4.weight"], numbers["blocks.4.bias"])


def held_to_the_oracle(model, numbers):
    x, t = torch.randn(3, 1, 28, 28, generator=torch.Generator().manual_seed(2)), torch.tensor([3, 250, 999])
    expected = np.stack([oracle(numbers, *each) for each in zip(x.double().numpy(), t.numpy(), strict=True)])
    np.testing.assert_allclose(model(x, t), expected, atol=2e-5 * np.abs(expected).max())
    return expected


def test_the_layers_are_their_formulas(demo, tmp_path):
    np.savez(tmp_path / "model.npz", **arrays())
    expected = held_to_the_oracle(demo.DigitModel(tmp_path / "model.npz"), arrays())
    assert np.abs(expected[0] - expected[1]).max() > 0.01


def test_the_trained_model_is_these_layers(trained):
    held_to_the_oracle(trained, dict(np.load(TRAINED)))


@pytest.mark.parametrize(("level", "least"), [(50, 0.9), (200, 0.95), (500, 0.98), (900, 0.99)])
def test_noise_is_found_in_the_models_own_digits(trained, level, least):
    pictures, t = trained.samples(8, 0, steps=50), torch.full((8,), level)
    noise = torch.randn(pictures.shape, generator=torch.Generator().manual_seed(4))
    found = trained(trained.noisy(pictures, t, noise), t)
    assert np.corrcoef(found.ravel(), noise.ravel())[0, 1] > least


def test_the_model_prefers_its_own_digits(trained):
    """To the same pixels in another order, and to a mean of digits."""
    pictures = trained.samples(8, 0, steps=50)[:, 0] + 0.5
    order = torch.randperm(28 * 28, generator=torch.Generator().manual_seed(3))
    own = np.mean([trained.error(picture) for picture in pictures])
    assert own < 0.5 * trained.error(pictures.mean(0))
    assert own < 0.2 * np.mean([trained.error(picture.ravel()[order].reshape(28, 28)) for picture in pictures])


def test_a_file_of_something_else_is_refused(demo, tmp_path):
    path = tmp_path / "other.npz"
    np.savez(path, weight=np.ones(3))
    with pytest.raises(dr.FileError, match=r"other\.npz: expected the arrays of the digits' diffusion model"):
        demo.DigitModel(path)
    path.write_text("no archive")
    with pytest.raises(dr.FileError, match=r"other\.npz: expected the arrays"):
        demo.DigitModel(path)


def test_a_missing_file_ends_the_demo_with_where_to_get_it(demo, cpu32, tmp_path, monkeypatch):
    monkeypatch.setattr(dr, "init", lambda *_, **__: cpu32)
    with pytest.raises(SystemExit, match=r"(?s)nothing\.npz: no such file.*hot_vs_cold_diffusion.*--model"):
        demo.main(["--out", str(tmp_path), "--model", str(tmp_path / "nothing.npz")])
