"""Progress bars are for terminals: logs and pipes stay free of them."""

from __future__ import annotations

import io

import pytest

from mmrec_host.progress_bar import progress_bar


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("stderr", "shown", "seen"), [(Terminal(), True, True), (Terminal(), False, False), (io.StringIO(), True, False)]
)
def test_a_bar_is_shown_on_a_terminal_if_it_is_wanted(stderr, shown, seen, monkeypatch):
    monkeypatch.setattr("sys.stderr", stderr)
    assert list(progress_bar("search", "combination", 3, shown=shown, over="abc")) == ["a", "b", "c"]
    assert ("search: 100%" in stderr.getvalue() and "3/3" in stderr.getvalue()) == seen
    assert seen or not stderr.getvalue()


def test_bytes_are_counted_in_larger_units_and_work_goes_on_where_it_was(monkeypatch):
    stderr = Terminal()
    monkeypatch.setattr("sys.stderr", stderr)
    with progress_bar("reviews.json.gz", "B", 4_000_000, shown=True, initial=1_000_000) as bar:
        bar.update(3_000_000)
    assert "25%" in stderr.getvalue() and "4.00M/4.00M" in stderr.getvalue()
