"""Light at vertices (Gouraud) and at face centres (flat), as attributes for the rasterizers to interpolate.

The light model, the light arrays and the partial sums are those of ``light``; per-pixel shading is in
``at_points``.  V views, B meshes, N vertices, F faces, M albedo rows; view v shows mesh ``view_mesh[v]``, and
``mesh_view_start`` (B+1,), ``mesh_view_list`` (V,) list the views of each mesh.  ``camera`` (V, 16) is packed.
``orthographic`` and ``two_sided`` are Python bools, ``specular`` and ``shininess`` numbers (without gradients).

``term`` says what is found: ``COLOR``, ``albedo * irradiance + highlight`` (3 columns), or the light alone, for albedos
that are known at pixels only: ``IRRADIANCE`` (3 columns) or ``BOTH``, irradiance and highlight (6).  Light alone needs
no albedo: such arrays may then be of any size.
"""

import taichi as ti

from taichi_dr.kernels.base.partial_sums import CHUNK, clear_column
from taichi_dr.kernels.base.replay import replayed
from taichi_dr.kernels.base.types import Numbers, Rows
from taichi_dr.kernels.base.vectors import add_row3, get3, row3
from taichi_dr.kernels.shading.light import (
    Finish,
    Lights,
    LightSums,
    incident_light,
    incident_light_adjoint,
    towards_eye,
    towards_eye_adjoint,
)

VERTEX_SCRATCH = 9  # per view and vertex: adjoints of albedo, normal, position
CORNER_SCRATCH = 15  # per view and face: adjoints of normal, position, three albedos
COLOR, IRRADIANCE, BOTH = range(3)


def columns_of(term):
    """How many numbers a ``term`` has."""
    return 6 if term == BOTH else 3


@replayed
@ti.kernel
def shade_vertices(
    albedo: Rows,
    vertices: Rows,
    normals: Rows,
    view_mesh: Numbers,
    camera: Rows,
    orthographic: ti.template(),
    light_kind: Numbers,
    light_color: Rows,
    light_vector: Rows,
    specular: float,
    shininess: float,
    two_sided: ti.template(),
    term: ti.template(),
    color: Rows,
):
    """``color[v N + n] = albedo * irradiance + highlight`` (or a ``term`` of it) at vertex n.

    albedo, vertices, normals (B*N, 3), color (V*N, 3 or 6).
    """
    lights = ti.static(Lights(light_kind, light_color, light_vector))
    finish = ti.static(Finish(specular, shininess, two_sided))
    count = color.shape[0] // camera.shape[0]
    for i in range(color.shape[0]):
        v = i // count
        row = view_mesh[v] * count + i - v * count
        p = row3(vertices, row)
        irradiance, highlight = incident_light(
            row3(normals, row), p, towards_eye(camera, v, p, orthographic), lights, finish
        )
        _write_term(albedo, row, irradiance, highlight, color, i, term)


@replayed
@ti.kernel
def shade_vertices_adjoint(
    albedo: Rows,
    vertices: Rows,
    normals: Rows,
    view_mesh: Numbers,
    mesh_view_start: Numbers,
    mesh_view_list: Numbers,
    camera: Rows,
    orthographic: ti.template(),
    light_kind: Numbers,
    light_color: Rows,
    light_vector: Rows,
    specular: float,
    shininess: float,
    two_sided: ti.template(),
    term: ti.template(),
    color_adjoint: Rows,
    albedo_adjoint: Rows,
    vertices_adjoint: Rows,
    normals_adjoint: Rows,
    partials: Rows,
    scratch: Rows,
):
    """Adds to the adjoints of albedo, vertices and normals; ``reduce_partials`` then adds those of lights and cameras.

    ``partials`` has ``partials_shape(L, V, N)``, ``scratch`` (V*N, VERTEX_SCRATCH); both are overwritten.
    """
    lights = ti.static(Lights(light_kind, light_color, light_vector))
    finish = ti.static(Finish(specular, shininess, two_sided))
    views = camera.shape[0]
    meshes = mesh_view_start.shape[0] - 1
    count = color_adjoint.shape[0] // views
    chunks = partials.shape[1] // views
    for column in range(partials.shape[1]):
        v = column // chunks
        first = (column - v * chunks) * CHUNK
        clear_column(partials, column)
        sums = ti.static(LightSums(partials, column))
        for n in range(first, ti.min(first + CHUNK, count)):
            row = view_mesh[v] * count + n
            p = row3(vertices, row)
            normal = row3(normals, row)
            to_eye = towards_eye(camera, v, p, orthographic)
            g_irradiance, g_highlight = _term_adjoint(albedo, row, color_adjoint, v * count + n, term)
            g_normal, g_position, g_eye, irradiance, _ = incident_light_adjoint(
                normal, p, to_eye, lights, finish, g_irradiance, g_highlight, sums
            )
            g_position = towards_eye_adjoint(sums, g_position, g_eye, orthographic)
            for c in ti.static(range(3)):
                if ti.static(term == COLOR):
                    scratch[v * count + n, c] = color_adjoint[v * count + n, c] * irradiance[c]
                scratch[v * count + n, 3 + c] = g_normal[c]
                scratch[v * count + n, 6 + c] = g_position[c]
    for i in range(meshes * count):
        b = i // count
        g_albedo = ti.Vector([0.0, 0.0, 0.0])
        g_normal = ti.Vector([0.0, 0.0, 0.0])
        g_position = ti.Vector([0.0, 0.0, 0.0])
        for j in range(mesh_view_start[b], mesh_view_start[b + 1]):
            row = mesh_view_list[j] * count + i - b * count
            if ti.static(term == COLOR):
                g_albedo += get3(scratch, row, 0)
            g_normal += get3(scratch, row, 3)
            g_position += get3(scratch, row, 6)
        if ti.static(term == COLOR):
            add_row3(albedo_adjoint, i, 0, g_albedo)
        add_row3(normals_adjoint, i, 0, g_normal)
        add_row3(vertices_adjoint, i, 0, g_position)


