"""How far a sphere comes towards an airplane, with the losses of Soft Rasterizer's demo: a floor for their quality."""

import numpy as np
import pytest
import taichi as ti

import taichi_dr as dr

SIZE, VIEWS, STEPS = 32, 16, 80


class Setting:
    """Silhouettes of an airplane of radius 0.35 from all sides, and what a mesh of it is worth."""

    def __init__(self):
        i = np.arange(VIEWS)
        elevation = np.rad2deg(np.arcsin(1 - (2 * i + 1) / VIEWS))
        self.camera = dr.Camera.orbit(180 * (3 - np.sqrt(5)) * i % 360, elevation, 0.95, fov_y_deg=45)
        self.images = dr.supersampled(dr.shapes.airplane().normalized(0.35), self.camera, SIZE)[..., 3]
        self.renderer = dr.SoftRasterizer(SIZE, sigma=1e-4)
        self.loss = ti.field(ti.f32, shape=(), needs_grad=True)

    def fit(self, softness):
        """The mesh after ``STEPS``, its vertices moved by themselves."""
        mesh = dr.shapes.icosphere(3, radius=0.14)
        optimizer = dr.Adam([mesh.vertices], lr=0.01, betas=(0.5, 0.99))
        for _ in range(STEPS):
            with ti.ad.Tape(self.loss):
                frame = self.renderer.render(mesh, self.camera)
                dr.losses.iou(frame.alpha, self.images, self.loss, kind="soft_jaccard")
                dr.losses.laplacian(mesh, self.loss, weight=0.03)
                dr.losses.flatten(mesh, self.loss, weight=0.0003, softness=softness)
            optimizer.step()
        return mesh

    def soft_iou(self, mesh):
        alpha = self.renderer.render(mesh, self.camera).numpy("alpha").astype(np.float64)
        both = (alpha * self.images).sum(axis=(1, 2))
        return np.mean(both / ((alpha + self.images).sum(axis=(1, 2)) - both))


def bend(mesh):
    """``1 - cos`` across edges, in the mean by the areas of their faces."""
    vertices, topology = mesh.numpy("vertices")[0].astype(np.float64), mesh.topology
    a, b = (vertices[topology.edges[:, k]] for k in range(2))
    c, d = (vertices[topology.edge_opposites[:, k]] for k in range(2))
    one, two = np.cross(b - a, c - a), np.cross(d - a, b - a)
    sizes = np.linalg.norm(one, axis=1), np.linalg.norm(two, axis=1)
    cosines = (one * two).sum(axis=1) / np.maximum(sizes[0] * sizes[1], 1e-20)
    return np.average(1 - cosines, weights=sizes[0] + sizes[1])


@pytest.mark.slow
def test_softness_lets_a_flat_surface_follow_its_silhouettes(cpu32):
    setting = Setting()
    exact, soft = setting.fit(softness=0.0), setting.fit(softness=0.03)
    assert setting.soft_iou(soft) > 0.70  # 0.748
    assert setting.soft_iou(soft) > setting.soft_iou(exact) + 0.1  # 0.530
    assert bend(soft) < bend(exact)
