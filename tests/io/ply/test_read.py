"""PLY files as exporters write them, each with the values that it must give."""

import struct
import warnings
from pathlib import Path

import numpy as np
import pytest

from taichi_dr.errors import FileError, GeometryError
from taichi_dr.io.images import save_image
from taichi_dr.io.meshes import load_mesh
from taichi_dr.io.ply.polygons import strip_triangles
from taichi_dr.io.ply.read import read_ply, read_points
from taichi_dr.io.ply.write import encode_points

MODELS = Path(__file__).parents[4] / "shared" / "data" / "models"
SQUARE = ((0, 0, 0), (2, 0, 0), (2, 1, 0), (0, 1, 0))
RED = [1.0, 0.0, 0.0]
HALF = 0.2158605  # linear light of the byte 128
CODES = {"char": "b", "uchar": "B", "short": "h", "ushort": "H", "int": "i", "uint": "I", "float": "f", "double": "d"}


def text_ply(vertex=(), face=(), rows=SQUARE, faces=("4 0 1 2 3",), head=(), more="", kind="ascii"):
    """A file of vertices x y z and properties ``vertex``, and of faces with lists and properties ``face``."""
    lines = ["ply", f"format {kind} 1.0", *head, f"element vertex {len(rows)}"]
    lines += [f"property float {name}" for name in "xyz"]
    lines += [f"property {one}" for one in vertex]
    lines += [f"element face {len(faces)}", "property list uchar int vertex_indices"]
    lines += [f"property {one}" for one in face]
    lines += ["end_header", *(" ".join(map(str, row)) for row in rows), *faces]
    return "\n".join(lines) + "\n" + more


def write(path, content):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def painted(kind, names, colors):
    """A square whose vertices have ``colors`` of a type, in text."""
    return text_ply([f"{kind} {name}" for name in names], rows=[(*p, *c) for p, c in zip(SQUARE, colors, strict=True)])


@pytest.mark.parametrize(
    "names",
    [
        ("red", "green", "blue"),
        ("red", "green", "blue", "alpha"),
        ("diffuse_red", "diffuse_green", "diffuse_blue"),
        ("r", "g", "b"),
        ("Red", "Green", "Blue"),
    ],
)
def test_names_of_colors(tmp_path, names):
    colors = [(255, 0, 128, 7)[: len(names)]] * 4
    surface = read_ply(write(tmp_path / "a.ply", painted("uchar", names, colors)))
    np.testing.assert_allclose(surface.corner_colors, np.tile([1, 0, HALF], (2, 3, 1)), atol=1e-6)


def test_ambient_and_specular_colors_are_no_colors(tmp_path):
    names = ("ambient_red", "ambient_green", "ambient_blue")
    assert read_ply(write(tmp_path / "a.ply", painted("uchar", names, [(255, 0, 0)] * 4))).corner_colors is None
    both = (*names, "diffuse_red", "diffuse_green", "diffuse_blue")
    surface = read_ply(write(tmp_path / "a.ply", painted("uchar", both, [(0, 0, 255, 255, 0, 0)] * 4)))
    assert surface.corner_colors[0, 0].tolist() == RED


@pytest.mark.parametrize(
    ("kind", "first"),
    [
        ("uchar", (255, 0, 128)),
        ("ushort", (65535, 0, 32896)),
        ("uint", (4294967295, 0, 2155905152)),
        ("int", (2147483647, 0, 1077952576)),
        ("int", (255, 0, 128)),  # bytes in a wider type: no color of the mesh is above 255
        ("ushort", (255, 0, 128)),
        ("float", (1.0, 0.0, 128 / 255)),
        ("double", (1.0000001, -1e-9, 128 / 255)),
        ("float", (255.0, 0.0, 128.0)),
    ],
)
def test_types_of_colors(tmp_path, kind, first):
    colors = [first, (0, 0, 0), first, (0, 0, 0)]
    surface = read_ply(write(tmp_path / "a.ply", painted(kind, ("red", "green", "blue"), colors)))
    np.testing.assert_allclose(surface.corner_colors[0], [[1, 0, HALF], [0, 0, 0], [1, 0, HALF]], atol=2e-6)


