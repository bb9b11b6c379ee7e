"""`--dry-run`: the resolved configuration, data counts, and an estimate of the cost."""

from __future__ import annotations

from ...config import Config
from ...data.dataset import load_dataset
from ...device import resolve_device
from ...evaluation.cutoffs import cutoff_notes
from ...models.base import MODELS
from ...models.contract import EstimatesCost
from ...runs.build import require_sound
from ...training.options import TrainingOptions

FLOAT, ADAM_COPIES = 4, 4  # bytes; parameter, gradient and Adam's two moments


def describe(config: Config) -> str:
    """Text of a dry run; the dataset is read, nothing is trained; a model may time a small batch."""
    config["device"] = resolve_device(config)
    options = TrainingOptions.from_config(config)
    require_sound(config)
    dataset = load_dataset(config)
    counts = dataset.counts()
    model = MODELS.get(config["model"])
    dim = config["embedding_size"]
    rows = counts["users"] + counts["items"]
    score_block = min(config["eval_batch_size"] * counts["items"] * FLOAT, 512 * 2**20)
    lines = [
        f"# {config['model']} on {config['dataset']} ({dataset.folder})",
        config.to_yaml().rstrip(),
        "",
        "# data: " + ", ".join(f"{n:,} {name}" for name, n in counts.items()),
        f"# a training epoch: {-(-counts['train'] // config['train_batch_size']):,} batches of "
        f"{config['train_batch_size']:,}",
        f"# memory of id tables with Adam: {rows * dim * FLOAT * ADAM_COPIES / 2**20:,.0f} MB; of a block of scores: "
        f"{score_block / 2**20:,.0f} MB",
    ]
    notes = cutoff_notes(options.evaluation, dataset.splits, counts["items"])
    lines += [f"# {note}" for note in notes]
    if isinstance(model, EstimatesCost):
        lines += [f"# {line}" for line in model.dry_run(config, dataset)]
    return "\n".join(lines)
