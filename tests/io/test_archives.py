"""Archives of arrays: what is in them is read, and nothing that is too much or no array."""

import resource
import zipfile

import numpy as np
import pytest

from taichi_dr.io.archives import names_in, read_array, read_arrays


def test_what_is_in_it_is_read(tmp_path):
    np.savez(tmp_path / "a.npz", x=[1.0, 2.0], n=3)
    arrays = read_arrays(tmp_path / "a.npz")
    assert {name: array.tolist() for name, array in arrays.items()} == {"x": [1.0, 2.0], "n": 3}


def test_too_much_is_not_unpacked(tmp_path):
    np.savez_compressed(tmp_path / "a.npz", x=np.zeros(1000))
    assert read_arrays(tmp_path / "a.npz", 9000)["x"].shape == (1000,)
    with pytest.raises(ValueError, match=r"expected at most 8,000 bytes of arrays, got 8,128"):
        read_arrays(tmp_path / "a.npz", 8000)


def with_header(header, data=b"", version=b"\1\0"):
    """A ``.npy`` file whose header says whatever it is told to."""
    text = header.encode()
    text += b" " * (-(10 + len(text) + 1) % 64) + b"\n"
    return b"\x93NUMPY" + version + len(text).to_bytes(2, "little") + text + data


HEADER = "{'descr': %r, 'fortran_order': False, 'shape': %s}"
HOSTILE = {
    "token": "{'descr': '<f8', 'shape': (3,",
    "syntax": "{'descr': '<f8' 'x' 3: }",
    "nested": "(" * 5000,
    "no dictionary": "[]",
    "zero byte": "{'descr': '<f8', \0}",
    "objects": HEADER % ("|O", "(1,)"),
    "more than there is": HEADER % ("<f8", "(1000000000,)"),
    "no bytes each": HEADER % ("|V0", "(1000000000000,)"),
    "negative": HEADER % ("<f8", "(-1,)"),
    "digits": HEADER % ("<f8", f"({'9' * 5000},)"),
    "words": HEADER % ("<U2000000000", "(1,)"),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_a_header_that_says_anything(tmp_path, what):
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as file:
        file.writestr("x.npy", with_header(HOSTILE[what], bytes(24)))
    with pytest.raises(ValueError):
        read_arrays(tmp_path / "a.npz")
    with pytest.raises(ValueError):
        read_array(with_header(HOSTILE[what], bytes(24)))


def test_a_small_file_that_unpacks_to_300_megabytes_is_refused_unread(tmp_path):
    path = tmp_path / "bomb.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file, file.open("x.npy", "w", force_zip64=True) as part:
        part.write(with_header(HEADER % ("<f8", "(37500000,)")))
        for _ in range(300):
            part.write(bytes(1_000_000))
    assert path.stat().st_size < 300_000
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(ValueError, match=r"expected at most 67,108,864 bytes of arrays, got 300,000,128"):
        read_arrays(path)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20_000  # kilobytes


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_however_it_is_packed_damage_is_one_error(tmp_path, method):
    with zipfile.ZipFile(tmp_path / "a.npz", "w", method) as file:
        file.writestr("x.npy", with_header(HEADER % ("<f8", "(300,)"), bytes(range(240)) * 10))
    good = (tmp_path / "a.npz").read_bytes()
    assert read_arrays(tmp_path / "a.npz")["x"].shape == (300,)
    failed = 0
    for place in range(40, 200, 5):
        (tmp_path / "b.npz").write_bytes(good[:place] + b"\xff\xff" + good[place + 2 :])
        try:
            read_arrays(tmp_path / "b.npz")
        except ValueError:
            failed += 1
    assert failed > 16


def test_names_are_known_without_reading(tmp_path):
    np.savez(tmp_path / "a.npz", x=1, y=2)
    (tmp_path / "b.npz").write_bytes((tmp_path / "a.npz").read_bytes()[:-30])
    assert names_in(tmp_path / "a.npz") == {"x", "y"}
    assert names_in(tmp_path / "b.npz") == names_in(tmp_path) == set()


def test_what_is_no_array_is_named(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as file:
        file.writestr("x.npy", b"text")
    with pytest.raises(ValueError, match="x is no array"):
        read_arrays(tmp_path / "a.npz")


def test_another_kind_of_file_is_not_loaded_in_another_way(tmp_path):
    (tmp_path / "a.npz").write_bytes(b"\x89PNG" + bytes(100))
    with pytest.raises(ValueError, match="it is no archive of arrays, cut short or damaged: File is not a zip file"):
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
        except ValueError:
            failed += 1
    assert failed > len(good) / 2