def test_one_value_above_one_makes_no_bytes_of_the_others(tmp_path):
    colors = [(1, 0, 0), (200, 0, 0), (0.5, 0, 0), (1, 0, 0)]
    surface = read_ply(write(tmp_path / "a.ply", painted("float", ("red", "green", "blue"), colors)))
    np.testing.assert_allclose(surface.corner_colors[0, :, 0], [1, 1, 0.2140411], atol=1e-6)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("kind", ["uchar", "ushort", "uint", "float", "double"])
def test_colors_in_binary(tmp_path, order, kind):
    name = {"<": "binary_little_endian", ">": "binary_big_endian"}[order]
    top = {"uchar": 255, "ushort": 65535, "uint": 4294967295}.get(kind, 1.0)
    names = [f"{kind} {channel}" for channel in ("red", "green", "blue")]
    head = text_ply(names, kind=name).partition("end_header\n")
    data = (head[0] + head[1]).encode()
    for point in SQUARE:
        data += struct.pack(f"{order}3f3{CODES[kind]}", *point, top, 0, 0)
    data += struct.pack(f"{order}B4i", 4, 0, 1, 2, 3)
    surface = read_ply(write(tmp_path / "a.ply", data))
    assert surface.vertices.tolist() == [list(point) for point in SQUARE]
    assert surface.faces.tolist() == [[0, 1, 2], [0, 2, 3]]
    np.testing.assert_allclose(surface.corner_colors, np.tile(RED, (2, 3, 1)), atol=1e-6)


@pytest.mark.parametrize("count", ["char", "uchar", "short", "ushort", "int", "uint"])
@pytest.mark.parametrize("index", ["uchar", "short", "ushort", "int", "uint"])
def test_types_of_lists(tmp_path, count, index):
    head = text_ply(kind="binary_big_endian").partition("end_header\n")
    head = (head[0] + head[1]).replace("list uchar int vertex_indices", f"list {count} {index} vertex_index")
    data = head.encode() + b"".join(struct.pack(">3f", *point) for point in SQUARE)
    data += struct.pack(f">{CODES[count]}4{CODES[index]}", 4, 0, 1, 2, 3)
    assert read_ply(write(tmp_path / "a.ply", data)).faces.tolist() == [[0, 1, 2], [0, 2, 3]]


@pytest.mark.parametrize("text", [True, False])
def test_polygons_of_all_sizes_among_other_properties(tmp_path, text):
    """A triangle, an edge (left out), a square, with a number in front of the list and two lists behind it."""
    faces = [
        (7, [3, [1, 2, 0]], 0.5, [0, []]),
        (7, [2, [0, 1]], 0.5, [1, [9]]),
        (7, [4, [0, 1, 2, 3]], 0.5, [2, [8, 9]]),
    ]
    head = "\n".join(
        [
            *("ply", "format ascii 1.0" if text else "format binary_little_endian 1.0"),
            *("comment made by hand", "obj_info nothing", "element camera 1", "property list uchar short poses"),
            *("property double zoom", "element vertex 4", "property float x", "property float y", "property float z"),
            *("element edge 2", "property int a", "property int b", "element face 3", "property uchar flags"),
            *("property list uchar int vertex_indices", "property float quality", "property list uchar ushort tags"),
            *("element late 1", "property list int float more", "end_header\n"),
        ]
    )
    if text:
        lines = ["3 1 2 3 0.5", *(" ".join(map(str, p)) for p in SQUARE), "0 1", "1 2"]
        lines += [" ".join(map(str, (a, n, *i, q, m, *t))) for a, (n, i), q, (m, t) in faces]
        data = (head + "\n".join([*lines, "1 0.25"])).encode()  # no line end behind the last row
    else:
        data = head.encode() + struct.pack("<B3hd", 3, 1, 2, 3, 0.5)
        data += b"".join(struct.pack("<3f", *p) for p in SQUARE) + struct.pack("<4i", 0, 1, 1, 2)
        for a, (n, i), q, (m, t) in faces:
            data += struct.pack(f"<BB{n}if", a, n, *i, q) + struct.pack(f"<B{m}H", m, *t)
        data += struct.pack("<if", 1, 0.25)
    for tail in (b"", b"\0\1behind the end"):
        surface = read_ply(write(tmp_path / "a.ply", data + (b"\n" + tail if text else tail)))
        assert surface.vertices.tolist() == [list(point) for point in SQUARE]
        assert surface.faces.tolist() == [[1, 2, 0], [0, 1, 2], [0, 2, 3]]


