"""Optimisation over fields.

Doors: ``optimizers`` (SGD, Adam, UniformAdam), ``schedules`` (learning rates), ``large_steps.LargeSteps`` (smooth
coordinates for a mesh).
"""
