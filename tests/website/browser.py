"""Chromium without a screen, which looks at every page of a site as a phone shows it, and says what it finds."""

import json
import queue
import shutil
import subprocess
import threading
import time
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage"),
    "--remote-debugging-port=0",  # else it may end once the first page is there
)
POLICY = "default-src 'self' 'unsafe-inline' data:"
"""What pages may load: nothing of other hosts."""

TOLD = b"""<script>
window.faults = [];
addEventListener("error", e => faults.push(e.message || "not loaded: " + (e.target.src || e.target.href)), true);
addEventListener("unhandledrejection", e => faults.push(String(e.reason)));
addEventListener("securitypolicyviolation", e => faults.push("another host: " + e.blockedURI));
for (const name of ["error", "warn"]) console[name] = (...words) => faults.push(words.join(" "));
</script>"""
"""Put into every page before anything else: what goes wrong is kept in ``faults``."""

LOOK = Path(__file__).with_name("look.html")
PATIENCE = 300  # seconds


class Handler(SimpleHTTPRequestHandler):
    """Serves a folder, ``look.html`` in it, and takes what that has found."""

    def __init__(self, *arguments, found, pages, **keywords):
        self.found, self.pages = found, pages
        super().__init__(*arguments, **keywords)

    def do_GET(self):
        path = self.path.partition("?")[0]
        file = LOOK if path == "/look.html" else Path(self.translate_path(path))
        if file.suffix != ".html" or not file.is_file():
            super().do_GET()
            return
        text = file.read_bytes()
        if file == LOOK:
            text = text.replace(b"PAGES", json.dumps(self.pages).encode())
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.end_headers()
        self.wfile.write(text.replace(b"<head>", b"<head>" + TOLD, 1))

    def do_POST(self):
        self.found.put(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(204)
        self.end_headers()

    def end_headers(self):
        self.send_header("Content-Security-Policy", POLICY)
        super().end_headers()

    def log_message(self, *arguments):
        """Says nothing."""


@contextmanager
def served(folder, pages):
    """The address of a folder that is served, and the queue of what is found there."""
    found = queue.Queue()
    handler = partial(Handler, directory=str(folder), found=found, pages=pages)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", found
        server.shutdown()
        thread.join()


def look_at(folder, pages, profile):
    """``{page: {"width", "wide", "broken", "faults", "results", "beside"}}`` of pages of a site, 360 pixels wide.

    ``width`` is how far a page can be scrolled sideways, ``wide`` what reaches out of it, ``broken`` pictures that
    were not loaded, ``faults`` what the console was told, ``results`` how many pages a search has found, ``beside``
    how wide pages are in wider windows.
    """
    with served(folder, pages) as (address, found):
        command = [BROWSER, *FLAGS, f"--user-data-dir={profile}", f"{address}/look.html"]
        browser = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            return _first(found, browser)
        finally:
            browser.kill()
            browser.wait()


def _first(found, browser):
    """What is found first, by a browser that has not ended."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        try:
            return found.get(timeout=1)
        except queue.Empty:
            assert browser.poll() is None, f"{BROWSER} ended with exit code {browser.returncode}"
    raise TimeoutError(f"{BROWSER} has not looked at all pages within {PATIENCE} s")
