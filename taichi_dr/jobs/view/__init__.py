"""``taichi-dr view``: what has been made, in a window.

Doors: ``run.view``; ``content.Content``, the contract of what can be looked at (a ``surface``, a
``field``, ``photographs``, or one of the former with the latter as an ``overlay``); ``album.Album``, photographs that
are read as they are looked at.
"""
