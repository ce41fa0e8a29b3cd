"""The plugin's own HTTP port on the master: works headless and whatever the web UI demands of its visitors."""

from __future__ import annotations

import hmac
import json
import logging
import socket
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Callable

from gevent import pywsgi

from locust_operator_config import guarded

logger = logging.getLogger("locust_operator")

#: Readers at once share one answer: building it takes time from the master's only thread.
CACHE_SECONDS = 0.5
#: More than any command needs.
BODY_LIMIT = 1024


@dataclass(frozen=True)
class Commands:
    """What the operator may order."""

    #: To end the load.
    stop: Callable[[], None]
    #: To expect so many workers.
    scale: Callable[[int], None]


def _bound_socket(port: int) -> socket.socket:
    """A listening socket for IPv4 and IPv6, or for IPv4 alone where the kernel has no IPv6."""
    try:
        listener = socket.socket(socket.AF_INET6, socket.SOCK_STREAM)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            listener.bind(("::", port))
        except OSError:
            listener.close()
            raise
    except OSError:
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(("0.0.0.0", port))
        except OSError:
            listener.close()
            raise
    listener.listen(64)
    listener.setblocking(False)
    return listener


class Listener:
    """GET /summary, GET /metrics, POST /stop and POST /scale."""

    def __init__(
        self, run_id: str, summary: Callable[[], bytes], metrics: Callable[[], str], commands: Commands
    ) -> None:
        self._token = f"Bearer {run_id}".encode()
        self._commands = commands
        self._orders = {"/stop": self._stop, "/scale": self._scale}
        self._pages = {
            "/summary": ("application/jsonl; charset=utf-8", summary),
            "/metrics": ("text/plain; version=0.0.4; charset=utf-8", lambda: metrics().encode()),
        }
        self._cache: dict[str, tuple[float, bytes]] = {}

    def serve(self, port: int) -> None:
        """Starts to answer; a port somebody else has costs the numbers, not the run."""
        try:
            server = pywsgi.WSGIServer(_bound_socket(port), self._application, log=None, error_log=None)
            server.start()
        except OSError as error:
            logger.warning("locust-operator: no live numbers, port %s cannot be opened: %s", port, error)

    def _application(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        answer = self._answer(environ) or ("500 Internal Server Error", "text/plain", b"see the log\n")
        status, content_type, body = answer
        start_response(status, [("Content-Type", content_type), ("Content-Length", str(len(body)))])
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [body]

    @guarded
    def _answer(self, environ: dict[str, Any]) -> tuple[str, str, bytes]:
        path, method = environ.get("PATH_INFO", "/"), environ["REQUEST_METHOD"]
        if path in self._pages and method in ("GET", "HEAD"):
            content_type, _ = self._pages[path]
            return "200 OK", content_type, self._page(path)
        if path in self._orders and method == "POST":
            # WSGI hands headers over as latin-1 text
            given = environ.get("HTTP_AUTHORIZATION", "").encode("latin-1", "replace")
            if not hmac.compare_digest(given, self._token):
                return "401 Unauthorized", "text/plain", b"wrong or missing bearer token\n"
            status, body = self._orders[path](environ)
            # what is read next shows what was ordered
            self._cache.clear()
            return status, "text/plain", body
        known = path in self._pages or path in self._orders
        return ("405 Method Not Allowed" if known else "404 Not Found"), "text/plain", b"\n"

    def _stop(self, _: dict[str, Any]) -> tuple[str, bytes]:
        self._commands.stop()
        return "202 Accepted", b"stopping\n"

    def _scale(self, environ: dict[str, Any]) -> tuple[str, bytes]:
        try:
            workers = json.loads(environ["wsgi.input"].read(BODY_LIMIT))["workers"]
        except (ValueError, TypeError, KeyError):
            workers = None
        if type(workers) is not int or workers < 1:
            return "400 Bad Request", b'write {"workers": 3}, with a whole number of at least 1\n'
        self._commands.scale(workers)
        return "202 Accepted", b"scaling\n"

    def _page(self, path: str) -> bytes:
        made, body = self._cache.get(path, (0.0, b""))
        if not body or time.monotonic() - made > CACHE_SECONDS:
            body = self._pages[path][1]()
            self._cache[path] = (time.monotonic(), body)
        return body
