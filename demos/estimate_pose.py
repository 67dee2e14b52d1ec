"""Where was the camera?  Its pose from one image of a known object, starting 60 degrees off.

``dr.fit_pose`` moves the camera about the car until a render looks like the image: both blurred and small at first,
where even pictures that hardly overlap tell the way, then sharper and larger, with several guesses at the beginning.
This program makes the image, calls it, and draws what it was told on the way.

    python demos/estimate_pose.py
"""

import numpy as np
from common import PAPER, enlarged, finish, over_paper, plot, save_movie, save_picture, sheet, shown, start

import taichi_dr as dr

SIZE = 128  # of the image
TILE = 2 * SIZE  # of the pictures of how it went


def look(azimuth, elevation, distance=2.8, target=(0, 0, 0)):
    """A camera of this demo."""
    return dr.Camera.orbit(azimuth, elevation, distance, 45, target=target)


def errors(camera, truth):
    """How far off a camera is: the angle in degrees of the turn between the axes, and the distance between the eyes."""
    (*axes, eye), (*true_axes, true_eye) = ([part[0] for part in view.frames()] for view in (camera, truth))
    chord = np.linalg.norm(np.stack(axes) - np.stack(true_axes)) / np.sqrt(8)  # the sine of half the angle
    return float(np.rad2deg(2 * np.arcsin(chord))), float(np.linalg.norm(eye - true_eye))


def overlay(image, render):
    """The brightness of two pictures (H, W, 3) in one: grey where they agree, cyan image only, red render only."""
    image, render = (shown(picture.mean(axis=-1)) for picture in (image, render))
    return np.stack([image, render, render], axis=-1)


class Record:
    """The errors at every step, and the pictures."""

    def __init__(self, scene, truth, image):
        self.scene, self.truth, self.image = scene, truth, enlarged(over_paper(image), TILE // SIZE)
        self.renderer = dr.Rasterizer(TILE, background=PAPER, antialias=True)
        self.errors, self.movie, self.ends = [], [], {}

    def watch(self, fit):
        """Takes note of every step, and a picture of every sixth."""
        self.errors.append(errors(fit.camera, self.truth))
        self.ends[fit.size] = fit.camera  # the latest of its size stays
        if (len(fit.losses) - 1) % 6 == 0:
            text = f"{fit.size[0]}² level, step {len(fit.losses) - 1}: {self.words()}"
            print(f"  {text}, loss {fit.losses[-1]:.1e}")
            view = self.look(fit.camera)
            pictures = [[self.image, view, overlay(self.image, view)]]
            titles = ("image", "render", "cyan: image, red: render")
            self.movie.append(sheet([[sheet(pictures, titles)]], [text]))

    def words(self, error=None):
        """Errors, those of now by default, in words."""
        return "{:.2f}°, eye {:.4f} off".format(*(error or self.errors[-1]))

    def look(self, camera):
        """A camera's view, (TILE, TILE, 3)."""
        car, lights = self.scene
        return self.renderer.render(car, camera, lights).numpy("color")[0]

    def poster(self, guess):
        """The guess and where the sizes have ended, and how the errors fell."""
        stops = {"the guess": guess} | {f"after the {size[0]}² level": camera for size, camera in self.ends.items()}
        titles = [f"{title}\n{self.words(errors(camera, self.truth))}" for title, camera in stops.items()]
        views = [self.look(camera) for camera in stops.values()]
        overlays = [overlay(self.image, view) for view in views]
        rows = [[*views, self.image], [*overlays, plot(self.draw_errors, TILE, TILE)]]
        return sheet(rows, [*titles, "the image"], ("render", "cyan: image, red: render"))

    def draw_errors(self, axes):
        """Both errors over the steps."""
        for column, name in enumerate(("angle, degrees", "eye, world units")):
            axes.semilogy([error[column] for error in self.errors], label=name)
        axes.set(xlabel="step", title="error of the best guess")
        axes.grid(alpha=0.4)
        axes.legend(fontsize=8, loc="lower left")


def main(arguments=None):
    """Takes the image, loses the camera, finds it again."""
    options = start(__file__, __doc__, steps=60, arguments=arguments)
    car, lights = dr.shapes.car(), dr.Lights.default()
    truth, guess = look(35, 20, target=(0.05, 0.03, 0)), look(95, 20)
    image = dr.supersampled(car, truth, SIZE, lights)[0]
    record = Record((car, lights), truth, image)
    found = dr.fit_pose(car, image, guess, lights, steps=options.steps, on_step=record.watch)
    save_movie(options.out / "estimate_pose.gif", record.movie, [0.16] * (len(record.movie) - 1) + [2.0])
    save_picture(options.out / "estimate_pose.png", record.poster(guess))
    (first_angle, first_distance), (angle, distance) = errors(guess, truth), errors(found.camera, truth)
    return finish(
        options,
        first_angle_error_deg=first_angle,
        first_eye_error=first_distance,
        angle_error_deg=angle,
        eye_error=distance,
    )


if __name__ == "__main__":
    main()