@ti.func
def _write_term(
    albedo: ti.template(), albedo_row, irradiance, highlight, color: ti.template(), row, term: ti.template()
):
    """``color[row] = term`` of a point."""
    for c in ti.static(range(3)):
        if ti.static(term == COLOR):
            color[row, c] = albedo[albedo_row, c] * irradiance[c] + highlight[c]
        else:
            color[row, c] = irradiance[c]
        if ti.static(term == BOTH):
            color[row, 3 + c] = highlight[c]


@ti.func
def _term_adjoint(albedo: ti.template(), albedo_row, color_adjoint: ti.template(), row, term: ti.template()):
    """Adjoints of irradiance and highlight of a point in ``color[row] = term``."""
    g_irradiance = row3(color_adjoint, row)
    g_highlight = ti.Vector([0.0, 0.0, 0.0])
    if ti.static(term == COLOR):
        g_highlight = g_irradiance
        g_irradiance *= row3(albedo, albedo_row)
    elif ti.static(term == BOTH):
        g_highlight = get3(color_adjoint, row, 3)
    return g_irradiance, g_highlight


@ti.func
def face_centre(vertices: ti.template(), faces: ti.template(), base, f):
    """Centroid (3) of face f of the mesh whose vertices start at row ``base``."""
    total = row3(vertices, base + faces[f, 0]) + row3(vertices, base + faces[f, 1]) + row3(vertices, base + faces[f, 2])
    return total / 3.0


