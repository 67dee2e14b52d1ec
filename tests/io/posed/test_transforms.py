"""Posed images: the conventions of the format, round trips, averaging, and every way a data set can be broken."""

import json
import math
from dataclasses import replace
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from taichi_dr.errors import DataSetError, FileError, InputError, ShapeError
from taichi_dr.io.images import save_image
from taichi_dr.io.posed.load import load_posed_images, read_capture, splits
from taichi_dr.io.posed.transforms import save_posed_images
from taichi_dr.io.posed_images import PosedImages

LEGO = Path(__file__).parents[4] / "shared" / "data" / "lego"


def rotation(seed):
    q, r = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))
    q = q * np.sign(np.diag(r))
    return q * np.linalg.det(q)


def make_posed(views=3, height=4, width=6, seed=0):
    random = np.random.default_rng(seed)
    matrices = np.tile(np.eye(4), (views, 1, 1))
    for i in range(views):
        matrices[i, :3, :3] = rotation(seed + i)
        matrices[i, :3, 3] = random.normal(size=3)
    alpha = random.choice([0.0, 0.25, 1.0], (views, height, width)).astype(np.float32)
    images = random.random((views, height, width, 3)).astype(np.float32) * (alpha > 0)[..., None]
    return PosedImages(
        images=images,
        alpha=alpha,
        camera_to_world=matrices,
        focal=np.tile([7.0, 7.5], (views, 1)),
        principal_point=np.tile([3.25, 1.75], (views, 1)),
        names=tuple(f"r_{i}.png" for i in range(views)),
    )


def make_folder(folder, sizes=((4, 6), (4, 6)), channels=4, name="transforms_train.json", **keys):
    """A data set with ``camera_angle_x`` (unless ``keys``), as other programs write them."""
    frames = []
    for i, (height, width) in enumerate(sizes):
        save_image(folder / "train" / f"r_{i}.png", np.full((height, width, channels), 0.5))
        frames.append({"file_path": f"./train/r_{i}", "transform_matrix": np.eye(4).tolist()})
    write(folder, (keys or {"camera_angle_x": 0.8}) | {"frames": frames}, name)
    return folder


def read(folder, name="transforms_train.json"):
    return json.loads((folder / name).read_text())


def write(folder, contents, name="transforms_train.json"):
    (folder / name).write_text(contents if isinstance(contents, str) else json.dumps(contents))


def test_round_trip(tmp_path):
    posed = make_posed()
    save_posed_images(tmp_path, posed, "train")
    again = load_posed_images(tmp_path, "train", require_alpha=True)
    np.testing.assert_allclose(again.alpha, posed.alpha, atol=1 / 500)
    np.testing.assert_allclose(again.images, posed.images, atol=0.005)
    np.testing.assert_array_equal(again.camera_to_world, posed.camera_to_world)
    np.testing.assert_allclose(again.focal, posed.focal, rtol=1e-12)
    np.testing.assert_allclose(again.principal_point, posed.principal_point, rtol=1e-12)
    assert again.names == posed.names
    assert again.has_alpha
    assert splits(tmp_path) == ["train"]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["train", "transforms_train.json"]


@settings(deadline=None, max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 10**6), views=st.integers(1, 4), height=st.integers(1, 5), width=st.integers(1, 5))
def test_cameras_survive_exactly(tmp_path, seed, views, height, width):
    posed = make_posed(views, height, width, seed)
    posed.focal[:] += np.random.default_rng(seed).random((views, 2))  # one camera per view
    save_posed_images(tmp_path, posed, "test")
    again = load_posed_images(tmp_path, "test")
    np.testing.assert_array_equal(again.camera_to_world, posed.camera_to_world)
    np.testing.assert_allclose(again.focal, posed.focal, rtol=1e-12)
    np.testing.assert_allclose(again.principal_point, posed.principal_point, rtol=1e-12)


def test_field_of_view(tmp_path):
    posed = load_posed_images(make_folder(tmp_path, camera_angle_x=math.pi / 2))
    # 6 pixels wide under 90 degrees: f = 3; square pixels, so 4 pixels high are 2 atan(2/3)
    np.testing.assert_allclose(posed.focal, np.full((2, 2), 3))
    np.testing.assert_allclose(posed.principal_point, [[3, 2]] * 2)
    np.testing.assert_allclose(posed.fov_x, [math.pi / 2] * 2)
    np.testing.assert_allclose(posed.fov_y, [2 * math.atan(2 / 3)] * 2)


