"""Rendering inside PyTorch: a network trained by pictures, and PyTorch3D's tutorials in small.

    python demos/torch_layer.py        needs pip install 'taichi-dr[torch]'

A network is shown silhouettes of ellipsoids and says how long their axes are; nobody tells it but the renderer, by
silhouettes from two other sides.  Then what PyTorch3D's tutorials do: a sphere becomes a car by its silhouettes, a
texture is found in pictures of a globe, and a camera by one silhouette.  Each optimises torch's own way.
"""

import time

import numpy as np
from common import PAPER, finish, psnr, save_picture, sheet, start

import taichi_dr as dr

try:
    import torch
except ModuleNotFoundError:
    raise SystemExit("torch_layer needs PyTorch, which is not installed: pip install 'taichi-dr[torch]'") from None

SIZE, TILE = 128, 256  # pixels of the images, and of the pictures that are shown
SMALL = 32  # pixels of what the network sees
VIEWS, PER_STEP = 20, 4  # images of a thing, and how many of them a step looks at
BATCH, UNSEEN = 16, 64  # ellipsoids


def main(arguments=None):
    """Runs all four."""
    options = start(__file__, __doc__, steps=200, arguments=arguments)
    rows, results = [], {}
    for name, task in {"network": network, "silhouettes": silhouettes, "texture": texture, "camera": camera}.items():
        began = time.perf_counter()
        pictures, found = task(options.steps)
        seconds = time.perf_counter() - began
        print(f"  {name}: {found}, {seconds:.1f} s")
        rows.append(pictures)
        results |= {name: found, f"{name}_seconds": seconds}
    titles = ("start", "found", "target")
    names = ("network: axes", "silhouettes: a shape", "images: a texture", "silhouette: a camera")
    save_picture(options.out / "torch_layer.png", sheet(rows, titles, names))
    return finish(options, **results)


def network(steps):
    """The smallest training loop: silhouette -> network -> axes -> mesh -> silhouettes from two other sides."""
    torch.manual_seed(1)
    ball = dr.shapes.icosphere(2)
    points, faces = torch.from_numpy(ball.numpy("vertices")), torch.from_numpy(ball.numpy("faces"))
    front, sides = dr.Camera.orbit(0, 20), dr.Camera.orbit([70, 150], [10, 60])
    render = {  # a module for each: what one has rendered is there when its gradient is asked for
        camera: dr.torch.SoftRasterizer(SMALL, sigma=1e-3, outputs=("alpha",)) for camera in (front, sides)
    }

    def look(axes, camera):
        """Silhouettes (B V, 32, 32) of ellipsoids, each from all of a camera's views."""
        count = len(axes)
        every = camera.select([view for view in range(camera.views) for _ in range(count)])
        which = np.tile(np.arange(count), camera.views)
        return render[camera](axes[:, None] * points, faces, None, every, view_mesh=which).alpha

    def some(count):
        """Axes of ellipsoids, and what the network sees of them."""
        axes = 0.3 + 0.7 * torch.rand(count, 3)
        return axes, look(axes, front)

    guess = torch.nn.Sequential(
        torch.nn.Flatten(), torch.nn.Linear(SMALL**2, 64), torch.nn.ReLU(), torch.nn.Linear(64, 3), torch.nn.Sigmoid()
    )
    optimizer = torch.optim.Adam(guess.parameters(), lr=2e-3)
    unseen, images = some(UNSEEN)

    def error():
        with torch.no_grad():
            return (0.3 + 0.7 * guess(images) - unseen).abs().mean().item()

    before = error()
    with torch.no_grad():
        shown = [0.3 + 0.7 * guess(images[:1])]
    for _ in range(2 * steps):
        axes, seen = some(BATCH)
        with torch.no_grad():
            truth = look(axes, sides)
        loss = dr.torch.losses.iou(look(0.3 + 0.7 * guess(seen), sides), truth)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        shown += [0.3 + 0.7 * guess(images[:1]), unseen[:1]]
    pictures = [lit(dr.Mesh((axes[:, None] * points).numpy(), ball.numpy("faces")), sides[0]) for axes in shown]
    return pictures, f"axes off by {before:.3f} -> {error():.3f}"


