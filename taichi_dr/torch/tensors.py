"""Tensors and the arrays that kernels take: which tensors fit a run, and the copies between the two.

An array is memory of Taichi's, and a tensor memory of torch's; neither can be lent to the other for good (an array
is written again by the next render, when a network still needs the tensor).  So every tensor is copied once on its way
in and every image once on its way out: on CPUs as memory, on CUDA by a kernel, without a way through the host.

On CPUs by one thread: the threads that torch copies with spin for milliseconds afterwards (OpenMP), on the cores that
Taichi's need.
"""

import math
from typing import Any

import numpy as np
import taichi as ti
import torch
from taichi._kernels import ext_arr_to_ndarray, ndarray_to_ext_arr

from taichi_dr.errors import BackendError, InputError
from taichi_dr.kernels.base.launch import on_cpu
from taichi_dr.runtime import backend, float_dtype

_HALVES = (torch.float16, torch.bfloat16)


def run_dtype() -> torch.dtype:
    """The floating-point type of the run: ``torch.float32``, or ``torch.float64`` after ``dr.init(float64=True)``."""
    return torch.float64 if float_dtype() == ti.f64 else torch.float32


def run_device() -> str:
    """The kind of device whose tensors the run's backend takes: ``"cuda"`` or ``"cpu"``."""
    return "cuda" if backend() == "cuda" else "cpu"


def require_device() -> None:
    """Raises BackendError where the run's backend is CUDA and PyTorch has none."""
    if run_device() == "cuda" and not torch.cuda.is_available():
        raise BackendError(
            "the backend is CUDA, which this PyTorch has not: install one that has, or take another (cpu)"
        )


def checked(name: str, tensor: Any) -> torch.Tensor:
    """The tensor, as kernels take it: of the run's type and device.  Autocast's half precision is cast, as it asks.

    Raises:
        InputError: no tensor, a sparse one, or one of another type or device (expected and got).
    """
    if not isinstance(tensor, torch.Tensor):
        raise InputError(f"{name}: expected a tensor, got {type(tensor).__name__}: torch.as_tensor(...) makes one")
    if tensor.layout != torch.strided:
        raise InputError(f"{name}: expected a dense tensor, got one of layout {tensor.layout}: {name}.to_dense()")
    if tensor.device.type != run_device():
        raise InputError(
            f"{name}: expected a tensor on {run_device()!r}, where the backend {backend()!r} computes, got one on"
            f" {str(tensor.device)!r}: {name}.to({run_device()!r}), or another backend in dr.init"
        )
    dtype = run_dtype()
    if tensor.dtype in _HALVES and torch.is_autocast_enabled(tensor.device.type):
        return tensor.to(dtype)
    if tensor.dtype != dtype:
        raise InputError(
            f"{name}: expected {dtype}, the type that Taichi computes in, got {tensor.dtype}: {name}.to({dtype}), or"
            " dr.init(float64=True) for a run in float64"
        )
    return tensor.resolve_neg()


def number_tensor(name: str, values: Any) -> torch.Tensor:
    """A tensor of numbers that need not be one: a tensor as ``checked`` has it, other numbers without a gradient.

    Raises:
        InputError: a tensor of another type or device, or no numbers.
    """
    if isinstance(values, torch.Tensor):
        return checked(name, values)
    try:
        return torch.as_tensor(np.asarray(values, np.float64)).to(run_device(), run_dtype())
    except (TypeError, ValueError):
        raise InputError(f"{name}: expected a tensor or numbers, got {values!r}") from None


def write(array: Any, tensor: torch.Tensor) -> None:
    """Copies a tensor of as many numbers into an array."""
    source = tensor.detach().resolve_neg()
    if on_cpu():
        np.copyto(array.memory().reshape(source.shape), source.numpy())
    elif backend() == "cuda":
        torch.cuda.current_stream().synchronize()
        ext_arr_to_ndarray(source.reshape(array.shape).contiguous(), array)
        ti.sync()
    else:
        array.from_numpy(source.reshape(array.shape).contiguous().numpy())


def read(array: Any, first: int, shape: tuple[int, ...]) -> torch.Tensor:
    """A new tensor of that shape with the numbers of an array (rows, columns), from its column ``first`` on."""
    rows = array.shape[0]
    width = math.prod(shape) // rows
    if len(array.shape) == 1 or width == array.shape[1]:
        return _whole(array).view(shape)
    if on_cpu():
        memory, tensor = array.memory(), torch.empty((rows, width), dtype=run_dtype())
        for column, target in enumerate(tensor.numpy().T, first):
            np.copyto(target, memory[:, column])
        return tensor.view(shape)
    return _whole(array)[:, first : first + width].contiguous().view(shape)


def _whole(array):
    """A new tensor with all numbers of an array."""
    if backend() != "cuda":
        return torch.from_numpy(array.to_numpy())
    tensor = torch.empty(array.shape, dtype=torch.int32 if array.dtype == ti.i32 else run_dtype(), device="cuda")
    ndarray_to_ext_arr(array, tensor)
    ti.sync()
    return tensor
