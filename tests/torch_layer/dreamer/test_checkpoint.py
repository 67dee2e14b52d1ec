"""Files of diffusion models: what is written is read, the shipped one is there, others are named."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")

from taichi_dr.errors import FileError  # noqa: E402
from taichi_dr.torch.dreamer.checkpoint import SHIPPED, load_dreamer, save_dreamer  # noqa: E402
from taichi_dr.torch.dreamer.network import Dreamer  # noqa: E402
from taichi_dr.torch.single_image import checkpoint as single_image  # noqa: E402

LARGEST = 6_000_000  # bytes


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    torch.manual_seed(5)
    network = Dreamer()
    path = tmp_path_factory.mktemp("model") / "model.npz"
    save_dreamer(path, network, {"steps": 3})
    return path, network


def test_what_is_written_is_read(saved):
    path, network = saved
    assert path.stat().st_size <= LARGEST
    loaded = load_dreamer(path)
    assert not loaded.training
    for name, tensor in network.state_dict().items():
        found = loaded.state_dict()[name]
        assert found.dtype == torch.float32
        if tensor.ndim > 1:
            torch.testing.assert_close(found, tensor, rtol=2**-11, atol=2**-24)  # half precision
        else:
            assert torch.equal(found, tensor), name
    x, t = torch.randn(1, 3, 32, 32, generator=torch.Generator().manual_seed(0)), torch.tensor([400])
    told = [network.denoiser(x, t, ["a red box"]), loaded.denoiser(x, t, ["a red box"])]
    torch.testing.assert_close(*told, atol=1e-2, rtol=0)


def test_the_shipped_model_is_read_and_small():
    assert SHIPPED.stat().st_size <= LARGEST
    network = load_dreamer()
    assert all(torch.isfinite(parameter).all() for parameter in network.parameters())


def test_the_shipped_model_sees_noise_in_noise():
    """At the last level a picture is noise but for a hundred-thousandth: what is seen in it is that."""
    noise = torch.randn(4, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    seen = load_dreamer().denoiser(noise, torch.full((4,), 990), ["a large red torus"] * 4)
    assert (seen - noise).square().mean() < 0.05


def test_a_missing_and_a_damaged_file(saved, tmp_path):
    with pytest.raises(FileError, match=r"model.npz: no such file"):
        load_dreamer(tmp_path / "model.npz")
    data = saved[0].read_bytes()
    (tmp_path / "cut.npz").write_bytes(data[: len(data) // 2])
    with pytest.raises(FileError, match=r"cut.npz: cut short, or no network of taichi-dr train-dreamer"):
        load_dreamer(tmp_path / "cut.npz")
    with np.load(saved[0]) as file:
        arrays = dict(file) | {"words": np.zeros((9, 128), np.float16)}
    np.savez(tmp_path / "other.npz", **arrays)
    with pytest.raises(FileError, match=r"of another architecture: words: expected shape \(25, 128\), got \(9, 128\)"):
        load_dreamer(tmp_path / "other.npz")


def test_the_model_of_another_command_is_refused(saved):
    both = r"expected a file of the format '{}', got '{}'"
    dreams, shapes = "taichi_dr dreamer 1", "taichi_dr single-image network 1"
    with pytest.raises(FileError, match=both.format(dreams, shapes)):
        load_dreamer(single_image.SHIPPED)
    with pytest.raises(FileError, match=both.format(shapes, dreams)):
        single_image.load_network(saved[0])
