"""Keys of other toolkits that people bring, and what stands in for them here."""

from __future__ import annotations

SPLIT = (
    "Splits are made once, in the data: `ptmrec prepare --split-rule mmrec|last|leave-one-out|ratio|ratio-time|time`."
)
FULL = "Ranking is always of all items that a user has not taken in training; no negatives are sampled for it."
FILES = "A split in several files: `ptmrec prepare NAME --interactions TRAIN --valid VALID --test TEST`."

FOREIGN = {
    **dict.fromkeys(("split_ratio", "split_to", "eval_args", "eval_setting", "leave_one_out", "split"), SPLIT),
    **dict.fromkeys(("eval_neg", "eval_neg_sample", "neg_sampling", "train_neg_sample_args", "sampled_eval"), FULL),
    "benchmark_filename": FILES,
    "user_inter_num_interval": "Cores are taken in the data: `ptmrec prepare --k-core USERS,ITEMS`.",
    "item_inter_num_interval": "Cores are taken in the data: `ptmrec prepare --k-core USERS,ITEMS`.",
    "val_interval": "Rows are chosen in the data: `ptmrec prepare --keep 'COLUMN>=VALUE'`.",
}
"""Key of RecBole and others -> a sentence; near names would mislead."""
