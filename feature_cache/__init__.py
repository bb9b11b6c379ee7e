"""Raw item content and what encoders made of it, in one LMDB environment a dataset.

Knows nothing of recommenders or encoders: it stores bytes, arrays and what they depend on.

    store = Store(Path("data/sports/cache"))
    content = import_content(store, Path("data/sports"), n_items=18357)
    arrays = DerivedArrays(store, {"encoder": "ViT-B-32", "content": content.digest}, content.n_items)
    arrays.build(lambda ids: encode([content.image(i) for i in ids]), chunk_size=256, label="image features")
    features = arrays.table()
"""

from .content import Content, ContentReport, import_content
from .derived import ArraySet, DerivedArrays, describe, fingerprint
from .errors import CacheError, EntryError
from .image_store import ImageStore, Outcome
from .raw_folder import BrokenImageError, check_image, read_lines, read_texts
from .store import Store

__all__ = [
    "ArraySet",
    "BrokenImageError",
    "CacheError",
    "Content",
    "ContentReport",
    "DerivedArrays",
    "EntryError",
    "ImageStore",
    "Outcome",
    "Store",
    "check_image",
    "describe",
    "fingerprint",
    "import_content",
    "read_lines",
    "read_texts",
]
