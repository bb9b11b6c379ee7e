from __future__ import annotations

import numpy as np
import pytest
import torch

from mmrec_host.errors import ConfigError
from mmrec_host.graphs import item_graph
from mmrec_host.graphs.bipartite import random_walk_adjacency, symmetric_adjacency, training_edges
from mmrec_host.graphs.item_graph import cosine_neighbours, neighbour_cosines, neighbour_graph, symmetric_normalise
from mmrec_host.graphs.propagation import Graph, layer_mean, neighbour_product, propagate
from mmrec_host.testing.toy_data import N_ITEMS, N_USERS, toy_config, toy_loader


def dense(graph: Graph, n: int) -> torch.Tensor:
    return propagate(graph, torch.eye(n))


def random_graph(n: int, n_edges: int, symmetric: bool) -> tuple[Graph, torch.Tensor]:
    """A graph with repeated edges and a node without any, and its matrix."""
    generator = torch.Generator().manual_seed(0)
    rows, columns = torch.randint(1, n, (2, n_edges), generator=generator)
    weights = torch.randn(n_edges, generator=generator, dtype=torch.float64)
    if symmetric:
        rows, columns, weights = torch.cat((rows, columns)), torch.cat((columns, rows)), weights.repeat(2)
    matrix = torch.zeros(n, n, dtype=torch.float64).index_put((rows, columns), weights, accumulate=True)
    return Graph(rows, columns, weights, n, symmetric), matrix


@pytest.mark.parametrize("symmetric", [True, False])
def test_propagate_is_the_matrix_product_with_its_gradient(symmetric):
    graph, matrix = random_graph(9, 20, symmetric)
    x = torch.randn(9, 3, dtype=torch.float64, requires_grad=True)
    torch.testing.assert_close(propagate(graph, x), matrix @ x)
    assert torch.autograd.gradcheck(lambda y: propagate(graph, y), x)


@pytest.mark.parametrize("symmetric", [True, False])
@pytest.mark.parametrize("n_layers", [0, 1, 3])
def test_layer_mean_is_the_mean_of_the_powers_with_its_gradient(symmetric, n_layers):
    graph, matrix = random_graph(9, 20, symmetric)
    users = torch.randn(4, 3, dtype=torch.float64, requires_grad=True)
    items = torch.randn(5, 3, dtype=torch.float64, requires_grad=True)
    nodes = torch.cat((users, items))
    powers = [torch.linalg.matrix_power(matrix, power) @ nodes for power in range(n_layers + 1)]
    torch.testing.assert_close(torch.cat(layer_mean(graph, n_layers, users, items)), torch.stack(powers).mean(0))
    assert torch.autograd.gradcheck(lambda u, i: layer_mean(graph, n_layers, u, i), (users, items))


def test_layer_mean_passes_a_gradient_that_reaches_the_users_alone():
    graph, matrix = random_graph(9, 20, symmetric=False)
    users = torch.randn(4, 3, dtype=torch.float64, requires_grad=True)
    items = torch.randn(5, 3, dtype=torch.float64, requires_grad=True)
    layer_mean(graph, 1, users, items)[0].sum().backward()
    expected = (torch.eye(9, dtype=torch.float64) + matrix)[:4].sum(0) / 2
    torch.testing.assert_close(torch.cat((users.grad, items.grad)), expected.unsqueeze(1).expand(9, 3))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_cuda_device_gives_the_same_product_and_gradient():
    results = []
    for device in ("cpu", "cuda"):
        rows, columns = torch.randint(0, 50, (2, 300), generator=torch.Generator().manual_seed(0)).to(device)
        graph = Graph(rows, columns, torch.linspace(-1, 1, 300, device=device), 50)
        x = torch.linspace(-1, 1, 400, device=device).view(50, 8).requires_grad_()
        propagate(graph, x).square().sum().backward()
        results.append(torch.cat((propagate(graph, x), x.grad)).detach().cpu())
    torch.testing.assert_close(*results)


def test_neighbour_product_has_gradients_of_weights_and_vectors():
    neighbours = torch.tensor([[0, 1], [1, 1], [2, 0]])  # not symmetric, one edge twice
    weights = torch.randn(3, 2, dtype=torch.float64, requires_grad=True)
    x = torch.randn(3, 4, dtype=torch.float64, requires_grad=True)
    torch.testing.assert_close(
        neighbour_product(neighbours, weights, x), propagate(neighbour_graph(neighbours, weights), x)
    )
    assert torch.autograd.gradcheck(lambda w, y: neighbour_product(neighbours, w, y), (weights, x))


