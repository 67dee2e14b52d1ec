"""Two processes make one reconstruction: the losses of one process, one that is killed, and what is refused."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

import taichi_dr as dr
from taichi_dr import cli
from taichi_dr.errors import InputError
from taichi_dr.jobs.dataset import make_dataset
from taichi_dr.jobs.reconstruct.checkpoint import load_state
from taichi_dr.jobs.reconstruct.run import reconstruct
from taichi_dr.jobs.settings.dataset import DatasetSettings
from taichi_dr.jobs.settings.mesh import MeshSettings
from taichi_dr.jobs.single_image.shape_views import make_shape_views
from taichi_dr.ranks import Alone

pytest.importorskip("torch", reason="torch is not installed")
pytestmark = pytest.mark.usefixtures("own_runtime")

OPTIONS = ["--as", "grid", "--resolution", "40", "--tiles", "64", "--lr", "0.1", "--backend", "cpu"]
TORCHRUN = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]

KILLED = """
import os, signal
if os.environ["RANK"] == "0":  # torchrun, which looks every 0.1 s, would end it before or after it has said why
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
from taichi_dr.jobs.reconstruct.radiance.grid import GridReconstruction
from taichi_dr.__main__ import main
step = GridReconstruction.step

def step_or_die(self, fraction):
    if os.environ["RANK"] == "1" and self._step == 65:
        os.kill(os.getpid(), signal.SIGKILL)
    return step(self, fraction)

GridReconstruction.step = step_or_die
main()
"""


WRITTEN = """
import os, sys
from taichi_dr.torch.single_image.training import Training
from taichi_dr.__main__ import main
step = Training.step

def step_and_write(self, fraction):
    losses = step(self, fraction)
    if os.environ.get("RANK", "0") == "0":
        with open(sys.argv[-1] + ".txt", "a") as file:
            print(*losses.values(), file=file)
    return losses

Training.step = step_and_write
main()
"""


def run(*arguments):
    """What a Python program prints, and its exit code."""
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, *map(str, arguments)], capture_output=True, text=True, timeout=300, env=environment
    )
    return done.stdout + done.stderr, done.returncode


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data") / "torus"
    make_dataset(DatasetSettings("torus", folder, views=12, test_views=2, size=32, samples=2, backend="cpu"))
    return folder


@pytest.fixture(scope="module")
def together(data, tmp_path_factory):
    """The folder that two processes wrote."""
    out = tmp_path_factory.mktemp("two") / "out"
    said, code = run(*TORCHRUN, "-m", "taichi_dr", "reconstruct", data, out, *OPTIONS, "--steps", 60)
    assert code == 0, said
    assert said.count("held-out images: IoU") == 1  # the second one is silent
    return out


def test_the_losses_are_those_of_one_process(data, together, tmp_path, capsys):
    assert cli.main(["reconstruct", str(data), str(tmp_path / "one"), *OPTIONS, "--steps", "60"]) == 0
    capsys.readouterr()
    one, other = (load_state(folder / "state.npz") for folder in (tmp_path / "one", together))
    losses = [[row[1]["squared error"] for row in header["history"]] for header, _ in (one, other)]
    assert len(losses[0]) == 6
    assert losses[0][0] > 3 * losses[0][-1]
    np.testing.assert_allclose(losses[1], losses[0], rtol=1e-6)
    np.testing.assert_allclose(other[1]["model/grid/numbers"], one[1]["model/grid/numbers"], atol=0.02)


def test_the_network_of_single_images_has_the_losses_of_one_process(tmp_path):
    """Four steps: rounding doubles from step to step, as between one process with one thread and with two."""
    dr.init("cpu")
    make_shape_views(tmp_path / "set", 8, seed=1)
    program = tmp_path / "written.py"
    program.write_text(WRITTEN)
    options = [program, "train-reconstructor", tmp_path / "set", "--steps", 4, "--batch", 5, "--backend", "cpu"]
    for name, start in (("one", []), ("two", TORCHRUN)):
        said, code = run(*start, *options, tmp_path / name)
        assert code == 0, said
    one, two = (np.loadtxt(tmp_path / f"{name}.txt") for name in ("one", "two"))
    assert one.shape == (4, 4)
    np.testing.assert_allclose(two, one, rtol=3e-4)
    np.testing.assert_allclose(two[0], one[0], rtol=3e-5)
    assert {path.name for path in (tmp_path / "two").iterdir()} == {path.name for path in (tmp_path / "one").iterdir()}


def test_a_killed_process_ends_the_job_and_the_last_checkpoint_goes_on(data, together, tmp_path):
    program, before = tmp_path / "killed.py", (together / "state.npz").read_bytes()
    program.write_text(KILLED)
    said, code = run(*TORCHRUN, program, "reconstruct", data, together, *OPTIONS, "--resume", "--steps", 100_000)
    assert code != 0
    assert "process 0 of 2: another one has ended" in said
    assert "--resume goes on from there" in said
    assert (together / "state.npz").read_bytes() == before
    resume = ["--as", "grid", "--resume", "--steps", "70", "--backend", "cpu"]
    assert cli.main(["reconstruct", str(data), str(together), *resume]) == 0
    assert json.loads((together / "metrics.json").read_text())["steps"] == 70


def test_what_cannot_be_shared_is_refused(data, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "0")
    assert cli.main(["dataset", "torus", str(tmp_path / "images")]) == 2
    assert "taichi-dr dataset: made by one process, and 2 were started" in capsys.readouterr().err
    assert cli.main(["reconstruct", "chair.png", str(tmp_path / "out"), "--as", "network"]) == 2
    assert "taichi-dr reconstruct: made by one process" in capsys.readouterr().err
    assert cli.main(["reconstruct", str(data), str(tmp_path / "out"), *OPTIONS]) == 2
    said = capsys.readouterr().err
    assert "without LOCAL_RANK, LOCAL_WORLD_SIZE" in said
    assert "torchrun --nproc-per-node=2 -m taichi_dr" in said


def test_kinds_made_by_one_process_say_so(data, tmp_path):
    class Two(Alone):
        count = 2

    with pytest.raises(InputError, match="--as mesh: made by one process, and there are 2: expected --as grid"):
        reconstruct(MeshSettings(data, tmp_path / "out"), ranks=Two())