def test_intrinsics_of_larger_originals_are_scaled(tmp_path):
    make_folder(tmp_path, name="transforms.json", fl_x=30, fl_y=40, cx=31, cy=19, w=60, h=40)
    posed = load_posed_images(tmp_path)
    np.testing.assert_allclose(posed.focal, [[3, 4]] * 2)
    np.testing.assert_allclose(posed.principal_point, [[3.1, 1.9]] * 2)


def test_frames_override_the_file(tmp_path):
    make_folder(tmp_path, fl_x=3)
    contents = read(tmp_path)
    contents["frames"][1] |= {"fl_x": 5, "fl_y": 6, "cx": 1, "cy": 2}
    write(tmp_path, contents)
    posed = load_posed_images(tmp_path)
    assert posed.focal.tolist() == [[3, 3], [5, 6]]
    assert posed.principal_point.tolist() == [[3, 2], [1, 2]]


def test_both_angles(tmp_path):
    posed = load_posed_images(make_folder(tmp_path, camera_angle_x=math.pi / 2, camera_angle_y=math.pi / 2))
    np.testing.assert_allclose(posed.focal, [[3, 2]] * 2)


def test_file_names_with_suffix_and_other_types(tmp_path):
    make_folder(tmp_path)
    save_image(tmp_path / "train" / "photo.jpg", np.full((4, 6, 3), 0.5))
    contents = read(tmp_path)
    contents["frames"][0]["file_path"] = "train/r_0.png"
    contents["frames"][1]["file_path"] = "train/photo"
    write(tmp_path, contents)
    posed = load_posed_images(tmp_path)
    assert posed.names == ("r_0.png", "photo.jpg")
    assert posed.has_alpha
    assert (posed.alpha[1] == 1).all()


@pytest.mark.parametrize(
    "keys", [{"is_fisheye": True}, {"camera_model": "OPENCV_FISHEYE"}, {"camera_model": "EQUIRECTANGULAR"}]
)
def test_lenses_that_are_no_pinhole_are_refused_by_name(tmp_path, keys):
    with pytest.raises(DataSetError, match=rf"r_0: .*({'|'.join(map(str, (*keys, *keys.values())))}).* undistort the"):
        load_posed_images(make_folder(tmp_path, fl_x=3, **keys))


def test_a_lens_of_another_aspect_than_its_pictures_warns(tmp_path):
    with pytest.warns(
        UserWarning, match=r"r_0.png: its lens is for pictures of 8 × 4 pixels, but it has 6 × 4.*2 of 2"
    ):
        posed = load_posed_images(make_folder(tmp_path, fl_x=3, fl_y=3, w=8, h=4))
    np.testing.assert_allclose(posed.focal, [[3 * 6 / 8, 3]] * 2)


def rename(folder, name):
    """Calls the picture of frame 1 otherwise in the JSON."""
    broken(lambda c: c["frames"][1].update(file_path=name))(folder)


@pytest.mark.parametrize(
    "name",
    [
        r".\train\r_1.png",
        "./train/R_1.PNG",
        "/home/somebody/scene/train/r_1",
        r"C:\data\train\r_1.png",
        "train/r_1",
        " train/r_1.png ",
        "train/r_1.jpg",
        "train/%72_1.png",
        "file:///home/somebody/train/r_1.png",
    ],
)
def test_file_names_of_other_machines_are_found(tmp_path, name):
    make_folder(tmp_path)
    rename(tmp_path, name)
    assert load_posed_images(tmp_path).names == ("r_0.png", "r_1.png")


def test_absolute_file_names_are_taken_as_they_are(tmp_path):
    make_folder(tmp_path / "data")
    contents = read(tmp_path / "data")
    for frame in contents["frames"]:
        frame["file_path"] = str(tmp_path / "data" / frame["file_path"])
    (tmp_path / "elsewhere").mkdir()
    write(tmp_path / "elsewhere", contents)
    assert load_posed_images(tmp_path / "elsewhere").names == ("r_0.png", "r_1.png")
    for frame in contents["frames"]:
        frame["file_path"] = "../data/train/" + frame["file_path"][-3:]
    write(tmp_path / "elsewhere", contents)
    assert load_posed_images(tmp_path / "elsewhere").names == ("r_0.png", "r_1.png")


def test_an_image_of_another_folder_is_not_taken_for_a_missing_one(tmp_path):
    make_folder(tmp_path)
    (tmp_path / "train" / "r_1.png").rename(tmp_path / "r_1.png")
    with pytest.raises(DataSetError, match="1 of 2 images are missing"):
        load_posed_images(tmp_path)


