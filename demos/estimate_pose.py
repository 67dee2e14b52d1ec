"""Where was the camera?  Its pose from one image of a known object, starting 60 degrees off.

The camera's ``eye``, ``target`` and ``up`` are fields with gradients like any other, so an optimiser can move them.
The antialiased rasterizer tells how silhouettes move, but from 60 degrees off the edges of the two pictures do not even
overlap.  So the search runs coarse to fine: both pictures are small and blurred at first (the blur is the demo's own
Taichi kernel, on the same tape), and only the eye moves, looking at the middle of the car; a camera free to turn, too,
would make up for a wrong place by zooming and rolling.  Each level starts where the coarser one ended.

The image has 16 samples per pixel, the renders one, with antialiasing.

    python demos/estimate_pose.py
"""

import numpy as np
import taichi as ti
from common import (
    PAPER,
    enlarged,
    finish,
    over_paper,
    picture_field,
    plot,
    save_movie,
    save_picture,
    sheet,
    shown,
    start,
)

import taichi_dr as dr

SIZE = 128  # of the image
TILE = 2 * SIZE  # of the pictures of how it went
LEVELS = (  # pixels a side, blur in pixels, learning rate, what moves
    (32, 3.0, 0.1, ("eye",)),
    (64, 2.0, 0.03, ("eye", "target", "up")),
    (128, 0.8, 0.01, ("eye", "target", "up")),
)
REACH = 7  # of the blur, pixels


@ti.kernel
def blur(picture: ti.template(), blurred: ti.template(), width: float, down: int, right: int):
    """Gaussian blur along one axis, the border repeated: one parallel loop, a static one inside."""
    for pixel in ti.grouped(blurred):
        weights, color = 1e-12, ti.Vector([0.0, 0.0, 0.0])
        for k in ti.static(range(-REACH, REACH + 1)):
            row = ti.min(ti.max(pixel[1] + k * down, 0), picture.shape[1] - 1)
            column = ti.min(ti.max(pixel[2] + k * right, 0), picture.shape[2] - 1)
            weight = ti.exp(-0.5 * k * k / width**2)
            weights += weight
            color += weight * picture[pixel[0], row, column]
        blurred[pixel] = color / weights


class Blur:
    """Blurs a picture in two passes; ``result`` is what the loss looks at."""

    def __init__(self, picture, width):
        self.picture, self.width = picture, width
        self.half, self.result = picture_field(picture), picture_field(picture)

    def run(self):
        blur(self.picture, self.half, self.width, 1, 0)
        blur(self.half, self.result, self.width, 0, 1)


def look(azimuth, elevation, distance=2.8, target=(0, 0, 0)):
    """A camera of this demo."""
    return dr.Camera.orbit(azimuth, elevation, distance, 45, target=target)


def shrunk(image, size):
    """An image (1, H, H, 3) averaged down to ``size`` pixels a side."""
    block = image.shape[1] // size
    return image.reshape(1, size, block, size, block, 3).mean(axis=(2, 4))


def errors(camera, truth):
    """How far off a camera is: the angle in degrees of the turn between the axes, and the distance between the eyes."""
    (*axes, eye), (*true_axes, true_eye) = ([part[0] for part in view.frames()] for view in (camera, truth))
    chord = np.linalg.norm(np.stack(axes) - np.stack(true_axes)) / np.sqrt(8)  # the sine of half the angle
    return float(np.rad2deg(2 * np.arcsin(chord))), float(np.linalg.norm(eye - true_eye))


def overlay(image, render):
    """The brightness of two pictures (H, W, 3) in one: grey where they agree, cyan image only, red render only."""
    image, render = (shown(picture.mean(axis=-1)) for picture in (image, render))
    return np.stack([image, render, render], axis=-1)