@replayed
@ti.kernel
def shade_corners(
    albedo: Rows,
    albedo_index: Rows,
    vertices: Rows,
    faces: Rows,
    face_normals: Rows,
    view_mesh: Numbers,
    camera: Rows,
    orthographic: ti.template(),
    light_kind: Numbers,
    light_color: Rows,
    light_vector: Rows,
    specular: float,
    shininess: float,
    two_sided: ti.template(),
    term: ti.template(),
    meshes: ti.i32,
    color: Rows,
):
    """``color[v 3F + 3f + k] = albedo of corner k * irradiance + highlight`` (or a ``term`` of it) at the centre of f.

    albedo (B*M, 3), ``albedo_index`` (F, 3) i32 in [0, M), vertices (B*N, 3), ``face_normals`` (B*F, 3),
    color (V*3F, 3 or 6).
    """
    lights = ti.static(Lights(light_kind, light_color, light_vector))
    finish = ti.static(Finish(specular, shininess, two_sided))
    count = faces.shape[0]
    for i in range(camera.shape[0] * count):
        v = i // count
        f = i - v * count
        b = view_mesh[v]
        p = face_centre(vertices, faces, b * (vertices.shape[0] // meshes), f)
        irradiance, highlight = incident_light(
            row3(face_normals, b * count + f), p, towards_eye(camera, v, p, orthographic), lights, finish
        )
        for k in ti.static(range(3)):
            row = b * (albedo.shape[0] // meshes) + albedo_index[f, k]
            _write_term(albedo, row, irradiance, highlight, color, 3 * i + k, term)


@replayed
@ti.kernel
def shade_corners_adjoint(
    albedo: Rows,
    albedo_index: Rows,
    albedo_start: Numbers,
    albedo_list: Numbers,
    vertices: Rows,
    faces: Rows,
    corner_start: Numbers,
    corner_list: Numbers,
    face_normals: Rows,
    view_mesh: Numbers,
    mesh_view_start: Numbers,
    mesh_view_list: Numbers,
    camera: Rows,
    orthographic: ti.template(),
    light_kind: Numbers,
    light_color: Rows,
    light_vector: Rows,
    specular: float,
    shininess: float,
    two_sided: ti.template(),
    term: ti.template(),
    color_adjoint: Rows,
    albedo_adjoint: Rows,
    vertices_adjoint: Rows,
    face_normals_adjoint: Rows,
    partials: Rows,
    scratch: Rows,
):
    """Adds to the adjoints of albedo, vertices and face normals; ``reduce_partials`` adds those of lights and cameras.

    ``albedo_start, albedo_list`` are the ``Adjacency`` of ``albedo_index``, ``corner_start, corner_list`` that of
    ``faces``.  ``partials`` has ``partials_shape(L, V, F)``, ``scratch`` (V*F, CORNER_SCRATCH);
    both are overwritten.
    """
    lights = ti.static(Lights(light_kind, light_color, light_vector))
    finish = ti.static(Finish(specular, shininess, two_sided))
    views = camera.shape[0]
    meshes = mesh_view_start.shape[0] - 1
    count = faces.shape[0]
    chunks = partials.shape[1] // views
    per_mesh = vertices.shape[0] // meshes
    albedos = albedo.shape[0] // meshes
    for column in range(partials.shape[1]):
        v = column // chunks
        b = view_mesh[v]
        first = (column - v * chunks) * CHUNK
        clear_column(partials, column)
        sums = ti.static(LightSums(partials, column))
        for f in range(first, ti.min(first + CHUNK, count)):
            i = v * count + f
            p = face_centre(vertices, faces, b * per_mesh, f)
            normal = row3(face_normals, b * count + f)
            to_eye = towards_eye(camera, v, p, orthographic)
            g_irradiance = ti.Vector([0.0, 0.0, 0.0])
            g_highlight = ti.Vector([0.0, 0.0, 0.0])
            for k in ti.static(range(3)):
                by_irradiance, by_highlight = _term_adjoint(
                    albedo, b * albedos + albedo_index[f, k], color_adjoint, 3 * i + k, term
                )
                g_irradiance += by_irradiance
                g_highlight += by_highlight
            g_normal, g_position, g_eye, irradiance, _ = incident_light_adjoint(
                normal, p, to_eye, lights, finish, g_irradiance, g_highlight, sums
            )
            g_position = towards_eye_adjoint(sums, g_position, g_eye, orthographic)
            for c in ti.static(range(3)):
                scratch[i, c] = g_normal[c]
                scratch[i, 3 + c] = g_position[c] / 3.0
                if ti.static(term == COLOR):
                    for k in ti.static(range(3)):
                        scratch[i, 6 + 3 * k + c] = color_adjoint[3 * i + k, c] * irradiance[c]
    for i in range(meshes * count):
        b = i // count
        total = ti.Vector([0.0, 0.0, 0.0])
        for j in range(mesh_view_start[b], mesh_view_start[b + 1]):
            total += get3(scratch, mesh_view_list[j] * count + i - b * count, 0)
        add_row3(face_normals_adjoint, i, 0, total)
    for i in range(meshes * per_mesh):
        b = i // per_mesh
        total = ti.Vector([0.0, 0.0, 0.0])
        for j in range(mesh_view_start[b], mesh_view_start[b + 1]):
            for k in range(corner_start[i - b * per_mesh], corner_start[i - b * per_mesh + 1]):
                total += get3(scratch, mesh_view_list[j] * count + corner_list[k] // 3, 3)
        add_row3(vertices_adjoint, i, 0, total)
    if ti.static(term == COLOR):
        for i in range(meshes * albedos):
            b = i // albedos
            total = ti.Vector([0.0, 0.0, 0.0])
            for j in range(mesh_view_start[b], mesh_view_start[b + 1]):
                for k in range(albedo_start[i - b * albedos], albedo_start[i - b * albedos + 1]):
                    row = mesh_view_list[j] * count + albedo_list[k] // 3
                    first = 6 + 3 * (albedo_list[k] % 3)
                    for c in ti.static(range(3)):
                        total[c] += scratch[row, first + c]
            add_row3(albedo_adjoint, i, 0, total)
