"""What a reconstruction shows of itself: numbers and pictures of how it went.

Doors: ``metrics.compare``, ``history.History``, ``overview.Overview``, ``pages.write_comparison``.
"""
