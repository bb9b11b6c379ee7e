#!/usr/bin/env bash
# RecBole's ShannonEntropy is divided by the number of different items shown. So it falls as lists become more diverse:
# an even distribution over two items has 0.3466 (ln 2 / 2), one over a hundred has 0.0461 (ln 100 / 100), whereas entropy,
# and the formula in the class's docstring, would be 0.6931 and 4.6052. A larger value is taken as better.
# Seen with recbole 1.2.1. Exits 0 if that is still so.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet recbole==1.2.1 torch==2.14.1 numpy==1.26.4 pandas==2.3.3 scipy==1.16.3 setuptools==80.9.0
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import math
import sys
from importlib.metadata import version

import numpy as np
from recbole.evaluator.metrics import ShannonEntropy

print("recbole", version("recbole"))
metric = ShannonEntropy({"topk": [10], "metric_decimal_place": 4})
same = True
for n in (2, 100):
    lists = np.resize(np.arange(n), (100, 10))  # 100 users, ten places, each of n items as often as the others
    found = float(metric.get_entropy(lists))
    print(f"{n} items: {found:.4f}; entropy is {math.log(n):.4f}, divided by {n} it is {math.log(n) / n:.4f}")
    same &= abs(found - math.log(n) / n) < 1e-9
print("smaller is better:", getattr(ShannonEntropy, "smaller", False))
sys.exit(0 if same and not getattr(ShannonEntropy, "smaller", False) else 1)
PYTHON
