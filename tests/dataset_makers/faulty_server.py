"""An HTTP server on 127.0.0.1 that misbehaves: the first word of a path says how."""

from __future__ import annotations

import io
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from PIL import Image


def picture(number: int, size: int = 24) -> bytes:
    file = io.BytesIO()
    Image.linear_gradient("L").resize((size, size)).rotate(number * 17).convert("RGB").save(file, "JPEG")
    return file.getvalue()


class FaultyServer(ThreadingHTTPServer):
    """`address` is its own; `asked` counts requests by path; `credentials` are those that were sent.

    `files` are large files that are served with ranges.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.asked: Counter[str] = Counter()
        self.credentials: list[str] = []
        self.files: dict[str, bytes] = {}
        self.ranges: list[str | None] = []
        self.cut_after: int | None = None  # bytes of a large file after which the connection breaks, once
        self.stopping = threading.Event()
        self.most_at_once = self._at_once = 0
        self._lock = threading.Lock()
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def stop(self) -> None:
        self.stopping.set()
        self.shutdown()
        self.server_close()

    def handle_error(self, request, client_address) -> None:
        pass  # clients hang up on purpose

    def work(self) -> None:
        """Take a moment, as one of the requests that are counted together."""
        with self._lock:
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
        time.sleep(0.01)
        with self._lock:
            self._at_once -= 1

    def note(self, path: str) -> None:
        with self._lock:
            self.asked[path] += 1


class _Handler(BaseHTTPRequestHandler):
    server: FaultyServer

    def log_message(self, *args) -> None:
        pass

    def do_GET(self) -> None:
        self.server.note(self.path)
        self.server.credentials += self.headers.get_all("Authorization", [])
        if self.path.startswith("http://"):  # asked as a proxy
            self.path = "/" + self.path.split("/", 3)[3]
        word, _, rest = self.path.strip("/").partition("/")
        getattr(self, f"do_{word}")(rest)

    def head(self, status: int, length: int | None = None, **headers: str) -> None:
        self.send_response(status)
        if length is not None:
            self.send_header("Content-Length", str(length))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()

    def whole(self, data: bytes, status: int = 200, **headers: str) -> None:
        self.head(status, len(data), **headers)
        self.wfile.write(data)

    def do_good(self, rest: str) -> None:
        self.server.work()
        self.whole(picture(len(rest)), Content_Type="text/plain")  # the type is not what is judged

    def do_gone(self, rest: str) -> None:
        self.whole(b"no", 404)

    def do_page(self, rest: str) -> None:
        self.whole(b"<html>not here</html>", Content_Type="image/jpeg")

    def do_pixel(self, rest: str) -> None:
        self.whole(picture(0, size=1))

    def do_truncated(self, rest: str) -> None:
        self.head(200, 10_000)
        self.wfile.write(picture(1)[:100])

    def do_busy(self, rest: str) -> None:
        """429 for the first requests, then the image; `busy/2/…` twice."""
        if self.server.asked[self.path] <= int(rest.split("/")[0]):
            self.whole(b"", 429, Retry_After="1")
        else:
            self.whole(picture(2))

    def do_forbidden(self, rest: str) -> None:
        self.whole(b"", 403)

    def do_broken(self, rest: str) -> None:
        self.whole(b"", 500)

    def do_forever(self, rest: str) -> None:
        self.head(200)
        while not self.server.stopping.is_set():
            self.wfile.write(b"\xff" * 65536)

    def do_slow(self, rest: str) -> None:
        """A byte now and then: of the head (`slow/head`) or of the body."""
        if rest.startswith("head"):
            self.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
        else:
            self.head(200, 10_000)
        while not self.server.stopping.is_set():
            self.wfile.write(b"x")
            time.sleep(0.05)

    def do_huge(self, rest: str) -> None:
        self.head(200, 1 << 40)

    def do_bomb(self, rest: str) -> None:
        """A PNG of 100 million pixels in a few kilobytes."""
        file = io.BytesIO()
        Image.new("1", (10_000, 10_000)).save(file, "PNG")
        self.whole(file.getvalue())

    def do_moved(self, rest: str) -> None:
        self.head(302, 0, Location=f"/{rest}")

    def do_elsewhere(self, rest: str) -> None:
        self.head(302, 0, Location=f"{rest.replace('_', '/')}")

    def do_file(self, rest: str) -> None:
        data, wanted = self.server.files[rest], self.headers.get("Range")
        self.server.ranges.append(wanted)
        tag = f'"{len(data)}-{data[-20:].hex()}"'
        start = int(wanted.split("=")[1].rstrip("-")) if wanted else 0
        if wanted and self.headers.get("If-Range") in (None, tag):
            self.head(206, len(data) - start, ETag=tag, Content_Range=f"bytes {start}-{len(data) - 1}/{len(data)}")
        else:
            start = 0
            self.head(200, len(data), ETag=tag)
        end, self.server.cut_after = self.server.cut_after, None
        self.wfile.write(data[start:end])
