"""How each library computes the metrics of a few users; run as a script in an environment that has the library.

    python libraries.py NAME < users.json

prints `{"version": …, "values": [{"recall": …, "precision": …, "ndcg": …, "map": …}, …]}`, a mapping for each list of
users: the mean over users, or null for what the library refuses or has no number for. Each library is called as its
documentation does, with its defaults.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

Users = list[dict[str, Any]]
Values = dict[str, float]
METRICS = ("recall", "precision", "ndcg", "map")


def qrels(users: Users) -> dict[str, dict[str, int]]:
    """Relevance as trec_eval's kind of library reads it: a user without relevant items is not there."""
    return {f"u{n}": {str(item): 1 for item in user["relevant"]} for n, user in enumerate(users) if user["relevant"]}


def run(users: Users) -> dict[str, dict[str, float]]:
    """Scores as they read them; the order in the mapping is the recommender's."""
    return {f"u{n}": {str(item): score for item, score in user["ranked"]} for n, user in enumerate(users)}


def ptmrec(users: Users, k: int) -> Values:
    import numpy as np
    import torch

    from mmrec_host.data.ragged import Ragged
    from mmrec_host.evaluation.metrics import per_user_metrics
    from mmrec_host.kernels import top_k

    users = [user for user in users if user["relevant"]]  # as the splits leave them out
    if any(len(user["ranked"]) < k for user in users):
        raise ValueError("all items are ranked, and k of them are there")
    items = [[item for item, _ in sorted(user["ranked"])] for user in users]
    scores = torch.tensor([[score for _, score in sorted(user["ranked"])] for user in users])
    ranked = np.take_along_axis(np.array(items), top_k(scores, k)[1].numpy(), 1)
    lengths = [len(user["relevant"]) for user in users]
    positives = Ragged(np.cumsum([0, *lengths]), np.array([item for user in users for item in user["relevant"]]))
    values = per_user_metrics(ranked, positives, METRICS, [k])
    return {metric: values[f"{metric}@{k}"].mean() for metric in METRICS}


def torchmetrics(users: Users, k: int) -> Values:
    import torch
    from torchmetrics import retrieval as r

    classes = {"recall": r.RetrievalRecall, "precision": r.RetrievalPrecision}
    classes |= {"ndcg": r.RetrievalNormalizedDCG, "map": r.RetrievalMAP}
    pairs = [(n, item, score) for n, user in enumerate(users) for item, score in sorted(user["ranked"])]
    relevant = torch.tensor([item in users[n]["relevant"] for n, item, _ in pairs])
    indexes, scores = torch.tensor([n for n, _, _ in pairs]), torch.tensor([score for _, _, score in pairs])
    return {name: cls(top_k=k)(scores, relevant, indexes=indexes).item() for name, cls in classes.items()}


def ranx(users: Users, k: int) -> Values:
    from ranx import Qrels, Run, evaluate

    names = {f"{metric}@{k}": metric for metric in METRICS}
    found = evaluate(Qrels(qrels(users)), Run(run(users)), list(names), make_comparable=True)
    return {name: found[at] for at, name in names.items()}


def pytrec_eval(users: Users, k: int) -> Values:
    import pytrec_eval as trec

    names = {"recall": "recall", "precision": "P", "ndcg": "ndcg_cut", "map": "map_cut"}
    found = trec.RelevanceEvaluator(qrels(users), {f"{name}.{k}" for name in names.values()}).evaluate(run(users))
    return {metric: sum(u[f"{name}_{k}"] for u in found.values()) / len(found) for metric, name in names.items()}


def ir_measures(users: Users, k: int) -> Values:
    import ir_measures as ir

    measures = {"recall": ir.R @ k, "precision": ir.P @ k, "ndcg": ir.nDCG @ k, "map": ir.AP @ k}
    found = ir.calc_aggregate(measures.values(), qrels(users), run(users))
    return {metric: found[measure] for metric, measure in measures.items()}


