"""``taichi-dr doctor``: versions, backends, and whether gradients are right on each."""

import importlib.metadata
import json
import os
import platform
import subprocess
import sys
import time

from taichi_dr import runtime
from taichi_dr.devices import vulkan_device
from taichi_dr.jobs.terminal.progress import say
from taichi_dr.version import __version__

PACKAGES = ("taichi", "numpy", "scipy", "scikit-image", "imageio", "torch")
CHECK = "taichi_dr.jobs.doctor_check"


def examine(settings):
    """Prints what it finds; returns whether every check passed.

    Raises:
        InputError: a setting outside its domain.
    """
    settings.check()
    _say("taichi_dr", __version__)
    _say("python", f"{platform.python_version()}, {platform.platform()}, {os.cpu_count()} CPUs")
    _say("packages", ", ".join(_versions()))
    available = runtime.available_backends()
    passed = True
    for name in ("cuda", "vulkan", "cpu"):
        if settings.backend not in ("all", name):
            continue
        if name in available:
            passed &= _check(name, settings.timeout)
        else:
            _say(name, f"not available: {_reason(name)}")
            passed &= settings.backend == "all"
    say("verdict: everything works" if passed else "verdict: something does not work, see above")
    return passed


def _say(what, text):
    say(f"{what + ':':<12}{text}")


def _versions():
    for name in PACKAGES:
        try:
            yield f"{name} {importlib.metadata.version(name)}"
        except importlib.metadata.PackageNotFoundError:
            yield f"{name} not installed"


def _reason(name):
    if name == "vulkan":
        return "no Vulkan loader or no device (Debian, Ubuntu: apt install libvulkan1 mesa-vulkan-drivers)"
    return "Taichi finds no CUDA driver"


def _device(name):
    if name == "vulkan":
        device = vulkan_device()
        return f"{device.name}{'' if device.hardware else ', a software renderer'}; "
    return ""


def _check(name, timeout):
    """Runs the gradient check of one backend in a process of its own, so that a crash there stays there."""
    started = time.monotonic()
    try:
        done = subprocess.run(
            [sys.executable, "-m", CHECK, name], capture_output=True, text=True, timeout=timeout, check=False
        )
    except subprocess.TimeoutExpired:
        _say(name, f"{_device(name)}FAILED: no answer within {timeout:.0f} s")
        return False
    seconds = time.monotonic() - started
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if done.returncode != 0 or not lines:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        _say(name, f"{_device(name)}FAILED: the check ended with exit code {done.returncode}: {last}")
        return False
    found = json.loads(lines[-1])
    verdict = "works" if found["passed"] else "FAILED"
    text = f"gradients differ from central differences by {found['error']:.1e} (at most {found['allowed']:.0e})"
    _say(name, f"{_device(name)}{verdict}: {text}; {seconds:.1f} s")
    return found["passed"]
