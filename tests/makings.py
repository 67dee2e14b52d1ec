"""What Taichi makes: arrays and variants of kernels, counted."""

from taichi.lang import impl


def arrays_made(monkeypatch):
    """A list that grows whenever Taichi makes an array."""
    program, made = type(impl.get_runtime().prog), []
    make = program.create_ndarray
    monkeypatch.setattr(program, "create_ndarray", lambda *a, **k: made.append(1) or make(*a, **k))
    return made


def kernel_instances():
    """How many variants of kernels are compiled."""
    return sum(len(kernel.compiled_kernels) for kernel in impl.get_runtime().kernels)