def test_headers_of_other_systems(tmp_path):
    text = text_ply(rows=[(0.5, 0, 0), *SQUARE[1:]])
    expected = [[0.5, 0, 0], *(list(point) for point in SQUARE[1:])]
    for changed in (
        text.replace("\n", "\r\n"),
        text.replace("\n", "\r"),
        "\ufeff" + text,
        text.replace(" ", "  ").replace("\n", " \n\n"),
        text.rstrip(),
        text.replace("2 1 0\n", "2\n1 0\n"),  # a row broken over lines
        text.replace("0 1 0\n", "0 1 0 17 18\n"),  # more in a line than the header knows
    ):
        surface = read_ply(write(tmp_path / "a.ply", changed))
        assert surface.vertices.tolist() == expected
        assert surface.faces.tolist() == [[0, 1, 2], [0, 2, 3]]
    latin = text.replace("element vertex", "comment Müller\nelement vertex").encode("latin-1")
    assert len(read_ply(write(tmp_path / "a.ply", latin)).faces) == 2


@pytest.mark.parametrize(("end", "first"), [("\r", 10), ("\r\n", 10), ("\n", 13), ("\n", 10)])
def test_binary_rows_that_begin_like_a_line_end(tmp_path, end, first):
    """The first byte of the first coordinate is a line feed or a carriage return."""
    head = text_ply(kind="binary_little_endian").partition("end_header\n")
    data = (head[0] + head[1]).replace("\n", end).encode()
    x = struct.unpack("<f", bytes([first, 0, 0, 63]))[0]
    data += b"".join(struct.pack("<3f", *point) for point in ((x, 0, 0), *SQUARE[1:])) + struct.pack(
        "<B4i", 4, 0, 1, 2, 3
    )
    assert read_ply(write(tmp_path / "a.ply", data)).vertices[0, 0] == x


def test_concave_polygons_are_cut_inside(tmp_path):
    arrow = [(0, 0, 0), (2, -1, 0), (0.5, 0, 0), (2, 1, 0)]
    surface = read_ply(write(tmp_path / "a.ply", text_ply(rows=arrow)))
    a, b, c = (surface.vertices[surface.faces[:, k]] for k in range(3))
    assert np.cross(b - a, c - a)[:, 2].tolist() == [0.5, 0.5]


def test_strips(tmp_path):
    head = text_ply(faces=()).replace("element face 0", "element tristrips 1").replace("uchar int", "int int")
    surface = read_ply(write(tmp_path / "a.ply", head + "9 0 1 3 2 -1 0 1 2 -1\n"))
    assert surface.faces.tolist() == [[0, 1, 3], [3, 1, 2], [0, 1, 2]]


def test_strips_turn_every_other_triangle_and_drop_those_without_area():
    assert strip_triangles(np.array([5, 6, 7, 8, 9]), np.array([5])).tolist() == [[5, 6, 7], [7, 6, 8], [7, 8, 9]]
    joined = np.array([0, 1, 2, 2, 3, 3, 4, 5])
    assert strip_triangles(joined, np.array([8])).tolist() == [[0, 1, 2], [4, 3, 5]]
    two = strip_triangles(np.array([0, 1, 2, 3, 4, 5]), np.array([3, 3]))
    assert two.tolist() == [[0, 1, 2], [3, 4, 5]]


