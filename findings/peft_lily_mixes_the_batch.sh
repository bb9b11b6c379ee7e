#!/usr/bin/env bash
# peft's LILY averages its router over all rows of a call, so that the output for a row depends on the rows beside it.
# Seen with peft 0.21.2, torch 2.14.1: a row alone and the same row beside another differ by some percent; LoRA's do not.
# Exits 0 if that is still so.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.14.1 peft==0.21.2 transformers==5.24.0
"$folder/venv/bin/python" - <<'PYTHON'
import sys, warnings

import peft, torch
from peft import LilyConfig, LoraConfig, get_peft_model
from torch import nn

warnings.simplefilter("ignore")
print("peft", peft.__version__, "torch", torch.__version__)


@torch.no_grad()
def difference(config):
    torch.manual_seed(0)
    model = get_peft_model(nn.Sequential(nn.Linear(32, 32), nn.Tanh(), nn.Linear(32, 8)), config).eval()
    for parameter in model.parameters():
        if parameter.requires_grad:
            parameter.add_(0.5 * torch.randn_like(parameter))
    rows = torch.randn(2, 4, 32)  # two items of four tokens
    together, alone = model(rows)[:1], model(rows[:1])
    return float((together - alone).norm() / together.norm())


lily = difference(LilyConfig(target_modules=["0", "2"]))
lora = difference(LoraConfig(target_modules=["0", "2"]))
print(f"an item beside another against the item alone, relative: LILY {lily:.2g}, LoRA {lora:.2g}")
sys.exit(0 if lily > 1e-3 and lora < 1e-5 else 1)
PYTHON