class Search:
    """The record of a search: errors at every step, and the pictures."""

    def __init__(self, scene, camera, truth, image):
        self.scene, self.camera, self.truth, self.image = scene, camera, truth, enlarged(image, TILE // SIZE)
        self.renderer = dr.Rasterizer(TILE, background=PAPER, antialias=True)
        self.errors, self.movie, self.levels = [], [], []

    def look(self):
        """The camera's view now, (TILE, TILE, 3)."""
        car, lights = self.scene
        return self.renderer.render(car, self.camera, lights).numpy("color")[0]

    def measure(self):
        """Notes the errors now and returns them in words."""
        self.errors.append(errors(self.camera, self.truth))
        return "{:.2f}°, eye {:.4f} off".format(*self.errors[-1])

    def end_level(self, title):
        """Keeps the view that a level has ended with."""
        self.levels.append((f"{title}\n{self.measure()}", self.look()))

    def film(self, goal, picture, text):
        """A frame of the animation: what is compared, and where that stands."""
        factor = TILE // len(goal)
        pictures = [enlarged(goal, factor), enlarged(picture, factor), overlay(self.image, self.look())]
        titles = ("image, blurred", "render, blurred", "cyan: image, red: render")
        self.movie.append(sheet([[sheet([pictures], titles)]], [text]))

    def poster(self):
        """Where the levels have ended, and how the errors fell."""
        titles, views = zip(*self.levels, strict=True)
        overlays = [overlay(self.image, view) for view in views]
        curve = plot(self.draw_errors, TILE, TILE)
        rows = ("render", "cyan: image, red: render")
        return sheet([[*views, self.image], [*overlays, curve]], [*titles, "the image"], rows)

    def draw_errors(self, axes):
        """Both errors over the steps."""
        for column, name in enumerate(("angle, degrees", "eye, world units")):
            axes.semilogy([error[column] for error in self.errors], label=name)
        axes.set(xlabel="step", title="error")
        axes.grid(alpha=0.4)
        axes.legend(fontsize=8, loc="lower left")


def main(arguments=None):
    """Takes the image, loses the camera, finds it again."""
    options = start(__file__, __doc__, steps=60, arguments=arguments)
    car = dr.shapes.car()
    lights = dr.Lights.default()
    truth, camera = look(35, 20, target=(0.05, 0.03, 0)), look(95, 20)
    image = over_paper(dr.supersampled(car, truth, (SIZE, SIZE), lights))
    loss = ti.field(ti.f32, shape=(), needs_grad=True)

    search = Search((car, lights), camera, truth, image[0])
    search.end_level("start")
    for size, width, rate, moving in LEVELS:
        renderer = dr.Rasterizer(size, background=PAPER, antialias=True)
        soften = Blur(renderer.render(car, truth, lights).color, width)
        soften.picture.from_numpy(shrunk(image, size))
        soften.run()
        goal = soften.result.to_numpy()
        optimizer = dr.Adam(
            [getattr(camera, name) for name in moving], lr=rate, schedule=dr.schedules.cosine(options.steps, 0.1)
        )
        for step in range(options.steps):
            with ti.ad.Tape(loss):
                renderer.render(car, camera, lights)
                soften.run()
                dr.losses.mse(soften.result, goal, loss)
            words = search.measure()
            if step % 6 == 0:
                text = f"{size}² level, step {step}: {words}"
                print(f"  {text}, loss {loss[None]:.1e}")
                search.film(goal[0], soften.result.to_numpy()[0], text)
            optimizer.step()
        search.end_level(f"after the {size}² level")
    save_movie(options.out / "estimate_pose.gif", search.movie, [0.16] * (len(search.movie) - 1) + [2.0])
    save_picture(options.out / "estimate_pose.png", search.poster())
    (first_angle, first_distance), (angle, distance) = search.errors[0], search.errors[-1]
    return finish(
        options,
        first_angle_error_deg=first_angle,
        first_eye_error=first_distance,
        angle_error_deg=angle,
        eye_error=distance,
    )


if __name__ == "__main__":
    main()
