"""Small valid files of every format that is read, and how each is read and looked at."""

import io
import json
import shutil
import struct
import warnings
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from typing import NamedTuple

import numpy as np
from fuzz import resumed
from gltf_files import SQUARE, SQUARE_UV, TWO_FACES, GltfFile
from PIL import Image

import taichi_dr as dr
from taichi_dr.errors import LONGEST
from taichi_dr.implicit.sdf.colored import ColoredSolid
from taichi_dr.io.images import load_mask, picture_sizes
from taichi_dr.io.shape_views import ShapeViews, load_shape_views, save_shape_views, write_description
from taichi_dr.jobs.reconstruct import checkpoint
from taichi_dr.jobs.reconstruct.radiance.drawing import scene_drawing
from taichi_dr.jobs.reconstruct.radiance.scene import Scene, is_radiance, save_scene

COLORS = np.linspace(0, 1, 24).reshape(8, 3)
MTL = "newmtl a\nKd 0.5 0.25 1\nKe 0 0 0\nd 0.5\nmap_Kd -s 2 2 -o 0.1 0 t.png\nnewmtl b\nKd 1\n"
OBJ = """mtllib a.mtl
v -1 0 0
v 1 0 0 0.5 0.25 1
v 0 1 0
v 0 0 \\
1
vt 0 0
vt 1 0
vt 0.5 1
usemtl a
f 1/1 2/2 3/3
usemtl b
f -4//  -3// -1//
f 1 2 3 4
"""
PLY = """ply
format ascii 1.0
comment TextureFile t.png
element vertex 4
property float x
property double y
property float z
property uchar red
property uchar green
property uchar blue
element face 2
property list uchar int vertex_indices
end_header
0 0 0 255 0 0
1 0 0 0 255 0
0 1 0 0 0 255
0 0 1 9 9 9
4 0 1 2 3
3 0 1 3
"""
OFF = "COFF\n4 2 0\n0 0 0 255 0 0 255\n1 0 0 0 255 0 255\n0 1 0 0 0 255 255\n0 0 1 9 9 9 255\n3 0 1 2\n3 0 1 3\n"
STL = (
    "solid a\nfacet normal 0 0 1\nouter loop\nvertex 0 0 0\nvertex 1 0 0\nvertex 0 1 0\nendloop\nendfacet\nendsolid a\n"
)
CAMERAS = "1 PINHOLE 8 6 10 10 4 3\n2 SIMPLE_RADIAL 8 6 10 4 3 0.01\n"
IMAGES = "1 1 0 0 0 0 0 2 1 r_0.png\n4 3 1\n2 0.9 0.1 0 0 0 0 2 2 r_1.png\n\n"


UP = np.array([0, 1.0, 0])


class Format(NamedTuple):
    """``make(folder)`` writes files; one of ``mutable`` is changed, as its ``kind``; ``read(folder)`` reads."""

    kind: str
    mutable: tuple[str, ...]
    make: object
    read: object


def _picture(path, size=(8, 6), mode="RGBA"):
    pixels = np.random.default_rng(0).integers(0, 255, (size[1], size[0], len(Image.new(mode, (1, 1)).getbands())))
    Image.fromarray(pixels.astype(np.uint8).squeeze(), mode if mode != "P" else "L").convert(mode).save(path)


def _write(**files):
    def make(folder):
        for name, text in files.items():
            (folder / name.replace("__", ".")).write_text(text)
        _picture(folder / "t.png")

    return make


def _saved(name, **options):
    return lambda folder: dr.save_mesh(dr.shapes.sphere(24, **options), folder / name)


def _mesh(name):
    def read(folder):
        mesh = dr.load_mesh(folder / name)
        assert np.isfinite(mesh.numpy("vertices")).all()
        assert np.isfinite(mesh.numpy("colors")).all()
        faces = mesh.topology.faces
        assert 0 <= faces.min() <= faces.max() < mesh.vertex_count
        return mesh

    return read


def _gltf(folder):
    path = folder / "made.glb"
    dr.save_mesh(dr.shapes.sphere(24, texture=np.full((4, 4, 3), 0.5)), path)
    data = path.read_bytes()
    path.unlink()
    length = int.from_bytes(data[12:16], "little")
    tree = json.loads(data[20 : 20 + length])
    tree["buffers"][0]["uri"] = "a.bin"
    (folder / "a.gltf").write_text(json.dumps(tree))
    (folder / "a.bin").write_bytes(data[28 + length :])


