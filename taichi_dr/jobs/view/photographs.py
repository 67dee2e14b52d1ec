"""Posed images to be looked at: pictures at the frustums of their cameras, and the points that they have."""

import numpy as np

from taichi_dr.gui.pose import pose_of_axes
from taichi_dr.io.posed.bounds import scene_bounds
from taichi_dr.jobs.reconstruct.radiance.orbit import upwards
from taichi_dr.jobs.view.album import Album, over_white, small_size
from taichi_dr.jobs.view.content import Content
from taichi_dr.jobs.view.looks import laid_over, looked
from taichi_dr.render.mesh.rasterizer import Rasterizer
from taichi_dr.scene.material import Material
from taichi_dr.scene.mesh import Mesh

LENGTH = 0.2  # of frustums, in distances of the cameras from the centre
MOST_POINTS = 50_000
UNREAD = 0.1  # the grey of images that are not there
LINE, POINT, CHOSEN = (0.9, 0.9, 0.9), (0.35, 0.55, 0.9), (1.0, 0.45, 0.05)
HOME_FOV, BESIDE = 40.0, (20.0, 15.0)  # degrees; of the first view, turned from behind the first camera
POINT_SIZE = 1e-7  # of what is no larger than a point
STEPS = 400  # places at which a line is drawn
BEHIND = 1e-3  # of its depth by which a line may be behind what covers it


