"""The renderers: lists of stages between what a user gives and a frame, as one operation on the user's tape.

Doors: ``renderer.Renderer`` (what all renderers share), ``frame.Frame`` (what they return), ``supersample``
(smooth pictures for files); each family of renderers has a room: ``mesh``.
"""
