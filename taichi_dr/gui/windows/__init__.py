"""Windows: a picture, a panel beside it, and what the user does, whichever of Taichi's two kinds it is.

Doors: ``opening.open_window``, which makes a ``base.Window``; ``base.Events``, which it tells of; ``panel.Controls``.
"""