@pytest.fixture
def counts() -> torch.Tensor:
    """How often each user bought each item, with repeats, a user and an item without any."""
    matrix = toy_loader(toy_config("BPR")).inter_matrix().toarray()
    assert matrix.max() == 2 and not matrix[-1].any() and not matrix[:, -1].any()
    return torch.tensor(matrix, dtype=torch.float32)


def bipartite(block: torch.Tensor) -> torch.Tensor:
    square = torch.zeros(N_USERS + N_ITEMS, N_USERS + N_ITEMS)
    square[:N_USERS, N_USERS:], square[N_USERS:, :N_USERS] = block, block.T
    return square


def test_symmetric_adjacency_is_the_dense_formula_and_empty_for_isolated_nodes(counts):
    graph = symmetric_adjacency(*training_edges(toy_loader(toy_config("BPR"))), N_USERS, N_ITEMS)
    adjacency = bipartite((counts > 0).float())
    scale = adjacency.sum(1).clamp(min=1).rsqrt()
    torch.testing.assert_close(dense(graph, N_USERS + N_ITEMS), scale[:, None] * adjacency * scale)


def test_random_walk_adjacency_is_the_dense_formula_with_repeats_counted(counts):
    edges = training_edges(toy_loader(toy_config("BPR")), unique=False)
    adjacency = bipartite(counts) + torch.eye(N_USERS + N_ITEMS)
    graph = random_walk_adjacency(*edges, N_USERS, N_ITEMS)
    torch.testing.assert_close(dense(graph, N_USERS + N_ITEMS), adjacency / adjacency.sum(1, keepdim=True))


@pytest.mark.parametrize("mirrored", [True, False])
@pytest.mark.parametrize("height", [1, 3, 25, 64])
def test_neighbours_are_those_of_the_full_cosine_matrix(mirrored, height, monkeypatch):
    monkeypatch.setattr(item_graph, "MIRROR_FROM", 0 if mirrored else 100)
    monkeypatch.setattr(item_graph, "STRIP", height)
    monkeypatch.setattr(item_graph, "CACHE_ELEMENTS", height * 50)
    x = np.random.default_rng(0).normal(size=(50, 6))
    unit = x / np.linalg.norm(x, axis=1, keepdims=True)
    cosines = unit @ unit.T
    expected = np.argsort(-cosines, axis=1)[:, :7]
    ids, values = cosine_neighbours(torch.from_numpy(x), 7)
    assert np.array_equal(ids.numpy(), expected)
    assert np.array_equal(ids[:, 0].numpy(), np.arange(50))
    assert np.allclose(values.numpy(), np.take_along_axis(cosines, expected, axis=1))
    assert np.allclose(neighbour_cosines(torch.from_numpy(x), ids).numpy(), values.numpy())


def test_duplicates_and_rows_of_zeros_have_finite_neighbours_and_themselves_first():
    x = torch.randn(6, 4)
    x[1] = x[2] = x[3] = x[0]
    x[5] = 0
    ids, values = cosine_neighbours(x, 2)
    assert torch.equal(ids[:, 0], torch.arange(6))
    assert values.isfinite().all()
    assert values[5].tolist() == [0, 0]


@pytest.mark.parametrize("k", [0, 6])
def test_a_number_of_neighbours_that_does_not_fit_is_named(k):
    with pytest.raises(ConfigError, match=f"knn_k={k}.*from 1 to 5"):
        cosine_neighbours(torch.randn(5, 2), k)


def test_symmetric_normalisation_is_the_dense_formula_and_zero_where_a_row_sum_is_not_positive():
    neighbours = torch.tensor([[0, 1], [1, 2], [2, 0], [3, 0], [4, 1]])
    weights = torch.tensor([[1.0, 0.5], [1.0, 0.2], [1.0, -0.3], [0.5, -2.0], [0.0, 0.0]], requires_grad=True)
    matrix = torch.zeros(5, 5).scatter(1, neighbours, weights.detach())
    scale = torch.where(matrix.sum(1) > 0, matrix.sum(1).abs().rsqrt(), 0.0)
    expected = scale[:, None] * matrix * scale
    normalised = symmetric_normalise(neighbours, weights)
    torch.testing.assert_close(torch.zeros(5, 5).scatter(1, neighbours, normalised), expected)
    normalised.sum().backward()
    assert weights.grad.isfinite().all()
