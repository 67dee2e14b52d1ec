"""Renders among what else PyTorch does: autocast, compilation, processes that load data, distributed copies."""

import pytest

pytest.importorskip("torch", reason="torch is not installed")

import os
import subprocess
import sys

import torch
from names import ROOT
from torch.utils.checkpoint import checkpoint
from torch_layer.scenes import CORNERS, FACES, leaf

import taichi_dr as dr


def mean_alpha(vertices):
    module = dr.torch.SoftRasterizer(8, sigma=1e-3, outputs=("alpha",))
    return module(vertices, FACES, None, dr.Camera.orbit()).alpha.square().mean()


def test_autocast_is_cast_back(cpu32):
    network = torch.nn.Linear(3, 3)
    torch.nn.init.eye_(network.weight)
    torch.nn.init.zeros_(network.bias)
    points = leaf(CORNERS)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        vertices = network(points)
        assert vertices.dtype == torch.bfloat16
        loss = mean_alpha(vertices)
    assert loss.dtype == torch.float32
    loss.backward()
    exact = leaf(CORNERS)
    mean_alpha(exact).backward()
    assert points.grad.dtype == torch.float32
    torch.testing.assert_close(points.grad, exact.grad, atol=0.02 * exact.grad.abs().max().item(), rtol=0)


def test_compiled_around_a_render(cpu32):
    """The default back end needs a C++ compiler; what breaks the graph is the same without it."""
    module, camera = dr.torch.SoftRasterizer(8, sigma=1e-3, outputs=("alpha",)), dr.Camera.orbit()

    def loss(vertices):
        moved = 1.1 * torch.sin(vertices)
        return 2 * module(moved, FACES, None, camera).alpha.square().mean() + dr.torch.losses.flatten(moved, FACES)

    plain, compiled = leaf(CORNERS), leaf(CORNERS)
    loss(plain).backward()
    torch.compile(loss, backend="aot_eager")(compiled).backward()
    torch.testing.assert_close(compiled.grad, plain.grad)


def test_second_renders_in_a_checkpoint(cpu32):
    plain, again = leaf(CORNERS), leaf(CORNERS)
    mean_alpha(plain).backward()
    checkpoint(mean_alpha, again, use_reentrant=False).backward()
    assert torch.equal(plain.grad, again.grad)


LOADER = """
import sys
import torch
import taichi_dr as dr
from taichi_dr.torch import Rasterizer

TRIANGLE = torch.tensor([[-1.0, -1.0, 0.0], [1.0, -1.0, 0.0], [0.0, 1.0, 0.0]])


class Renders(torch.utils.data.Dataset):
    def __len__(self):
        return 2

    def __getitem__(self, i):
        render = Rasterizer(16, outputs=("alpha",))
        return render(TRIANGLE, torch.tensor([[0, 1, 2]]), None, dr.Camera((0, 0, 3 + i))).alpha.sum()


def start(worker):
    dr.init("cpu")


if __name__ == "__main__":
    dr.init("cpu")
    how = sys.argv[1]
    settings = {"worker_init_fn": start} if how == "spawn" else {}
    loader = torch.utils.data.DataLoader(Renders(), num_workers=1, multiprocessing_context=how, **settings)
    try:
        print("covered", [int(sums.item()) for sums in loader])
    except Exception as error:
        print(type(error).__name__, "forked from one in which Taichi" in str(error))
"""


@pytest.mark.slow
@pytest.mark.parametrize(("how", "printed"), [("fork", "RuntimeStateError True"), ("spawn", "covered [")])
def test_workers_of_a_loader(how, printed, tmp_path):
    (tmp_path / "loader.py").write_text(LOADER)
    command = [sys.executable, str(tmp_path / "loader.py"), how]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=120, check=False)
    assert done.stdout.startswith(printed), done.stdout + done.stderr


def environment():
    return os.environ | {"PYTHONPATH": str(ROOT)}


def test_an_error_without_torch_says_what_to_install(tmp_path):
    program = "import sys; sys.modules['torch'] = None; import taichi_dr as dr; dr.torch"
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment(), capture_output=True, text=True, check=False
    )
    assert "taichi_dr.torch needs PyTorch, which is not installed: pip install 'taichi-dr[torch]'" in done.stderr


def test_the_package_alone_does_not_import_torch():
    program = "import sys, taichi_dr as dr; dr.Mesh, dr.losses; print('torch' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment(), capture_output=True, text=True, check=False
    )
    assert done.stdout == "False\n"
