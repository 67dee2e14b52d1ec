"""Optimisation over fields.

Doors: ``optimizers`` (SGD, Adam, UniformAdam), ``schedules`` (learning rates), ``large_steps.LargeSteps`` (smooth
coordinates for a mesh); for few numbers ``gauss_newton.GaussNewton``, what it finds as ``estimate.Estimate``, and
``jacobian.jacobian``.
"""
