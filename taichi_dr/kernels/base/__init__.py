"""What every other room of ``kernels`` stands on: arrays and how they are filled, summed and launched over.

Doors: ``arrays`` (make them), ``bridge`` (fields to arrays and back), ``buffers`` (keep them), ``gather`` (sums of
adjoints in a fixed order), ``partial_sums`` (of adjoints that many points add to), ``random`` (numbers of counters),
``spread`` (rows copied to views and corners), ``types`` (of kernels' arrays), ``vectors`` (rows as vectors), ``launch``
(serial or parallel).
"""
