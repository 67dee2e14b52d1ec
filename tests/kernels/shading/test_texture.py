"""Pyramids, trilinear samples and levels of detail: closed forms, the NumPy oracle, central differences."""

import numpy as np
import pytest
import taichi as ti
from oracles import texture as oracle
from oracles.differences import relative_errors

from taichi_dr.kernels.base.arrays import array_from, make_array
from taichi_dr.kernels.shading import texture

SIZES = [(8, 8), (7, 5), (1, 1), (1, 6), (13, 2), (3, 3)]  # width, height


@ti.kernel
def _sample(
    pyramid: ti.types.ndarray(ndim=2),
    levels: ti.types.ndarray(ndim=2),
    uv: ti.types.ndarray(ndim=2),
    lod: ti.types.ndarray(ndim=1),
    color: ti.types.ndarray(ndim=2),
):
    for i in range(color.shape[0]):
        rgb = texture.sample_trilinear(pyramid, levels, ti.Vector([uv[i, 0], uv[i, 1]]), lod[i])
        for c in ti.static(range(3)):
            color[i, c] = rgb[c]


@ti.kernel
def _sample_adjoint(
    pyramid: ti.types.ndarray(ndim=2),
    levels: ti.types.ndarray(ndim=2),
    uv: ti.types.ndarray(ndim=2),
    lod: ti.types.ndarray(ndim=1),
    color_adjoint: ti.types.ndarray(ndim=2),
    uv_adjoint: ti.types.ndarray(ndim=2),
    pyramid_adjoint: ti.types.ndarray(ndim=2),
):
    for i in range(color_adjoint.shape[0]):
        g = ti.Vector([color_adjoint[i, 0], color_adjoint[i, 1], color_adjoint[i, 2]])
        here = ti.Vector([uv[i, 0], uv[i, 1]])
        g_uv = texture.sample_trilinear_adjoint(pyramid, levels, here, lod[i], g, pyramid_adjoint)
        for c in ti.static(range(2)):
            uv_adjoint[i, c] = g_uv[c]


def _texture(width, height, seed=0):
    return np.random.default_rng(seed).uniform(size=(height, width, 3))


def _pyramid(image):
    height, width = image.shape[:2]
    pyramid = make_array((texture.pyramid_texels(width, height), 3))
    texture.build_mipmaps(array_from(image.reshape(-1, 3)), pyramid, width, height)
    return pyramid


def _levels(image, wrap=(texture.REPEAT, texture.REPEAT)):
    return array_from(texture.level_table(image.shape[1], image.shape[0], wrap), ti.i32)


def look_up(x, wrap=(texture.REPEAT, texture.REPEAT)):
    color = make_array((len(x["uv"]), 3))
    _sample(_pyramid(x["image"]), _levels(x["image"], wrap), array_from(x["uv"]), array_from(x["lod"]), color)
    return color.to_numpy()


def look_up_adjoint(x, g, wrap=(texture.REPEAT, texture.REPEAT)):
    height, width = x["image"].shape[:2]
    pyramid = _pyramid(x["image"])
    pyramid_adjoint, uv_adjoint = make_array(pyramid.shape), make_array(x["uv"].shape)
    image_adjoint = make_array((height * width, 3))
    arrays = (array_from(x["uv"]), array_from(x["lod"]), array_from(g), uv_adjoint, pyramid_adjoint)
    _sample_adjoint(pyramid, _levels(x["image"], wrap), *arrays)
    texture.build_mipmaps_adjoint(image_adjoint, pyramid_adjoint, width, height)
    return {"uv": uv_adjoint.to_numpy(), "image": image_adjoint.to_numpy().reshape(height, width, 3)}


def generic(width, height, seed=1, count=60):
    rng = np.random.default_rng(seed)
    lod = rng.uniform(-1, 5, count)
    lod[::3] = 0
    return {"image": _texture(width, height), "uv": rng.uniform(-1.5, 2.5, (count, 2)), "lod": lod}


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_pyramid_equals_the_oracle_and_keeps_the_mean(cpu64, width, height):
    image = _texture(width, height)
    pyramid = _pyramid(image).to_numpy()
    for (offset, w, h, *_), expected in zip(texture.level_table(width, height), oracle.mipmaps(image), strict=True):
        level = pyramid[offset : offset + w * h]
        np.testing.assert_allclose(level, expected.reshape(-1, 3), atol=1e-14)
        np.testing.assert_allclose(level.mean(axis=0), image.mean(axis=(0, 1)), atol=1e-14)


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_samples_equal_the_oracle(cpu64, width, height):
    x = generic(width, height)
    np.testing.assert_allclose(look_up(x), oracle.trilinear(oracle.mipmaps(x["image"]), x["uv"], x["lod"]), atol=1e-12)


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_adjoints_equal_central_differences(cpu64, width, height):
    x = generic(width, height, 2)
    g = np.random.default_rng(3).normal(size=(len(x["uv"]), 3))
    errors = relative_errors(lambda y: np.sum(g * look_up(y)), x, look_up_adjoint(x, g), ["uv", "image"])
    assert max(errors.values()) < 1e-6, errors


