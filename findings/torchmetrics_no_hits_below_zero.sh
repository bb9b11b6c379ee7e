#!/usr/bin/env bash
# torchmetrics' RetrievalRecall, RetrievalPrecision and RetrievalMAP count no relevant item whose score is not above zero,
# however well it is ranked; RetrievalNormalizedDCG does. Of the same ranking, with all scores moved down by a constant, they
# are 0: a model whose scores are log-probabilities or negative distances is measured as one that finds nothing.
# Seen with torchmetrics 1.9.0, torch 2.14.1. Exits 0 if that is still so.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.14.1 torchmetrics==1.9.0
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import sys

import torch
import torchmetrics
from torchmetrics import retrieval as r

print("torchmetrics", torchmetrics.__version__, "torch", torch.__version__)
scores = torch.tensor([0.9, 0.8, 0.7, 0.6, 0.5, 0.4])
relevant = torch.tensor([False, True, False, False, True, False])
user = torch.zeros(6, dtype=torch.long)
same = True
for cls in (r.RetrievalRecall, r.RetrievalPrecision, r.RetrievalMAP, r.RetrievalNormalizedDCG):
    above, below = (float(cls(top_k=5)(scores - shift, relevant, indexes=user)) for shift in (0, 1))
    print(f"{cls.__name__}: {above:.4f}; with scores below zero: {below:.4f}")
    same &= above > 0 and below == (above if cls is r.RetrievalNormalizedDCG else 0)
sys.exit(0 if same else 1)
PYTHON
