"""PEFT variants: a registry, the handle that each returns, and one file a family."""
