"""What the rasterizers interpolate over the faces: colours, lit at vertices or faces, or what pixels need to be lit.

=======================  =================================================  ============
surface                  used for                                           lit
=======================  =================================================  ============
``OwnColors``            no lights, no texture                              not at all
``VertexLitColors``      Gouraud shading of vertex colours                  at vertices
``FaceLitColors``        flat shading; face colours under Gouraud shading   at faces
``render.pixel_surface``  Phong shading, textures                            at pixels
=======================  =================================================  ============

Each has ``channels``, ``index`` (F, 3) (row of ``attributes`` for each corner, before adding v * ``rows``), ``rows``,
the adjacency ``corner_start``, ``corner_list`` of ``index``, and ``attributes`` (V*rows, channels) once ``forward``
has run; ``adjoint`` takes ``attributes_adjoint`` to the fields of mesh and lights and to the camera.
"""

from taichi_dr.kernels.base.gather import sum_views
from taichi_dr.kernels.base.spread import repeat_views
from taichi_dr.kernels.shading.at_vertices import (
    CORNER_SCRATCH,
    VERTEX_SCRATCH,
    shade_corners,
    shade_corners_adjoint,
    shade_vertices,
    shade_vertices_adjoint,
)
from taichi_dr.kernels.shading.light import Finish, Lights, partials_shape, reduce_partials
from taichi_dr.kernels.shading.normals import face_normals, face_normals_adjoint, vertex_normals, vertex_normals_adjoint

# Flat shading lights the side of a face that is seen: meshes may be open, or turn inside out while they are optimised.
# Interpolated normals have no such side: where one turns away from the eye the colour would jump.
TWO_SIDED_FACES, TWO_SIDED_NORMALS = True, False


class Surface:
    """Base: the attributes of one mesh, indexed as ``topology`` says."""

    channels = 3
    shades_pixels = False

    def __init__(self, buffers, topology):
        self._buffers = buffers
        self.topology, self.rows = topology, topology.rows
        self.index = topology.array("faces")
        self.corner_start, self.corner_list = topology.array("corner_start"), topology.array("corner_list")
        self.attributes = None

    def inputs(self, scene):
        """The smallest arrays that show whether the colours will be finite, where the vertices are."""
        return [self.attributes]

    def new_adjoint(self, scene, purpose):
        """An array to which the adjoint of ``attributes`` is added."""
        return self._buffers.zeroed(f"{purpose}_attributes_adjoint", self.attributes.shape)

    def _allocate(self, scene):
        shape = (scene.views.views * self.rows, self.channels)
        self.attributes = self._buffers.get(f"{type(self).__name__}_attributes", shape)


class OwnColors(Surface):
    """The mesh's own colours, as they are."""

    def __init__(self, buffers, mesh):
        super().__init__(buffers, mesh.color_topology)

    def forward(self, scene):
        colors = scene.mesh.fields.arrays["colors"]
        if scene.views.one_to_one:
            self.attributes = colors
        else:
            self._allocate(scene)
            repeat_views(colors, scene.views.view_mesh, self.attributes, self.rows)

    def new_adjoint(self, scene, purpose):
        if scene.views.one_to_one:
            return scene.mesh.fields.adjoints["colors"]
        return super().new_adjoint(scene, purpose)

    def adjoint(self, scene, attributes_adjoint):
        colors_adjoint = scene.mesh.fields.adjoints["colors"]
        if attributes_adjoint is colors_adjoint:
            return
        sum_views(
            attributes_adjoint, scene.views.mesh_view_start, scene.views.mesh_view_list, colors_adjoint, self.rows
        )


