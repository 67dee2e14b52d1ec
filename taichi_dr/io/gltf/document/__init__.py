"""What is in a glTF file before it is meshes: JSON, bytes, and arrays in them.

Doors: ``container.Document`` (the file, and all it refers to), ``values.Json`` (its JSON, checked where it is read),
``accessors.read_accessor``, ``compression.decode_draco``, ``compression.decode_meshopt``.
"""
