"""What sigma and gamma do: one scene, rendered softly over a grid of both, and what that means for gradients.

``sigma`` is how far a face reaches beyond its edges: coverage falls from 1 to 0 over about ``3 sqrt(sigma)`` screen
units on either side (the shorter image side is 2 long).  ``gamma`` is how strictly nearer faces hide farther ones: the
weight of a face is ``exp((far - z) / (far - near) / gamma)``.  Small values give a picture like that of an ordinary
rasterizer; large ones see through things, which is what lets a gradient reach a surface that is hidden now.

The grid shows what ``SoftRasterizer`` returns, nothing blended afterwards: ``alpha``, which gamma does not change, and
``color``, in which the background has a weight of its own.  Look for three things in it:

* Colours at small gamma spread with sharp borders, as far as faces count at all: coverage, with its gradient, is in
  alpha; the border between colours has a gradient only where gamma is large.
* At large gamma the background shines through, because it is one of the weights.
* Faint freckles in alpha at small sigma: on an edge within an open surface both faces cover 1/2, and alpha is
  1 - (1/2)^2 = 3/4.  These surfaces are closed, their other side is behind: alpha falls only where an edge of the front
  crosses one of the back, to 1 - (1/2)^4 = 15/16.

    python demos/sigma_gamma.py
"""

import numpy as np
import taichi as ti
from common import PAPER, finish, plot, pyplot, save_picture, sheet, start
from matplotlib.colors import LogNorm

import taichi_dr as dr

SIGMAS, SIGMA_TITLES = (1e-5, 1e-4, 1e-3, 1e-2), ("σ = 10⁻⁵", "σ = 10⁻⁴", "σ = 10⁻³", "σ = 10⁻²")
GAMMAS, GAMMA_TITLES = (1e-4, 1e-2, 1e-1, 1.0), ("γ = 10⁻⁴", "γ = 10⁻²", "γ = 10⁻¹", "γ = 1")
DECADES = 4  # of the lengths of gradients


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
    return dr.Mesh(np.concatenate([ring_points, ball_points]), faces, colors=colors)


def view(azimuth):
    """A camera that leaves room for the blur of the largest sigma."""
    return dr.Camera.orbit(azimuth, 15, distance=3.6, fov_y_deg=45, near=2.1, far=5.1)


def heat(mesh, gradient, camera, size):
    """The mesh painted by the length of each vertex's gradient, on a logarithmic scale up to the longest."""
    length = np.linalg.norm(gradient[0], axis=-1)
    level = np.log10(np.maximum(length / length.max(), 10.0**-DECADES)) / DECADES + 1
    colors = dr.srgb_to_linear(pyplot.get_cmap("magma")(level)[:, :3])
    painted = dr.Mesh(mesh.numpy("vertices"), mesh.topology.faces, colors=colors)
    return dr.Rasterizer(size, background=PAPER, antialias=True).render(painted, camera).numpy("color")[0]


def scale_bar(width):
    """What the colours of ``heat`` mean."""

    def draw(axes):
        axes.axis("off")
        mappable = pyplot.cm.ScalarMappable(LogNorm(10.0**-DECADES, 1), "magma")
        label = "length of the gradient, relative to the longest of the picture"
        axes.figure.colorbar(mappable, ax=axes, fraction=1, aspect=60, orientation="horizontal", label=label)

    return plot(draw, width, 90)


def main(arguments=None):
    """Draws the grid of both, then where gradients arrive."""
    options = start(
        __file__, __doc__, arguments=arguments, size={"type": int, "default": 224, "help": "pixels a side (224)"}
    )
    mesh, camera, behind = scene(), view(10), view(190)
    lights = dr.Lights.default()
    renderer = dr.SoftRasterizer(options.size, background=PAPER)
    loss = ti.field(ti.f32, shape=(), needs_grad=True)

    # How far does softness carry a gradient?  Sigma: from the silhouette (the mean of alpha) to the vertices.
    renderer.gamma, alphas, by_sigma, moved = GAMMAS[0], [], [], []
    for renderer.sigma in SIGMAS:
        with ti.ad.Tape(loss):
            frame = renderer.render(mesh, camera, lights)
            dr.losses.l1(frame.alpha, np.zeros(frame.shape), loss)
        gradient = mesh.vertices.grad.to_numpy()
        alphas.append(frame.numpy("alpha")[0][..., None].repeat(3, axis=2))
        by_sigma.append(heat(mesh, gradient, camera, options.size))
        moved.append(share(gradient))

    # Gamma: from the picture (the mean of its colours) to the colours of vertices, seen from behind.
    renderer.sigma, by_gamma, colored = SIGMAS[1], [], []
    for renderer.gamma in GAMMAS:
        with ti.ad.Tape(loss):
            frame = renderer.render(mesh, camera, lights)
            dr.losses.l1(frame.color, np.zeros((*frame.shape, 3)), loss)
        gradient = mesh.colors.grad.to_numpy()
        by_gamma.append([heat(mesh, gradient, side, options.size) for side in (camera, behind)])
        colored.append(share(gradient))
    save_picture(options.out / "sigma_gamma_gradients.png", gradients(by_sigma, by_gamma))

    grid = [alphas]
    for renderer.gamma in GAMMAS:
        grid.append([])
        for renderer.sigma in SIGMAS:
            grid[-1].append(renderer.render(mesh, camera, lights).numpy("color")[0])
    row_titles = ("alpha", *(f"color, {title}" for title in GAMMA_TITLES))
    save_picture(options.out / "sigma_gamma.png", sheet(grid, SIGMA_TITLES, row_titles))
    return finish(options, vertices_moved_by_silhouette=moved, vertices_colored_by_picture=colored)


def gradients(by_sigma, by_gamma):
    """Both rows of gradients as one picture."""
    upper = sheet([by_sigma], SIGMA_TITLES, ["∂ mean alpha / ∂ vertex"])
    lower = sheet(zip(*by_gamma, strict=True), GAMMA_TITLES, ["∂ mean color / ∂ color", "the same from behind"])
    return sheet([[upper], [lower], [scale_bar(lower.shape[1])]])


def share(gradient):
    """The share of vertices whose gradient is longer than a thousandth of the longest."""
    length = np.linalg.norm(gradient[0], axis=-1)
    return round(float((length > 1e-3 * length.max()).mean()), 3)


if __name__ == "__main__":
    main()
