"""Dense kernels of ranking, whose work stays in a CPU's cache."""

from __future__ import annotations

import torch
from torch import Tensor

TILE = 1024  # rows of the second matrix that are multiplied at once
GROUP = 8  # columns of a group


def products(x: Tensor, y: Tensor, out: Tensor) -> Tensor:
    """`x @ y.T` for x [n, d] and y [m, d], written into `out` [n, m]; without gradients."""
    tile = TILE if out.device.type == "cpu" else len(y)
    for start in range(0, len(y), tile):
        torch.mm(x, y[start : start + tile].T, out=out[:, start : start + tile])
    return out


def top_k(scores: Tensor, k: int, ordered: bool = True) -> tuple[Tensor, Tensor]:
    """Values and columns [n, k] of each row's k largest scores [n, m], largest first unless `ordered` is false.

    On a CPU the columns are taken in groups: the k largest scores lie in the k groups with the largest maxima, which
    are found in the same way. NaN is the largest. Among equal scores any may be taken, as by `torch.topk`.
    """
    n, m = scores.shape
    width = m // GROUP
    if scores.device.type != "cpu" or width < 2 * k:
        return scores.topk(k, sorted=ordered)
    maxima = scores[:, : width * GROUP].view(n, GROUP, width).amax(1)  # column c is in group c % width
    groups = top_k(maxima, k, ordered=False)[1]
    columns = (groups.unsqueeze(1) + width * torch.arange(GROUP).view(1, GROUP, 1)).flatten(1)
    if m % GROUP:
        columns = torch.cat((columns, torch.arange(width * GROUP, m).expand(n, -1)), 1)
    values, places = scores.gather(1, columns).topk(k, sorted=ordered)
    return values, columns.gather(1, places)