FACE_COLORS = ["uchar red", "uchar green", "uchar blue"]
RED_AND_BLUE = ("3 0 1 2 255 0 0", "3 0 2 3 0 0 255")


def test_colors_of_faces(tmp_path):
    surface = read_ply(write(tmp_path / "a.ply", text_ply(face=FACE_COLORS, faces=RED_AND_BLUE)))
    assert surface.corner_colors.tolist() == [[[1, 0, 0]] * 3, [[0, 0, 1]] * 3]


@pytest.mark.parametrize(("varied", "expected"), [(False, [1, 0, 0]), (True, [0, 1, 0])])
def test_of_two_kinds_of_colors_those_that_differ(tmp_path, varied, expected):
    rows = [(*point, 0, 255 if i < 3 or not varied else 0, 0) for i, point in enumerate(SQUARE)]
    surface = read_ply(write(tmp_path / "a.ply", text_ply(FACE_COLORS, FACE_COLORS, rows, RED_AND_BLUE)))
    assert surface.corner_colors[0].tolist() == [expected] * 3


UV = ((0, 0), (1, 0), (1, 1), (0, 1))


@pytest.mark.parametrize("names", [("s", "t"), ("u", "v"), ("texture_u", "texture_v")])
def test_texture_coordinates_at_vertices(cpu32, tmp_path, names):
    save_image(tmp_path / "A picture.PNG", np.full((2, 2, 3), [0, 1, 0]))
    rows = [(*point, *uv, 255, 0, 0) for point, uv in zip(SQUARE, UV, strict=True)]
    properties = [*(f"float {name}" for name in names), *FACE_COLORS]
    path = write(tmp_path / "a.ply", text_ply(properties, rows=rows))
    surface = read_ply(path)  # without a picture: the coordinates stay, and so do the colors
    assert surface.uv[surface.uv_faces].tolist() == [[list(UV[i]) for i in face] for face in ((0, 1, 2), (0, 2, 3))]
    assert surface.corner_colors.reshape(-1, 3).tolist() == [RED] * 6
    for name in ("A picture.PNG", "a Picture.png ", '"A picture.PNG"', "C:\\scans\\A picture.PNG", "./A picture.PNG"):
        surface = read_ply(write(path, text_ply(properties, rows=rows, head=[f"comment TextureFile {name}"])))
        assert surface.textures[0].pixels.tolist() == [[[0, 1, 0]] * 2] * 2
        assert surface.corner_colors is None
        assert surface.face_textures is None
    with pytest.warns(UserWarning, match=r"a\.ply: its texture nope\.png is missing"):
        mesh = load_mesh(write(path, text_ply(properties, rows=rows, head=["comment TextureFile nope.png"])))
    assert mesh.texture is None
    assert mesh.numpy("colors")[0].tolist() == [RED] * 4
    assert mesh.numpy("uv").tolist() == [list(uv) for uv in UV]


def test_texture_coordinates_at_corners_and_several_textures(tmp_path):
    """The third face has no coordinates, the fourth shows a texture that is missing: both keep their colors."""
    for name, color in (("r.png", RED), ("b.png", [0, 0, 1])):
        save_image(tmp_path / name, np.full((1, 1, 3), color))
    head = [f"comment TextureFile {name}" for name in ("r.png", "none.png", "b.png")]
    face = ["list uchar float texcoord", "int texnumber", *FACE_COLORS]
    faces = [
        "3 0 1 2 6 0 0 1 0 1 1 2 9 9 9",
        "3 0 2 3 6 0 0 1 1 0 1 0 9 9 9",
        "3 0 1 3 0 0 255 0 0",
        "3 1 2 3 6 0 0 1 1 0 1 1 0 255 0",
    ]
    with pytest.warns(UserWarning, match="none.png is missing"):
        surface = read_ply(write(tmp_path / "a.ply", text_ply(face=face, faces=faces, head=head)))
    assert [texture.pixels[0, 0].tolist() for texture in surface.textures] == [RED, [0, 0, 1]]
    assert surface.face_textures.tolist() == [1, 0, -1, -1]
    assert surface.uv[surface.uv_faces[0]].tolist() == [[0, 0], [1, 0], [1, 1]]
    assert surface.uv[surface.uv_faces[1]].tolist() == [[0, 0], [1, 1], [0, 1]]
    assert surface.corner_colors[:, 0].tolist() == [[1, 1, 1], [1, 1, 1], [1, 0, 0], [0, 1, 0]]


