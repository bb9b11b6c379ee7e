"""An image server on 127.0.0.1 with the faults that real ones have; the number in `/<number>.jpg` decides which."""

from __future__ import annotations

import io
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
from PIL import Image

# Of 1,000 images: so many are gone, web pages, placeholders, cut off, busy at first, endless, or slow.
FAULTS = {"gone": 12, "page": 4, "pixel": 3, "cut": 3, "busy": 4, "endless": 1, "slow": 1}
KINDS = [kind for kind, n in FAULTS.items() for _ in range(n)]


def kind_of(number: int) -> str:
    """What the server does with an image: a fault, or "good"."""
    place = number * 7919 % 1000  # spread over the numbers
    return KINDS[place] if place < len(KINDS) else "good"


def jpegs(n: int = 32) -> list[bytes]:
    """Pictures of 300 x 300 pixels, about 15 kB each."""
    rng = np.random.default_rng(0)
    files = []
    for _ in range(n):
        coarse = Image.fromarray(rng.integers(0, 256, (40, 40, 3), dtype=np.uint8))
        file = io.BytesIO()
        coarse.resize((300, 300), Image.Resampling.BICUBIC).save(file, "JPEG", quality=85)
        files.append(file.getvalue())
    return files


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    pictures = jpegs()
    seen: set[int] = set()

    def log_message(self, *args) -> None:
        pass

    def answer(self, data: bytes, status: int = 200, length: int | None = None, **headers: str) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(data) if length is None else length))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(data)

    def do_GET(self) -> None:
        number = int(self.path.strip("/").removesuffix(".jpg"))
        picture, kind = self.pictures[number % len(self.pictures)], kind_of(number)
        time.sleep(0.02)  # a near server's round trip
        if kind == "gone":
            self.answer(b"not here", 404)
        elif kind == "page":
            self.answer(b"<html>moved</html>")
        elif kind == "pixel":
            file = io.BytesIO()
            Image.new("P", (1, 1)).save(file, "GIF")
            self.answer(file.getvalue())
        elif kind == "cut":
            self.answer(picture[:1000], length=len(picture))
            self.close_connection = True
        elif kind == "busy" and number not in self.seen:
            self.seen.add(number)
            self.answer(b"", 429, Retry_After="1")
        elif kind in ("endless", "slow"):
            self.answer(b"", length=1 << 40 if kind == "endless" else 10_000)
            while True:  # until the client hangs up
                self.wfile.write(b"x" * (1 << 16 if kind == "endless" else 1))
                time.sleep(0 if kind == "endless" else 0.2)
        else:
            self.answer(picture)


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request, client_address) -> None:
        pass  # clients hang up on endless answers


if __name__ == "__main__":
    server = Server(("127.0.0.1", 0), Handler)
    print(server.server_port, flush=True)
    sys.stdout.close()
    server.serve_forever()