WRAPS = [(a, b) for a in range(3) for b in range(3)]


@pytest.mark.parametrize("wrap", WRAPS)
def test_wrapped_samples_equal_the_oracle_and_their_adjoints_central_differences(cpu64, wrap):
    x = generic(7, 5, 4)
    expected = oracle.trilinear(oracle.mipmaps(x["image"]), x["uv"], x["lod"], wrap)
    np.testing.assert_allclose(look_up(x, wrap), expected, atol=1e-12)
    g = np.random.default_rng(5).normal(size=(len(x["uv"]), 3))
    gradients = look_up_adjoint(x, g, wrap)
    errors = relative_errors(lambda y: np.sum(g * look_up(y, wrap)), x, gradients, ["uv", "image"])
    assert max(errors.values()) < 1e-6, errors


def test_wrap_modes_by_hand(cpu64):
    """Left of a picture of red and green: green again, or red for ever, or its mirror image: red, then green."""
    red, green = [1, 0, 0], [0, 1, 0]
    x = {"image": np.array([[red, green]], float), "uv": np.array([[-0.25, 0], [-0.75, 0]]), "lod": np.zeros(2)}
    assert look_up(x, (texture.REPEAT, 0)).tolist() == [green, red]
    assert look_up(x, (texture.CLAMP, 0)).tolist() == [red, red]
    assert look_up(x, (texture.MIRROR, 0)).tolist() == [red, green]


def test_several_textures_stand_one_behind_the_other(cpu64):
    rng = np.random.default_rng(6)
    images = [_texture(*size, seed) for seed, size in enumerate([(5, 3), (1, 1), (8, 8)])]
    wraps = [(texture.CLAMP, texture.MIRROR), (texture.REPEAT, texture.REPEAT), (texture.REPEAT, texture.CLAMP)]
    sizes = [image.shape[1::-1] for image in images]
    tables = [texture.level_table(*size, wrap) for size, wrap in zip(sizes, wraps, strict=True)]
    table, starts = texture.joined_tables(tables), np.cumsum([0, *map(len, tables)])
    which, uv, lod = rng.integers(0, 3, 80), rng.uniform(-1.5, 2.5, (80, 2)), rng.uniform(0, 5, 80)
    rungs = starts[which] + np.minimum(lod, starts[which + 1] - starts[which] - 1)
    g = rng.normal(size=(80, 3))

    def sampled(texels):
        pyramid, color = make_array((texture.table_texels(table), 3)), make_array((80, 3))
        texture.build_pyramids(array_from(texels), pyramid, table)
        _sample(pyramid, array_from(table, ti.i32), array_from(uv), array_from(rungs), color)
        return pyramid, color.to_numpy()

    texels = np.concatenate([image.reshape(-1, 3) for image in images])
    pyramid, colors = sampled(texels)
    for k, image in enumerate(images):
        own = which == k
        expected = oracle.trilinear(oracle.mipmaps(image), uv[own], lod[own], wraps[k])
        np.testing.assert_allclose(colors[own], expected, atol=1e-12)
    pyramid_adjoint, texels_adjoint = make_array(pyramid.shape), make_array(texels.shape)
    arrays = array_from(uv), array_from(rungs), array_from(g), make_array(uv.shape), pyramid_adjoint
    _sample_adjoint(pyramid, array_from(table, ti.i32), *arrays)
    texture.build_pyramids_adjoint(texels_adjoint, pyramid_adjoint, table)
    gradients = {"texels": texels_adjoint.to_numpy()}
    errors = relative_errors(lambda x: np.sum(g * sampled(x["texels"])[1]), {"texels": texels}, gradients, ["texels"])
    assert max(errors.values()) < 1e-6, errors