class VertexLitColors(Surface):
    """Vertex colours times the light at the vertices (Gouraud).

    ``albedo`` is an array (B*N, 3) with an adjoint to add to; the mesh's colours unless given.
    """

    def __init__(self, buffers, mesh, albedo=None, albedo_adjoint=None):
        super().__init__(buffers, mesh.topology)
        self._albedo, self._albedo_adjoint = albedo, albedo_adjoint

    def forward(self, scene):
        self._allocate(scene)
        albedo = scene.mesh.fields.arrays["colors"] if self._albedo is None else self._albedo
        normals = compute_vertex_normals(self._buffers, scene.mesh)
        arguments = (albedo, scene.mesh.fields.arrays["vertices"], normals, scene.views.view_mesh)
        shade_vertices(*arguments, *_light_arguments(scene, TWO_SIDED_NORMALS), self.attributes)

    def adjoint(self, scene, attributes_adjoint):
        fields, views = scene.mesh.fields, scene.views
        normals = self._buffers.get("vertex_normals", fields.arrays["vertices"].shape)
        normals_adjoint = self._buffers.zeroed("vertex_normals_adjoint", normals.shape)
        partials = self._buffers.get("light_partials", partials_shape(scene.lights.count, views.views, self.rows))
        shade_vertices_adjoint(
            fields.arrays["colors"] if self._albedo is None else self._albedo,
            fields.arrays["vertices"],
            normals,
            views.view_mesh,
            views.mesh_view_start,
            views.mesh_view_list,
            *_light_arguments(scene, TWO_SIDED_NORMALS),
            attributes_adjoint,
            fields.adjoints["colors"] if self._albedo_adjoint is None else self._albedo_adjoint,
            fields.adjoints["vertices"],
            normals_adjoint,
            partials,
            self._buffers.get("shading_scratch", (views.views * self.rows, VERTEX_SCRATCH)),
        )
        _add_light_adjoints(scene, partials)
        add_vertex_normals_adjoint(self._buffers, scene.mesh, normals_adjoint)


class FaceLitColors(Surface):
    """Colours times the light at the centre of each face (flat)."""

    def __init__(self, buffers, mesh, albedo=None, albedo_adjoint=None):
        super().__init__(buffers, mesh.corner_topology)
        self._albedo, self._albedo_adjoint = albedo, albedo_adjoint

    def forward(self, scene):
        self._allocate(scene)
        mesh, topology = scene.mesh, scene.mesh.topology
        vertices = mesh.fields.arrays["vertices"]
        normals = compute_face_normals(self._buffers, mesh)
        shade_corners(
            mesh.fields.arrays["colors"] if self._albedo is None else self._albedo,
            mesh.color_topology.array("faces"),
            vertices,
            topology.array("faces"),
            normals,
            scene.views.view_mesh,
            *_light_arguments(scene, TWO_SIDED_FACES),
            mesh.batch,
            self.attributes,
        )

    def adjoint(self, scene, attributes_adjoint):
        mesh, views, topology = scene.mesh, scene.views, scene.mesh.topology
        fields, colors = mesh.fields, mesh.color_topology
        normals = self._buffers.get("face_normals", (mesh.batch * mesh.face_count, 3))
        normals_adjoint = self._buffers.zeroed("face_normals_adjoint", normals.shape)
        partials = self._buffers.get("light_partials", partials_shape(scene.lights.count, views.views, mesh.face_count))
        shade_corners_adjoint(
            fields.arrays["colors"] if self._albedo is None else self._albedo,
            colors.array("faces"),
            colors.array("corner_start"),
            colors.array("corner_list"),
            fields.arrays["vertices"],
            topology.array("faces"),
            topology.array("corner_start"),
            topology.array("corner_list"),
            normals,
            views.view_mesh,
            views.mesh_view_start,
            views.mesh_view_list,
            *_light_arguments(scene, TWO_SIDED_FACES),
            attributes_adjoint,
            fields.adjoints["colors"] if self._albedo_adjoint is None else self._albedo_adjoint,
            fields.adjoints["vertices"],
            normals_adjoint,
            partials,
            self._buffers.get("shading_scratch", (views.views * mesh.face_count, CORNER_SCRATCH)),
        )
        _add_light_adjoints(scene, partials)
        add_face_normals_adjoint(mesh, normals_adjoint)


