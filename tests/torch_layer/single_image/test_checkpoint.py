"""Files of networks: what is written is read, small enough to ship; what is damaged or of another kind is named."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")

from taichi_dr.errors import FileError  # noqa: E402
from taichi_dr.torch.single_image.checkpoint import load_network, save_network  # noqa: E402
from taichi_dr.torch.single_image.network import SingleImageNetwork  # noqa: E402
from taichi_dr.torch.weights import HEADER  # noqa: E402


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    torch.manual_seed(5)
    network = SingleImageNetwork().eval()
    path = tmp_path_factory.mktemp("model") / "model.npz"
    save_network(path, network, {"steps": 3})
    return path, network


def changed(path, target, **arrays):
    """A copy of a file, in which arrays are others, or left out where None."""
    with np.load(path) as file:
        contents = {name: file[name] for name in file.files} | arrays
    np.savez(target, **{name: array for name, array in contents.items() if array is not None})
    return target


def test_what_is_written_is_read(cpu32, saved):
    path, network = saved
    assert path.stat().st_size <= 8_000_000
    images = torch.rand(2, 64, 64, 4)
    with torch.no_grad():
        for one, other in zip(load_network(path)(images), network(images), strict=True):
            torch.testing.assert_close(one, other, atol=2e-3, rtol=0)


def test_a_missing_and_an_empty_file(tmp_path):
    with pytest.raises(FileError, match=r"model.npz: no such file"):
        load_network(tmp_path / "model.npz")
    (tmp_path / "model.npz").touch()
    with pytest.raises(FileError, match=r"model.npz: is empty"):
        load_network(tmp_path / "model.npz")


@pytest.mark.parametrize("keep", [0.3, 0.999])
def test_a_file_that_is_cut_short(saved, tmp_path, keep):
    data = saved[0].read_bytes()
    (tmp_path / "cut.npz").write_bytes(data[: int(keep * len(data))])
    with pytest.raises(FileError, match=r"cut.npz: cut short, or no network of taichi-dr train-reconstructor"):
        load_network(tmp_path / "cut.npz")


def test_a_file_of_another_kind(saved, tmp_path):
    (tmp_path / "text.npz").write_text("not a network")
    with pytest.raises(FileError, match="no network of taichi-dr train-reconstructor"):
        load_network(tmp_path / "text.npz")
    np.savez(tmp_path / "other.npz", a=np.zeros(3))
    with pytest.raises(FileError, match="no network of taichi-dr train-reconstructor"):
        load_network(tmp_path / "other.npz")
    later = np.frombuffer(b'{"format": "taichi_dr single-image network 9"}', np.uint8)
    with pytest.raises(FileError, match=r"expected a file of the format 'taichi_dr single-image network 1', got .* 9'"):
        load_network(changed(saved[0], tmp_path / "later.npz", **{HEADER: later}))


def test_another_architecture(cpu32, saved, tmp_path):
    path, target = saved[0], tmp_path / "other.npz"
    narrow = {"encoder.whole.bias": np.zeros(256, np.float32)}
    with pytest.raises(FileError, match=r"encoder.whole.bias: expected shape \(512,\), got \(256,\)"):
        load_network(changed(path, target, **narrow))
    with pytest.raises(FileError, match=r"of another architecture: color_decoder.words is missing"):
        load_network(changed(path, target, **{"color_decoder.words": None}))
    with pytest.raises(FileError, match=r"of another architecture: pose.weight is not expected"):
        load_network(changed(path, target, **{"pose.weight": np.zeros(3)}))
    with pytest.raises(FileError, match=r"encoder.whole.bias holds numbers that are not finite"):
        load_network(changed(path, target, **{"encoder.whole.bias": np.full(512, np.nan, np.float32)}))


def test_files_made_to_do_harm(cpu32, saved, tmp_path):
    """Each of these ended in a traceback, or in a network of infinite weights; the last one in memory."""
    path, target, bias = saved[0], tmp_path / "odd.npz", np.zeros(512)
    with pytest.raises(FileError, match=r"encoder.whole.bias: expected numbers, got complex128"):
        load_network(changed(path, target, **{"encoder.whole.bias": bias + 1j}))
    with pytest.raises(FileError, match=r"encoder.whole.bias: expected numbers, got <U1"):
        load_network(changed(path, target, **{"encoder.whole.bias": bias.astype("U1")}))
    with pytest.raises(FileError, match=r"encoder.whole.bias holds numbers that are not finite"):
        load_network(changed(path, target, **{"encoder.whole.bias": bias + 1e300}))
    load_network(changed(path, target, **{"encoder.whole.bias": bias.astype(">f4")}))
    unknown = bytearray(path.read_bytes())
    unknown[unknown.find(b"PK\x01\x02") + 10] = 99  # the way it is compressed in
    target.write_bytes(unknown)
    with pytest.raises(FileError, match=r"compression"):
        load_network(target)
    with np.load(path) as file:
        np.savez_compressed(target, **file, bomb=np.zeros(1 << 26, np.uint8))
    with pytest.raises(FileError, match=r"expected at most 67,108,864 bytes of arrays"):
        load_network(target)
