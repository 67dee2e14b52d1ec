"""Rendering inside PyTorch.

Doors: ``distributed.Processes``, several processes that share the steps of one reconstruction.
"""
