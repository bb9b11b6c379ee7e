"""Which rule picks the better epoch: chosen on one half of the validation users, measured on the other half.

    python benchmarks/selection.py -m VBPR FREEDOM -d office ml-latest-small --seeds 999 1000 data_path=DATA

trains each model once a seed, as a run would, and keeps each user's metrics of each epoch. The validation users are
halved at random so many times; a rule sees one half. Printed is what it gains on the other half over the epoch that is
best by one evaluation, and what the best epoch there would. The test split is not looked at.
"""

from __future__ import annotations

import argparse
import statistics
import sys

import numpy as np

from mmrec_host.config import load_config, parse_overrides
from mmrec_host.data.dataset import load_dataset
from mmrec_host.evaluation.evaluator import Evaluation
from mmrec_host.runs.build import build
from mmrec_host.training.options import TrainingOptions
from mmrec_host.training.phases import Phase, phases_of
from mmrec_host.training.trainer import Trainer

HALVES = 200
METRICS = ("recall@20", "ndcg@20")
SCORED = {"metrics": ["Recall", "NDCG"], "topk": [20], "valid_metric": "Recall@20", "progress": False}
RULES = {
    "3 evaluations": lambda recall, ndcg: trailing_mean(recall, 3),
    "5 evaluations": lambda recall, ndcg: trailing_mean(recall, 5),
    "9 evaluations": lambda recall, ndcg: trailing_mean(recall, 9),
    "Recall and NDCG": lambda recall, ndcg: recall / recall.max() + ndcg / ndcg.max(),
}


class RecordingTrainer(Trainer):
    """Keeps every evaluation."""

    evaluations: list[Evaluation]

    def _keep(self, phase: Phase, epoch: int, evaluation: Evaluation) -> bool:
        self.evaluations.append(evaluation)
        return super()._keep(phase, epoch, evaluation)


def trailing_mean(curve: np.ndarray, window: int) -> np.ndarray:
    """Of each value and the `window` - 1 before it."""
    return np.array([curve[max(0, end - window) : end].mean() for end in range(1, len(curve) + 1)])


def curves(model: str, dataset: str, seed: int, overrides: dict) -> list[np.ndarray]:
    """Each user's metrics of each epoch, one array [n_epochs, n_users] a metric."""
    config = load_config(model, dataset, overrides={**overrides, "seed": seed})
    data, loader, built = build(config, load_dataset(config))
    trainer = RecordingTrainer(built, TrainingOptions.from_config(config), data.splits.valid)
    trainer.evaluations = []
    trainer.fit(phases_of(built, loader, config))
    return [np.stack([each.per_user[name] for each in trainer.evaluations]) for name in METRICS]


def gains(recall: np.ndarray, ndcg: np.ndarray, rng: np.random.Generator) -> dict[str, float]:
    """Mean gain in Recall@20 of each rule over the best single evaluation, and of the epoch that is best there."""
    gained: dict[str, list[float]] = {name: [] for name in (*RULES, "best there")}
    n_users = recall.shape[1]
    for _ in range(HALVES):
        chosen, measured = np.array_split(rng.permutation(n_users), 2)
        seen, there = recall[:, chosen].mean(1), recall[:, measured].mean(1)
        alone = there[seen.argmax()]
        for name, rule in RULES.items():
            gained[name].append(there[rule(seen, ndcg[:, chosen].mean(1)).argmax()] - alone)
        gained["best there"].append(there.max() - alone)
    return {name: statistics.fmean(values) for name, values in gained.items()}


def main() -> None:
    """Print a row a model and dataset: means and standard deviations over seeds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-m", "--models", nargs="+", default=["VBPR"])
    parser.add_argument("-d", "--datasets", nargs="+", default=["mini"])
    parser.add_argument("--seeds", type=int, nargs="+", default=[999])
    keys = [word for word in sys.argv[1:] if "=" in word]  # key=value, of all runs
    args = parser.parse_args([word for word in sys.argv[1:] if word not in keys])
    overrides = parse_overrides(keys, [])[None] | SCORED
    print("| data | model |", " | ".join((*RULES, "best there")), "|")
    print("| --- | --- |", "---: | " * (len(RULES) + 1))
    for dataset in args.datasets:
        for model in args.models:
            rng = np.random.default_rng(0)
            found = [gains(*curves(model, dataset, seed, overrides), rng) for seed in args.seeds]
            cells = [[each[name] for each in found] for name in found[0]]
            shown = [f"{statistics.fmean(cell):+.4f} ± {statistics.pstdev(cell):.4f}" for cell in cells]
            print(f"| {dataset} | {model} |", " | ".join(shown), "|", flush=True)


if __name__ == "__main__":
    main()
