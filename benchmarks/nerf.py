"""One training step of the paper's NeRF: 1,024 rays, 64 samples of the coarse network and 192 of the fine one.

    python benchmarks/nerf.py [--steps 3] [--backend cuda] [--peers]

Prints seconds, the share of the rate at which NumPy multiplies matrices of 2,048 x 2,048 (products of the networks'
layers alone, the encodings' and everybody else's work counts as none), by the clock and by CPU time, and how much
memory the step has added.
``--peers`` times the same networks, samples and loss in PyTorch, where it is installed, after ours in the same run;
with CUDA on the same GPU.
"""

import argparse
import importlib.util
import resource
import time

import numpy as np
from raster import settled

import taichi_dr as dr
from taichi_dr.render.volume.nerf_fit import KnownRays, NeRFFit

RAYS, SAMPLES, ADDED = 1024, 64, 128
SIDE = 2048
ROWS = RAYS * (SAMPLES + SAMPLES + ADDED)
LAYERS = (63, 256), *[(256, 256)] * 4, (319, 256), *[(256, 256)] * 2, (256, 257), (283, 128), (128, 3)
FLOATING = ROWS * (6 * sum(n * m for n, m in LAYERS) - 2 * 63 * 256 * 2)
"""Operations: forward, weights' and inputs' adjoints of all layers; none of the encodings'."""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--rays", type=int, default=RAYS)
    parser.add_argument("--backend", default="cpu")
    parser.add_argument("--peers", action="store_true", help="PyTorch as well, where it is installed")
    options = parser.parse_args()
    dr.init(options.backend)
    share, batch = options.rays / RAYS, rays(options.rays)
    before = peak()
    fit = NeRFFit(dr.radiance.NeRF(seed=1), SAMPLES, ADDED)
    settled(lambda: fit.step(KnownRays(*(each[:32] for each in batch)), 0))()  # compiles
    a = np.random.default_rng(0).normal(size=(SIDE, SIDE)).astype(np.float32)
    product = np.empty_like(a)
    times = [
        (*timed(lambda: np.matmul(a, a, out=product)), *timed(settled(lambda step=step: fit.step(batch, step))))
        for step in range(options.steps)
    ]
    sgemm, sgemm_cpu, step, step_cpu = np.median(times, axis=0)
    work, ideal = share * FLOATING, share * FLOATING / (2 * SIDE**3)
    print(f"NumPy's sgemm    {2 * SIDE**3 / sgemm / 1e9:8.1f} GFLOP/s")
    print(f"a step           {step:8.2f} s, {work / step / 1e9:.1f} GFLOP/s: {ideal * sgemm / step:.1%} of it")
    print(f"in CPU time      {step_cpu:8.2f} s: {ideal * sgemm_cpu / step_cpu:.1%} of it")
    print(f"memory it added  {(peak() - before) / 1e9:8.2f} GB")
    if options.peers and importlib.util.find_spec("torch"):
        peer = torch_step(batch, options.steps, options.backend)
        print(f"PyTorch          {peer:8.2f} s, memory {(peak() - before) / 1e9:.2f} GB")


def rays(count):
    """Rays of random pixels from a distance of 4, and colours."""
    random = np.random.default_rng(1)
    origins = random.normal(size=(count, 3))
    origins *= 4 / np.linalg.norm(origins, axis=1, keepdims=True)
    directions = random.uniform(-1, 1, (count, 3)) - origins
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    pixels = np.concatenate([random.uniform(size=(count, 3)), np.ones((count, 1))], axis=1)
    return KnownRays(origins, directions, np.tile([2.0, 6.0], (count, 1)), pixels, np.ones((count, 3)))


def timed(run):
    """Seconds of the clock and of CPU time."""
    began, began_cpu = time.perf_counter(), time.process_time()
    run()
    return time.perf_counter() - began, time.process_time() - began_cpu


def peak():
    """The most memory that the process has had, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def torch_step(batch, steps, device):
    """Median seconds of a step in PyTorch, written as nerf-pytorch has it."""
    import torch
    from torch import nn

    torch.set_default_device(device)

    def encode(x, frequencies):
        return torch.cat([x, *(wave(2.0**k * x) for k in range(frequencies) for wave in (torch.sin, torch.cos))], -1)

    class Network(nn.Module):
        def __init__(self):
            super().__init__()
            self.hidden = nn.ModuleList(nn.Linear(n, m) for n, m in LAYERS[:8])
            self.density, self.features = nn.Linear(256, 1), nn.Linear(256, 256)
            self.view, self.rgb = nn.Linear(283, 128), nn.Linear(128, 3)

        def forward(self, points, directions):
            encoded = encode(points, 10)
            h = encoded
            for k, layer in enumerate(self.hidden):
                h = torch.relu(layer(torch.cat([encoded, h], -1) if k == 5 else h))
            c = torch.cat([self.features(h), encode(directions, 4)], -1)
            return torch.relu(self.density(h))[..., 0], torch.sigmoid(self.rgb(torch.relu(self.view(c))))

    known = batch.origins, batch.directions, batch.pixels[:, :3]
    origins, directions, colors = (torch.tensor(each, dtype=torch.float32) for each in known)
    networks = Network(), Network()
    optimizer = torch.optim.Adam([p for network in networks for p in network.parameters()], lr=5e-4)

    def seen(network, t):
        points = origins[:, None] + t[..., None] * directions[:, None]
        density, color = network(points, directions[:, None].expand(points.shape))
        lengths = torch.cat([t[:, 1:] - t[:, :-1], torch.full_like(t[:, :1], 1e10)], -1)
        alpha = 1 - torch.exp(-density * lengths)
        through = torch.cumprod(torch.cat([torch.ones_like(alpha[:, :1]), 1 - alpha + 1e-10], -1), -1)[:, :-1]
        weights = alpha * through
        return (weights[..., None] * color).sum(-2) + 1 - weights.sum(-1)[:, None], weights

    def step():
        t = torch.linspace(2, 6, SAMPLES).expand(len(origins), SAMPLES)
        middle = (t[:, 1:] + t[:, :-1]) / 2
        lower, upper = torch.cat([t[:, :1], middle], -1), torch.cat([middle, t[:, -1:]], -1)
        t = lower + (upper - lower) * torch.rand_like(t)
        coarse, weights = seen(networks[0], t)
        middle, shares = (t[:, 1:] + t[:, :-1]) / 2, weights[:, 1:-1].detach() + 1e-5
        cumulative = torch.cumsum(shares / shares.sum(-1, keepdim=True), -1)
        cumulative = torch.cat([torch.zeros_like(cumulative[:, :1]), cumulative], -1)
        u = torch.rand(len(origins), ADDED)
        index = torch.searchsorted(cumulative, u, right=True)
        below, above = (index - 1).clamp(min=0), index.clamp(max=cumulative.shape[1] - 1)
        low, high = (torch.gather(cumulative, 1, each) for each in (below, above))
        width = torch.where(high - low < 1e-5, torch.ones_like(low), high - low)
        left, right = (torch.gather(middle, 1, each) for each in (below, above))
        t = torch.sort(torch.cat([t, left + (u - low) / width * (right - left)], -1), -1)[0]
        fine, _ = seen(networks[1], t)
        optimizer.zero_grad()
        (((coarse - colors) ** 2).mean() + ((fine - colors) ** 2).mean()).backward()
        optimizer.step()

    times = []
    for _ in range(steps + 1):
        began = time.perf_counter()
        step()
        if device == "cuda":
            torch.cuda.synchronize()
        times.append(time.perf_counter() - began)
    return np.median(times[1:])


if __name__ == "__main__":
    main()
