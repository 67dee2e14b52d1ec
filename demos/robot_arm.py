"""The joints of a robot's arm from one image: six angles through a kernel of forward kinematics.

The arm is a mesh whose vertices know which link they are on.  One kernel of one's own turns every vertex about the
joints that carry it, from the hand down to the base, and writes it into ``mesh.vertices``; the gradient of the image's
difference flows through the renderer and through that kernel into the angles.  Nothing is known but one image of 128²
pixels.  A view from the side, which the fit never sees, tells whether the arm is right or only its picture.

One image of an arm looks much alike for several angles of its hand.  So twelve guesses set out, a batch of arms that is
rendered in one call by a soft rasterizer, whose blur reaches far; the one that comes nearest goes on alone, and an
antialiased rasterizer, whose edges are sharp, settles its angles.  That the wrist bends one way is known: a forearm
rolled by half a turn more, with the wrist bent the other way, looks the same.  The image has 16 samples per pixel.

    python demos/robot_arm.py
"""

import numpy as np
import taichi as ti
from common import (
    PAPER,
    composite,
    finish,
    over_paper,
    picture_field,
    plot,
    psnr,
    save_movie,
    save_picture,
    sheet,
    start,
)

import taichi_dr as dr

SHOWN = 200  # pixels of the pictures of how it went
JOINTS = {  # the axis that a joint turns about, and its height while the arm is upright
    "base": ((0, 1, 0), 0.0),
    "shoulder": ((0, 0, 1), 0.4),
    "elbow": ((0, 0, 1), 1.15),
    "roll": ((0, 1, 0), 1.3),
    "wrist": ((0, 0, 1), 1.7),
    "grip": ((1, 0, 0), 1.86),
}
TRUTH = (35.0, -42.0, 88.0, -50.0, 55.0, 22.0)  # degrees
GUESSES = [(0.0, -10.0, 50.0, roll, 30.0, 10.0) for roll in range(-180, 180, 30)]  # the wrist bends one way
SIZES = 64, 128  # pixels of the pictures that are fitted: of all guesses, and of the best one
SIGMAS = 3e-3, 1e-4  # of the soft rasterizer, from first to last
RATES = 0.08, 0.02  # of the search, in radians
PAINT, STEEL, RUBBER = (0.85, 0.3, 0.03), (0.3, 0.33, 0.37), (0.04, 0.045, 0.05)
AXES, HEIGHTS = zip(*JOINTS.values(), strict=True)
GRIP = len(JOINTS) - 1
LEFT, RIGHT = GRIP + 1, GRIP + 2  # the links of the two fingers; link k is what the joints below k carry


@ti.data_oriented
class Arm:
    """The meshes of arms, one for each row of ``angles``, in degrees, which pose them."""

    def __init__(self, angles):
        parts = arm_parts()
        rest = np.concatenate([part.numpy("vertices")[0] for part, *_ in parts])
        links = np.repeat([link for _, link, _ in parts], [part.vertex_count for part, *_ in parts])
        self.count = len(angles)
        self.mesh = joined(parts, np.repeat(rest[None], self.count, axis=0))
        self.rest, self.link = ti.Vector.field(3, ti.f32, len(rest)), ti.field(ti.i32, len(rest))
        self.rest.from_numpy(np.float32(rest))
        self.link.from_numpy(np.int32(links))
        self.angles = ti.field(ti.f32, (self.count, len(JOINTS)), needs_grad=True)
        self.set(angles)

    def pose(self):
        """Writes the vertices of the arms at their angles; an open tape records it."""
        self.place(self.angles, self.mesh.vertices)

    def set(self, degrees):
        """Writes the angles."""
        self.angles.from_numpy(np.deg2rad(np.float32(degrees)))

    def degrees(self):
        """The angles as they are now, (count, 6)."""
        return np.rad2deg(self.angles.to_numpy())

    @ti.kernel
    def place(self, angles: ti.template(), vertices: ti.template()):
        """Forward kinematics: the fingers turn in the hand, the hand about the wrist, and so on down to the base."""
        for arm, i in vertices:
            p, link = self.rest[i], self.link[i]
            for k in ti.static(range(GRIP, -1, -1)):
                if link > k:
                    side = -1.0 if ti.static(k == GRIP) and link == RIGHT else 1.0
                    joint = ti.Vector([0.0, HEIGHTS[k], 0.0])
                    p = joint + dr.sdf.rotate(p - joint, AXES[k], -side * angles[arm, k])
            vertices[arm, i] = p


