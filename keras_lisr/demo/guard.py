"""What stands between the page's server and everything else that a browser shows."""

import re
from typing import Any
from urllib.parse import urlsplit

# Gradio's server can do more than this page needs, such as fetching what other servers have: nothing else is answered.
PATHS = re.compile(
    r"/|/(assets|static)/.+|/(config|theme\.css|favicon\.ico|manifest\.json)|"
    r"/gradio_api/(upload|upload_progress|run/predict|queue/join|queue/data|heartbeat/\w+|startup-events)"
)
FILES = "/gradio_api/file="
# The page has scripts and styles of its own alone, and nothing in it may ask any other server for anything.
HEADERS = {
    "content-security-policy": (
        "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
        "img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self' data: blob:; worker-src 'self' blob:; "
        "object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
    ),
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}


class Guard:
    """ASGI middleware that answers what the page asks, and nothing else.

    A server on 127.0.0.1 is within reach of every page that the same browser shows: such a page may send it forms, and
    read its answers if a name of its own leads to 127.0.0.1. Requests from other origins, and requests for other names
    than those that the server is known by, are therefore refused.

    Args:
        app: ASGI application, of Gradio.
        folder: The only folder whose files are given away.
        hosts: Names that the server is known by; None for any.
    """

    def __init__(self, app: Any, folder: str, hosts: frozenset[str] | None):
        self.app = app
        self.folder = folder
        self.hosts = hosts

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """Handles a request."""

        async def send_guarded(message):
            if message["type"] == "http.response.start":
                ours = [(name.encode(), value.encode()) for name, value in HEADERS.items()]
                theirs = [header for header in message["headers"] if header[0].decode().lower() not in HEADERS]
                message = {**message, "headers": [*theirs, *ours]}
            await send(message)

        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
        elif scope["type"] == "http" and self.is_of_page(scope["headers"]) and self.is_for_page(scope["path"]):
            await self.app(scope, receive, send_guarded)
        elif scope["type"] == "http":
            headers = [(b"content-type", b"text/plain; charset=utf-8")]
            await send_guarded({"type": "http.response.start", "status": 403, "headers": headers})
            await send_guarded({"type": "http.response.body", "body": b"This server is for its own page alone.\n"})
        else:  # The page uses no websocket.
            await send({"type": "websocket.close", "code": 1008})

    def is_of_page(self, headers: list[tuple[bytes, bytes]]) -> bool:
        """Whether a request reached the server by one of its names, and comes from no other page."""
        said = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in headers}
        host = said.get("host", "")
        if self.hosts is not None and hostname(host) not in self.hosts:
            return False
        return "origin" not in said or said["origin"].partition("://")[2] == host

    def is_for_page(self, path: str) -> bool:
        """Whether a path is one that the page asks for."""
        return path.startswith(f"{FILES}{self.folder}/") or PATHS.fullmatch(path) is not None


def hostname(host: str) -> str | None:
    """The name in a Host header, without the port.

    Example:

    >>> hostname("localhost:7860"), hostname("[::1]:7860"), hostname("[broken")
    ('localhost', '::1', None)
    """
    try:
        return urlsplit(f"//{host}").hostname
    except ValueError:
        return None
