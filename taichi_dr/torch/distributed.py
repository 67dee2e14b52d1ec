"""The processes that ``torchrun`` has started, as ``Ranks``: sums by ``torch.distributed``.

Arrays go through the host's memory: Gloo adds them up on CPUs, NCCL on CUDA devices, of which every process has one.
"""

import os
from datetime import timedelta

import torch
from torch import distributed

from taichi_dr.errors import BackendError
from taichi_dr.ranks import Ranks

PATIENCE = timedelta(minutes=10)
"""How long a process waits for the others before it gives up."""

RUN_BY_TORCHRUN = "RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"


class Processes(Ranks):
    """This process among those of the job, as its environment describes them; joins them.

    Raises:
        BackendError: variables that ``torchrun`` sets are missing, or the others cannot be reached.
    """

    def __init__(self):
        missing = [name for name in RUN_BY_TORCHRUN if name not in os.environ]
        if missing:
            raise BackendError(
                f"several processes (WORLD_SIZE={os.environ.get('WORLD_SIZE')}) without {', '.join(missing)}: start"
                " them by torchrun --nproc-per-node=2 -m taichi_dr ..."
            )
        self.rank, self.count = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
        here = int(os.environ["LOCAL_WORLD_SIZE"])
        self.threads = max(1, _cores() // here)
        torch.set_num_threads(self.threads)
        self._device = _own_device(int(os.environ["LOCAL_RANK"]))
        self._run(lambda: distributed.init_process_group(timeout=PATIENCE))

    def add(self, array):
        """Makes every number of a NumPy array the sum of those of all processes: the same bits in all of them."""
        self._reduce(array, distributed.ReduceOp.SUM)

    def highest(self, array):
        """Makes every number of a NumPy array the largest of those of all processes."""
        self._reduce(array, distributed.ReduceOp.MAX)

    def _reduce(self, array, how):
        given = torch.from_numpy(array)
        numbers = given.to(self._device)
        self._run(lambda: distributed.all_reduce(numbers, how))
        given.copy_(numbers)

    def _run(self, call):
        try:
            call()
        except RuntimeError as error:
            reason = (str(error) or type(error).__name__).strip().splitlines()[-1].split(". ")[0]
            raise BackendError(
                f"process {self.rank} of {self.count}: another one has ended, or cannot be reached ({reason}); what was"
                " saved last is whole, and --resume goes on from there"
            ) from error


def _cores():
    """How many this process may use; some systems do not say."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _own_device(place):
    """The CUDA device that this process alone uses, for Taichi as well, or the CPU where there is none."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES", "")
    devices = visible.split(",") if visible else [str(place)] * (place + 1)
    os.environ["CUDA_VISIBLE_DEVICES"] = devices[place % len(devices)]  # before torch looks for devices
    return torch.device("cuda", 0) if torch.cuda.is_available() else torch.device("cpu")
