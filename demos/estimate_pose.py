"""Where was the camera?  Its pose from one image of a known object, starting 60 degrees off.

``dr.fit_pose`` moves the camera about the car until a render looks like the image: both blurred and small at first,
where even pictures that hardly overlap tell the way, then sharper and larger, with several guesses at the beginning.
This program makes the image, with noise, calls it, and draws what it was told on the way.  ``dr.GaussNewton`` then
goes on to the best six numbers, turns and shifts, and says how well they are known: error bars, beside the true errors.

    python demos/estimate_pose.py
"""

import numpy as np
from common import PAPER, averaged, enlarged, finish, over_paper, plot, save_movie, save_picture, sheet, shown, start
from scipy.spatial.transform import Rotation

import taichi_dr as dr

SIZE = 128  # of the image
TILE = 2 * SIZE  # of the pictures of how it went
NOISE, SAMPLES = 0.03, 3  # standard deviation of a pixel; what is compared are means of SAMPLES x SAMPLES pixels
NUMBERS = ("turn about right", "turn about up", "turn about view", "shift right", "shift up", "shift back")


def look(azimuth, elevation, distance=2.8, target=(0, 0, 0)):
    """A camera of this demo."""
    return dr.Camera.orbit(azimuth, elevation, distance, 45, target=target)


def errors(camera, truth):
    """How far off a camera is: the angle in degrees of the turn between the axes, and the distance between the eyes."""
    (*axes, eye), (*true_axes, true_eye) = ([part[0] for part in view.frames()] for view in (camera, truth))
    chord = np.linalg.norm(np.stack(axes) - np.stack(true_axes)) / np.sqrt(8)  # the sine of half the angle
    return float(np.rad2deg(2 * np.arcsin(chord))), float(np.linalg.norm(eye - true_eye))


def six_numbers(camera, truth):
    """The turns (degrees) and the shifts that lead from a camera whose ``pose`` is zero to another."""
    (*axes, eye), (*true_axes, true_eye) = ([part[0].astype(float) for part in c.frames()] for c in (camera, truth))
    turn = Rotation.from_matrix(np.array(axes) @ np.transpose(true_axes)).as_rotvec(degrees=True)
    return np.concatenate([turn, np.array(axes) @ (true_eye - eye)])


def refine(scene, camera, image, truth):
    """The camera that is moved to the best six numbers, the errors that these have, and their error bars."""
    true = six_numbers(camera, truth)
    camera = dr.Camera(**{name: camera.numpy(name) for name in ("eye", "target", "up", "fov_y")})
    renderer = dr.Rasterizer(SAMPLES * SIZE, background=PAPER, antialias=True)

    def look():
        return averaged(renderer.render(scene[0], camera, scene[1]).numpy("color"), SAMPLES)

    for _ in range(2):  # on the stairs of a loss of pixels the first may stop early: it begins anew where that ended
        found = dr.GaussNewton(look, {"pose": camera.pose}, image[None]).run()
    units = np.where(np.arange(6) < 3, 180 / np.pi, 1.0)
    return camera, units * found.values - true, units * found.standard_errors


def overlay(image, render):
    """The brightness of two pictures (H, W, 3) in one: grey where they agree, cyan image only, red render only."""
    image, render = (shown(picture.mean(axis=-1)) for picture in (image, render))
    return np.stack([image, render, render], axis=-1)


