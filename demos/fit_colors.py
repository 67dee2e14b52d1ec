"""Colours from photographs of a known shape: the vertex colours of a car, and the texture of a globe.

The geometry, the cameras and the lights are known; the colours start grey.  ``dr.fit_colors`` finds the paint itself,
not the paint with its shadows, and says what no photograph shows.  Pictures from views that the fit has never seen tell
how good it is.  All photographs have 16 samples per pixel, the renders that are fitted to them one, with antialiasing.

    python demos/fit_colors.py
"""

import numpy as np
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


class Study:
    """Photographs of a mesh whose colours are then forgotten, and how well the colours found explain others."""

    def __init__(self, mesh, colors):
        print(f"  {mesh.name}: {mesh}")
        self.mesh, self.colors, self.truth = mesh, colors, mesh.numpy(colors)
        self.lights = dr.Lights(ambient=0.15, directional=[dr.DirectionalLight((0.6, 1.0, 0.5), 0.75)])
        azimuth, elevation = np.arange(VIEWS) * 360 / VIEWS, np.resize([-35, 5, 45], VIEWS)
        self.camera = dr.Camera.orbit(azimuth, elevation, distance=2.7, fov_y_deg=45)
        self.unseen = dr.Camera.orbit([24, 205], [20, -10], distance=2.7, fov_y_deg=45)
        self.judge = dr.Rasterizer(TILE, background=PAPER, antialias=True)

    def look(self, mesh):
        """The first of the views that the fit does not see, and the PSNR of all of them."""
        pictures = self.judge.render(mesh, self.unseen, self.lights).numpy("color")
        return pictures[0], psnr(pictures, self.target)

    def run(self, steps):
        """Fits the colours; returns the fit, a row of pictures, and the PSNR before and after."""
        images = dr.supersampled(self.mesh, self.camera, SIZE, self.lights)
        self.target = over_paper(dr.supersampled(self.mesh, self.unseen, TILE, self.lights))
        self.mesh.set(self.colors, GREY)
        fit = dr.fit_colors(self.mesh, images, self.camera, self.lights, steps=steps, on_step=report)
        (start, before), (found, after) = self.look(self.mesh), self.look(fit.mesh)
        pictures = {
            f"one of {VIEWS} images, {SIZE}²": enlarged(over_paper(images[2]), TILE // SIZE),
            f"unseen view, start\n{before:.1f} dB": start,
            f"unseen view, found\n{after:.1f} dB": found,
            "unseen view, target": self.target[0],
        }
        return fit, sheet([pictures.values()], tuple(pictures)), (before, after)


def report(fit):
    """Prints the loss now and then."""
    if (len(fit.losses) - 1) % 5 == 0:
        print(f"  step {len(fit.losses) - 1:3d}  loss {fit.losses[-1]:.6f}")


def hatched(texture, hidden):
    """A texture (Ht, Wt, 3), twice as large, with stripes of black and white where ``hidden`` (Ht, Wt) is true."""
    picture, hidden = enlarged(texture, 2), enlarged(hidden, 2)
    rows, columns = np.indices(hidden.shape)
    stripes = np.where((rows + columns) % 8 < 4, 0.0, 1.0)
    return np.where(hidden[..., None], stripes[..., None], picture)


def main(arguments=None):
    """Fits both and compares."""
    options = start(__file__, __doc__, steps=20, arguments=arguments)
    painted, printed = Study(dr.shapes.car(), "colors"), Study(globe(), "texture")
    rows, results = [], {}
    for study in (painted, printed):
        study.fit, pictures, (before, after) = study.run(options.steps)
        rows.append([pictures])
        results[f"{study.mesh.name}_psnr"] = f"{before:.1f} -> {after:.1f} dB"
    seen, texture = printed.fit.seen, printed.fit.mesh.numpy("texture")
    quality = psnr(texture[seen], printed.truth[seen])
    titles = (f"texture, found: {quality:.1f} dB; striped: less than a pixel shows it", "true texture")
    rows.append([sheet([[hatched(texture, ~seen), enlarged(printed.truth, 2)]], titles)])
    save_picture(options.out / "fit_colors.png", sheet(rows))
    seen, colors = painted.fit.seen, painted.fit.mesh.numpy("colors")
    within = np.abs(colors - painted.truth).max(axis=-1)[0, seen] < 0.05
    return finish(
        options,
        **results,
        texture_psnr=quality,
        texels_seen=float(printed.fit.seen.mean()),
        car_vertices_seen=float(seen.mean()),
        car_colors_within_5_percent=float(within.mean()),
    )


if __name__ == "__main__":
    main()