def test_missing_images_are_left_out_if_asked(tmp_path):
    make_folder(tmp_path, sizes=[(4, 6)] * 3)
    (tmp_path / "train" / "r_1.png").unlink()
    with pytest.warns(UserWarning, match=r"1 missing images are left out: train/r_1\.png"):
        assert load_posed_images(tmp_path, skip_missing=True).names == ("r_0.png", "r_2.png")
    for name in ("r_0.png", "r_2.png"):
        (tmp_path / "train" / name).unlink()
    with pytest.raises(DataSetError, match="3 of 3 images are missing"):
        load_posed_images(tmp_path, skip_missing=True)


def test_masks_are_alpha_as_they_are_stored(tmp_path):
    make_folder(tmp_path, channels=3, mask_path="mask.png", camera_angle_x=0.8)
    iio.imwrite(tmp_path / "mask.png", np.full((4, 6), 51, np.uint8))
    posed = load_posed_images(tmp_path, require_alpha=True)
    np.testing.assert_allclose(posed.alpha, 0.2, atol=1e-6)
    np.testing.assert_allclose(posed.images, 0.5, atol=0.003)
    iio.imwrite(tmp_path / "mask.png", np.full((4, 5), 51, np.uint8))
    with pytest.raises(DataSetError, match=r"mask.png: is 5 × 4, but .*r_0.png is 6 × 4"):
        load_posed_images(tmp_path)
    (tmp_path / "mask.png").unlink()
    with pytest.raises(DataSetError, match=r"2 of 2 images are missing: mask\.png; .*by the ends"):
        load_posed_images(tmp_path)


def test_file_names_of_splits_choose_frames(tmp_path):
    make_folder(tmp_path, sizes=[(4, 6)] * 3, name="transforms.json", camera_angle_x=0.8)
    contents = read(tmp_path, "transforms.json")
    contents |= {"train_filenames": ["./train/r_0", "./train/r_2"], "test_filenames": ["./train/r_1"]}
    write(tmp_path, contents, "transforms.json")
    assert splits(tmp_path) == ["train", "test"]
    assert load_posed_images(tmp_path).names == ("r_0.png", "r_2.png")
    assert load_posed_images(tmp_path, "test").names == ("r_1.png",)
    write(tmp_path, contents | {"test_filenames": ["gone"]}, "transforms.json")
    with pytest.raises(DataSetError, match="test_filenames names 1 files that no frame has: gone"):
        load_posed_images(tmp_path, "test")


def test_pictures_with_lenses_of_their_own_may_differ_in_size(tmp_path):
    make_folder(tmp_path, sizes=[(40, 60), (38, 60)], fl_x=30)
    contents = read(tmp_path)
    contents["frames"][0] |= {"w": 60, "h": 40}
    contents["frames"][1] |= {"w": 60, "h": 38, "cy": 17}
    write(tmp_path, contents)
    posed = load_posed_images(tmp_path)  # a row less above and below: the middle stays the middle
    assert posed.alpha.shape == (2, 38, 60)
    assert posed.focal.tolist() == [[30, 30]] * 2
    assert posed.principal_point.tolist() == [[30, 19], [30, 17]]
    save_image(tmp_path / "train" / "r_1.png", np.full((60, 40, 4), 0.5))
    contents["frames"][1] |= {"w": 40, "h": 60, "cy": 30}
    write(tmp_path, contents)
    posed = load_posed_images(tmp_path)  # averaged down from 60 to 40 columns, and from 60 to 40 rows
    assert posed.alpha.shape == (2, 40, 40)
    np.testing.assert_allclose(posed.focal, [[20, 30], [30, 20]])
    np.testing.assert_allclose(posed.principal_point, [[20, 20]] * 2)


def test_orientation_tags_are_obeyed_unless_the_lens_is_for_the_pixels_as_stored(tmp_path):
    make_folder(tmp_path, channels=3, camera_angle_x=math.pi / 2)
    tag = Image.Exif()
    tag[0x0112] = 6  # shown turned by a quarter: 4 wide, 6 high
    for i in range(2):
        Image.new("RGB", (6, 4)).save(tmp_path / "train" / f"r_{i}.jpg", exif=tag)
        rename_all = broken(lambda c: [f.update(file_path=f"train/r_{i}.jpg") for i, f in enumerate(c["frames"])])
    rename_all(tmp_path)
    posed = load_posed_images(tmp_path)
    assert posed.alpha.shape == (2, 6, 4)
    np.testing.assert_allclose(posed.focal, 2)
    for size, shape in (((6, 4), (2, 4, 6)), ((4, 6), (2, 6, 4))):
        broken(lambda c, size=size: c.update(w=size[0], h=size[1]))(tmp_path)
        assert load_posed_images(tmp_path).alpha.shape == shape


