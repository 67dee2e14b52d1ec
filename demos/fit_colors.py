"""Colours from photographs of a known shape: the vertex colours of a car, and the texture of a globe.

The geometry, the cameras and the lights are known; the colours start grey.  Rendering is linear in the colours, so the
gradient of the images' difference finds them quickly, and finds the paint itself, not the paint with its shadows.
Pictures from views that the fit has never seen tell how good it is.  All photographs have 16 samples per pixel, the
renders that are fitted to them one, with antialiasing.

    python demos/fit_colors.py
"""

import numpy as np
import taichi as ti
from common import PAPER, enlarged, finish, over_paper, psnr, save_picture, sheet, start
from PIL import Image, ImageDraw, ImageFont

import taichi_dr as dr

GREY = 0.4
TEXTURE = (128, 256)
VIEWS = 20
SIZE, TILE = 128, 256  # pixels of the images, and of the pictures of unseen views


def globe():
    """A textured sphere: bands, meridians, and words that wrap around it."""
    height, width = TEXTURE
    rows, columns = np.mgrid[0:height, 0:width]
    pixels = np.empty((*TEXTURE, 3), np.uint8)
    pixels[..., 0] = 70 + 60 * np.sin(columns / width * 4 * np.pi)
    pixels[..., 1] = 110 + 70 * np.cos(rows / height * 2 * np.pi)
    pixels[..., 2] = 170 + 50 * np.sin(columns / width * 2 * np.pi + rows / height * 6)
    pixels[(rows % 16 == 0) | (columns % 16 == 0)] = (30, 40, 70)
    image = Image.fromarray(pixels)
    draw = ImageDraw.Draw(image)
    for x, text, color in ((172, "taichi", "white"), (14, "dr", "gold"), (68, "render", "white")):
        draw.text((x, 48), text, fill=color, font=ImageFont.load_default(30))
    return dr.shapes.sphere(2700, texture=dr.srgb_to_linear(np.asarray(image) / 255.0), name="globe")


def fit(colors, render, goal, steps):
    """Moves the field ``colors`` from grey until ``render()`` shows ``goal``; prints how the loss falls."""
    colors.fill(GREY)
    loss = ti.field(ti.f32, shape=(), needs_grad=True)
    optimizer = dr.Adam([colors], lr=0.05, schedule=dr.schedules.cosine(steps, 0.05))
    for step in range(steps):
        with ti.ad.Tape(loss):
            frame = render()
            dr.losses.mse(frame.color, goal, loss)
        if step % 20 == 0 or step == steps - 1:
            print(f"  step {step:3d}  loss {loss[None]:.6f}")
        optimizer.step()
        colors.from_numpy(np.clip(colors.to_numpy(), 0, 1))


class Study:
    """Photographs of a mesh whose colours are then forgotten, and how well the colours found explain others."""

    def __init__(self, mesh, colors):
        print(f"  {mesh.name}: {mesh}")
        self.mesh, self.colors, self.truth = mesh, colors, colors.to_numpy()
        self.lights = dr.Lights(ambient=0.15, directional=[dr.DirectionalLight((0.6, 1.0, 0.5), 0.75)])
        azimuth, elevation = np.arange(VIEWS) * 360 / VIEWS, np.resize([-35, 5, 45], VIEWS)
        self.seen = dr.Camera.orbit(azimuth, elevation, distance=2.7, fov_y_deg=45)
        self.unseen = dr.Camera.orbit([24, 205], [20, -10], distance=2.7, fov_y_deg=45)
        self.images, self.target = self.photographs(self.seen, SIZE), self.photographs(self.unseen, TILE)
        self.judge = dr.Rasterizer(TILE, background=PAPER, antialias=True)

    def photographs(self, camera, size):
        """Images (V, size, size, 3) over the background."""
        return over_paper(dr.supersampled(self.mesh, camera, (size, size), self.lights))

    def look(self):
        """The first of the views that the fit does not see, and the PSNR of all of them."""
        pictures = self.judge.render(self.mesh, self.unseen, self.lights).numpy("color")
        return pictures[0], psnr(pictures, self.target)

    def run(self, options):
        """Fits the colours; returns the pictures by their titles, and the PSNR before and after."""
        self.colors.fill(GREY)
        start, before = self.look()
        renderer = dr.Rasterizer(SIZE, background=PAPER, antialias=True)
        fit(self.colors, lambda: renderer.render(self.mesh, self.seen, self.lights), self.images, options.steps)
        found, after = self.look()
        pictures = {
            f"one of {VIEWS} images, {SIZE}²": enlarged(self.images[0], TILE // SIZE),
            f"unseen view, start\n{before:.1f} dB": start,
            f"unseen view, found\n{after:.1f} dB": found,
            "unseen view, target": self.target[0],
        }
        return pictures, before, after


def main(arguments=None):
    """Fits both and compares."""
    options = start(__file__, __doc__, steps=100, arguments=arguments)
    car, sphere = dr.shapes.car(), globe()
    painted, printed = Study(car, car.colors), Study(sphere, sphere.texture)
    rows, results = [], {}
    for study in (painted, printed):
        pictures, before, after = study.run(options)
        rows.append([sheet([pictures.values()], tuple(pictures))])
        results[f"{study.mesh.name}_psnr"] = f"{before:.1f} -> {after:.1f} dB"
    found, truth = sphere.texture.to_numpy(), printed.truth
    quality = psnr(found, truth)
    textures = [enlarged(texture, 2) for texture in (found, truth)]
    rows.append([sheet([textures], (f"texture, found: {quality:.1f} dB", "true texture"))])
    save_picture(options.out / "fit_colors.png", sheet(rows))
    within = np.abs(car.colors.to_numpy() - painted.truth).max(axis=-1) < 0.05
    return finish(
        options,
        **results,
        texture_psnr=quality,
        car_colors_within_5_percent=float(within.mean()),
    )


if __name__ == "__main__":
    main()
