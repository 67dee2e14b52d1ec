"""Everything that can be wrong with a data set: an error that names file, place and value; never another exception."""

import json
import struct
import warnings

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from oracles import photographs
from oracles.photographs import NAMES

from taichi_dr.errors import DataSetError
from taichi_dr.io.posed.load import load_posed_images

FOCAL, CENTER = (60.0, 60.0), (32.0, 24.0)


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    """A data set of each format; what a test changes it restores."""
    folder = tmp_path_factory.mktemp("formats")
    for name in ("colmap", "colmap_text", "llff"):
        photographs.save_photographs(folder / name / "images", FOCAL, CENTER)
    photographs.write_colmap(folder / "colmap" / "sparse" / "0", "OPENCV", (*FOCAL, *CENTER, 0, 0, 0, 0), True)
    photographs.write_colmap(folder / "colmap_text" / "sparse" / "0", "PINHOLE", (*FOCAL, *CENTER), False)
    photographs.write_llff(folder / "llff" / "poses_bounds.npy", FOCAL[0])
    numbered = [f"{i}.png" for i in range(len(NAMES))]
    photographs.save_photographs(folder / "neus" / "image", FOCAL, CENTER, numbered)
    photographs.write_neus(folder / "neus" / "cameras_sphere.npz", FOCAL, CENTER, (0, 0, 0, 1))
    photographs.save_photographs(folder / "record3d" / "rgb", FOCAL, CENTER, numbered)
    photographs.write_record3d(folder / "record3d" / "metadata.json", FOCAL, CENTER, True)
    return folder


FILES = {
    "cameras.bin": "colmap/sparse/0",
    "images.bin": "colmap/sparse/0",
    "points3D.bin": "colmap/sparse/0",
    "cameras.txt": "colmap_text/sparse/0",
    "images.txt": "colmap_text/sparse/0",
    "points3D.txt": "colmap_text/sparse/0",
    "poses_bounds.npy": "llff",
    "cameras_sphere.npz": "neus",
    "metadata.json": "record3d",
}


def refused(sources, name, contents):
    """The message with which a data set is refused whose file ``name`` has these bytes (None: is not there)."""
    path = sources / FILES[name] / name
    whole = path.read_bytes()
    try:
        path.unlink() if contents is None else path.write_bytes(contents)
        with pytest.raises(DataSetError) as error:
            load_posed_images(sources / FILES[name].split("/")[0])
        return str(error.value)
    finally:
        path.write_bytes(whole)


def whole(sources, name):
    return (sources / FILES[name] / name).read_bytes()


