"""glTF 2.0, ``.glb`` and ``.gltf``: what its artist saw, as triangles, colours and textures.

Read here, from the specification: of the libraries, trimesh ignores normalised integers, sparse accessors, texture
transforms and modes, and drops vertex colours on the way; pygltflib gives the JSON as classes and decodes nothing.

``document`` has the JSON and the arrays, ``nodes`` where the meshes are, ``primitives`` their triangles, ``textures``,
``materials`` and ``transparency`` what they look like.

Doors: ``read.read_gltf``, ``read.read_parts``, ``write.encode_gltf``.
"""
