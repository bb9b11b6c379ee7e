"""A name that must stay: the stub that `ptmrec install` put into checkouts imports `ptmrec_class` from here.

The class itself is made in `checkout/model.py`.
"""

from __future__ import annotations

from .checkout.model import ptmrec_class

__all__ = ["ptmrec_class"]