def _pictured_gltf(kind):
    """A square of a glTF file with a texture, a PNG inside a buffer; ``kind``: of the file."""

    def make(folder):
        file = GltfFile()
        pixels = np.random.default_rng(0).integers(0, 255, (6, 8, 4))
        material = file.material((1, 0.5, 1, 1), file.texture(pixels, wrapS=33071), alphaMode="MASK")
        file.show(file.square(attributes={"TEXCOORD_0": SQUARE_UV}, material=material))
        file.save(folder / f"a.{kind}")

    return make


def _draco(folder):
    import DracoPy  # the extra "draco"

    file = GltfFile()
    data = DracoPy.encode(SQUARE, faces=TWO_FACES.reshape(-1, 3), tex_coord=SQUARE_UV.astype(float))
    numbers = {entry["attribute_type"]: entry["unique_id"] for entry in DracoPy.decode(data).attributes}
    attributes = {"POSITION": numbers[0], "TEXCOORD_0": numbers[3]}
    packed = {"KHR_draco_mesh_compression": {"bufferView": file.view(data), "attributes": attributes}}
    file.show(file.square(attributes={"TEXCOORD_0": SQUARE_UV}, extensions=packed))
    file.use("KHR_draco_mesh_compression", required=True)
    file.save(folder / "a.glb")


def _image(name, read=dr.load_image):
    def check(folder):
        for look in (read, load_mask, picture_sizes) if read is dr.load_image and not _bright(name) else (read,):
            found = look(folder / name)
        pixels = read(folder / name)
        assert pixels.ndim == 3
        assert pixels.shape[2] in (3, 4)
        return found

    return check


def _bright(name):
    return name.endswith((".exr", ".hdr"))


