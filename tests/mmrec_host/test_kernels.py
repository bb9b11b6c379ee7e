"""The kernels against torch's own."""

from __future__ import annotations

import pytest
import torch

from mmrec_host.kernels import products, top_k


@pytest.mark.parametrize(("m", "k"), [(1, 1), (40, 3), (161, 10), (1000, 5), (4099, 20), (7050, 50)])
def test_takes_the_largest_in_order(m: int, k: int) -> None:
    scores = torch.randn(33, m, generator=torch.Generator().manual_seed(m))
    values, columns = top_k(scores, k)
    expected = scores.topk(k)
    assert torch.equal(values, expected.values)
    assert torch.equal(columns, expected.indices)


def test_ends_of_the_rows_and_neighbours_are_not_lost() -> None:
    scores = torch.zeros(2, 1003)
    wanted = torch.tensor([[1002, 1000, 0, 125], [0, 1, 2, 3]])
    scores.scatter_(1, wanted, torch.tensor([4.0, 3.0, 2.0, 1.0]).expand(2, 4))
    assert torch.equal(top_k(scores, 4)[1], wanted)


def test_nan_comes_first_and_a_slice_of_a_block_is_read_right() -> None:
    block = torch.full((3, 2000), 9.0)
    scores = block[:, :1500]
    scores.copy_(torch.arange(1500.0))
    scores[1, 700] = torch.nan
    values, columns = top_k(scores, 3)
    assert columns.tolist() == [[1499, 1498, 1497], [700, 1499, 1498], [1499, 1498, 1497]]
    assert values[1, 0].isnan()


def test_equal_scores_give_distinct_columns() -> None:
    columns = top_k(torch.zeros(2, 1600), 50)[1]
    assert all(len(row.unique()) == 50 for row in columns)


def test_products_fill_a_slice_of_a_block() -> None:
    x, y, block = torch.randn(5, 7), torch.randn(2500, 7), torch.zeros(6, 2600)
    products(x, y, block[:5, :2500])
    torch.testing.assert_close(block[:5, :2500], x @ y.T)
    assert not block[5].any() and not block[:, 2500:].any()
