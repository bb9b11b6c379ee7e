"""One self-contained HTML page on one run or two: what is collected (plain data), and how it is written."""