class VertexNormals(Surface):
    """Unit vertex normals in world space, whatever the material's shading: what the output ``normal`` interpolates."""

    def __init__(self, buffers, mesh):
        super().__init__(buffers, mesh.topology)

    def forward(self, scene):
        self._allocate(scene)
        normals = compute_vertex_normals(self._buffers, scene.mesh)
        repeat_views(normals, scene.views.view_mesh, self.attributes, self.rows)

    def adjoint(self, scene, attributes_adjoint):
        normals_adjoint = self._buffers.zeroed("vertex_normals_adjoint", scene.mesh.fields.arrays["vertices"].shape)
        views = scene.views
        sum_views(attributes_adjoint, views.mesh_view_start, views.mesh_view_list, normals_adjoint, self.rows)
        add_vertex_normals_adjoint(self._buffers, scene.mesh, normals_adjoint)


def choose_surface(buffers, scene):
    """The surface for a scene's mesh, material and lights."""
    from taichi_dr.render.mesh.surface.at_pixels import PixelSurface  # a surface itself, built upon those of this file

    mesh = scene.mesh
    shading = "none" if scene.lights is None else mesh.material.shading
    if mesh.texture is not None or shading == "phong":
        return PixelSurface(buffers, scene)
    if shading == "none":
        return OwnColors(buffers, mesh)
    if shading == "flat" or mesh.colors_per == "face":
        return FaceLitColors(buffers, mesh)
    return VertexLitColors(buffers, mesh)


def compute_vertex_normals(buffers, mesh):
    """Unit normals (B*N, 3), in the buffer ``vertex_normals``."""
    vertices, topology = mesh.fields.arrays["vertices"], mesh.topology
    normals = buffers.get("vertex_normals", vertices.shape)
    adjacency = (topology.array("corner_start"), topology.array("corner_list"))
    vertex_normals(vertices, topology.array("faces"), *adjacency, normals, mesh.batch)
    return normals


def add_vertex_normals_adjoint(buffers, mesh, normals_adjoint):
    """Takes the adjoint of ``compute_vertex_normals`` to the mesh's vertices."""
    vertices, topology = mesh.fields.arrays["vertices"], mesh.topology
    adjacency = (topology.array("corner_start"), topology.array("corner_list"))
    scratch = buffers.get("normal_sum_adjoint", vertices.shape)
    target = mesh.fields.adjoints["vertices"]
    vertex_normals_adjoint(vertices, topology.array("faces"), *adjacency, normals_adjoint, scratch, target, mesh.batch)


def compute_face_normals(buffers, mesh):
    """Unit normals (B*F, 3), in the buffer ``face_normals``."""
    normals = buffers.get("face_normals", (mesh.batch * mesh.face_count, 3))
    face_normals(mesh.fields.arrays["vertices"], mesh.topology.array("faces"), normals, mesh.batch)
    return normals


def add_face_normals_adjoint(mesh, normals_adjoint):
    """Takes the adjoint of ``compute_face_normals`` to the mesh's vertices."""
    vertices, topology = mesh.fields.arrays["vertices"], mesh.topology
    adjacency = (topology.array("corner_start"), topology.array("corner_list"))
    target = mesh.fields.adjoints["vertices"]
    face_normals_adjoint(vertices, topology.array("faces"), *adjacency, normals_adjoint, target, mesh.batch)


def _light_arguments(scene, two_sided):
    lights, material = scene.lights, scene.mesh.material
    return (
        scene.camera_array,
        scene.camera.is_orthographic,
        *Lights(lights.kinds, lights.fields.arrays["color"], lights.fields.arrays["vector"]),
        *Finish(material.specular, material.shininess, two_sided),
    )


def _add_light_adjoints(scene, partials):
    adjoints = scene.lights.fields.adjoints
    reduce_partials(partials, adjoints["color"], adjoints["vector"], scene.camera_adjoint, scene.camera.is_orthographic)
