"""`python main.py -m PTMRec -d mini`: the command line from a checkout."""

import sys

from mmrec_host.cli.main import main

if __name__ == "__main__":
    sys.exit(main(prog="python main.py"))