def test_points_and_opacity_survive(tmp_path):
    posed = make_posed()
    points = np.arange(12.0).reshape(4, 3)
    opaque = replace(posed, alpha=np.ones_like(posed.alpha), has_alpha=False, points=points)
    save_posed_images(tmp_path, opaque)
    again = load_posed_images(tmp_path)
    assert not again.has_alpha
    np.testing.assert_allclose(again.points, points)
    save_posed_images(tmp_path, posed)  # replaces the points, too
    assert load_posed_images(tmp_path).points is None


def test_a_moved_world():
    posed = replace(
        make_posed(),
        points=np.array([[1.0, 2, 3]]),
        depths=np.array([[1.0, 2]] * 3),
        region=np.array([1.0, 2, 5, 4]),
    )
    moved = posed.moved((1, 2, 1), 2.0)
    np.testing.assert_allclose(moved.camera_to_world[:, :3, 3], (posed.camera_to_world[:, :3, 3] - [1, 2, 1]) / 2)
    np.testing.assert_array_equal(moved.camera_to_world[:, :3, :3], posed.camera_to_world[:, :3, :3])
    assert moved.points.tolist() == [[0, 0, 1]]
    assert moved.depths.tolist() == [[0.5, 1]] * 3
    assert moved.region.tolist() == [0, 0, 2, 2]
    assert moved.subset([1]).depths.tolist() == [[0.5, 1]]


def test_progress(tmp_path):
    calls = []
    load_posed_images(make_folder(tmp_path), progress=lambda *now: calls.append(now))
    save_posed_images(tmp_path / "new", make_posed(), progress=lambda *now: calls.append(now))
    assert calls == [(1, 2), (2, 2), (1, 3), (2, 3), (3, 3)]


def area_average(values, size):
    """The mean over each new pixel's rectangle, one pixel at a time."""
    (h, w), (new_h, new_w) = values.shape[:2], size
    result = np.zeros((*size, *values.shape[2:]))
    for r in range(new_h):
        for s in range(new_w):
            for i in range(h):
                for j in range(w):
                    tall = min((r + 1) * h / new_h, i + 1) - max(r * h / new_h, i)
                    wide = min((s + 1) * w / new_w, j + 1) - max(s * w / new_w, j)
                    if tall > 0 and wide > 0:
                        result[r, s] += tall * wide * values[i, j]
    return result * (new_h * new_w) / (h * w)


@pytest.mark.parametrize("size", [(4, 6), (2, 3), (3, 5), (1, 1), (3, 4)])
def test_downscaling_averages_premultiplied_light(size):
    posed = make_posed()
    small = posed.resized(size)
    for i in range(len(posed)):
        alpha = area_average(posed.alpha[i], size)
        premultiplied = area_average(posed.images[i] * posed.alpha[i][..., None], size)
        np.testing.assert_allclose(small.alpha[i], alpha, atol=1e-6)
        np.testing.assert_allclose(small.images[i] * small.alpha[i][..., None], premultiplied, atol=1e-6)
    np.testing.assert_allclose(small.fov_x, posed.fov_x)
    np.testing.assert_allclose(small.fov_y, posed.fov_y)


def test_transparent_pixels_do_not_bleed():
    posed = make_posed(1, 1, 2)
    posed.images[0, 0] = [[1, 0, 0], [0, 1, 0]]
    posed.alpha[0, 0] = [1, 0]
    small = posed.resized((1, 1))
    assert small.images[0, 0, 0].tolist() == [1, 0, 0]
    assert small.alpha[0, 0, 0] == 0.5
    assert posed.over((0, 0, 1))[0, 0].tolist() == [[1, 0, 0], [0, 0, 1]]


def test_backgrounds_of_every_shape():
    posed, random = make_posed(2, 3, 4), np.random.default_rng(0)
    for shape in ((3,), (2, 3), (3, 4, 3), (2, 3, 4, 3)):
        background = random.random(shape)
        behind = np.broadcast_to(background[:, None, None] if shape == (2, 3) else background, (2, 3, 4, 3))
        alpha = posed.alpha[..., None]
        np.testing.assert_allclose(posed.over(background), posed.images * alpha + behind * (1 - alpha), atol=1e-6)
    for shape in ((4, 3), (2, 4), (3, 2, 4, 3)):
        with pytest.raises(
            ShapeError, match=r"background: expected shape \(3,\), \(2, 3\), \(3, 4, 3\), \(2, 3, 4, 3\); "
        ):
            posed.over(random.random(shape))