def test_a_texture_number_beyond_the_textures(tmp_path):
    save_image(tmp_path / "r.png", np.full((1, 1, 3), RED))
    face = ["list uchar float texcoord", "int texnumber"]
    faces = ["3 0 1 2 6 0 0 1 0 1 1 0", "3 0 2 3 6 0 0 1 1 0 1 5"]
    path = write(tmp_path / "a.ply", text_ply(face=face, faces=faces, head=["comment TextureFile r.png"]))
    with pytest.warns(UserWarning, match="1 faces show texture 5, of 1"):
        assert read_ply(path).face_textures.tolist() == [0, -1]


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("Dear reader", FileError, "expected a header"),
        (text_ply().replace("end_header", "end"), FileError, "expected a header"),
        (text_ply().replace("format ascii 1.0\n", ""), FileError, "no line that says its format"),
        (text_ply().replace("ascii", "ebcdic"), FileError, "line 2: cannot be read as PLY: 'format ebcdic 1.0'"),
        (text_ply().replace("property float y", "property floa y"), FileError, "line 5.*floa y"),
        (text_ply().replace("vertex 4", "vertex -4"), FileError, "line 3"),
        (
            text_ply().replace("vertex 4", "vertex 99999999999999"),
            FileError,
            "announces 100000000000000 rows, it has 5",
        ),
        (text_ply().replace("vertex 4", "vertex 5"), FileError, "announces 6 rows, it has 5"),
        (text_ply().replace("0 1 0", "0 one 0"), FileError, "row 3: expected numbers, got '0 one 0'"),
        (text_ply().replace("float y", "float why"), FileError, "no element vertex with x, y and z"),
        (text_ply(faces=["4 0 1 2 7"]), GeometryError, "face 0 refers to vertex 7, the file has 4 vertices"),
        (text_ply(faces=["3 0 1 2", "3 0 -1 2"]), GeometryError, "face 1 refers to vertex -1"),
        (text_ply(faces=["9 0 1 2 3"]), FileError, "is cut off: its header announces 1 rows of element 'face'"),
        (text_ply(faces=["2 0 1"]), FileError, "has no triangles: it is a cloud of 4 points"),
        (text_ply(faces=["nan 0 1"]), FileError, "is cut off|of nan numbers"),
    ],
)
def test_what_is_refused(tmp_path, text, error, message):
    path = write(tmp_path / "a.ply", text)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(error, match=rf"a\.ply.*({message})"):
            read_ply(path)


