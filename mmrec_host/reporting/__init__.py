"""Results tables of runs, printed and drawn."""

FORMATS = ("text", "md", "tex", "csv")
"""What `render.render` can make of a table."""
