"""Colours from photographs of a known shape: the vertex colours of a car, and the texture of a globe.

The geometry, the cameras and the lights are known; the colours start grey.  Rendering is linear in the colours, so the
gradient of the images' difference finds them quickly, and finds the paint itself, not the paint with its shadows.
Pictures that the fit has never seen tell how good it is.

    python demos/fit_colors.py
"""

import numpy as np
import taichi as ti
from common import PAPER, finish, psnr, save_grid, start
from PIL import Image, ImageDraw, ImageFont

import taichi_dr as dr
from taichi_dr.io.images import srgb_to_linear

GREY = 0.4
TEXTURE = (128, 256)
VIEWS = 10
SIZE = 128


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
    return dr.shapes.sphere(2700, texture=srgb_to_linear(np.asarray(image) / 255.0), name="globe")


def fit(colors, render, goal, steps, rate):
    """Moves the field ``colors`` from grey until ``render()`` shows ``goal``; prints how the loss falls."""
    colors.fill(GREY)
    loss = ti.field(ti.f32, shape=(), needs_grad=True)
    optimizer = dr.Adam([colors], lr=rate, schedule=dr.schedules.cosine(steps, 0.05))
    for step in range(steps):
        with ti.ad.Tape(loss):
            frame = render()
            dr.losses.mse(frame.color, goal, loss)
        if step % 20 == 0 or step == steps - 1:
            print(f"  step {step:3d}  loss {loss[None]:.6f}")
        optimizer.step()


def study(name, mesh, colors, options, rate):
    """Takes pictures, forgets the colours, fits them; returns a row of pictures, the truth and what was found."""
    print(f"  {name}: {mesh}")
    lights = dr.Lights.default()
    azimuth, elevation = np.arange(VIEWS) * 360 / VIEWS, np.resize([-35, 5, 45], VIEWS)
    seen = dr.Camera.orbit(azimuth, elevation, distance=2.7, fov_y_deg=45)
    unseen = dr.Camera.orbit([24, 205], [20, -10], distance=2.7, fov_y_deg=45)
    renderer = dr.Rasterizer(SIZE, background=PAPER, antialias=True)
    judge = dr.Rasterizer(2 * SIZE, background=PAPER, antialias=True)

    def judged():
        return judge.render(mesh, unseen, lights).numpy("color")

    truth, target = colors.to_numpy(), judged()
    goal = renderer.render(mesh, seen, lights).numpy("color")
    colors.fill(GREY)
    before = judged()
    fit(colors, lambda: renderer.render(mesh, seen, lights), goal, options.steps, rate)
    after = judged()
    row = [goal[0].repeat(2, 0).repeat(2, 1), before[0], after[0], target[0]]
    return row, truth, colors.to_numpy(), psnr(before, target), psnr(after, target)


def main(arguments=None):
    """Fits both and compares."""
    options = start(__file__, __doc__, steps=100, arguments=arguments)
    car, sphere = dr.shapes.car(), globe()
    painted, car_truth, car_found, car_before, car_after = study("car", car, car.colors, options, 0.05)
    printed, truth, found, globe_before, globe_after = study("globe", sphere, sphere.texture, options, 0.05)
    titles = ("one of the images", "before", "after", "target")
    save_grid(options.out / "renders.png", [painted, printed], titles=titles, row_titles=("vertex colours", "texture"))
    textures = [[np.full_like(truth, GREY), found, truth]]
    save_grid(options.out / "texture.png", textures, titles=("before", "found", "true texture"), size=1.8)
    return finish(
        options,
        car_psnr=f"{car_before:.1f} -> {car_after:.1f} dB",
        globe_psnr=f"{globe_before:.1f} -> {globe_after:.1f} dB",
        texture_psnr=psnr(found, truth),
        car_colors_within_5_percent=float((np.abs(car_found - car_truth).max(axis=-1) < 0.05).mean()),
    )


if __name__ == "__main__":
    main()
