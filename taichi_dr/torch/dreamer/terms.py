"""What keeps a dreamt volume a thing: terms against fog, against surfaces that look away, and against roughness."""

import torch
from torch.nn import functional as F  # noqa: N812

from taichi_dr.implicit.radiance.grid import Grid
from taichi_dr.torch.tensors import run_device

FAINT = 0.01
RAYS, SAMPLES = 512, 48  # of the orientation term
STEEPNESS = 1e-6  # gradients shorter than that have no direction


def opacity(alpha: torch.Tensor) -> torch.Tensor:
    """The mean over pixels of ``sqrt(alpha^2 + 0.01)``: empty space is to be empty.

    Poole et al., DreamFusion, 2023, section A.2.

    >>> round(opacity(torch.tensor([[[0.0, 1.0]]])).item(), 4)
    0.5525
    """
    return torch.sqrt(alpha**2 + FAINT).mean()


class Lattice:
    """The numbers (N, 4) of a ``Grid`` of degree 0 as a block (1, C, nx, ny, nz), and terms of it."""

    def __init__(self, grid: Grid) -> None:
        self._places = tuple(torch.from_numpy(grid.vertices().T.astype("int64")).to(run_device()))
        self._shape, self._low, self._spacing = grid.shape, torch.tensor(grid.lower, device=run_device()), grid.spacing
        self._extent = self._spacing * (torch.tensor(grid.shape, device=run_device()) - 1)

    def density(self, numbers: torch.Tensor, empty: float) -> torch.Tensor:
        """The density's lane as a block (nx, ny, nz), ``empty`` where there is no vertex."""
        return numbers.new_full(self._shape, empty).index_put(self._places, numbers[:, -1])

    def roughness(self, density: torch.Tensor) -> torch.Tensor:
        """The mean over pairs of neighbours, summed over axes, of the squared difference."""
        return sum((density.diff(dim=axis) ** 2).mean() for axis in range(3))

    def orientation(self, density: torch.Tensor, origins: torch.Tensor, directions: torch.Tensor) -> torch.Tensor:
        """``mean over rays of sum_i w_i max(0, n_i . d)^2``: what is seen is to face who sees it.

        The normals n are the directions in which the density falls fastest, the weights w are held constant.
        Verbin et al., Ref-NeRF, 2022, equation 11.
        """
        slope = torch.stack(torch.gradient(density, spacing=self._spacing))
        entry, exit_ = self._within(origins, directions)
        length = (exit_ - entry).clamp(min=0)[:, None] / SAMPLES
        t = entry[:, None] + (torch.arange(SAMPLES, device=length.device) + 0.5) * length
        points = origins[:, None] + t[..., None] * directions[:, None]
        with torch.no_grad():
            sigma = F.softplus(self._at(density[None], points)[0]) / self._spacing
            alpha = 1 - torch.exp(-sigma * length)
            through = torch.cumprod(torch.cat([torch.ones_like(alpha[:, :1]), 1 - alpha[:, :-1]], dim=1), dim=1)
        normals = -self._at(slope, points)
        normals = normals / torch.sqrt((normals**2).sum(dim=0) + STEEPNESS)
        away = torch.einsum("crs,rc->rs", normals, directions).clamp(min=0)
        return (through * alpha * away**2).sum(dim=1).mean()

    def _within(self, origins, directions):
        """Where rays (R, 3) enter and leave the block, (R,) each."""
        high = self._low + self._extent
        one, other = (self._low - origins) / directions, (high - origins) / directions
        return torch.minimum(one, other).amax(dim=1).clamp(min=0), torch.maximum(one, other).amin(dim=1)

    def _at(self, block, points):
        """(C, R, S): a block (C, nx, ny, nz) between its vertices, at points (R, S, 3)."""
        places = 2 * (points - self._low) / self._extent - 1
        return F.grid_sample(block[None], places.flip(-1)[None, None], align_corners=True)[0, :, 0]
