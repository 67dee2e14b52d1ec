"""Away from edges a sharp soft rasterizer shows what the z-buffer shows, whatever the surface."""

import numpy as np
import pytest

import taichi_dr as dr

SIZE = 48


def checker(texels):
    row, col = np.mgrid[:texels, :texels]
    return np.where(((row // 4 + col // 4) % 2)[..., None], [0.9, 0.3, 0.1], [0.2, 0.5, 0.9])


def floor(texels, shading):
    """A square of one pair of faces, seen at an angle: its texture is minified, the more the farther away."""
    corners = np.array([[-1.0, 0.0, 1.0], [1.0, 0.0, 1.0], [1.0, 0.0, -1.0], [-1.0, 0.0, -1.0]])
    uv = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
    material = dr.Material(shading, specular=0.4, shininess=20.0)
    return dr.Mesh(corners, [[0, 1, 2], [0, 2, 3]], uv=uv, texture=checker(texels), material=material)


def camera(**extras):
    return dr.Camera.orbit(azimuth_deg=20, elevation_deg=25, distance=2.6, fov_y_deg=42, near=0.4, far=6.0, **extras)


def lights():
    return dr.Lights(
        ambient=(0.2, 0.2, 0.2),
        directional=[dr.DirectionalLight((0.4, 1.0, 0.7), 0.6)],
        point=[dr.PointLight((0.5, 1.0, 0.8), 0.3)],
    )


def inside(face_id):
    """Pixels whose neighbours show the same face."""
    same = np.ones(face_id.shape, bool)
    for axis in (1, 2):
        for shift in (-1, 1):
            same &= np.roll(face_id, shift, axis) == face_id
    return same & (face_id >= 0)


@pytest.mark.parametrize("shading", ["none", "gouraud", "phong"])
def test_minified_textures(any32, shading):
    mesh, view = floor(128, shading), camera()
    hard = dr.Rasterizer(SIZE).render(mesh, view, lights())
    soft = dr.SoftRasterizer(SIZE, sigma=1e-6, gamma=1e-4).render(mesh, view, lights())
    same = inside(hard.numpy("face_id"))
    assert same.mean() > 0.2
    np.testing.assert_allclose(soft.numpy("color")[same], hard.numpy("color")[same], atol=2e-3)


def test_other_outputs_of_a_shaded_mesh(cpu32):
    mesh, view = floor(16, "phong"), camera()
    hard = dr.Rasterizer(SIZE).render(mesh, view, lights())
    soft = dr.SoftRasterizer(SIZE, sigma=1e-6, gamma=1e-4).render(mesh, view, lights())
    same = inside(hard.numpy("face_id"))
    for name in ("alpha", "depth", "normal"):
        np.testing.assert_allclose(soft.numpy(name)[same], hard.numpy(name)[same], atol=2e-3, err_msg=name)
