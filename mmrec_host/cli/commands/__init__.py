"""The subcommands of the host.

`ptmrec -h` asks every command for its help and arguments, and most of what commands do needs torch, which takes
seconds to import. So a command's module, here and in any package, imports what it works with in the functions that
work; at its top stand only modules that are imported at once.
"""
