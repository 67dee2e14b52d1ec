"""Where was the camera?  Its pose from one image of a known object, starting 60 degrees off.

The camera's ``eye``, ``target`` and ``up`` are fields with gradients like any other, so an optimiser can move them.
The antialiased rasterizer tells how silhouettes move, but from 60 degrees off the edges of the two pictures do not even
overlap.  So the search runs coarse to fine: both pictures are small and blurred at first (the blur is the demo's own
Taichi kernel, on the same tape), and only the eye moves, looking at the middle of the car; a camera free to turn, too,
would make up for a wrong place by zooming and rolling.  Each level starts where the coarser one ended.

    python demos/estimate_pose.py
"""

import numpy as np
import taichi as ti
from common import PAPER, enlarged, finish, labelled, picture_field, save_grid, start, tiled

import taichi_dr as dr

SIZE = 128  # of the image
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


def angle_between(camera, other):
    """The angle in degrees of the turn that takes one camera's axes to the other's."""
    (a, b) = (np.stack([axis[0] for axis in view.frames()[:3]]) for view in (camera, other))
    return float(np.rad2deg(np.arccos(np.clip((np.sum(a * b) - 1) / 2, -1, 1))))


def main(arguments=None):
    """Takes the image, loses the camera, finds it again."""
    options = start(__file__, __doc__, steps=60, arguments=arguments)
    car = dr.shapes.car()
    lights = dr.Lights.default()
    truth, camera = look(35, 20, target=(0.05, 0.03, 0)), look(95, 20)
    crisp = dr.Rasterizer(SIZE, background=PAPER, antialias=True)
    image, first = (crisp.render(car, view, lights).numpy("color") for view in (truth, camera))
    loss = ti.field(ti.f32, shape=(), needs_grad=True)

    movie, strip, errors = [], [first[0]], [angle_between(camera, truth)]
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
            if step % 6 == 0:
                line = f"{size} pixels, step {step:2d}: {angle_between(camera, truth):.2f} degrees off"
                print(f"  {line}, loss {loss[None]:.6f}")
                render = crisp.render(car, camera, lights).numpy("color")
                movie.append(overlay(image, render, soften.result.to_numpy(), goal, line))
            optimizer.step()
        strip.append(crisp.render(car, camera, lights).numpy("color")[0])
        errors.append(angle_between(camera, truth))
    dr.save_animation(options.out / "search.gif", movie, fps=6)
    names = ["start", *(f"after {size} pixels" for size, *_ in LEVELS)]
    titles = [f"{name}\n{error:.2f}° off" for name, error in zip(names, errors, strict=True)]
    rows = [[*strip, image[0]], [(view + image[0]) / 2 for view in strip]]
    save_grid(options.out / "poses.png", rows, titles=[*titles, "image"], row_titles=["render", "over the image"])
    offset = float(np.linalg.norm(camera.frames()[3] - truth.frames()[3]))
    return finish(options, first_angle_error_deg=errors[0], angle_error_deg=errors[-1], eye_off_by=offset)


def overlay(image, render, picture, goal, text):
    """What is compared (goal, blurred render) and where that stands (the crisp render over the image)."""
    factor = 2 * SIZE // goal.shape[1]
    compared = [enlarged(pixels[0], factor) for pixels in (goal, picture)]
    return labelled(tiled([[*compared, enlarged((image[0] + render[0]) / 2, 2)]]), text)


if __name__ == "__main__":
    main()