def test_sizes_asked_for(tmp_path):
    make_folder(tmp_path)
    for options, shape in (({"size": 3}, (2, 3)), ({"size": (3, 2)}, (3, 2)), ({"scale": 0.5}, (2, 3)), ({}, (4, 6))):
        assert load_posed_images(tmp_path, **options).alpha.shape[1:] == shape
    for options in ({"size": 7}, {"size": (5, 6)}, {"size": 0}, {"size": -1}, {"scale": 0}, {"scale": 2}):
        with pytest.raises(InputError, match=r"size|scale"):
            load_posed_images(tmp_path, **options)


def test_subset():
    posed = make_posed(4)
    assert posed.subset([2, 0]).names == ("r_2.png", "r_0.png")
    assert len(posed.subset(slice(None, None, 2))) == 2
    with pytest.raises(ShapeError, match=r"PosedImages.focal: expected shape \(4, 2\), got \(3, 2\)"):
        PosedImages(
            posed.images, posed.alpha, posed.camera_to_world, posed.focal[:3], posed.principal_point, posed.names
        )


def broken(change):
    def apply(folder):
        contents = read(folder)
        change(contents)
        write(folder, contents)

    return apply


def set_matrix(matrix):
    return broken(lambda c: c["frames"][1].update(transform_matrix=matrix))


