"""Photographs of a painted plane, from the formulas of pinholes and of OpenCV's distortion; one scene in every format.

The plane is ``z = 0`` in a right-handed world; matrices have the columns right, up, backward and position.
"""

import io
import json
import struct

import imageio.v3 as iio
import numpy as np
from scipy.spatial.transform import Rotation

from taichi_dr.io.images import image_bytes

WIDTH, HEIGHT = 64, 48
NAMES = ("a.png", "b.png", "c.png", "d.png", "e.png")


def looking(eye, target, up=(0.0, 1.0, 0.0)):
    """Camera to world of a camera at ``eye`` that looks at ``target``."""
    eye = np.array(eye, float)
    backward = (eye - target) / np.linalg.norm(eye - target)
    right = np.cross(up, backward)
    right /= np.linalg.norm(right)
    matrix = np.eye(4)
    matrix[:3] = np.stack([right, np.cross(backward, right), backward, eye], axis=1)
    return matrix


MATRICES = np.stack(
    [
        looking((0, 0, 5), (0, 0, 0)),  # right = +x, up = +y: the matrix is a translation
        looking((2, 1, 4), (0.1, 0, 0)),
        looking((-2, 0.5, 4), (0, 0.2, 0), (0.1, 1, 0)),
        looking((0.5, -2, 4.5), (0, 0, 0)),
        looking((-1, 2, 5), (0, 0.1, 0), (-0.2, 1, 0)),
    ]
)


def paint(points):
    """The linear colour (..., 3) of places (..., 2) on the plane: waves, none finer than a few pixels."""
    x, y = points[..., 0], points[..., 1]
    waves = (np.sin(2.0 * x + 0.5), np.sin(1.7 * y - 1.1 * x), np.sin(1.3 * x + 2.1 * y + 1.0))
    return 0.5 + 0.35 * np.stack(waves, axis=-1)


def distorted(x, y, k1=0.0, k2=0.0, p1=0.0, p2=0.0):
    """OpenCV's distortion of ``(x, y)`` at depth 1, y down."""
    r2 = x**2 + y**2
    radial = 1 + k1 * r2 + k2 * r2**2
    return x * radial + 2 * p1 * x * y + p2 * (r2 + 2 * x**2), y * radial + p1 * (r2 + 2 * y**2) + 2 * p2 * x * y


def photograph(matrix, focal, center, size=(HEIGHT, WIDTH), **distortion):
    """The picture (H, W, 3), linear, sampled at pixel centres; the distortion is undone by fixed-point iteration."""
    row, column = np.mgrid[0.5 : size[0], 0.5 : size[1]]
    wanted_x, wanted_y = (column - center[0]) / focal[0], (row - center[1]) / focal[1]
    x, y = wanted_x, wanted_y
    for _ in range(200 if distortion else 0):
        at_x, at_y = distorted(x, y, **distortion)
        x, y = x + wanted_x - at_x, y + wanted_y - at_y
    rays = np.stack([x, -y, -np.ones_like(x)], axis=-1) @ matrix[:3, :3].T
    eye = matrix[:3, 3]
    return paint((eye - rays * (eye[2] / rays[..., 2:]))[..., :2])


def save_photographs(folder, focal, center, names=NAMES, **distortion):
    """Writes a picture of each of ``MATRICES``."""
    folder.mkdir(parents=True, exist_ok=True)
    for matrix, name in zip(MATRICES, names, strict=True):
        iio.imwrite(folder / name, image_bytes(photograph(matrix, focal, center, **distortion)))


def world_to_camera(matrix):
    """OpenCV's R (3, 3) and t (3,), axes right, down, forward."""
    rotation = (matrix[:3, :3] * [1, -1, -1]).T
    return rotation, -rotation @ matrix[:3, 3]


def visible_points():
    """Points (P, 3) on the plane that all cameras see."""
    x, y = np.meshgrid(np.linspace(-0.8, 0.8, 4), np.linspace(-0.5, 0.5, 3))
    return np.stack([x.ravel(), y.ravel(), np.zeros(x.size)], axis=1)