class Record:
    """The errors at every step, and the pictures."""

    def __init__(self, scene, truth, image):
        self.scene, self.truth, self.image = scene, truth, enlarged(image, TILE // SIZE)
        self.renderer = dr.Rasterizer(TILE, background=PAPER, antialias=True)
        self.errors, self.movie, self.ends = [], [], {}

    def watch(self, fit):
        """Takes note of every step, and a picture of every sixth."""
        self.errors.append(errors(fit.camera, self.truth))
        self.ends[fit.size] = fit.camera  # the latest of its size stays
        if (len(fit.losses) - 1) % 6 == 0:
            text = f"{fit.size[0]}² level, step {len(fit.losses) - 1}: {self.words()}"
            print(f"  {text}, loss {fit.losses[-1]:.1e}")
            self.film(fit.camera, text)

    def film(self, camera, text):
        """A camera's view beside the image, for the movie."""
        view = self.look(camera)
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

    def poster(self, guess, refined, off, bars):
        """The guess, where the sizes and Gauss-Newton have ended, how the errors fell, and those that are left."""
        stops = {"the guess": guess} | {f"after the {size[0]}² level": camera for size, camera in self.ends.items()}
        stops["by dr.GaussNewton"] = refined
        titles = [f"{title}\n{self.words(errors(camera, self.truth))}" for title, camera in stops.items()]
        views = [self.look(camera) for camera in stops.values()]
        overlays = [overlay(self.image, view) for view in views]
        rows = [[*views, self.image], [*overlays, plot(self.draw_errors, TILE, TILE)]]
        page = sheet(rows, [*titles, f"the image\nnoise {NOISE}"], ("render", "cyan: image, red: render"))
        left = plot(lambda axes: draw_left(axes, off, bars), page.shape[1], TILE // 2 + 60)
        return sheet([[page], [left]])

    def draw_errors(self, axes):
        """Both errors over the steps."""
        for column, name in enumerate(("angle, degrees", "eye, world units")):
            axes.semilogy([error[column] for error in self.errors], label=name)
        axes.set(xlabel="step", title="error of the best guess")
        axes.grid(alpha=0.4)
        axes.legend(fontsize=8, loc="lower left")


def draw_left(axes, off, bars):
    """The errors that are left of the six numbers, in units of their error bars."""
    axes.axhline(0, color="black", linewidth=0.8)
    axes.errorbar(range(6), off / bars, 1, fmt="o", capsize=4, color="tab:red")
    labels = [f"{name}\n{line}" for name, line in zip(NUMBERS, lines(off, bars), strict=True)]
    axes.set_xticks(range(6), labels, fontsize=9)
    axes.set(title="true errors, in error bars: found by dr.GaussNewton from the one noisy image", xlim=(-0.5, 5.5))
    axes.set_ylim(*np.array([-1, 1]) * max(3, np.abs(off / bars).max() + 1.3))
    axes.grid(alpha=0.4)


def lines(off, bars):
    """How far off each of the six numbers is, and its error bar, in words."""
    units = ("°",) * 3 + ("",) * 3
    return [f"{error:.4f}{u} off, ± {bar:.4f}{u}" for error, bar, u in zip(off, bars, units, strict=True)]


def main(arguments=None):
    """Takes the image, loses the camera, finds it again."""
    options = start(__file__, __doc__, steps=60, arguments=arguments)
    car, lights = dr.shapes.car(), dr.Lights.default()
    truth, guess = look(35, 20, target=(0.05, 0.03, 0)), look(95, 20)
    clean = over_paper(dr.supersampled(car, truth, SIZE, lights)[0])
    image = (clean + np.random.default_rng(4).normal(0, NOISE, clean.shape)).astype(np.float32)
    record = Record((car, lights), truth, image)
    fit = dr.fit_pose(car, image, guess, lights, background=PAPER, steps=options.steps, on_step=record.watch)
    found, off, bars = refine(record.scene, fit.camera, image, truth)
    angle_bar, distance_bar = np.linalg.norm(bars[:3]), np.linalg.norm(bars[3:])
    record.film(found, f"dr.GaussNewton: {record.words(errors(found, truth))}, ± {angle_bar:.2f}°, {distance_bar:.4f}")
    print("\n".join(f"  {name:16} {line}" for name, line in zip(NUMBERS, lines(off, bars), strict=True)))
    save_movie(options.out / "estimate_pose.gif", record.movie, [0.16] * (len(record.movie) - 1) + [2.0])
    save_picture(options.out / "estimate_pose.png", record.poster(guess, found, off, bars))
    (first_angle, first_distance), (angle, distance) = errors(guess, truth), errors(fit.camera, truth)
    last_angle, last_distance = errors(found, truth)
    return finish(
        options,
        first_angle_error_deg=first_angle,
        first_eye_error=first_distance,
        angle_error_deg=angle,
        eye_error=distance,
        last_angle_error_deg=last_angle,
        last_eye_error=last_distance,
        error_bars=[round(float(bar), 5) for bar in bars],
        sigmas_off=[round(float(sigma), 2) for sigma in off / bars],
    )


if __name__ == "__main__":
    main()
