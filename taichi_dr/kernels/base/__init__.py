"""What every other room of ``kernels`` stands on: arrays and how they are filled, summed and launched over.

Doors: ``arrays`` (make them), ``bridge`` (fields to arrays and back), ``buffers`` (keep them), ``gather`` (sums of
adjoints in a fixed order), ``spread`` (rows copied to views and corners), ``launch`` (serial or parallel).
"""
