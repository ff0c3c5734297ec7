"""Maximum mean discrepancy: two samples look alike to a kernel that sees every moment."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from xret.adaptation import Adapted
from xret.adaptation._settings import check_modalities, check_weight


class MMD(nn.Module):
    """Squared MMD between source and target vectors, under a mean of Gaussian kernels.

        k(x, y) = mean over b of exp(-|x - y|^2 / (2 (b m)^2)),    m = median distance between two different vectors

    The median is taken over both samples together, without the distance of a vector to itself, and is detached: what
    trains is where the vectors lie and not how wide the kernel is. The unbiased estimate is 0 in expectation where both
    samples come from one distribution, so single batches may give less than 0; the biased one never does.

    Source: Gretton et al. 2012, A kernel two-sample test, JMLR 13 (eq. 3 unbiased, eq. 5 biased; sec. 8 the median);
    between domains, with several bandwidths: Long et al. 2015, https://arxiv.org/abs/1502.02791 (sec. 3).

    Args:
        weight: of the loss, above 0.
        modalities: whose vectors are adapted; their losses are averaged.
        bandwidths: b above, each above 0.
        unbiased: leave the pairs of a vector with itself out.
        min_bandwidth: b m is never below this distance; vectors that are all equal would divide by 0.

    Raises:
        ValueError: an argument is outside what is stated here.
    """

    def __init__(
        self,
        weight: float = 10.0,
        modalities: Sequence[str] = ("image",),
        bandwidths: Sequence[float] = (0.25, 0.5, 1.0, 2.0),
        unbiased: bool = True,
        min_bandwidth: float = 1e-3,
    ) -> None:
        super().__init__()
        self.weight, self.modalities = check_weight(weight), check_modalities(modalities)
        if not bandwidths or min(bandwidths) <= 0 or not min_bandwidth > 0:
            raise ValueError(f"bandwidths and min_bandwidth must be above 0, got {list(bandwidths)}, {min_bandwidth}")
        self.bandwidths, self.unbiased, self.min_bandwidth = tuple(bandwidths), unbiased, min_bandwidth

    def forward(self, source: Mapping[str, Tensor], target: Mapping[str, Tensor], progress: float) -> Adapted:
        """Return the mean of `squared` over the modalities; `progress` changes nothing."""
        parts = [self.squared(source[m], target[m]) for m in self.modalities]
        return Adapted(torch.stack(parts).mean(), {})

    def squared(self, one: Tensor, other: Tensor) -> Tensor:
        """Return the squared MMD of two samples.

        Args:
            one: (N, D) float.
            other: (M, D) float.

        Returns:
            () float32; 0 where there is too little to estimate from: no vector, or one where unbiased.
        """
        least = 2 if self.unbiased else 1
        if min(len(one), len(other)) < least:
            return (one.sum() + other.sum()) * 0
        with torch.autocast(one.device.type, enabled=False):
            kernel = self._kernel(_squared_distances(torch.cat([one, other]).float()))
            n = len(one)
            within = self._mean(kernel[:n, :n]) + self._mean(kernel[n:, n:])
            return within - 2 * kernel[:n, n:].mean()

    def _kernel(self, squared: Tensor) -> Tensor:
        """Return the kernel (N + M, N + M) of squared distances between all vectors."""
        with torch.no_grad():
            count = len(squared)
            row, column = torch.triu_indices(count, count, offset=1, device=squared.device)
            median = squared[row, column].median().sqrt()
            widths = [(b * median).clamp(min=self.min_bandwidth) for b in self.bandwidths]
        return torch.stack([torch.exp(-squared / (2 * width**2)) for width in widths]).mean(dim=0)

    def _mean(self, kernel: Tensor) -> Tensor:
        """Return the mean of a kernel (N, N) within one sample."""
        count = len(kernel)
        if self.unbiased:
            return (kernel.sum() - kernel.diagonal().sum()) / (count * (count - 1))
        return kernel.mean()


def _squared_distances(vectors: Tensor) -> Tensor:
    """Return |x - y|^2 (N, N); the diagonal is exactly 0, and so is its gradient."""
    norms = vectors.square().sum(dim=1)
    squared = norms[:, None] + norms[None, :] - 2 * vectors @ vectors.T
    itself = torch.eye(len(vectors), dtype=torch.bool, device=vectors.device)
    return squared.masked_fill(itself, 0).clamp(min=0)
