"""`ptmrec serve`: a finished run behind a web service."""

from __future__ import annotations

import argparse

from mmrec_host.cli.plugins import load_plugins
from mmrec_host.cli.run_argument import add_run_arguments
from mmrec_host.errors import ConfigError

EXAMPLES = """examples:
  --run last                                              http://127.0.0.1:8000/: a page to search and click through
  --run last --port 0                                     any free port
  --run last --workers 4                                  a process a core
  PTMREC_SERVE_KEY=… ptmrec serve --run last --host 0.0.0.0    for others, who send the key as X-API-Key

kill -HUP, or POST /reload with the key, serves what --run means by then; no request is dropped. /docs has all calls.
"""
MISSING = "serve needs packages that are not installed ({}). pip install 'ptmrec[serve]'"


class ServeCommand:
    """Serves a finished run."""

    help = "answer over http: recommend, similar items, search, new items, and a page to click through"

    def configure(self, parser: argparse.ArgumentParser) -> None:
        """Add the arguments."""
        parser.epilog = EXAMPLES
        add_run_arguments(parser)
        parser.add_argument("--host", default="127.0.0.1", help="address; default: 127.0.0.1, this machine alone")
        parser.add_argument("--port", type=int, default=8000, help="0 takes a free one; default: 8000")
        parser.add_argument("--workers", type=int, default=1, metavar="N", help="processes; default: 1")
        parser.add_argument("--megabytes", type=float, default=10, metavar="MB", help="longest body; default: 10")
        parser.add_argument("--megapixels", type=float, default=25, metavar="MP", help="largest image; default: 25")
        parser.add_argument("--seconds", type=float, default=30, metavar="S", help="longest request; default: 30")
        parser.add_argument("--requests", type=int, default=1000, metavar="N", help="at once, a process; default: 1000")

    def run(self, args: argparse.Namespace) -> int:
        """Serve until a signal ends it."""
        for name in ("workers", "megabytes", "megapixels", "seconds", "requests"):
            if not getattr(args, name) > 0:
                raise ConfigError(f"--{name} {getattr(args, name)}: must be more than 0.")
        if not 0 <= args.port < 65536:
            raise ConfigError(f"--port {args.port}: must be 0 to 65535.")
        try:
            import fastapi  # noqa: F401
            import uvicorn  # noqa: F401
        except ImportError as error:
            raise ConfigError(MISSING.format(error)) from error
        from ..serve.gate import Limits
        from ..serve.processes import listen, serve

        load_plugins(args)
        sock = listen(args.host, args.port)
        limits = Limits(round(1e6 * args.megabytes), round(1e6 * args.megapixels), args.seconds, args.requests)
        serve(args, limits, sock)
        return 0