def silhouettes(steps):
    """A sphere becomes a car: the silhouettes of a few views at each step, in smooth coordinates."""
    car, ball = dr.shapes.car(), dr.shapes.icosphere(3)
    views = around()
    render = dr.torch.Rasterizer(SIZE, antialias=True, outputs=("alpha",))
    target = images_of(car, views, None)[..., 3]
    faces = torch.from_numpy(ball.numpy("faces"))
    smooth = dr.torch.LargeSteps(0.6 * torch.from_numpy(ball.numpy("vertices")[0]), faces, strength=5.0)
    optimizer = torch.optim.Adam(smooth.parameters(), lr=2e-2)

    def mean_iou(vertices):
        with torch.no_grad():
            return 1 - dr.torch.losses.iou(render(vertices, faces, None, views).alpha, target).item()

    first, before = smooth().detach(), mean_iou(smooth())
    for step in range(steps):
        chosen = picked(step)
        vertices = smooth()
        alpha = render(vertices, faces, None, views.select(chosen)).alpha
        loss = dr.torch.losses.iou(alpha, target[chosen]) + 0.02 * dr.torch.losses.normal_consistency(vertices, faces)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    after = mean_iou(smooth())
    meshes = [dr.Mesh(v.numpy(), ball.numpy("faces")) for v in (first, smooth().detach())]
    return [lit(mesh, views[2]) for mesh in (*meshes, car)], f"IoU {before:.3f} -> {after:.3f}"


def texture(steps):
    """A globe's texture by pictures of it: every texel that is seen has a gradient."""
    height, width = 64, 128
    row, column = np.mgrid[0:height, 0:width] / height
    truth = 0.5 + 0.4 * np.stack([np.sin(9 * column), np.sin(20 * row), np.cos(9 * column + 6 * row)], -1)
    truth[(np.floor(8 * row) + np.floor(8 * column)) % 2 == 0] *= 0.6
    globe = dr.shapes.sphere(2700, texture=truth)
    views, lights = around(), dr.Lights(0.4, directional=dr.DirectionalLight((0.5, 1.0, 0.6), 0.6))
    target = images_of(globe, views, lights)[..., :3]
    vertices = torch.from_numpy(globe.numpy("vertices"))
    faces, uv, uv_faces = (torch.tensor(part) for part in (globe.numpy("faces"), globe.numpy("uv"), globe.uv_faces))
    paint = torch.full((height, width, 3), 0.5, requires_grad=True)
    optimizer = torch.optim.Adam([paint], lr=0.05)
    render = dr.torch.Rasterizer(SIZE, antialias=True, outputs=("color",))
    for step in range(steps):
        chosen = picked(step)
        looks = {"uv": uv, "uv_faces": uv_faces, "texture": paint}
        color = render(vertices, faces, None, views.select(chosen), lights, **looks).color
        loss = torch.nn.functional.mse_loss(color, target[chosen])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    found = paint.detach().numpy()
    pictures = [
        lit(dr.shapes.sphere(2700, texture=texels), views[1]) for texels in (np.full_like(truth, 0.5), found, truth)
    ]
    return pictures, f"texture {psnr(np.full_like(truth, 0.5), truth):.1f} -> {psnr(found, truth):.1f} dB"


def camera(steps):
    """Where the camera is, from one silhouette: its place is a parameter, softness leads it there."""
    car = dr.shapes.car()
    vertices, faces = torch.from_numpy(car.numpy("vertices")), torch.from_numpy(car.numpy("faces"))
    true = torch.tensor([1.9, 1.1, 1.7])
    render = dr.torch.SoftRasterizer(SIZE // 2, sigma=1e-3, outputs=("alpha",))
    target = render(vertices, faces, None, dr.Camera(true.numpy(), fov_y=0.9)).alpha
    eye = torch.tensor([3.0, 0.3, 0.6], requires_grad=True)
    optimizer = torch.optim.Adam([eye], lr=0.03)
    first, before = eye.detach().clone(), (eye - true).norm().item()
    for _ in range(steps):
        seen = dr.torch.Camera(eye, fov_y=0.9, near=0.3, far=30.0)
        loss = torch.nn.functional.mse_loss(render(vertices, faces, None, seen).alpha, target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    after = (eye - true).norm().item()
    pictures = [lit(car, dr.Camera(place.detach().numpy(), fov_y=0.9)) for place in (first, eye, true)]
    return pictures, f"eye off by {before:.2f} -> {after:.4f}"


def around():
    """Views from all around."""
    return dr.Camera.orbit(np.arange(VIEWS) * 360 / VIEWS, np.resize([-25, 10, 45], VIEWS), distance=2.7, fov_y_deg=45)


def picked(step):
    """The views that a step looks at."""
    return np.random.default_rng(step).choice(VIEWS, PER_STEP, replace=False)


def images_of(mesh, views, lights):
    """Images (V, H, W, 4) of a mesh as a tensor: colour over black, alpha."""
    frame = dr.Rasterizer(SIZE, antialias=True).render(mesh, views, lights)
    return torch.from_numpy(np.concatenate([frame.numpy("color"), frame.numpy("alpha")[..., None]], axis=-1))


def lit(mesh, view):
    """A picture of a mesh."""
    return (
        dr.Rasterizer(TILE, background=PAPER, antialias=True).render(mesh, view, dr.Lights.default()).numpy("color")[0]
    )


if __name__ == "__main__":
    main()
