"""Ray tracing: a picture and its gradient, with outlines of things and of soft shadows, beside Mitsuba's.

    python benchmarks/ray_tracer.py             # taichi_dr
    python benchmarks/ray_tracer.py --peers     # Mitsuba's projective integrator too, if it is installed

A ball of 5,120 faces over a floor, under a rectangle that shines; 256 x 256 pixels, 16 samples each; the gradient goes
to all vertices.  Times are medians; the noise is that of the sum of the vertices' gradients by x, of a weighted
picture: its standard deviation over seeds, and its mean with the error of that.
"""

import argparse
import time

import numpy as np
import taichi as ti

import taichi_dr as dr

SIZE, SAMPLES, SEEDS = 256, 16, 12
EYE, TARGET, FOV_Y = (0.0, 1.2, 4.0), (0.0, 0.0, 0.0), 40.0
LAMP = {"center": (1.5, 3.0, 1.0), "u": (0.5, 0.0, 0.0), "v": (0.0, 0.0, 0.5), "radiance": 10.0}


def main():
    """Prints a line for each renderer."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--backend", default="cpu", help="of taichi_dr")
    parser.add_argument("--peers", action="store_true", help="time Mitsuba too, in the same run")
    options = parser.parse_args()
    dr.init(options.backend)
    report("taichi_dr, interior alone", *measure(ours(boundary_gradients=False)))
    report("taichi_dr", *measure(ours(boundary_gradients=True)))
    if options.peers:
        report("mitsuba, direct_projective", *measure(mitsuba()))


def report(name, first_s, median_ms, gradients):
    mean, error = np.mean(gradients), np.std(gradients, ddof=1) / np.sqrt(len(gradients))
    print(f"{name:<28}{median_ms:9.0f} ms   first {first_s:5.1f} s   gradient {mean:8.2f} +- {error:.2f}, "
          f"noise {np.std(gradients, ddof=1):.2f}")  # fmt: skip


def measure(once):
    """(seconds of the first call, median milliseconds, gradients by seed) of ``once(seed)``."""
    started = time.perf_counter()
    once(0)
    first, times, gradients = time.perf_counter() - started, [], []
    for seed in range(1, SEEDS + 1):
        started = time.perf_counter()
        gradients.append(once(seed))
        times.append(time.perf_counter() - started)
    return first, 1e3 * np.median(times), gradients


def weight():
    """What pixels (SIZE, SIZE, 3) are weighted with: more and more to the right and to the top."""
    x = np.linspace(-1, 1, SIZE)
    return np.repeat((x[None, :] - 0.5 * x[:, None])[..., None], 3, axis=2) / SIZE


def ours(boundary_gradients):
    """A picture and its gradient by seed."""
    ball = dr.shapes.icosphere(4)
    ball = dr.Mesh(
        ball.numpy("vertices")[0], ball.topology.faces, colors=(0.6, 0.3, 0.2), material=dr.Material(shading="phong")
    )
    floor = dr.Rectangle((0, -1, 0), (0, 0, 4), (4, 0, 0), material=dr.Material(albedo=0.5))
    scene = dr.Scene([ball, floor], dr.Lights(0, area=dr.RectangleLight(**LAMP)))
    camera = dr.Camera(eye=EYE, target=TARGET, fov_y=np.radians(FOV_Y))
    tracer = dr.RayTracer(SIZE, samples=SAMPLES, boundary_gradients=boundary_gradients)
    tracer.render(scene, camera).color.grad.from_numpy(weight()[None].astype(np.float32))

    def once(seed):
        tracer.seed = seed
        ball.vertices.grad.fill(0)
        tracer.render(scene, camera)
        tracer.backward()
        ti.sync()
        return ball.gradient("vertices")[0, :, 0].sum()

    return once


def mitsuba():
    """The same of Mitsuba 3."""
    import drjit
    import mitsuba as mi

    mi.set_variant("llvm_ad_rgb")
    ball = dr.shapes.icosphere(4)
    vertices, faces = ball.numpy("vertices")[0], ball.topology.faces
    mesh = mi.Mesh("ball", len(vertices), len(faces), has_vertex_normals=True)
    values = mi.traverse(mesh)
    values["vertex_positions"], values["faces"] = vertices.astype(np.float32).ravel(), faces.astype(np.uint32).ravel()
    values.update()
    mesh.write_ply("/tmp/ball_of_benchmark.ply")
    turn = mi.ScalarTransform4f
    scene = mi.load_dict(
        {
            "type": "scene",
            "integrator": {"type": "direct_projective", "guiding": "none"},
            "sensor": {
                "type": "perspective",
                "fov": FOV_Y,
                "fov_axis": "y",
                "to_world": turn().look_at(origin=EYE, target=TARGET, up=[0, 1, 0]),
                "film": {
                    "type": "hdrfilm",
                    "width": SIZE,
                    "height": SIZE,
                    "rfilter": {"type": "box"},
                    "pixel_format": "rgb",
                },
            },
            "ball": {
                "type": "ply",
                "filename": "/tmp/ball_of_benchmark.ply",
                "bsdf": {"type": "diffuse", "reflectance": {"type": "rgb", "value": [0.6, 0.3, 0.2]}},
            },
            "floor": {
                "type": "rectangle",
                "to_world": turn().translate([0, -1, 0]).rotate([1, 0, 0], -90).scale(4),
                "bsdf": {"type": "diffuse", "reflectance": 0.5},
            },
            "lamp": {
                "type": "rectangle",
                "to_world": turn().translate(LAMP["center"]).rotate([1, 0, 0], 90).scale(0.5),
                "emitter": {"type": "area", "radiance": LAMP["radiance"]},
            },
        }
    )
    parameters = mi.traverse(scene)
    pixels = mi.TensorXf(weight().astype(np.float32))

    def once(seed):
        drjit.enable_grad(parameters["ball.vertex_positions"])
        drjit.set_grad(parameters["ball.vertex_positions"], 0)
        parameters.update()
        image = mi.render(scene, parameters, spp=SAMPLES, seed=seed)
        drjit.backward(drjit.sum(image * pixels, axis=None))
        return float(np.array(drjit.grad(parameters["ball.vertex_positions"])).reshape(-1, 3)[:, 0].sum())

    return once


if __name__ == "__main__":
    main()
