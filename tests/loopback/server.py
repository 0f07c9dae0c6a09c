"""The endpoints of the Hub that `huggingface_hub` uses, on a loopback address, with faults."""

import contextlib
import dataclasses
import json
import re
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from .endpoints import ROUTES, Endpoints, Refused
from .store import LARGE, File, Repository


@dataclasses.dataclass
class Fault:
    """What goes wrong with the next `times` requests whose method and path match, once `after` of
    them have gone well.

    - `status`: answer that, with a page that is not the Hub's, or with this error `code` of its.
    - `short`: announce and send so many bytes of the body, and no more.
    - `drop`: hang up after so many bytes of the body.
    - `stall`: say nothing for so many seconds before hanging up; without `drop`, from the start.
    """

    match: str
    times: int = 1
    after: int = 0
    status: int | None = None
    code: str | None = None
    short: int | None = None
    drop: int | None = None
    stall: float | None = None


class LoopbackHub:
    """A Hub in threads of this process, which end with it."""

    def __init__(self) -> None:
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.hub = self  # type: ignore[attr-defined]
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self.clear()
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def clear(self) -> None:
        """Forget everything."""
        self.repos: dict[tuple[str, str], Repository] = {}
        self.large: dict[str, bytes] = {}
        self.faults: list[Fault] = []
        self.requests: list[str] = []
        self.lock = threading.Lock()

    def repo(self, repo_id: str, kind: str = "model") -> Repository:
        return self.repos[kind, repo_id]

    def files(self, repo_id: str, revision: str = "main", kind: str = "model") -> dict[str, bytes]:
        """What is in a repo."""
        repo = self.repo(repo_id, kind)
        found = repo.commits[repo.refs.get(revision, revision)].files
        return {name: file.data for name, file in found.items()}

    def put(
        self, repo_id: str, files: dict[str, bytes], private: bool = False, kind: str = "model"
    ) -> str:
        """Files into a repo, made if absent, as if someone had pushed them."""
        owner = repo_id.split("/")[0]
        repo = self.repos.setdefault((kind, repo_id), Repository(owner, private))
        changes = {name: File(data, name.endswith(LARGE)) for name, data in files.items()}
        return repo.commit(repo.refs["main"], "main", changes, "put")

    @contextlib.contextmanager
    def fault(self, match: str, **what: Any) -> Iterator[Fault]:
        """While the block runs, the fault may happen."""
        fault = Fault(match, **what)
        self.faults.append(fault)
        try:
            yield fault
        finally:
            self.faults.remove(fault)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: Any) -> None:
        if not isinstance(sys.exception(), ConnectionError):  # clients may go away
            super().handle_error(*_)


class _Handler(Endpoints, BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else a body waits 40 ms for its head to be acknowledged

    def log_message(self, *_: Any) -> None:
        pass

    @property
    def hub(self) -> LoopbackHub:
        return self.server.hub  # type: ignore[attr-defined]

    def do_GET(self) -> None:
        self._fault = None
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        request = f"{self.command} {self.path}"
        with self.hub.lock:
            self.hub.requests.append(request)
            for fault in self.hub.faults:
                if fault.times and re.search(fault.match, request):
                    if fault.after:
                        fault.after -= 1
                        continue
                    fault.times -= 1
                    self._fault = fault
                    break
        try:
            if self._fault and self._fault.stall is not None and self._fault.drop is None:
                threading.Event().wait(self._fault.stall)
                self.close_connection = True
                return
            if self._fault and self._fault.code is not None:
                raise Refused(self._fault.status, "not you", self._fault.code)
            if self._fault and self._fault.status is not None:
                return self.send(self._fault.status, b"<html>out of order</html>", {})
            self._answer(body)
        except Refused as refused:
            text = json.dumps({"error": str(refused)}).encode()
            self.send(refused.status, text, refused.headers)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    do_HEAD = do_POST = do_PUT = do_DELETE = do_GET

    def send(self, status: int, data: bytes, headers: dict[str, str]) -> None:
        if self._fault and self._fault.short is not None and self.command != "HEAD":
            data = data[: self._fault.short]
        self.send_response(status)
        for name, value in {"Content-Length": str(len(data)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "HEAD":
            return
        if self._fault and self._fault.drop is not None:
            data, self.close_connection = data[: self._fault.drop], True
        self.wfile.write(data)
        if self._fault and self._fault.stall is not None:
            threading.Event().wait(self._fault.stall)

    def _answer(self, body: bytes) -> None:
        parts = urlsplit(self.path)
        self.query = parse_qs(parts.query)
        for pattern, method in ROUTES:
            match = re.fullmatch(pattern, f"{self.command} {parts.path}")
            if match:
                found = {name: unquote(text) for name, text in match.groupdict().items() if text}
                if "repo" in found:  # datasets say so in their address; models mostly do not
                    found["kind"] = found.get("kind", "model").rstrip("s/")
                return method(self, body, **found)
        raise Refused(501, f"no endpoint for {self.command} {self.path}")
