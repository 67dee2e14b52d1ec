"""The renderers: lists of stages between what a user gives and a frame, as one operation on the user's tape.

Doors: ``renderer.Renderer`` (what all renderers share), ``shot.Shot`` (one rendering), ``frame.Frame`` (what it
returns), ``camera_input.CameraInput``; each family of renderers has a room: ``mesh``, ``march``.
"""
