#!/usr/bin/env bash
# TINYLORA's layers share one trained vector. Its file holds it once, and `set_peft_model_state_dict` then reports it as
# missing under the name that it has in each layer, although it was loaded: missing keys do not mean a failed load.
# Seen with peft 0.21.2, torch 2.14.1. Exits 0 if that is still so.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.14.1 peft==0.21.2 transformers==5.24.0
"$folder/venv/bin/python" - "$folder/adapter" <<'PYTHON'
import sys, warnings

import peft, torch
from peft import TinyLoraConfig, get_peft_model, set_peft_model_state_dict
from peft.utils import load_peft_weights
from torch import nn

warnings.simplefilter("ignore")
print("peft", peft.__version__, "torch", torch.__version__)


def fresh():
    torch.manual_seed(0)
    base = nn.Sequential(nn.Linear(32, 32), nn.Tanh(), nn.Linear(32, 32))
    return get_peft_model(base, TinyLoraConfig(target_modules=["0", "2"])).eval()


trained, other = fresh(), fresh()
names = {name for name, p in trained.named_parameters() if p.requires_grad}
with torch.no_grad():
    for name, p in trained.named_parameters():
        if name in names:
            p.add_(torch.randn_like(p))
trained.save_pretrained(sys.argv[1])
weights = load_peft_weights(sys.argv[1], device="cpu")
outcome = set_peft_model_state_dict(other, weights)
missing = [key for key in outcome.missing_keys if key in names]
x = torch.randn(3, 32)
with torch.no_grad():
    error = float((trained(x) - other(x)).norm())
    moved = float((trained(x) - fresh()(x)).norm())
print("trained:", sorted(names))
print("in the file:", sorted(key for key in weights if "tinylora_v" in key))
print(f"reported as missing: {len(missing)} of {len(names)} trained tensors")
print(f"outputs after loading are {error:.2g} away from the saved ones; before, {moved:.2g}")
sys.exit(0 if names and len(missing) == len(names) and error == 0 and moved > 0 else 1)
PYTHON
