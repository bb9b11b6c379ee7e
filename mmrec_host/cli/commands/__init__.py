"""The subcommands of the host."""