def joined(parts, vertices):
    """One mesh, or a batch, of parts (mesh, link, colour) with the vertices (count, N, 3)."""
    firsts = np.cumsum([0] + [part.vertex_count for part, *_ in parts])
    faces = np.concatenate([part.topology.faces + first for (part, *_), first in zip(parts, firsts, strict=False)])
    colors = np.concatenate([[color] * part.face_count for part, _, color in parts])
    return dr.Mesh(vertices, faces, face_colors=colors, material=dr.Material("flat"), name="arm")


def arm_parts():
    """The solids of an upright arm: (mesh, link, colour)."""

    def moved(mesh, y, link, color, x=0.0, z=0.0, lie=False):
        points = mesh.numpy("vertices")[0]
        points = points[:, [0, 2, 1]] * (1, -1, 1) if lie else points  # from along y to along z
        return dr.Mesh(points + np.array([x, y, z]), mesh.topology.faces), link, color

    def upright(radius, height, *place, **more):
        return moved(dr.shapes.cylinder(radius, height, 32), *place, **more)

    def box(size, *place, **more):
        return moved(dr.shapes.box(size), *place, **more)

    return [
        upright(0.42, 0.06, 0.03, 0, RUBBER),
        upright(0.27, 0.12, 0.12, 0, STEEL),
        upright(0.22, 0.1, 0.23, 1, PAINT),
        box((0.22, 0.26, 0.3), 0.36, 1, PAINT, x=-0.03),
        upright(0.15, 0.38, 0.4, 2, RUBBER, lie=True),
        box((0.19, 0.75, 0.17), 0.775, 2, PAINT),
        upright(0.125, 0.32, 1.15, 3, RUBBER, lie=True),
        box((0.2, 0.22, 0.22), 1.2, 3, PAINT),
        upright(0.085, 0.4, 1.46, 4, STEEL),
        box((0.05, 0.2, 0.19), 1.5, 4, PAINT, x=0.06),  # without it nobody could see the forearm roll
        upright(0.085, 0.24, 1.7, 5, RUBBER, lie=True),
        box((0.12, 0.12, 0.3), 1.82, 5, PAINT),
        box((0.09, 0.24, 0.05), 1.98, LEFT, STEEL, z=0.1),
        box((0.09, 0.24, 0.05), 1.98, RIGHT, STEEL, z=-0.1),
    ]


