#!/usr/bin/env bash
# peft's FourierFT does not begin as the base model by default: `init_weights=False` draws its coefficients from a normal
# distribution, and `scaling=150` makes the update as large as the weights. `init_weights=True` begins at zero.
# Seen with peft 0.21.2, torch 2.14.1: untrained, outputs are some twenty times as far from the base model's as they are long.
# Exits 0 if that is still so.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.14.1 peft==0.21.2 transformers==5.24.0
"$folder/venv/bin/python" - <<'PYTHON'
import sys, warnings

import peft, torch
from peft import FourierFTConfig, LoraConfig, get_peft_model
from torch import nn

warnings.simplefilter("ignore")
print("peft", peft.__version__, "torch", torch.__version__)


@torch.no_grad()
def away(config):
    torch.manual_seed(0)
    base = nn.Sequential(nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 64)).eval()
    x = torch.randn(5, 64)
    before = base(x).clone()
    return float((get_peft_model(base, config).eval()(x) - before).norm() / before.norm())


where = {"target_modules": ["0", "2"]}
default = away(FourierFTConfig(**where))
zero = away(FourierFTConfig(init_weights=True, **where))
lora = away(LoraConfig(**where))
print(f"untrained against the base model, relative: FourierFT {default:.2g}, init_weights=True {zero:.2g}, LoRA {lora:.2g}")
sys.exit(0 if default > 0.1 and zero < 1e-5 and lora < 1e-5 else 1)
PYTHON