BENT = [[1, 0.1, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]
MIRROR = [[-1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (
            lambda f: (f / "transforms_train.json").unlink(),
            r"expected transforms_train.json or transforms.json; .* none",
        ),
        (lambda f: write(f, ""), "transforms_train.json: is empty"),
        (lambda f: write(f, "{ not json"), "is not valid JSON"),
        (lambda f: (f / "transforms_train.json").write_bytes(b"\xff\xfe\x00"), "is not valid JSON"),
        (lambda f: write(f, "[" * 100_000), "is not valid JSON"),
        (lambda f: write(f, "[]"), "missing key 'frames'"),
        (lambda f: write(f, {"camera_angle_x": 1}), "missing key 'frames'"),
        (broken(lambda c: c.update(frames=[])), "has no frames"),
        (broken(lambda c: c["frames"][1].pop("file_path")), "frame 1 lacks file_path"),
        (broken(lambda c: c["frames"][0].pop("transform_matrix")), "frame 0 lacks transform_matrix"),
        (broken(lambda c: c.update(frames=[3])), "frame 0 lacks file_path, transform_matrix"),
        (broken(lambda c: c["frames"][0].update(file_path=7)), "frame 0: file_path is not a file name: 7"),
        (broken(lambda c: c.pop("camera_angle_x")), "r_0: missing camera_angle_x or fl_x"),
        (broken(lambda c: c.update(camera_angle_x="wide")), "camera_angle_x is not a finite number: 'wide'"),
        (broken(lambda c: c.update(camera_angle_x=4)), r"camera_angle_x must be in \(0, π\), got 4"),
        (broken(lambda c: c.update(fl_x=-4)), "must be positive"),
        (broken(lambda c: c.update(w=0)), "w, h and focal lengths must be positive: 0.0, 4"),
        (broken(lambda c: c.update(cx=float("nan"))), "cx is not a finite number: nan"),
        (set_matrix([[1, 2], [3, 4]]), r"frame ./train/r_1: transform_matrix: expected shape \(4, 4\), got \(2, 2\)"),
        (set_matrix([[1, 2], [3]]), "r_1: transform_matrix is not a matrix of numbers"),
        (set_matrix([[math.nan] * 4] * 4), "r_1: transform_matrix holds a number that is not finite"),
        (set_matrix(BENT), "r_1: transform_matrix is not rigid.* 0.1"),
        (set_matrix(MIRROR), "r_1: transform_matrix is not rigid.*determinant is -1"),
        (set_matrix((np.eye(4) * 2).tolist()), "r_1: transform_matrix is not rigid"),
        (
            lambda f: (f / "train" / "r_1.png").unlink(),
            r"train.json: 1 of 2 images are missing: train/r_1\.png; skip_missing \(--skip-missing\) leaves .*suffixes",
        ),
        (lambda f: (f / "train" / "r_1.png").write_bytes(b""), r"r_1.png: is empty"),
        (
            lambda f: (f / "train" / "r_1.png").write_bytes(b"not a picture"),
            r"r_1\.png: not a PNG or JPEG, or damaged$",
        ),
        (
            lambda f: save_image(f / "train" / "r_1.png", np.zeros((5, 7, 4))),
            r"images differ in size: train/r_0.png is 6 × 4, train/r_1.png is 7 × 5",
        ),
        (lambda f: save_image(f / "train" / "r_1.png", np.zeros((4, 6, 3))), "r_1.png: has no alpha channel"),
    ],
)
def test_broken_data_sets(tmp_path, damage, message):
    damage(make_folder(tmp_path))
    with pytest.raises(DataSetError, match=message):
        load_posed_images(tmp_path, require_alpha=True)


def test_many_missing_images_are_counted(tmp_path):
    make_folder(tmp_path, sizes=[(4, 6)] * 22)
    for i in range(1, 21):
        (tmp_path / "train" / f"r_{i}.png").unlink()
    with pytest.raises(
        DataSetError, match=r"20 of 22 images are missing: (train/r_\d+\.png, ){19}train/r_20\.png; skip_missing"
    ):
        load_posed_images(tmp_path)
    (tmp_path / "train" / "r_0.png").unlink()
    with pytest.raises(DataSetError, match=r"21 of 22 images are missing: (train/r_\d+\.png, ){20}…; skip_missing"):
        load_posed_images(tmp_path)


def test_a_camera_that_lacks_its_lens_is_refused_before_the_other_images_are_read(tmp_path):
    make_folder(tmp_path, fl_x=3)
    broken(lambda c: c["frames"][1].update(fl_x="long"))(tmp_path)
    (tmp_path / "train" / "r_1.png").write_bytes(b"not reached")
    with pytest.raises(DataSetError, match="fl_x is not a finite number"):
        load_posed_images(tmp_path)


def test_missing_images_are_named_with_their_own_suffix(tmp_path):
    make_folder(tmp_path)
    broken(lambda c: c["frames"][1].update(file_path="./train/photo.JPG"))(tmp_path)
    with pytest.raises(DataSetError, match=r"1 of 2 images are missing: train/photo\.JPG; skip_missing"):
        load_posed_images(tmp_path)


def test_missing_splits_name_what_is_there(tmp_path):
    make_folder(tmp_path)
    with pytest.raises(DataSetError, match=r"expected transforms_test.json; .* found: transforms_train.json"):
        load_posed_images(tmp_path, "test")
    with pytest.raises(DataSetError, match="no such folder"):
        load_posed_images(tmp_path / "none")


def test_pictures_without_alpha_are_opaque(tmp_path):
    posed = load_posed_images(make_folder(tmp_path, channels=3))
    assert not posed.has_alpha
    assert (posed.alpha == 1).all()


def test_nothing_stays_after_a_failed_save(tmp_path):
    posed = make_posed()
    posed.images[2, 1, 1, 0] = np.nan
    with pytest.raises(InputError, match=r"r_2\.png"):
        save_posed_images(tmp_path / "new", posed)
    assert list(tmp_path.iterdir()) == []
    posed = make_posed()
    posed.camera_to_world[1, 0, 0] = np.inf
    with pytest.raises(InputError, match="not finite"):
        save_posed_images(tmp_path / "new", posed)
    assert list(tmp_path.iterdir()) == []


def contents_below(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_failed_save_keeps_what_was_there(tmp_path):
    save_posed_images(tmp_path, make_posed(2), "train")
    before = contents_below(tmp_path)
    assert len(before) == 3
    posed = make_posed(seed=1)
    posed.images[2, 1, 1, 0] = np.nan
    with pytest.raises(InputError, match=r"r_2\.png"):
        save_posed_images(tmp_path, posed, "train")
    assert contents_below(tmp_path) == before


def test_a_smaller_set_replaces_a_larger_one_and_nothing_else(tmp_path):
    save_posed_images(tmp_path, make_posed(3), "train")
    save_posed_images(tmp_path, make_posed(1), "train")
    assert sorted(path.name for path in (tmp_path / "train").iterdir()) == ["r_0.png"]
    (tmp_path / "train" / "notes.txt").touch()
    before = contents_below(tmp_path)
    with pytest.raises(FileError, match=r"train holds files that are not replaced, .*: notes\.txt$"):
        save_posed_images(tmp_path, make_posed(2), "train")
    assert contents_below(tmp_path) == before


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_damaged_json_raises_data_set_errors_only(tmp_path, data):
    folder = make_folder(tmp_path)
    good = (folder / "transforms_train.json").read_bytes()
    at = data.draw(st.integers(0, len(good) - 1))
    kind = data.draw(st.sampled_from(["cut", "swap"]))
    bad = good[:at] if kind == "cut" else good[:at] + data.draw(st.binary(min_size=1, max_size=3)) + good[at + 1 :]
    (folder / "transforms_train.json").write_bytes(bad)
    assert outcome(folder) in ("loaded", "refused")


def outcome(folder):
    try:
        posed = load_posed_images(folder)
    except DataSetError:
        return "refused"
    finite = all(np.isfinite(a).all() for a in (posed.images, posed.camera_to_world, posed.focal))
    return "loaded" if finite else "not finite"


@pytest.mark.skipif(not LEGO.is_dir(), reason="the lego data set is not on this machine")
def test_lego():
    assert splits(LEGO) == ["train", "test"]
    posed = load_posed_images(LEGO, "test", size=100, require_alpha=True)
    assert posed.images.shape[1:] == (100, 100, 3)
    assert posed.fov_x[0] == pytest.approx(0.6911112070083618)
    # the focal length of the full picture is 0.5 * 400 / tan(0.6911 / 2) = 555.56 pixels
    np.testing.assert_allclose(posed.focal, 555.5555 / 4, rtol=1e-6)
    # cameras sit on a sphere of radius 4.03 and look at the origin
    position, backward = posed.camera_to_world[:, :3, 3], posed.camera_to_world[:, :3, 2]
    np.testing.assert_allclose(np.linalg.norm(position, axis=1), 4.0311, atol=1e-3)
    np.testing.assert_allclose(backward * 4.0311, position, atol=1e-2)
    assert 0.05 < posed.alpha.mean() < 0.6


def test_null_is_as_if_it_were_not_there(tmp_path):
    make_folder(tmp_path, camera_angle_x=None, fl_x=3, k1=None, camera_model=None, w=None)
    broken(lambda c: c["frames"][0].update(fl_x=None, cx=None, mask_path=None))(tmp_path)
    posed = load_posed_images(tmp_path)
    assert posed.focal.tolist() == [[3, 3]] * 2
    assert posed.principal_point.tolist() == [[3, 2]] * 2


def test_numbers_may_be_written_as_text(tmp_path):
    make_folder(tmp_path, fl_x="30", w="60", h="40")
    assert load_posed_images(tmp_path).focal.tolist() == [[3, 3]] * 2
    broken(lambda c: c.update(fl_x="wide"))(tmp_path)
    with pytest.raises(DataSetError, match="fl_x is not a finite number: 'wide'"):
        load_posed_images(tmp_path)


def test_degrees_are_refused_with_the_radians(tmp_path):
    with pytest.raises(DataSetError, match=r"camera_angle_x must be in .* 40 degrees are 0\.6981"):
        load_posed_images(make_folder(tmp_path, camera_angle_x=40))


def test_a_field_of_view_of_a_frame_goes_before_the_focal_length_of_all(tmp_path):
    make_folder(tmp_path, fl_x=5)
    broken(lambda c: c["frames"][1].update(camera_angle_x=math.pi / 2))(tmp_path)
    np.testing.assert_allclose(load_posed_images(tmp_path).focal, [[5, 5], [3, 3]])


def test_angles_and_focal_lengths_that_contradict_are_told(tmp_path):
    make_folder(tmp_path, fl_x=5, camera_angle_x=math.pi / 2)
    with pytest.warns(UserWarning, match="contradict each other: in pictures of 6 pixels .* length of 3; fl_x is used"):
        assert load_posed_images(tmp_path).focal.tolist() == [[5, 5]] * 2


@pytest.mark.parametrize("key", ["ftheta_p0", "latlong", "orthographic"])
def test_lenses_of_instant_ngp_are_refused_by_name(tmp_path, key):
    with pytest.raises(DataSetError, match=f"{key}: lenses that are no pinhole"):
        load_posed_images(make_folder(tmp_path, fl_x=3, **{key: True}))


def test_full_opencv_has_a_divisor(tmp_path):
    make_folder(tmp_path, fl_x=3, camera_model="full_opencv", k1=0.01, k4=0.02)
    lens = read_capture(tmp_path).views[0].lens
    assert lens.radial == (0.01, 0, 0)
    assert lens.divisor == (0.02, 0, 0)


def test_frames_that_are_there_twice(tmp_path):
    make_folder(tmp_path)
    broken(lambda c: c["frames"].append(dict(c["frames"][0])))(tmp_path)
    with pytest.warns(UserWarning, match=r"1 frames are there twice, and read once: r_0\.png"):
        assert load_posed_images(tmp_path).names == ("r_0.png", "r_1.png")
    broken(lambda c: c["frames"][2].update(transform_matrix=np.diag([-1, -1, 1, 1]).tolist()))(tmp_path)
    with pytest.raises(DataSetError, match=r"two frames have the picture r_0\.png, with different poses"):
        load_posed_images(tmp_path)


def test_comments_and_trailing_commas_are_refused_with_line_and_column(tmp_path):
    make_folder(tmp_path)
    write(tmp_path, '{"camera_angle_x": 0.8,\n // angle\n "frames": []}')
    with pytest.raises(DataSetError, match=r"is not valid JSON: .* line 2 column 2 .*JSON has no comments"):
        load_posed_images(tmp_path)


MASKS = ["masks/r_0.png", "masks/r_0.png.png", "mask/r_0.png", "train/r_0.mask.png", "train/r_0_mask.png"]


@pytest.mark.parametrize("name", [*MASKS, "masks/train/r_0.png", "train/masks/r_0.png", "train/dynamic_mask_r_0.png"])
def test_masks_beside_the_pictures_are_found(tmp_path, name):
    make_folder(tmp_path, channels=3)
    (tmp_path / name).parent.mkdir(exist_ok=True, parents=True)
    iio.imwrite(tmp_path / name, np.repeat([[255], [0], [0], [0]], 6, axis=1).astype(np.uint8))
    posed = load_posed_images(tmp_path)
    assert posed.has_alpha
    assert posed.alpha[0, :, 0].tolist() == ([0, 1, 1, 1] if "dynamic" in name else [1, 0, 0, 0])
    assert (posed.alpha[1] == 1).all()


def test_masks_of_numbers_0_and_1_and_of_another_size(tmp_path):
    make_folder(tmp_path, channels=3, mask_path="mask.png", camera_angle_x=0.8)
    iio.imwrite(tmp_path / "mask.png", np.repeat([[1], [0], [0], [1]], 6, axis=1).astype(np.uint8))
    assert load_posed_images(tmp_path).alpha[0, :, 0].tolist() == [1, 0, 0, 1]
    iio.imwrite(tmp_path / "mask.png", np.repeat([[255], [0]], 12, axis=1).repeat(4, axis=0).astype(np.uint8))
    assert load_posed_images(tmp_path).alpha[0, :, 0].tolist() == [1, 1, 0, 0]


def test_masks_below_masks_go_before_those_of_the_same_name_above(tmp_path):
    """``train/r_0`` and ``test/r_0`` each have the mask of their own folder."""
    make_folder(tmp_path, channels=3)
    for name, value in (("masks/r_0.png", 255), ("masks/train/r_0.png", 51)):
        (tmp_path / name).parent.mkdir(exist_ok=True, parents=True)
        iio.imwrite(tmp_path / name, np.full((4, 6), value, np.uint8))
    np.testing.assert_allclose(load_posed_images(tmp_path).alpha[0], 0.2, atol=1e-6)


def test_enormous_masks_are_refused_unread(tmp_path):
    make_folder(tmp_path, channels=3, mask_path="mask.png", camera_angle_x=0.8)
    Image.new("1", (600, 400)).save(tmp_path / "mask.png")
    with pytest.raises(DataSetError, match=r"mask.png: is 600 × 400, but .*r_0.png is 6 × 4: give it its size"):
        load_posed_images(tmp_path)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_json_in_every_encoding_of_unicode(tmp_path, encoding):
    make_folder(tmp_path)
    path = tmp_path / "transforms_train.json"
    path.write_bytes(path.read_text().encode(encoding))
    assert load_posed_images(tmp_path).names == ("r_0.png", "r_1.png")


@pytest.mark.parametrize(
    ("center", "expected"),
    [({}, (3, 2)), ({"cx": 1.5, "cy": 3.5}, (3.5, 1.5)), ({"cx": 3.5, "cy": 1.5}, (3.5, 1.5))],
)
def test_width_and_height_that_are_swapped(tmp_path, center, expected):
    """Pictures of 6 x 4 pixels that are said to be 4 x 6: focal lengths in pixels stay."""
    make_folder(tmp_path, w=4, h=6, fl_x=7.0, fl_y=7.5, **center)
    with pytest.warns(UserWarning, match=r"for pictures of 4 × 6 pixels, but it has 6 × 4: .* swapped.*2 of 2 images"):
        posed = load_posed_images(tmp_path)
    assert posed.focal.tolist() == [[7.0, 7.5]] * 2
    assert posed.principal_point.tolist() == [list(expected)] * 2


def test_a_principal_point_outside_the_picture_is_warned_of(tmp_path):
    make_folder(tmp_path, fl_x=7.0, cx=60.0, cy=2.0)
    with pytest.warns(UserWarning, match=r"its principal point, 60, 2 pixels .* within the 6 × 4 pixels .*2 of 2"):
        load_posed_images(tmp_path)


@pytest.mark.parametrize("keys", [{"w": 6, "h": 3e-308}, {"fl_x": 1e30}, {"cx": -1e30}, {"w": 0.5, "h": 0.5}])
def test_lenses_beyond_what_pixels_are_are_refused(tmp_path, keys):
    make_folder(tmp_path, **({"fl_x": 7.0, "w": 6, "h": 4} | keys))
    with pytest.raises(DataSetError, match="must be in pixels, w and h 1 at least"):
        load_posed_images(tmp_path)