CAMERA = struct.calcsize("<QiiQQ8d")


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        (
            "cameras.bin",
            lambda data: data[:-8],
            "cameras.bin: is cut short or no COLMAP file: 64 bytes expected at byte 32",
        ),
        ("cameras.bin", lambda data: data + b"xy", "cameras.bin: 2 bytes too many: its counts are wrong"),
        ("cameras.bin", lambda data: b"", "cameras.bin: is empty"),
        (
            "cameras.bin",
            lambda data: data[:12] + struct.pack("<i", 5) + data[16:],
            "camera 7: its model OPENCV_FISHEYE is not one of the pinholes SIMPLE_PINHOLE, PINHOLE,",
        ),
        (
            "cameras.bin",
            lambda data: data[:12] + struct.pack("<i", 77) + data[16:],
            "model, number 77, is unknown; undist",
        ),
        (
            "cameras.bin",
            lambda data: data[:8] + struct.pack("<i", 8) + data[12:],
            "images.bin: image 1 (a.png): its camera 7",
        ),
        (
            "cameras.bin",
            lambda data: data[:32] + struct.pack("<d", np.nan) + data[40:],
            "camera 7: a number of the lens is",
        ),
        ("images.bin", lambda data: None, "images.bin: no such file"),
        ("images.bin", lambda data: struct.pack("<Q", 6) + data[8:], "images.bin: is cut short"),
        ("images.bin", lambda data: struct.pack("<Q", 4) + data[8:], "bytes too many: its counts are wrong"),
        ("images.bin", lambda data: struct.pack("<Q", 0), "images.bin: has no images"),
        (
            "images.bin",
            lambda data: data[:12] + struct.pack("<4d", 0, 0, 0, 0) + data[44:],
            "image 1 (a.png): the quaternion",
        ),
        (
            "images.bin",
            lambda data: data[:44] + struct.pack("<d", np.inf) + data[52:],
            "image 1 (a.png) holds a number that is",
        ),
        ("images.bin", lambda data: data.replace(b"a.png", b"", 1), "are missing: images/;"),
        ("images.bin", lambda data: data.replace(b"a.png", b".", 1), "are missing: images/.;"),
        ("points3D.bin", lambda data: data[:100], "points3D.bin: is cut short"),
        (
            "points3D.bin",
            lambda data: data[:16] + struct.pack("<d", np.nan) + data[24:],
            "point 10 is not finite (1 of 12 are",
        ),
        (
            "cameras.txt",
            lambda data: b"1 PINHOLE 64 48 60 60 32",
            "camera 1: PINHOLE has 4 parameters (fx, fy, cx, cy), got 3",
        ),
        (
            "cameras.txt",
            lambda data: b"1 FOV 64 48 60 60 32 24 1",
            "camera 1: its model FOV is not one of the pinholes",
        ),
        ("cameras.txt", lambda data: b"1 DOME 64 48 60", "camera 1: its model DOME is not one of the pinholes"),
        ("cameras.txt", lambda data: b"1 PINHOLE 64", "cameras.txt, line 1: expected CAMERA_ID, MODEL, WIDTH, HEIGHT"),
        (
            "cameras.txt",
            lambda data: b"1 PINHOLE 64 48 60 60 wide 24",
            "cameras.txt, line 1: could not convert string to",
        ),
        ("cameras.txt", lambda data: b"7 PINHOLE 64 48 -60 60 32 24", "must be positive: 64, 48, -60.0, 60.0"),
        ("images.txt", lambda data: b"1 1 0 0 0", "images.txt, line 1: expected IMAGE_ID, QW,"),
        (
            "images.txt",
            lambda data: data.replace(b"1.5 2.5 10", b"1.5 10", 1),
            "images.txt, line 3: expected POINTS2D[] as",
        ),
        ("images.txt", lambda data: b"\xff\xfe", "images.txt: is not a text file"),
        ("images.txt", lambda data: data.replace(b"b.png", b"z.png"), "1 of 5 images are missing: images/z.png"),
        ("points3D.txt", lambda data: b"1 2 3", "points3D.txt, line 1: expected POINT3D_ID, X, Y, Z"),
        ("poses_bounds.npy", lambda data: data[:-100], "poses_bounds.npy: is no NumPy array, or cut short"),
        ("metadata.json", lambda data: data[:-100], "expected transforms_train.json or transforms.json"),
    ],
)
def test_damaged_files(sources, name, change, message):
    assert message in refused(sources, name, change(whole(sources, name)))


def llff_bytes(sources, change):
    rows = np.load(sources / "llff" / "poses_bounds.npy")
    path = sources / "changed.npy"
    np.save(path, change(rows))
    return path.read_bytes()