def test_texel_centres_return_the_texels(cpu64):
    image = _texture(5, 4)
    row, col = np.mgrid[0:4, 0:5]
    uv = np.stack([(col + 0.5) / 5, 1 - (row + 0.5) / 4], axis=-1).reshape(-1, 2)
    colors = look_up({"image": image, "uv": uv, "lod": np.zeros(20)})
    np.testing.assert_allclose(colors, image.reshape(-1, 3), atol=1e-14)


def test_lower_left_corner_is_the_origin(cpu64):
    image = np.zeros((4, 4, 3))
    image[3, 0] = 1
    corner = look_up({"image": image, "uv": np.array([[0.125, 0.125]]), "lod": np.zeros(1)})
    np.testing.assert_allclose(corner, 1, atol=1e-14)


def test_constant_texture_is_constant_at_any_lod(cpu64):
    x = generic(7, 5)
    x["image"][:] = [0.2, 0.4, 0.6]
    np.testing.assert_allclose(look_up(x), np.tile([0.2, 0.4, 0.6], (60, 1)), atol=1e-14)
    gradient = look_up_adjoint(x, np.ones((60, 3)))
    np.testing.assert_allclose(gradient["uv"], 0, atol=1e-13)
    np.testing.assert_allclose(gradient["image"].sum(axis=(0, 1)), 60, atol=1e-11)


def test_coarsest_level_is_the_mean(cpu64):
    x = generic(6, 9) | {"lod": np.full(60, 99.0)}
    np.testing.assert_allclose(look_up(x), np.tile(x["image"].mean(axis=(0, 1)), (60, 1)), atol=1e-13)


def _lods(clip, uv, size, texture_size):
    width, height = size
    face_id = np.zeros(width * height, np.int32)
    face_id[0] = -1
    lod = make_array((width * height,))
    face = array_from([[0, 1, 2]], ti.i32)
    texture.texture_rungs(
        *(array_from(face_id, ti.i32), array_from(clip), face, array_from(uv), face, 1, *size),
        *(array_from(texture.level_table(*texture_size), ti.i32), array_from([0], ti.i32), lod),
    )
    return lod.to_numpy().reshape(height, width)


def _check_lods(clip, tolerance):
    uv = np.array([[0, 0], [3, 0.5], [0.2, 4]])
    lods = _lods(clip, uv, (6, 4), (128, 32))
    for row, col in np.ndindex(4, 6):
        x, y = (2 * (col + 0.5) - 6) / 4, (4 - 2 * (row + 0.5)) / 4
        expected = oracle.lod_by_differences(clip[:, :3], uv, x, y, 0.5, 128, 32)
        assert abs(lods[row, col] - min(expected, 7)) < tolerance or (row, col) == (0, 0)  # 1 x 1 is level 7
    assert lods[0, 0] == 0


CLIP = np.array([[-4, -3, 2, 2], [9, -2, 5, 5], [1, 6, 3, 3]], float)


def test_lod_equals_differences_of_texel_positions(cpu64):
    _check_lods(CLIP, 1e-6)
    behind = CLIP.copy()
    behind[0] = [-1, -3, -0.5, -0.5]  # the face crosses the plane of the eye
    _check_lods(behind, 1e-6)


def test_one_texel_per_pixel_is_lod_zero_and_four_is_two(cpu64):
    clip = np.array([[-1, -1, 1, 5], [1, -1, 1, 5], [-1, 1, 1, 5]], float)
    uv = np.array([[0, 0], [1, 0], [0, 1]], float)
    assert _lods(clip, uv, (8, 8), (8, 8)).max() < 1e-12
    np.testing.assert_allclose(_lods(clip, uv, (8, 8), (32, 32)).ravel()[1:], 2, atol=1e-12)


def test_degenerate_face_has_lod_zero(cpu64):
    assert (_lods(np.ones((3, 4)), np.eye(3)[:, :2], (2, 2), (8, 8)) == 0).all()


def test_single_precision_equals_the_oracle(any32):
    x = generic(7, 5, 4)
    levels = oracle.mipmaps(x["image"])
    np.testing.assert_allclose(look_up(x), oracle.trilinear(levels, x["uv"], x["lod"]), atol=1e-5)
    g = np.random.default_rng(5).normal(size=(60, 3))
    errors = relative_errors(
        lambda y: np.sum(g * oracle.trilinear(oracle.mipmaps(y["image"]), y["uv"], y["lod"])),
        x,
        look_up_adjoint(x, g),
        ["uv", "image"],
    )
    assert max(errors.values()) < 2e-5, errors
    _check_lods(CLIP, 1e-3)
