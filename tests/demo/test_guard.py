import asyncio

import pytest

from keras_lisr.demo.guard import HEADERS, Guard

LOCAL = frozenset({"127.0.0.1", "localhost", "::1"})


def answer(headers, path="/", hosts=LOCAL, kind="http"):
    """What the guard sends for a request to a server that greets everybody."""
    sent = []

    async def greet(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": [(b"Referrer-Policy", b"unsafe-url")]})
        await send({"type": "http.response.body", "body": b"hello"})

    async def send(message):
        sent.append(message)

    pairs = [(name.encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": kind, "path": path, "headers": pairs}
    asyncio.run(Guard(greet, "/tmp/folder", hosts)(scope, None, send))
    return sent


@pytest.mark.parametrize("headers", [{"host": "127.0.0.1:1"}, {"host": "[::1]:1", "origin": "http://[::1]:1"}])
def test_its_own_page_is_answered_under_a_policy(headers):
    start, body = answer(headers)
    assert start["status"] == 200 and body["body"] == b"hello"
    assert {name.decode(): value.decode() for name, value in start["headers"]} == HEADERS


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"host": "evil.example:7860", "origin": "http://evil.example:7860"},  # A name that leads to 127.0.0.1.
        {"host": "127.0.0.1:7860", "origin": "http://127.0.0.1:8000"},
        {"host": "127.0.0.1:7860", "origin": "null"},
        {"host": "[127.0.0.1"},
    ],
)
def test_others_are_refused(headers):
    start, body = answer(headers)
    assert start["status"] == 403 and b"hello" not in body["body"]


@pytest.mark.parametrize("path", ["/gradio_api/file=/tmp/folder/a/in.png", "/gradio_api/upload", "/assets/index.js"])
def test_what_the_page_asks_for_is_answered(path):
    assert answer({"host": "localhost"}, path)[0]["status"] == 200


@pytest.mark.parametrize(
    "path",
    [
        "/gradio_api/file=/etc/passwd",
        "/gradio_api/file=/tmp/folder_of_another/in.png",
        "/gradio_api/file=http://example.com/in.png",
        "/gradio_api/proxy=http://example.com/in.png",
        "/gradio_api/call/predict",
        "/gradio_api/upload\n",
        "/docs",
        "",
    ],
)
def test_nothing_else_is_answered(path):
    assert answer({"host": "localhost"}, path)[0]["status"] == 403


def test_a_server_for_others_has_any_name_but_one_origin():
    assert answer({"host": "demo.example"}, hosts=None)[0]["status"] == 200
    assert answer({"host": "demo.example", "origin": "http://evil.example"}, hosts=None)[0]["status"] == 403


def test_websockets_are_closed():
    assert [message["type"] for message in answer({"host": "127.0.0.1"}, kind="websocket")] == ["websocket.close"]
