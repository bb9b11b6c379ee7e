"""`--dry-run`: the resolved configuration, data counts, and an estimate of the cost."""

from __future__ import annotations

from ...config import Config
from ...data.dataset import load_dataset
from ...device import resolve_device
from ...evaluation.cutoffs import cutoff_notes
from ...jobs.memory import id_tables, memory_needed, score_block
from ...models.base import MODELS
from ...models.contract import EstimatesCost
from ...runs.build import require_sound
from ...training.options import TrainingOptions

MB = 2**20


def describe(config: Config) -> str:
    """Text of a dry run; the dataset is read, nothing is trained; a model may time a small batch."""
    config["device"] = resolve_device(config)
    options = TrainingOptions.from_config(config)
    require_sound(config)
    dataset = load_dataset(config)
    counts = dataset.counts()
    model = MODELS.get(config["model"])
    lines = [
        f"# {config['model']} on {config['dataset']} ({dataset.folder})",
        config.to_yaml().rstrip(),
        "",
        "# data: " + ", ".join(f"{n:,} {name}" for name, n in counts.items()),
        f"# a training epoch: {-(-counts['train'] // config['train_batch_size']):,} batches of "
        f"{config['train_batch_size']:,}",
        f"# memory of id tables with Adam: {id_tables(config, dataset) / MB:,.0f} MB; of a block of scores: "
        f"{score_block(config, dataset) / MB:,.0f} MB; of a run about {memory_needed(config, dataset) / MB:,.0f} MB",
    ]
    notes = cutoff_notes(options.evaluation, dataset.splits, counts["items"])
    lines += [f"# {note}" for note in notes]
    if isinstance(model, EstimatesCost):
        lines += [f"# {line}" for line in model.dry_run(config, dataset)]
    return "\n".join(lines)