def _hdr(folder):
    rows = np.random.default_rng(0).integers(100, 140, (6, 8, 4)).astype(np.uint8)
    (folder / "a.hdr").write_bytes(b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y 6 +X 8\n" + rows.tobytes())


def _views():
    turn = np.array([[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 3], [0, 0, 0, 1.0]])
    return [{"file_path": f"r_{i}.png", "transform_matrix": turn.tolist()} for i in range(3)]


def _pictures(folder):
    folder.mkdir(parents=True, exist_ok=True)
    for i in range(3):
        _picture(folder / f"r_{i}.png")


def _transforms(folder):
    _pictures(folder)
    lens = {"fl_x": 10, "fl_y": 10, "cx": 4, "cy": 3, "w": 8, "h": 6, "k1": 0.01, "camera_model": "OPENCV"}
    (folder / "transforms.json").write_text(json.dumps(lens | {"frames": _views()}))


def _colmap(folder):
    _pictures(folder / "images")
    (folder / "sparse" / "0").mkdir(parents=True)
    for name, text in (("cameras", CAMERAS), ("images", IMAGES), ("points3D", "1 0 0 0 9 9 9 0.1 1 0\n")):
        (folder / "sparse" / "0" / f"{name}.txt").write_text(text)


def _colmap_bin(folder):
    _pictures(folder / "images")
    place = folder / "sparse" / "0"
    place.mkdir(parents=True)
    cameras = (struct.pack("<iiQQ4d", 1, 1, 8, 6, 10, 10, 4, 3), struct.pack("<iiQQ4d", 2, 2, 8, 6, 10, 4, 3, 0.01))
    seen = struct.pack("<Qddq", 1, 4, 3, 1)
    images = [struct.pack("<i7di", i, 1, 0, 0, 0, 0, 0, 2, i) + b"r_%d.png\0" % (i - 1) + seen for i in (1, 2)]
    points = (struct.pack("<q3d3BdQii", 1, 0, 0, 0, 9, 9, 9, 0.1, 1, 1, 0),)
    for name, entries in (("cameras", cameras), ("images", images), ("points3D", points)):
        (place / f"{name}.bin").write_bytes(struct.pack("<Q", len(entries)) + b"".join(entries))


def _llff(folder):
    _pictures(folder / "images")
    pose = np.array([[0, 1, 0, 0, 6], [-1, 0, 0, 0, 8], [0, 0, 1, 3, 10.0]])
    np.save(folder / "poses_bounds.npy", np.tile([*pose.ravel(), 1, 9], (3, 1)))


def _dtu(folder):
    _pictures(folder / "image")
    world = np.array([[10, 0, 4, 0], [0, 10, 3, 0], [0, 0, 1, 3], [0, 0, 0, 1.0]])
    arrays = {f"world_mat_{i}": world for i in range(3)} | {"scale_mat_0": np.eye(4)}
    np.savez(folder / "cameras_sphere.npz", **arrays)


def _record3d(folder):
    (folder / "rgb").mkdir()
    for i in range(3):
        _picture(folder / "rgb" / f"{i}.jpg", mode="RGB")
    contents = {"w": 8, "h": 6, "K": [10, 0, 0, 0, 10, 0, 4, 3, 1], "poses": [[0, 0, 0, 1, 0, 0, 3]] * 3}
    (folder / "metadata.json").write_text(json.dumps(contents))


def _posed(folder):
    posed = dr.load_posed_images(folder)
    for array in (posed.images, posed.alpha, posed.camera_to_world, posed.focal, posed.principal_point):
        assert np.isfinite(array).all()


def _state(folder):
    arrays = {"model/vertices": np.zeros((4, 3)), "picture": np.zeros(9, np.uint8)}
    checkpoint.save_state(folder / "a.npz", {"steps": 3, "settings": {"a": [1, 2]}}, arrays)


def _scene(kind):
    """A scene of a run that has made a step."""
    return lambda folder: save_scene(folder / "a.npz", Scene(kind, np.zeros(3), 1.0, UP, resumed.field(kind)))


def _read_scene(folder):
    if not is_radiance(folder / "a.npz"):
        raise dr.FileError(f"{folder / 'a.npz'}: is no scene")
    draw = scene_drawing(folder / "a.npz")
    assert np.isfinite(draw(dr.Camera(eye=(0.0, 0.0, 4.0)), (8, 8))).all()


def _resumed(kind):
    return Format("archive", ("state.npz",), partial(resumed.make, kind), partial(resumed.resume, kind))


def _environment(name):
    def read(folder):
        assert np.isfinite(dr.Environment.load(folder / name, turn_deg=30).numpy()).all()

    return read


def _weights(module):
    """The format of the networks of a package: ``taichi_dr.torch.`` ``module``."""
    package = import_module(f"taichi_dr.torch.{module}.checkpoint")
    load = package.load_network if module == "single_image" else package.load_dreamer

    def read(folder):
        assert all(values.isfinite().all() for values in load(folder / "model.npz").state_dict().values())

    return Format("archive", ("model.npz",), lambda folder: shutil.copy(package.SHIPPED, folder / "model.npz"), read)


def _shape_views(folder):
    pixels = np.zeros((1, 24, 64, 64, 4), np.uint8)
    save_shape_views(folder, "train", ShapeViews(pixels, np.zeros((1, 4096), np.uint8), np.zeros(1, np.uint8), ("a",)))
    write_description(folder, ("a",), {})


def _nerf(folder):
    dr.radiance.NeRF(2, None, (4,), skips=()).save(folder / "a.npz")


def _solid(folder):
    distances = np.linspace(-1, 1, 64).reshape(4, 4, 4)
    ColoredSolid(distances, np.ones((4, 4, 4, 3)), np.zeros(3), 0.5).save(folder / "a.npz")


def _grid(folder):
    dr.VoxelGrid(np.linspace(-1, 1, 27).reshape(3, 3, 3), ((0, 0, 0), (1, 1, 1))).save(folder / "a.npz")


def _png16(folder):
    values = np.random.default_rng(0).integers(0, 65535, (6, 8)).astype(np.uint16)
    Image.fromarray(values).save(folder / "a.png")


def _saved_picture(name, mode="RGBA"):
    return lambda folder: _picture(folder / name, mode=mode)


def _exr(folder):
    dr.save_image(folder / "a.exr", np.random.default_rng(0).uniform(0, 4, (6, 8, 4)))


def _gif(folder):
    frames = [Image.fromarray(np.full((6, 8, 3), 80 * i, np.uint8)) for i in range(3)]
    out = io.BytesIO()
    frames[0].save(out, "GIF", save_all=True, append_images=frames[1:])
    (folder / "a.gif").write_bytes(out.getvalue())


FORMATS = {
    "obj": Format("text", ("a.obj",), _write(a__obj=OBJ, a__mtl=MTL), _mesh("a.obj")),
    "mtl": Format("text", ("a.mtl",), _write(a__obj=OBJ, a__mtl=MTL), _mesh("a.obj")),
    "ply, text": Format("text", ("a.ply",), _write(a__ply=PLY), _mesh("a.ply")),
    "ply, binary": Format("binary", ("a.ply",), _saved("a.ply"), _mesh("a.ply")),
    "off": Format("text", ("a.off",), _write(a__off=OFF), _mesh("a.off")),
    "stl, text": Format("text", ("a.stl",), _write(a__stl=STL), _mesh("a.stl")),
    "stl, binary": Format("binary", ("a.stl",), _saved("a.stl"), _mesh("a.stl")),
    "glb": Format("binary", ("a.glb",), _saved("a.glb", texture=np.full((4, 4, 3), 0.5)), _mesh("a.glb")),
    "gltf": Format("json", ("a.gltf",), _gltf, _mesh("a.gltf")),
    "gltf, buffer": Format("binary", ("a.bin",), _gltf, _mesh("a.gltf")),
    "glb, picture": Format("binary", ("a.glb",), _pictured_gltf("glb"), _mesh("a.glb")),
    "gltf, picture": Format("json", ("a.gltf",), _pictured_gltf("gltf"), _mesh("a.gltf")),
    "obj, picture": Format("binary", ("t.png",), _write(a__obj=OBJ, a__mtl=MTL), _mesh("a.obj")),
    "png": Format("binary", ("a.png",), _saved_picture("a.png"), _image("a.png")),
    "png, palette": Format("binary", ("a.png",), _saved_picture("a.png", "P"), _image("a.png")),
    "png, 16 bits": Format("binary", ("a.png",), _png16, _image("a.png")),
    "jpg": Format("binary", ("a.jpg",), _saved_picture("a.jpg", "RGB"), _image("a.jpg")),
    "tif": Format("binary", ("a.tif",), _saved_picture("a.tif"), _image("a.tif")),
    "bmp": Format("binary", ("a.bmp",), _saved_picture("a.bmp", "RGB"), _image("a.bmp")),
    "gif": Format("binary", ("a.gif",), _gif, _image("a.gif")),
    "webp": Format("binary", ("a.webp",), _saved_picture("a.webp"), _image("a.webp")),
    "exr": Format("binary", ("a.exr",), _exr, _image("a.exr")),
    "hdr": Format("binary", ("a.hdr",), _hdr, _image("a.hdr")),
    "environment, exr": Format("binary", ("a.exr",), _exr, _environment("a.exr")),
    "environment, hdr": Format("binary", ("a.hdr",), _hdr, _environment("a.hdr")),
    "transforms.json": Format("json", ("transforms.json",), _transforms, _posed),
    "posed picture": Format("binary", ("r_0.png", "r_2.png"), _transforms, _posed),
    "colmap, text": Format(
        "text", tuple(f"sparse/0/{n}.txt" for n in ("cameras", "images", "points3D")), _colmap, _posed
    ),
    "colmap, binary": Format(
        "binary", tuple(f"sparse/0/{n}.bin" for n in ("cameras", "images", "points3D")), _colmap_bin, _posed
    ),
    "llff": Format("binary", ("poses_bounds.npy",), _llff, _posed),
    "dtu": Format("archive", ("cameras_sphere.npz",), _dtu, _posed),
    "record3d": Format("json", ("metadata.json",), _record3d, _posed),
    "state.npz": Format("archive", ("a.npz",), _state, lambda folder: checkpoint.load_state(folder / "a.npz")),
    **{f"resumed {kind}": _resumed(kind) for kind in resumed.KINDS},
    "metrics.json": Format("json", ("metrics.json",), resumed.make_finished, resumed.finished),
    **{f"scene.npz, {kind}": Format("archive", ("a.npz",), _scene(kind), _read_scene) for kind in resumed.FIELDS},
    "voxel grid": Format("archive", ("a.npz",), _grid, lambda folder: dr.VoxelGrid.load(folder / "a.npz")),
    "nerf": Format("archive", ("a.npz",), _nerf, lambda folder: dr.radiance.NeRF.load(folder / "a.npz")),
    "solid": Format("archive", ("a.npz",), _solid, lambda folder: ColoredSolid.load(folder / "a.npz")),
    "shapes": Format("json", ("shape_views.json",), _shape_views, load_shape_views),
    "shapes, arrays": Format("binary", ("train/categories.npy", "train/voxels.npy"), _shape_views, load_shape_views),
}
if find_spec("DracoPy"):
    FORMATS["glb, draco"] = Format("binary", ("a.glb",), _draco, _mesh("a.glb"))
if find_spec("torch"):
    FORMATS |= {f"network, {module}": _weights(module) for module in ("single_image", "dreamer")}
"""By name; of what is installed."""


def looked_at(name, folder):
    """Reads what is in a folder as the format says: ``("valid", "")`` or ``("refused", message)``.

    Raises:
        Exception: what the package does not raise on purpose.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            FORMATS[name].read(folder)
        except dr.Error as error:
            words = str(error)
        else:
            return "valid", ""
    if not 0 < len(words) <= LONGEST:
        raise ValueError(f"a message of {len(words)} characters")
    return "refused", words
