"""The backends that tests run on, by the names of their fixtures."""

import taichi_dr as dr

GPUS = [*(name for name in dr.available_backends() if name == "cuda"), "vulkan"]
"""CUDA where there is a device; Vulkan in any case, so that a machine without says so (see the fixture)."""

SINGLE = ["cpu32", *GPUS]
"""Those of single precision."""
