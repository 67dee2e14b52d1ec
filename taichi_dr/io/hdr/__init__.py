"""Pictures of any brightness, between the bytes of their files and arrays of linear numbers.

Doors: ``exr.decode_exr``, ``exr.encode_exr`` (OpenEXR), ``rgbe.decode_rgbe`` (Radiance's ``.hdr``); ``piz`` is one of
OpenEXR's ways of compression.
"""
