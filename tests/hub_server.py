"""A Hugging Face Hub of this process: repositories of small files, with the few routes that models need."""

import base64
import hashlib
import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Hub(BaseHTTPRequestHandler):
    """Each repository has one commit, which is named by its content."""

    repositories: dict[str, dict[str, bytes]]

    def log_message(self, *arguments):
        """Says nothing."""

    def answer(self, body=b"", status=200, **headers):
        if not isinstance(body, bytes):
            body = json.dumps(body).encode()
        self.send_response(status)
        for name, value in {"Content-Length": len(body), **headers}.items():
            self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def do_GET(self):  # noqa: N802
        self.do_HEAD()

    def do_HEAD(self):  # noqa: N802
        repository, _, rest = self.path.lstrip("/").partition("/resolve/")
        revision, _, name = rest.partition("/")
        files = self.repositories.get(repository)
        if files is None:
            return self.answer(status=404, X_Error_Code="RepoNotFound")
        if revision not in ("main", commit_of(files)):
            return self.answer(status=404, X_Error_Code="RevisionNotFound")
        if name not in files:
            return self.answer(status=404, X_Error_Code="EntryNotFound", X_Repo_Commit=commit_of(files))
        etag = f'"{hashlib.sha1(files[name]).hexdigest()}"'
        self.answer(files[name], ETag=etag, X_Repo_Commit=commit_of(files))

    def do_POST(self):  # noqa: N802
        body = self.rfile.read(int(self.headers["Content-Length"]))
        repository = "/".join(self.path.split("/")[3:5])
        if self.path == "/api/repos/create":
            asked = json.loads(body)
            name = f"{asked['organization']}/{asked['name']}"
            self.repositories.setdefault(name, {})
            self.answer({"url": f"https://huggingface.co/{name}", "name": name})
        elif self.path == "/api/validate-yaml":
            self.answer({"errors": [], "warnings": []})
        elif "/preupload/" in self.path:
            files = [{"path": file["path"], "uploadMode": "regular"} for file in json.loads(body)["files"]]
            self.answer({"files": [{**file, "shouldIgnore": False, "oid": None} for file in files]})
        else:
            for line in map(json.loads, body.splitlines()):
                if line["key"] == "file":
                    self.repositories[repository][line["value"]["path"]] = base64.b64decode(line["value"]["content"])
            oid = commit_of(self.repositories[repository])
            self.answer(
                {"commitOid": oid, "commitUrl": f"https://huggingface.co/{repository}/commit/{oid}", "hookOutput": ""}
            )


def commit_of(files):
    """Name of the commit that holds these files."""
    return hashlib.sha1(b"".join(name.encode() + content for name, content in sorted(files.items()))).hexdigest()


@contextmanager
def serve_hub(monkeypatch, cache):
    """Runs a Hub in the place of the real one, with an empty cache; yields its repositories."""
    from huggingface_hub import constants

    handler = type("Handler", (Hub,), {"repositories": {}})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    endpoint = f"http://127.0.0.1:{server.server_port}"
    template = constants.HUGGINGFACE_CO_URL_TEMPLATE.replace(constants.ENDPOINT, endpoint)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr(constants, "ENDPOINT", endpoint)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))
    monkeypatch.setenv("HF_TOKEN", "hf_test")
    try:
        yield handler.repositories
    finally:
        server.shutdown()
        server.server_close()