def rectools(users: Users, k: int) -> Values:
    import pandas as pd
    from rectools.metrics import MAP, NDCG, Precision, Recall, calc_metrics

    places = [(n, item, r) for n, user in enumerate(users) for r, (item, _) in enumerate(user["ranked"], start=1)]
    taken = [(n, item) for n, user in enumerate(users) for item in user["relevant"]]
    metrics = {"recall": Recall(k), "precision": Precision(k), "ndcg": NDCG(k), "map": MAP(k)}
    recommended = pd.DataFrame(places, columns=["user_id", "item_id", "rank"])
    return calc_metrics(metrics, recommended, pd.DataFrame(taken, columns=["user_id", "item_id"]))


def lenskit(users: Users, k: int) -> Values:
    from lenskit.data import ItemList, ItemListCollection
    from lenskit.metrics import NDCG, Precision, Recall, RunAnalysis
    from lenskit.metrics.ranking import AveragePrecision

    metrics = {"recall": Recall(k), "precision": Precision(k), "ndcg": NDCG(k), "map": AveragePrecision(k)}
    lists = {}
    for n, user in enumerate(users):
        items, scores = zip(*user["ranked"])
        lists[n] = ItemList(item_ids=list(items), scores=list(scores), ordered=True)
    tests = {n: ItemList(item_ids=user["relevant"]) for n, user in enumerate(users) if user["relevant"]}
    collected = [ItemListCollection.from_dict(each, key="user_id") for each in (lists, tests)]

    def mean(metric: Any) -> float:
        analysis = RunAnalysis()
        analysis.add_metric(metric, "value")
        try:
            return analysis.compute(*collected).list_summary().loc["value", "mean"]
        except ZeroDivisionError:
            return math.nan

    return {name: mean(metric) for name, metric in metrics.items()}


def replay(users: Users, k: int) -> Values:
    from replay import metrics as r

    lists = {n: [(item, score) for item, score in user["ranked"]] for n, user in enumerate(users)}
    relevant = {n: user["relevant"] for n, user in enumerate(users)}
    classes = {"recall": r.Recall, "precision": r.Precision, "ndcg": r.NDCG, "map": r.MAP}
    return {metric: next(iter(cls(k)(lists, relevant).values())) for metric, cls in classes.items()}


def recbole(users: Users, k: int) -> Values:
    import numpy as np
    import torch
    from recbole.evaluator import metrics as r

    if any(len(user["ranked"]) < k for user in users):
        raise ValueError("its collector takes the k best of a full row of scores")
    rows = []
    for user in users:
        items = [item for item, _ in sorted(user["ranked"])]
        best = torch.tensor([score for _, score in sorted(user["ranked"])]).topk(k).indices.tolist()
        rows.append([items[column] in user["relevant"] for column in best])
    hits, n_relevant = np.array(rows), np.array([len(user["relevant"]) for user in users])
    config = {"metric_decimal_place": 10, "topk": [k]}
    classes = {"recall": r.Recall, "precision": r.Precision, "ndcg": r.NDCG, "map": r.MAP}
    values = {}
    for metric, cls in classes.items():
        wanted = (hits,) if metric == "precision" else (hits, n_relevant)
        values[metric] = cls(config).metric_info(*wanted)[:, k - 1].mean()
    return values


LIBRARIES: dict[str, Callable[[Users, int], Values]] = {
    "ptmrec": ptmrec,
    "torchmetrics": torchmetrics,
    "ranx": ranx,
    "pytrec-eval-terrier": pytrec_eval,
    "ir-measures": ir_measures,
    "rectools": rectools,
    "lenskit": lenskit,
    "replay-rec": replay,
    "recbole": recbole,
}
"""Package -> its metrics."""


def values_of(name: str, users: Users, k: int) -> dict[str, float | None]:
    """The metrics of one library; None where it raises an error or gives no number."""
    try:
        found = LIBRARIES[name](users, k)
    except ImportError:
        raise
    except Exception as error:
        print(f"{name}: {type(error).__name__}: {error}", file=sys.stderr)
        return dict.fromkeys(METRICS)
    values = {metric: float(found[metric]) for metric in METRICS}
    return {metric: value if math.isfinite(value) else None for metric, value in values.items()}


if __name__ == "__main__":
    asked = json.load(sys.stdin)
    values = [values_of(sys.argv[1], users, asked["k"]) for users in asked["users"]]
    print(json.dumps({"version": version(sys.argv[1]), "values": values}))
