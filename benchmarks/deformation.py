"""The deformation of the Soft Rasterizer paper (Liu et al., ICCV 2019, section 5.1): a sphere becomes an airplane.

The paper's setting: 120 views of 64 x 64 pixels at every step, 500 steps, a sphere of 2,700 faces whose vertices move
by themselves, 1 - IoU of the silhouettes, and 0.03 times the Laplacian and 0.0003 times the flatness to hold the
surface together.  The soft IoU passes 0.80 within 350 steps and ends near 0.86; the surface is crumpled and partly
inside out.
``dr.fit_shape`` is what to use instead.

    python benchmarks/deformation.py
"""

import numpy as np
import taichi as ti

import taichi_dr as dr

RADIUS = 0.35  # of the airplane; the paper's weights and learning rate are meant for shapes of about this size
SIZE, VIEWS, HELD_OUT, STEPS = 64, 120, 10, 500
SIGMA_FIRST, SIGMA_LAST = 5e-5, 1e-5  # a larger first one fattens thin parts
ELEVATIONS = (-60, -30, 0, 30, 60)


def around(azimuth, elevation):
    """Cameras on all sides of a shape."""
    return dr.Camera.orbit(azimuth, elevation, 2.7 * RADIUS, fov_y_deg=45)


def rings():
    """Cameras in five rings; no two rings look along the same azimuths."""
    elevation = np.repeat(ELEVATIONS, VIEWS // len(ELEVATIONS))
    stagger = np.arange(VIEWS) * 9 // 24  # degrees
    return around(np.arange(VIEWS) * len(ELEVATIONS) * 360 / VIEWS + stagger, elevation)


def scattered():
    """Cameras spread evenly over the whole sphere."""
    i = np.arange(HELD_OUT)
    return around(180 * (3 - np.sqrt(5)) * i % 360, np.rad2deg(np.arcsin(1 - (2 * i + 1) / HELD_OUT)))


def soft_iou(mesh, camera, images):
    """The mean over views of ``sum(a b) / sum(a + b - a b)``, a drawn by the soft rasterizer."""
    alpha = dr.SoftRasterizer(SIZE, sigma=SIGMA_LAST).render(mesh, camera).numpy("alpha").astype(np.float64)
    both = (alpha * images).sum(axis=(1, 2))
    return float(np.mean(both / ((alpha + images).sum(axis=(1, 2)) - both)))


def main():
    """Prints the soft IoU of the views that are fitted and of others on the way."""
    dr.init("cpu", random_seed=1)
    target, mesh = dr.shapes.airplane().normalized(RADIUS), dr.shapes.sphere(2700, radius=0.4 * RADIUS)
    camera, unseen = rings(), scattered()
    silhouettes, held_out = (dr.Rasterizer(SIZE).render(target, each).numpy("alpha") for each in (camera, unseen))
    loss = ti.field(ti.f32, shape=(), needs_grad=True)
    renderer = dr.SoftRasterizer(SIZE)
    optimizer = dr.Adam([mesh.vertices], lr=0.01, betas=(0.5, 0.99), schedule=dr.schedules.cosine(STEPS, 0.2))
    for step in range(STEPS + 1):
        if step % 50 == 0:
            own, other = soft_iou(mesh, camera, silhouettes), soft_iou(mesh, unseen, held_out)
            print(f"step {step}: soft IoU {own:.3f}, of held-out views {other:.3f}", flush=True)
        renderer.sigma = SIGMA_FIRST * (SIGMA_LAST / SIGMA_FIRST) ** (step / STEPS)
        with ti.ad.Tape(loss):
            frame = renderer.render(mesh, camera)
            dr.losses.iou(frame.alpha, silhouettes, loss, kind="soft_jaccard")
            dr.losses.laplacian(mesh, loss, weight=0.03)
            dr.losses.flatten(mesh, loss, weight=0.0003)
        optimizer.step()


if __name__ == "__main__":
    main()
