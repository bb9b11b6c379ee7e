"""Several processes that work on one run together, as `torchrun` starts them; alone, everything here is a no-op.

All of them compute the same run. What they divide (an encoder's work, the users of an evaluation), they gather again,
so that each takes the same decisions; the main one alone writes records, checkpoints and results.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

from .errors import UserError
from .ranks import is_main, n_processes, rank

T = TypeVar("T")

TIMEOUT = datetime.timedelta(hours=1)  # the others wait while the main process imports or generates a dataset


class ProcessLost(UserError):
    """Another process has ended."""

    exit_code = 1


@contextmanager
def _together() -> Iterator[None]:
    """Inside, processes meet: by gloo between CPUs, by nccl between GPUs."""
    if not dist.is_initialized():
        dist.init_process_group("cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo", timeout=TIMEOUT)
    try:
        yield
    except RuntimeError as error:  # what torch raises when a connection breaks
        raise ProcessLost(f"another process has ended, and says why ({str(error).splitlines()[0]})") from error


def gather(compute: Callable[[], T]) -> list[T]:
    """What each process computes, by rank, in all of them; what one raises, all raise."""
    if n_processes() == 1:
        return [compute()]
    try:
        mine: tuple[Any, BaseException | None] = compute(), None
    except Exception as error:
        mine = None, error
    everyone: list[Any] = [None] * n_processes()
    with _together():
        dist.all_gather_object(everyone, mine)
    for _, raised in everyone:
        if raised is not None:
            raise raised
    return [value for value, _ in everyone]


def from_main(compute: Callable[[], T]) -> T:
    """What `compute` gives in the main process, for all processes."""
    return gather(lambda: compute() if is_main() else None)[0]  # type: ignore[return-value]


def divide(parts: Sequence[Any], compute: Callable[[Any], T]) -> list[T]:
    """`compute` of each part, every process a few of them: the same as one process gives."""
    mine = gather(lambda: [compute(part) for part in parts[rank() :: n_processes()]])
    return [mine[i % n_processes()][i // n_processes()] for i in range(len(parts))]


@contextmanager
def main_first() -> Iterator[None]:
    """Inside, the main process is alone; the others follow, and find what it has made."""
    if not is_main():
        gather(lambda: None)
    yield
    if is_main():
        gather(lambda: None)


def share_parameters(parameters: Iterable[Tensor]) -> None:
    """Give all processes the main one's parameters; on GPUs, sums in another order let them drift apart."""
    if n_processes() > 1:
        with _together():
            for parameter in parameters:
                dist.broadcast(parameter.data, 0)


def in_any(condition: bool, device: torch.device) -> bool:
    """Whether `condition` holds in at least one of the processes."""
    if n_processes() == 1:
        return condition
    flag = torch.tensor(float(condition), device=device)
    with _together():
        dist.all_reduce(flag)
    return flag.item() > 0


def sum_gradients(parameters: Iterable[Tensor]) -> None:
    """Sum each parameter's gradients over the processes; where no process has one, there is none afterwards."""
    parameters = list(parameters)
    if n_processes() == 1 or not parameters:
        return
    there = torch.tensor([float(p.grad is not None) for p in parameters], device=parameters[0].device)
    flat = torch.cat([there, *((torch.zeros_like(p) if p.grad is None else p.grad).reshape(-1) for p in parameters)])
    with _together():
        dist.all_reduce(flat)
    there, *summed = flat.split([len(parameters), *(p.numel() for p in parameters)])
    for parameter, gradient, n in zip(parameters, summed, there.tolist()):
        parameter.grad = gradient.view_as(parameter).clone() if n else None


def gather_rows(rows: Tensor, counts: Sequence[int]) -> Tensor:
    """The rows [counts[r], d] of every process r in order, with gradients.

    All compute the same loss of them, so that each has the whole gradient of its own rows: nothing is sent backward.
    """
    return rows if n_processes() == 1 else _GatherRows.apply(rows, list(counts))


class _GatherRows(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, rows: Tensor, counts: list[int]) -> Tensor:
        ctx.counts = counts
        padded = rows.new_zeros(max(counts), *rows.shape[1:])
        padded[: len(rows)] = rows.detach()
        everyone = [torch.empty_like(padded) for _ in counts]
        with _together():
            dist.all_gather(everyone, padded)
        return torch.cat([part[:count] for part, count in zip(everyone, counts)])

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return gradient.split(ctx.counts)[rank()].contiguous(), None