def put(index, value):
    def change(rows):
        rows[index] = value
        return rows

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda rows: rows[:4], "has 4 poses, but"),
        (lambda rows: rows[:, :15], "expected an array (N, 17), got (5, 15)"),
        (lambda rows: rows[:0], "expected an array (N, 17), got (0, 17)"),
        (lambda rows: rows.astype(complex), "expected real numbers, got complex128"),
        (put((1, 3), np.nan), "row 1 (b.png) holds a number that is not finite"),
        (put((2, 0), 3.0), "row 2 (c.png) is not rigid"),
        (put((0, 14), 0.0), "row 0 (a.png): w, h and focal lengths must be positive"),
        (put((4, 15), 9.0), "row 4 (e.png): expected depths 0 < near < far, got 9.0 and 6.5"),
    ],
)
def test_llff_that_makes_no_sense(sources, change, message):
    assert message in refused(sources, "poses_bounds.npy", llff_bytes(sources, change))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"world_mat_2": None}, "has 4 world_mat_<i>, but there are 5 pictures"),
        ({"world_mat_2": None, "world_mat_9": np.eye(4)}, "lacks world_mat_2; it has scale_mat_0"),
        ({"world_mat_2": np.zeros((4, 4))}, "world_mat_2 is no camera: its left 3 x 3 part has no inverse"),
        ({"world_mat_2": np.eye(3)}, "world_mat_2: expected finite numbers (4, 4), got float64 (3, 3)"),
        ({"world_mat_2": np.full((4, 4), np.nan)}, "world_mat_2: expected finite numbers"),
        ({"scale_mat_0": np.diag([1.0, 2, 1, 1])}, "scale_mat_0: expected one positive scale and a translation"),
        (
            {"world_mat_0": np.array([[60, 9, 32, 0], [0, 60, 24, 0], [0, 0, 1, 5.0], [0, 0, 0, 1]])},
            "its pixels lean by 3.6",
        ),
    ],
)
def test_neus_that_makes_no_sense(sources, changes, message):
    with np.load(sources / "neus" / "cameras_sphere.npz") as file:
        arrays = dict(file) | changes
    arrays = {name: array for name, array in arrays.items() if array is not None}
    assert message in refused(sources, "cameras_sphere.npz", photographs.archive(arrays))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"K": None}, "missing keys K"),
        ({"poses": []}, "has no poses"),
        ({"poses": [[1, 2]]}, "poses: expected 7 numbers each"),
        ({"poses": "none"}, "poses: expected 7 numbers each"),
        ({"poses": [[0, 0, 0, 1, 0, float("nan"), 0]]}, "poses: 0 is not finite"),
        ({"poses": [[0, 0, 0, 0, 1, 2, 3]]}, "but 5 perFrameIntrinsicCoeffs"),
        ({"poses": [[0, 0, 0, 0, 1, 2, 3]] * 5}, "pose 0: the quaternion [0.0, 0.0, 0.0, 0.0] is no rotation"),
        ({"poses": [[0, 0, 0, 1, 0, 0, 5]] * 6, "perFrameIntrinsicCoeffs": None}, "w, h and focal lengths must be pos"),
        (
            {"perFrameIntrinsicCoeffs": None, "K": [60, 0, 0, 0, 60, 0, 1, 1, 1], "w": "wide"},
            "w, h: expected 2 numbers",
        ),
    ],
)
def test_record3d_that_makes_no_sense(sources, changes, message):
    contents = json.loads((sources / "record3d" / "metadata.json").read_text()) | {"K": [0] * 9} | changes
    contents = {key: value for key, value in contents.items() if value is not None}
    assert message in refused(sources, "metadata.json", json.dumps(contents).encode())


def test_pictures_that_are_not_there(sources, tmp_path):
    photographs.write_llff(tmp_path / "poses_bounds.npy", 60)
    with pytest.raises(DataSetError, match=r"the folder .*images of its pictures is missing"):
        load_posed_images(tmp_path)
    photographs.write_record3d(tmp_path / "metadata.json", FOCAL, CENTER, True)
    photographs.save_photographs(tmp_path / "rgb", FOCAL, CENTER, [f"{i}.png" for i in range(5)])
    (tmp_path / "rgb" / "3.png").unlink()
    with pytest.raises(DataSetError, match=r"1 of 5 images are missing: rgb/3\.jpg"):
        load_posed_images(tmp_path)
    with pytest.warns(UserWarning, match="1 missing images are left out"):
        assert load_posed_images(tmp_path, skip_missing=True).names == ("0.png", "1.png", "2.png", "4.png")


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@pytest.mark.parametrize("name", FILES)
@given(data=st.data())
def test_damaged_bytes_are_read_or_refused(sources, name, data):
    """Cut anywhere, or with a few bytes of others: a DataSetError, or cameras that are finite."""
    path = sources / FILES[name] / name
    good = path.read_bytes()
    at = data.draw(st.integers(0, len(good) - 1))
    if data.draw(st.booleans()):
        bad = good[:at]
    else:
        new = data.draw(st.binary(min_size=1, max_size=8))
        bad = good[:at] + new + good[at + len(new) :]
    try:
        path.write_bytes(bad)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            posed = load_posed_images(sources / FILES[name].split("/")[0], size=8)
    except DataSetError:
        return
    finally:
        path.write_bytes(good)
    for array in (posed.images, posed.camera_to_world, posed.focal, posed.principal_point):
        assert np.isfinite(array).all()
    assert posed.points is None or np.isfinite(posed.points).all()