def write_colmap(folder, model, numbers, binary, size=(WIDTH, HEIGHT)):
    """A COLMAP model of ``MATRICES`` with one camera; every image shows every point."""
    points = visible_points()
    quaternions, translations = [], []
    for matrix in MATRICES:
        rotation, translation = world_to_camera(matrix)
        x, y, z, w = Rotation.from_matrix(rotation).as_quat()
        quaternions.append((w, x, y, z))
        translations.append(tuple(translation))
    folder.mkdir(parents=True)
    if binary:
        code = ["SIMPLE_PINHOLE", "PINHOLE", "SIMPLE_RADIAL", "RADIAL", "OPENCV", "OPENCV_FISHEYE", "FULL_OPENCV"]
        data = struct.pack("<Q", 1) + struct.pack("<iiQQ", 7, code.index(model), *size)
        (folder / "cameras.bin").write_bytes(data + struct.pack(f"<{len(numbers)}d", *numbers))
        data = struct.pack("<Q", len(NAMES))
        for i, name in enumerate(NAMES):
            data += struct.pack("<i7di", i + 1, *quaternions[i], *translations[i], 7) + name.encode() + b"\0"
            data += struct.pack("<Q", len(points))
            data += b"".join(struct.pack("<2dq", 1.5, 2.5, number + 10) for number in range(len(points)))
        (folder / "images.bin").write_bytes(data)
        data = struct.pack("<Q", len(points))
        for number, point in enumerate(points):
            data += struct.pack("<q3d3Bd", number + 10, *point, 10, 20, 30, 0.5) + struct.pack("<Q", 2)
            data += struct.pack("<4i", 1, number, 2, number)
        (folder / "points3D.bin").write_bytes(data)
        return
    line = " ".join(map(str, (7, model, *size, *numbers)))
    (folder / "cameras.txt").write_text(f"# Camera list\n{line}\n")
    lines = ["# Image list"]
    seen = " ".join(f"1.5 2.5 {number + 10}" for number in range(len(points)))
    for i, name in enumerate(NAMES):
        lines += [" ".join(map(str, (i + 1, *quaternions[i], *translations[i], 7, name))), seen]
    (folder / "images.txt").write_text("\n".join(lines) + "\n")
    lines = [f"{number + 10} {x} {y} {z} 10 20 30 0.5 1 {number} 2 {number}" for number, (x, y, z) in enumerate(points)]
    (folder / "points3D.txt").write_text("\n".join(lines))


def write_llff(path, focal):
    """``poses_bounds.npy``: the columns down, right, backward, position and (height, width, focal)."""
    rows = []
    for matrix in MATRICES:
        right, up, backward, position = matrix[:3].T
        columns = np.stack([-up, right, backward, position, [HEIGHT, WIDTH, focal]], axis=1)
        rows.append([*columns.ravel(), 3.5, 6.5])
    np.save(path, np.array(rows))


def write_neus(path, focal, center, sphere):
    """``cameras_sphere.npz``: projections to pixels whose first one's centre is (0, 0)."""
    intrinsic = np.array([[focal[0], 0, center[0] - 0.5], [0, focal[1], center[1] - 0.5], [0, 0, 1]])
    scale = np.diag([sphere[3], sphere[3], sphere[3], 1.0])
    scale[:3, 3] = sphere[:3]
    arrays = {}
    for i, matrix in enumerate(MATRICES):
        rotation, translation = world_to_camera(matrix)
        projection = np.eye(4)
        projection[:3] = intrinsic @ np.concatenate([rotation, translation[:, None]], axis=1)
        arrays |= {f"world_mat_{i}": projection * (-2.0 if i == 1 else 1.0), f"scale_mat_{i}": scale}
    np.savez(path, **arrays)


def write_record3d(path, focal, center, every_frame):
    """``metadata.json``: quaternions (x, y, z, w), positions, and K column by column."""
    poses = [[*Rotation.from_matrix(m[:3, :3]).as_quat().tolist(), *m[:3, 3].tolist()] for m in MATRICES]
    contents = {"w": WIDTH, "h": HEIGHT, "poses": poses, "K": [focal[0], 0, 0, 0, focal[1], 0, *center, 1]}
    if every_frame:
        contents["perFrameIntrinsicCoeffs"] = [[*focal, *center]] * len(poses)
        contents["K"] = [1, 0, 0, 0, 1, 0, 0, 0, 1]
    path.write_text(json.dumps(contents))


def write_nerfstudio(path, focal, center, folder="images", **extra):
    """``transforms.json`` with the lens in the file."""
    frames = [
        {"file_path": f"{folder}/{name}", "transform_matrix": matrix.tolist()}
        for name, matrix in zip(NAMES, MATRICES, strict=True)
    ]
    lens = {"fl_x": focal[0], "fl_y": focal[1], "cx": center[0], "cy": center[1], "w": WIDTH, "h": HEIGHT}
    path.write_text(json.dumps({"camera_model": "OPENCV"} | lens | extra | {"frames": frames}))


def archive(arrays):
    """The bytes of an ``.npz`` file."""
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()
