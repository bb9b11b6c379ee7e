"""What exported files are made of: functions that write one into an open file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, BinaryIO

import numpy as np
from torch import Tensor

from mmrec_host.errors import ConfigError

Write = Callable[[BinaryIO], Any]


def bytes_file(data: bytes) -> Write:
    """A file that holds `data`."""
    return lambda file: file.write(data)


def array_file(table: Tensor) -> Write:
    """A float32 table as `.npy`."""
    array = np.ascontiguousarray(table.detach().cpu().numpy(), np.float32)
    return lambda file: np.save(file, array)


def parquet_file(columns: Mapping[str, Any]) -> Write:
    """A table as Parquet: name -> values [n], or vectors [n, d]; `ConfigError` without pyarrow."""
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError as error:
        raise ConfigError(f"--format parquet needs pyarrow ({error}): pip install 'ptmrec[tables]'.") from error

    def column(values: Any) -> Any:
        if getattr(values, "ndim", 1) == 1:
            return values
        return pa.FixedSizeListArray.from_arrays(pa.array(values.ravel()), values.shape[1])

    return lambda file: parquet.write_table(pa.table({name: column(each) for name, each in columns.items()}), file)