def test_binary_files_that_are_cut_off(tmp_path):
    head = text_ply(kind="binary_little_endian").partition("end_header\n")
    head = (head[0] + head[1]).encode()
    data = head + b"".join(struct.pack("<3f", *point) for point in SQUARE) + struct.pack("<B4i", 4, 0, 1, 2, 3)
    assert len(read_ply(write(tmp_path / "a.ply", data)).faces) == 2
    for lost, message in (
        (1, "1 rows of element 'face', it ends in row 0"),
        (17, "need 1 bytes; it has 0"),
        (18, "48 bytes; it has 47"),
    ):
        with pytest.raises(FileError, match=f"is cut off.*{message}"):
            read_ply(write(tmp_path / "a.ply", data[:-lost]))
    with pytest.raises(FileError, match="need 48000000000000 bytes; it has 65"):
        read_ply(write(tmp_path / "a.ply", data.replace(b"vertex 4\n", b"vertex 4000000000000\n")))
    huge = data.replace(b"list uchar int", b"list uint int")[:-17] + struct.pack("<I", 4294967295) + bytes(16)
    with pytest.raises(FileError, match="is cut off"):
        read_ply(write(tmp_path / "a.ply", huge))
    negative = data.replace(b"list uchar int", b"list char int")[:-17] + struct.pack("<b4i", -4, 0, 1, 2, 3)
    with pytest.raises(FileError, match="face 0: a list vertex_indices of -4 numbers"):
        read_ply(write(tmp_path / "a.ply", negative))


def test_clouds_of_points(tmp_path):
    points = np.array([[1.5, 2, 3], [4, 5, 6e6 + 0.125]])
    path = write(tmp_path / "a.ply", encode_points(points))
    assert read_points(path).tolist() == points.tolist()
    assert read_points(write(path, text_ply())).tolist() == [list(point) for point in SQUARE]
    with pytest.raises(FileError, match="expected vertices of finite numbers, got 4"):
        read_points(write(path, text_ply(rows=[(0, 0, "nan"), *SQUARE[1:]])))
    with pytest.raises(FileError, match="a cloud of 2 points"):
        read_ply(write(path, encode_points(points)))


@pytest.mark.skipif(not MODELS.is_dir(), reason="the real models are not on this machine")
def test_a_real_file_as_text_and_binary():
    """Its text has more in a face's line than its header says."""
    text, binary = (read_ply(MODELS / "trimesh" / f"{name}.ply") for name in ("fuze_ascii", "fuze"))
    assert (len(text.vertices), len(text.faces), len(text.textures)) == (502, 1000, 1)
    np.testing.assert_allclose(text.vertices, binary.vertices, atol=1e-7)
    np.testing.assert_array_equal(text.faces, binary.faces)
    np.testing.assert_allclose(text.uv[text.uv_faces], binary.uv[binary.uv_faces], atol=1e-6)
    np.testing.assert_array_equal(text.textures[0].pixels, binary.textures[0].pixels)
    assert text.corner_colors is None


@pytest.mark.parametrize("name", [f"{5000 * '9'}.png", f"{5000 * 'a'}/b.png", "zero\0byte.png"])
def test_a_picture_of_a_name_that_cannot_be_is_missing(tmp_path, name):
    rows = [(*point, *uv) for point, uv in zip(SQUARE, UV, strict=True)]
    path = write(tmp_path / "a.ply", text_ply(["float s", "float t"], rows=rows, head=[f"comment TextureFile {name}"]))
    with pytest.warns(UserWarning, match="is missing"):
        assert not read_ply(path).textures


@pytest.mark.parametrize(
    ("kind", "name", "full", "less"),
    [("uchar", "alpha", 255, 254), ("float", "a", 1.0, 0.5), ("ushort", "a", 65535, 9)],
)
def test_alpha_of_vertices_and_faces_is_told(tmp_path, kind, name, full, less):
    red, color = (full, 0, 0), [f"{kind} {one}" for one in ("red", "green", "blue", name)]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        read_ply(write(tmp_path / "a.ply", text_ply(color, rows=[(*row, *red, full) for row in SQUARE])))
    for what, content in (
        ("vertices", text_ply(color, rows=[(*row, *red, less) for row in SQUARE])),
        ("faces", text_ply(face=color, faces=[f"4 0 1 2 3 {full} 0 0 {less}"])),
    ):
        with pytest.warns(UserWarning, match=rf"a\.ply: transparency \(alpha\) of its {what} is not rendered"):
            assert read_ply(write(tmp_path / "a.ply", content)).corner_colors[0, 0].tolist() == RED