class Study:
    """One image of an arm whose angles are then forgotten, and how well they are found."""

    def __init__(self, steps):
        self.steps = steps  # of the whole search
        self.arm = Arm([TRUTH])
        self.camera, self.unseen = (
            dr.Camera.orbit([azimuth], elevation, distance=5.2, fov_y_deg=26, target=(-0.3, 0.8, 0))
            for azimuth, elevation in ((25, 18), (115, 12))
        )
        self.lights = dr.Lights(
            ambient=0.25,
            directional=[dr.DirectionalLight((0.4, 1.0, 0.6), 0.6), dr.DirectionalLight((-0.8, 0.4, 0.3), 0.25)],
        )
        self.loss = ti.field(ti.f32, shape=(), needs_grad=True)
        self.images = {size: self.photograph(size) for size in SIZES}
        self.truth = self.look()
        self.soft = dr.SoftRasterizer(SIZES[0], gamma=1e-3, background=PAPER)
        self.sharp = dr.Rasterizer(SIZES[1], background=PAPER, antialias=True)
        self.path, self.movie, self.stops = [], [], {}

    def photograph(self, size, camera=None):
        """A picture (size, size, 3) of the arm at its angles, 16 samples per pixel."""
        self.arm.pose()
        return over_paper(dr.supersampled(self.arm.mesh, camera or self.camera, size, self.lights))[0]

    def look(self):
        """The arm at its angles as the image sees it, and from the side that no image shows."""
        return [self.photograph(SHOWN, camera) for camera in (self.camera, self.unseen)]

    def search(self, steps):
        """All guesses at once, ever less blurred; the arm takes the angles of the one that comes nearest."""
        arms = Arm(GUESSES)
        cameras = dr.Camera.orbit([25] * arms.count, 18, distance=5.2, fov_y_deg=26, target=(-0.3, 0.8, 0))
        images = np.repeat(self.images[SIZES[0]][None], arms.count, axis=0)
        picture = picture_field(self.soft.render(arms.mesh, cameras, self.lights))
        optimizer = dr.Adam([arms.angles], lr=RATES[0], schedule=dr.schedules.cosine(steps, 0.1))
        paths = []
        for step in range(steps):
            self.soft.sigma = SIGMAS[0] * (SIGMAS[1] / SIGMAS[0]) ** (step / steps)
            paths.append(arms.degrees())
            with ti.ad.Tape(self.loss):
                arms.pose()
                frame = self.soft.render(arms.mesh, cameras, self.lights)
                composite(frame.color, frame.alpha, picture)
                dr.losses.mse(picture, images, self.loss, weight=arms.count)  # each guess as if it were alone
            optimizer.step()
        losses = ((picture.to_numpy() - images) ** 2).mean(axis=(1, 2, 3))
        best = int(losses.argmin())
        print(f"  losses of the guesses: {', '.join(f'{loss:.1e}' for loss in np.sort(losses))}")
        self.arm.set([GUESSES[best]])
        self.stop("the guess")
        for step in range(0, steps, 4):
            self.arm.set(paths[step][best : best + 1])
            self.path = [path[best] for path in paths[: step + 1]]
            self.film(f"step {step}, soft")
        self.path = [path[best] for path in paths]
        self.arm.set(arms.degrees()[best : best + 1])
        self.stop("by the soft rasterizer")

    def settle(self, steps):
        """The arm goes on alone, with sharp edges."""
        optimizer = dr.Adam([self.arm.angles], lr=RATES[1], schedule=dr.schedules.cosine(steps, 0.02))
        for step in range(steps):
            self.path.append(self.arm.degrees()[0])
            loss = self.measure()
            if step % 4 == 0:
                self.film(f"step {len(self.path) - 1}, antialiased: loss {loss:.1e}")
            optimizer.step()
        self.path.append(self.arm.degrees()[0])
        self.stop("found")
        self.film(f"found: {self.error():.2f}° off")

    def measure(self):
        """The mean squared difference of the antialiased render from the image, with its gradient."""
        with ti.ad.Tape(self.loss):
            self.arm.pose()
            frame = self.sharp.render(self.arm.mesh, self.camera, self.lights)
            dr.losses.mse(frame.color, self.images[SIZES[1]][None], self.loss)
        return self.loss[None]

    def error(self):
        """The mean error of the angles now, in degrees."""
        return float(np.abs(self.arm.degrees() - TRUTH).mean())

    def stop(self, text):
        """Both views of now, for the poster."""
        print(f"  {text}: angles {self.error():.2f} degrees off on average")
        self.stops[f"{text}\n{self.error():.2f}° off"] = self.look()

    def film(self, text):
        """Both views of now beside the truth above the angles, for the movie."""
        now = self.look()
        titles = ("the image", "render", "unseen", "render")
        pictures = sheet([[self.truth[0], now[0], self.truth[1], now[1]]], titles)
        self.movie.append(sheet([[pictures], [plot(self.draw_angles, pictures.shape[1], 210)]], [text]))

    def poster(self):
        """The guess, what both renderers have found and the truth, above the angles."""
        stops = self.stops | {"truth\n ": self.truth}
        pictures = sheet([*zip(*stops.values(), strict=True)], tuple(stops), ("the image's view", "unseen"))
        return sheet([[pictures], [plot(self.draw_angles, pictures.shape[1], 220)]])

    def draw_angles(self, axes):
        """Every angle over the steps, and its last value beside the truth."""
        for index, (name, truth) in enumerate(zip(JOINTS, TRUTH, strict=True)):
            values, color = [angles[index] for angles in self.path], f"C{index}"
            axes.axhline(truth, color=color, linestyle="--", linewidth=1)
            axes.plot(values, color=color)
            axes.plot(len(values) - 1, values[-1], "o", color=color, markersize=4, clip_on=False)
            place = 0.92 - 0.17 * sorted(TRUTH, reverse=True).index(truth)
            label = f"{name} {values[-1]:.2f}°, true {truth:.0f}°"
            axes.annotate(label, (1.01, place), xycoords="axes fraction", color=color, va="center")
        axes.set(xlabel="step", ylabel="degrees", xlim=(0, self.steps), ylim=(-110, 110))


def main(arguments=None):
    """Takes the image, forgets the angles, finds them again."""
    options = start(__file__, __doc__, steps=160, arguments=arguments)
    study = Study(options.steps)
    study.search(options.steps // 2)
    study.settle(options.steps - options.steps // 2)
    save_movie(options.out / "robot_arm.gif", study.movie, [0.15] * (len(study.movie) - 1) + [2.5])
    save_picture(options.out / "robot_arm.png", study.poster())
    found = study.arm.degrees()[0]
    for name, angle, truth in zip(JOINTS, found, TRUTH, strict=True):
        print(f"  {name}: {angle:.2f} degrees (true: {truth:.0f})")
    return finish(
        options,
        first_error_deg=float(np.abs(np.subtract(GUESSES, TRUTH)).mean()),
        error_deg=study.error(),
        largest_error_deg=float(np.abs(found - TRUTH).max()),
        unseen_view_psnr=psnr(study.look()[1], study.truth[1]),
    )


if __name__ == "__main__":
    main()
