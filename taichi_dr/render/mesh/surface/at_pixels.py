"""Surfaces whose colour is found at the pixels: textures, and Phong shading with its interpolated normals."""

from taichi_dr.kernels.base.gather import gather_corners, sum_views
from taichi_dr.kernels.base.spread import PER_MESH, PER_VIEW, SHARED, spread_to_corners
from taichi_dr.kernels.shading.at_points import Layout
from taichi_dr.kernels.shading.at_vertices import BOTH, IRRADIANCE
from taichi_dr.render.mesh.surface.base import Surface
from taichi_dr.render.mesh.surface.normals import add_vertex_normals_adjoint, compute_vertex_normals
from taichi_dr.render.mesh.surface.pyramids import texture_of
from taichi_dr.render.views import view_map


class PixelSurface(Surface):
    """Per-corner attributes of a ``Layout``, from which pixels are shaded.

    ``lit``: by Phong shading.  Under Gouraud and flat shading a texture multiplies the irradiance found at vertices and
    faces, which is then its albedo, and the highlight found there is added: ``light_of`` is the class of ``LitColors``
    that finds both.  Colours that multiply a texture are its albedo, or, where light is, its tint.
    """

    shades_pixels = True

    def __init__(self, buffers, mesh, lit=False, light_of=None):
        super().__init__(buffers, mesh.corner_topology)
        textured = mesh.has("texture")
        shiny = light_of is not None and mesh.material.specular > 0
        self.light = None if light_of is None else light_of(buffers, mesh, BOTH if shiny else IRRADIANCE)
        albedo = self.light is not None or mesh.has_colors
        tinted = self.light is not None and mesh.tinted
        self.layout = Layout(albedo=albedo, lit=lit, textured=textured, shiny=shiny, tinted=tinted)
        self.channels = self.layout.channels
        self.texture = texture_of(buffers, mesh) if textured else None

    def forward(self, shot):
        self._allocate(shot)
        for values, topology, owner, first in self._parts(shot):
            arguments = (shot.views.view_mesh, topology.rows, owner, self.attributes, first)
            spread_to_corners(values, topology.array("faces"), *arguments)
        if self.texture is not None:
            self.texture.forward(shot.mesh.fields.arrays["texture"])

    def checked_arrays(self, shot):
        fields, layout = shot.mesh.fields.arrays, self.layout
        arrays = []
        if layout.albedo:
            arrays.append(fields["colors"] if self.light is None else self.light.attributes)
        if layout.tinted:
            arrays.append(fields["colors"])
        if layout.textured:
            arrays.append(fields["uv"])
        return arrays

    def _parts(self, shot):
        """(values, topology of their rows, whose rows they are, first channel) of every attribute."""
        mesh, layout = shot.mesh, self.layout
        if self.light is not None:
            self.light.forward(shot)
            yield self.light.attributes, self.light.topology, PER_VIEW, 0
        elif layout.albedo:
            yield mesh.fields.arrays["colors"], mesh.color_topology, PER_MESH, 0
        if layout.lit:
            yield compute_vertex_normals(self._buffers, mesh), mesh.topology, PER_MESH, layout.normal
            yield mesh.fields.arrays["vertices"], mesh.topology, PER_MESH, layout.position
        if layout.textured:
            yield mesh.fields.arrays["uv"], mesh.uv_topology, SHARED, layout.uv
        if layout.tinted:
            yield mesh.fields.arrays["colors"], mesh.color_topology, PER_MESH, layout.tint

    def adjoint(self, shot, attributes_adjoint):
        mesh, layout, adjoints = shot.mesh, self.layout, shot.mesh.fields.adjoints
        gather = _Gather(self._buffers, shot, attributes_adjoint)
        if self.light is not None:
            light_adjoint = self._buffers.zeroed("corner_light_adjoint", self.light.attributes.shape)
            gather.per_view(self.light.topology, 0, self.light.channels, light_adjoint)
            self.light.adjoint(shot, light_adjoint)
        elif layout.albedo:
            gather.per_mesh(mesh.color_topology, 0, 3, adjoints["colors"])
        if layout.lit:
            normals_adjoint = self._buffers.zeroed("vertex_normals_adjoint", mesh.fields.arrays["vertices"].shape)
            gather.per_mesh(mesh.topology, layout.normal, 3, normals_adjoint)
            add_vertex_normals_adjoint(self._buffers, mesh, normals_adjoint)
            gather.per_mesh(mesh.topology, layout.position, 3, adjoints["vertices"])
        if layout.textured:
            gather.shared(mesh.uv_topology, layout.uv, 2, adjoints["uv"])
            self.texture.adjoint(adjoints["texture"])
        if layout.tinted:
            gather.per_mesh(mesh.color_topology, layout.tint, 3, adjoints["colors"])


class _Gather:
    """Sums channels of per-corner adjoints into rows."""

    def __init__(self, buffers, shot, corner_adjoint):
        self._buffers, self._shot, self._corner_adjoint = buffers, shot, corner_adjoint

    def per_view(self, topology, first, count, out):
        views, faces = self._shot.views.views, self._shot.mesh.face_count
        gather_corners(self._corner_adjoint, first, count, *topology.corners(), out, views, faces)

    def per_mesh(self, topology, first, count, out):
        self._through_views(topology, first, count, out, self._shot.views)

    def shared(self, topology, first, count, out):
        self._through_views(topology, first, count, out, view_map(self._shot.views.views, 1))

    def _through_views(self, topology, first, count, out, views):
        rows = self._buffers.zeroed(f"rows_of_views_{count}", (views.views * topology.rows, count))
        self.per_view(topology, first, count, rows)
        sum_views(rows, *views.of_mesh, out, topology.rows)
