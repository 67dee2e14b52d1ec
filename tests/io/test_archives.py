"""Archives of arrays: what is in them is read, and nothing that is too much or no array."""

import zipfile

import numpy as np
import pytest

from taichi_dr.io.archives import DAMAGED, read_arrays


def test_what_is_in_it_is_read(tmp_path):
    np.savez(tmp_path / "a.npz", x=[1.0, 2.0], n=3)
    arrays = read_arrays(tmp_path / "a.npz")
    assert {name: array.tolist() for name, array in arrays.items()} == {"x": [1.0, 2.0], "n": 3}


def test_too_much_is_not_unpacked(tmp_path):
    np.savez_compressed(tmp_path / "a.npz", x=np.zeros(1000))
    assert read_arrays(tmp_path / "a.npz", 9000)["x"].shape == (1000,)
    with pytest.raises(ValueError, match=r"expected at most 8,000 bytes of arrays, got 8,128"):
        read_arrays(tmp_path / "a.npz", 8000)


def test_what_is_no_array_is_named(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as file:
        file.writestr("x.npy", b"text")
    with pytest.raises(ValueError, match="x is no array"):
        read_arrays(tmp_path / "a.npz")


def test_another_kind_of_file_is_not_loaded_in_another_way(tmp_path):
    (tmp_path / "a.npz").write_bytes(b"\x89PNG" + bytes(100))
    with pytest.raises(ValueError, match="it is no archive of arrays"):
        read_arrays(tmp_path / "a.npz")


def test_whatever_byte_is_wrong(tmp_path):
    """Every byte of a small compressed archive in turn."""
    path = tmp_path / "a.npz"
    np.savez_compressed(path, x=np.arange(50.0))
    good = path.read_bytes()
    failed = 0
    for place in range(len(good)):
        path.write_bytes(good[:place] + bytes([good[place] ^ 0xFF]) + good[place + 1 :])
        try:
            read_arrays(path)
        except DAMAGED:
            failed += 1
    assert failed > len(good) / 2
