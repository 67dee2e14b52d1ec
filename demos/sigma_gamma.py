"""What sigma and gamma do: one scene, rendered softly over a grid of both, and what that means for gradients.

``sigma`` is how far a face reaches beyond its edges: coverage falls from 1 to 0 over about ``3 sqrt(sigma)`` screen
units on either side (the shorter image side is 2 long).  ``gamma`` is how strictly nearer faces hide farther ones: the
weight of a face is ``exp((far - z) / (far - near) / gamma)``.  Small values give a picture like that of an ordinary
rasterizer; large ones see through things, which is what lets a gradient reach a surface that is hidden now.

Look for two more things in the grid.  Freckles along the edges *within* a surface at small sigma: on a shared edge both
faces cover 1/2, and alpha = 1 - (1/2)^2 = 3/4.  And colours at small gamma spread with sharp borders, as far as faces
count at all: the border between colours has a gradient only where gamma is large, coverage (alpha) always has.

    python demos/sigma_gamma.py
"""

import numpy as np
import taichi as ti
from common import PAPER, composite, finish, picture_field, pyplot, save_grid, srgb_to_linear, start

import taichi_dr as dr

SIGMAS = (1e-5, 1e-4, 1e-3, 1e-2)
GAMMAS = (1e-4, 1e-2, 1e-1, 1.0)


def scene():
    """A red ball in front of a torus, coloured by height, between near and far planes that fit it."""
    ring = dr.shapes.torus(0.75, 0.22, 40, 20)
    ball = dr.shapes.icosphere(3, radius=0.42)
    tilt = np.deg2rad(65)
    turn = np.array([[1, 0, 0], [0, np.cos(tilt), -np.sin(tilt)], [0, np.sin(tilt), np.cos(tilt)]])
    ring_points = ring.numpy("vertices")[0] @ turn.T
    ball_points = ball.numpy("vertices")[0] + (0.45, 0.0, 0.6)
    blue, green = np.array((0.05, 0.2, 0.6)), np.array((0.1, 0.55, 0.25))
    height = (ring_points[:, 1:2] + 1) / 2
    colors = np.concatenate([blue + (green - blue) * height, np.full((len(ball_points), 3), (0.7, 0.08, 0.05))])
    faces = np.concatenate([ring.topology.faces, ball.topology.faces + len(ring_points)])
    mesh = dr.Mesh(np.concatenate([ring_points, ball_points]), faces, colors=colors)
    camera = dr.Camera.orbit(10, 15, distance=3, fov_y_deg=45, near=1.5, far=4.5)
    return mesh, camera


def heat(mesh, gradient, camera, size):
    """The mesh painted by the length of each vertex's gradient, on a logarithmic scale over four decades."""
    length = np.linalg.norm(gradient[0], axis=-1)
    decades = np.log10(np.maximum(length / length.max(), 1e-4)) / 4 + 1
    colors = srgb_to_linear(pyplot.get_cmap("magma")(decades)[:, :3])
    painted = dr.Mesh(mesh.numpy("vertices"), mesh.topology.faces, colors=colors)
    return dr.Rasterizer(size, background=PAPER, antialias=True).render(painted, camera).numpy("color")[0]


def main(arguments=None):
    """Draws the grid of both, then where gradients arrive."""
    options = start(
        __file__, __doc__, arguments=arguments, size={"type": int, "default": 160, "help": "pixels a side (160)"}
    )
    mesh, camera = scene()
    lights = dr.Lights.default()
    renderer = dr.SoftRasterizer(options.size, background=PAPER)
    frame = renderer.render(mesh, camera, lights)
    picture = picture_field(frame)
    loss = ti.field(ti.f32, shape=(), needs_grad=True)

    grid = []
    for renderer.gamma in GAMMAS:
        grid.append([])
        for renderer.sigma in SIGMAS:
            frame = renderer.render(mesh, camera, lights)
            composite(frame.color, frame.alpha, picture)
            grid[-1].append(picture.to_numpy()[0])
    titles, row_titles = [f"σ = {sigma:g}" for sigma in SIGMAS], [f"γ = {gamma:g}" for gamma in GAMMAS]
    save_grid(options.out / "grid.png", grid, titles=titles, row_titles=row_titles)

    # How far does softness carry a gradient?  Sigma: from the silhouette (the mean of alpha) to the vertices.
    renderer.gamma, alphas, painted, moved = GAMMAS[0], [], [], []
    for renderer.sigma in SIGMAS:
        with ti.ad.Tape(loss):
            frame = renderer.render(mesh, camera, lights)
            dr.losses.l1(frame.alpha, np.zeros(frame.shape), loss)
        gradient = mesh.vertices.grad.to_numpy()
        alphas.append(frame.numpy("alpha")[0][..., None].repeat(3, axis=2))
        painted.append(heat(mesh, gradient, camera, options.size))
        moved.append(share(gradient))
    row_titles = ["alpha", "|∂ mean alpha / ∂ vertex|"]
    save_grid(options.out / "sigma_gradients.png", [alphas, painted], titles=titles, row_titles=row_titles)

    # Gamma: from the picture (the mean of its colours) to the colours of vertices, seen from behind.
    renderer.sigma, painted, colored = SIGMAS[1], [], []
    behind = dr.Camera.orbit(190, 15, distance=3, fov_y_deg=45)
    for renderer.gamma in GAMMAS:
        with ti.ad.Tape(loss):
            frame = renderer.render(mesh, camera, lights)
            dr.losses.l1(frame.color, np.zeros((*frame.shape, 3)), loss)
        gradient = mesh.colors.grad.to_numpy()
        painted.append([heat(mesh, gradient, view, options.size) for view in (camera, behind)])
        colored.append(share(gradient))
    titles = [f"γ = {gamma:g}" for gamma in GAMMAS]
    row_titles = ["|∂ mean color / ∂ color|", "the same from behind"]
    save_grid(options.out / "gamma_gradients.png", zip(*painted, strict=True), titles=titles, row_titles=row_titles)
    return finish(options, vertices_moved_by_silhouette=moved, vertices_colored_by_picture=colored)


def share(gradient):
    """The share of vertices whose gradient is longer than a thousandth of the longest."""
    length = np.linalg.norm(gradient[0], axis=-1)
    return round(float((length > 1e-3 * length.max()).mean()), 3)


if __name__ == "__main__":
    main()