class Photographs(Content):
    """PosedImages: rasterized, the images as textures, lines and points laid over them where nothing hides them.

    ``album``: their photographs, if ``posed`` has none.
    """

    shows_all = True

    def __init__(self, posed, album=None):
        bounds = scene_bounds(posed)
        self._posed, self.album = posed, album or Album.of(posed)
        eyes = posed.camera_to_world[:, :3, 3]
        distance = _distances(eyes, bounds.center)
        self._length = LENGTH * float(np.median(distance))
        self.missing = dict.fromkeys(("soft", "ray traced", "sdf"), "images alone: reconstruct them first")
        self.missing["volume"] = self.missing["soft"]
        self._up = upwards(posed)
        self.poses = poses_of(posed, self._up, distance)
        self._corners = np.stack([_corners(posed, view, self._length) for view in range(len(posed))])
        self.home, self.radius = self._whole(bounds)
        self._all = _Quads(self._corners, small_size(posed.height, posed.width))
        self._chosen, self._one = None, None
        self._renderers = {}
        points = np.empty((0, 3)) if posed.points is None else posed.points
        self._points = points[:: max(1, len(points) // MOST_POINTS)]

    def _whole(self, bounds):
        """The Pose that shows all there is in the middle, and the radius around its target."""
        posed = self._posed
        eyes, axes = posed.camera_to_world[:, :3, 3], posed.camera_to_world[0, :3, :3]
        shown = [eyes, self._corners.reshape(-1, 3), bounds.center[None]]
        if posed.points is not None:
            shown.append(posed.points[np.linalg.norm(posed.points - bounds.center, axis=1) < bounds.radius])
        shown = np.concatenate(shown)
        pose = pose_of_axes(eyes[0], axes[:, 2], self._up, 1.0, HOME_FOV)
        pose = pose._replace(target=tuple(bounds.center.tolist())).turned(*BESIDE).framing(shown)
        return pose, 1.2 * float(np.linalg.norm(shown - pose.target, axis=1).max())

    def missing_looks(self, renderer):
        return {"normals": "images are flat", "alpha": "images are opaque"}

    def draw(self, camera, size, choice):
        if choice.images in (0, 1):
            return self._drawn(camera, size, choice, bool(choice.images))
        without, opaque = (self._drawn(camera, size, choice, has_images) for has_images in (False, True))
        return laid_over(without, opaque, choice.images)

    def _drawn(self, camera, size, choice, has_images):
        """The picture with opaque images, or without."""
        if choice.renderer not in self._renderers:
            antialias = choice.renderer == "antialiased"
            self._renderers[choice.renderer] = Rasterizer(size, background=None, antialias=antialias)
        renderer = self._renderers[choice.renderer]
        renderer.size = size
        frame = renderer.render(self._quads_of(choice), camera)
        picture = looked(frame, choice.look)
        depth = np.where(frame.numpy("face_id")[0] >= 0, frame.numpy("depth")[0], np.inf)
        if not has_images:
            picture, depth = np.zeros_like(picture), np.full_like(depth, np.inf)
        _scatter(picture, depth, camera, self._points, POINT)
        if choice.current is None:
            eyes = self._posed.camera_to_world[:, :3, 3]
            for corners, eye in zip(self._corners, eyes, strict=True):
                _scatter(picture, depth, camera, _outline(corners, eye), LINE)
        else:
            corners = self._corners[choice.current]
            _scatter(picture, depth, camera, _lines(corners, np.roll(corners, -1, axis=0)), CHOSEN)
        return picture

    def _quads_of(self, choice):
        """The mesh of all images, or of the one that was stepped to, in full."""
        if choice.current is None:
            return self._all.showing([self.album.small(view) for view in range(len(self._posed))])
        view, photograph = choice.current, self.album.photograph(choice.current)
        if (view, photograph is not None) != self._chosen:
            picture = self.album.small(view) if photograph is None else over_white(photograph)
            size = (1, 1) if picture is None else picture.shape[:2]
            self._chosen = view, photograph is not None
            self._one = _Quads(self._corners[view : view + 1], size).showing([picture])
        return self._one


class _Quads:
    """The mesh of quads (V, 4, 3) that show pictures of one size (h, w), which lie side by side in one texture."""

    def __init__(self, corners, size):
        count, (height, width) = len(corners), size
        columns = int(np.ceil(np.sqrt(count)))
        rows = -(-count // columns)
        self._size, self._columns, self._shown = size, columns, set()
        self._atlas = np.full((rows * height, columns * width, 3), UNREAD, np.float32)
        inset = 0.5 / width, 0.5 / height
        row, column = np.divmod(np.arange(count), columns)
        left, right = (column + inset[0]) / columns, (column + 1 - inset[0]) / columns
        top, bottom = 1 - (row + inset[1]) / rows, 1 - (row + 1 - inset[1]) / rows
        uv = np.stack([left, top, right, top, right, bottom, left, bottom], axis=-1).reshape(-1, 2)
        faces = (4 * np.arange(count)[:, None, None] + np.array([[0, 3, 2], [0, 2, 1]])).reshape(-1, 3)
        given = {"uv": uv, "texture": self._atlas, "material": Material("none"), "name": "images"}
        self._mesh = Mesh(corners.reshape(-1, 3), faces.astype(np.int32), **given)

    def showing(self, pictures):
        """The mesh with the pictures (V,) of which some may be None: they are left as they are."""
        height, width = self._size
        new = {view for view, picture in enumerate(pictures) if picture is not None} - self._shown
        for view in new:
            row, column = divmod(view, self._columns)
            self._atlas[row * height : (row + 1) * height, column * width : (column + 1) * width] = pictures[view]
        if new:
            self._shown |= new
            self._mesh.set("texture", self._atlas)
        return self._mesh


def poses_of(posed, up, distance):
    """A Pose for each view, with its roll, that looks at what is at a distance (V,) from it."""
    axes = zip(posed.camera_to_world, distance, np.rad2deg(posed.fov_y), strict=True)
    return tuple(
        pose_of_axes(matrix[:3, 3], matrix[:3, 2], up, float(far), float(angle), matrix[:3, 0])
        for matrix, far, angle in axes
    )


def _corners(posed, view, depth):
    """(4, 3): the image's corners at a depth before the camera; top left, top right, bottom right, bottom left."""
    x = np.array([0, posed.width, posed.width, 0]) - posed.principal_point[view, 0]
    y = posed.principal_point[view, 1] - np.array([0, 0, posed.height, posed.height])
    local = np.stack([x / posed.focal[view, 0], y / posed.focal[view, 1], -np.ones(4)], axis=1) * depth
    matrix = posed.camera_to_world[view]
    return local @ matrix[:3, :3].T + matrix[:3, 3]


def _distances(eyes, center):
    """Of cameras from the centre (V,); 1 if all are where it is: a single image says nothing about sizes."""
    distance = np.linalg.norm(eyes - center, axis=1)
    is_point = np.median(distance) <= max(POINT_SIZE, 1e-9 * np.linalg.norm(center))
    return np.ones(len(eyes)) if is_point else distance


def _outline(corners, eye):
    """Places (P, 3) on the lines between the corners, and from the eye to each."""
    starts = np.concatenate([corners, np.repeat(eye[None], 4, axis=0)])
    return _lines(starts, np.concatenate([np.roll(corners, -1, axis=0), corners]))


def _lines(starts, ends):
    """Places (P, 3) on the lines from ``starts`` (L, 3) to ``ends``."""
    t = np.linspace(0, 1, STEPS)[:, None, None]
    return (starts + t * (ends - starts)).reshape(-1, 3)


def _scatter(picture, depth, camera, points, color):
    """Draws points (P, 3) into a picture (H, W, 4), a pixel each, where ``depth`` (H, W) does not hide them."""
    if not len(points):
        return
    height, width = depth.shape
    rotation, translation, intrinsics = (part[0] for part in camera.to_opencv(width, height))
    local = points @ rotation.T + translation
    ahead = local[:, 2] > camera.near
    local = local[ahead]
    x = np.floor(intrinsics[0, 0] * local[:, 0] / local[:, 2] + intrinsics[0, 2]).astype(int)
    y = np.floor(intrinsics[1, 1] * local[:, 1] / local[:, 2] + intrinsics[1, 2]).astype(int)
    inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
    x, y, z = x[inside], y[inside], local[inside, 2]
    seen = z <= depth[y, x] * (1 + BEHIND)
    picture[y[seen], x[seen]] = (*color, 1.0)
