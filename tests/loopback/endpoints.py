"""What the Hub answers, endpoint by endpoint."""

import base64
import hashlib
import json
import re
from typing import Any

import yaml

from .store import LARGE, File, Repository

OWNER, READER, STRANGER = "hf_ownerWrites", "hf_ownerReads", "hf_strangerWrites"
TOKENS = {  # who has it, and what it may do
    OWNER: ("user", "write"),
    READER: ("user", "read"),
    STRANGER: ("stranger", "write"),
}


class Refused(Exception):
    """An answer that is no success."""

    def __init__(self, status: int, message: str, code: str | None = None, **headers: str):
        super().__init__(message)
        self.status, self.headers = status, {"X-Error-Message": message, **headers}
        if code:
            self.headers["X-Error-Code"] = code


class Endpoints:
    """The endpoints, for a request handler that has these."""

    hub: Any
    headers: Any
    query: dict[str, list[str]]

    def send(self, status: int, data: bytes, headers: dict[str, str]) -> None:
        raise NotImplementedError

    def _json(self, value: Any, status: int = 200) -> None:
        self.send(status, json.dumps(value).encode(), {"Content-Type": "application/json"})

    def _who(self) -> tuple[str | None, str | None]:
        """Who asks, and what the token may do."""
        header = self.headers.get("Authorization")
        if header is None:
            return None, None
        token = header.removeprefix("Bearer ")
        if token not in TOKENS:
            raise Refused(401, "Invalid credentials in Authorization header")
        return TOKENS[token]

    def _repo(self, kind: str, repo: str, writes: bool = False) -> Repository:
        user, may = self._who()
        found = self.hub.repos.get((kind, repo))
        if found is None or (found.private and user != found.owner):
            raise Refused(404 if user else 401, "Repository not found", "RepoNotFound")
        if writes and user is None:
            raise Refused(401, "Authentication required")
        if writes and (user != found.owner or may != "write"):
            raise Refused(403, "you need to have write access")
        return found

    def _resolved(self, repo: Repository, revision: str) -> str:
        oid = repo.resolve(revision)
        if oid is None:
            raise Refused(404, "Invalid rev id", "RevisionNotFound")
        return oid

    def whoami(self, body: bytes) -> None:
        user, _ = self._who()
        if user is None:
            raise Refused(401, "Authentication required")
        self._json({"type": "user", "name": user, "orgs": []})

    def create(self, body: bytes) -> None:
        user, may = self._who()
        wanted = json.loads(body)
        owner = wanted["organization"] or user
        if user is None:
            raise Refused(401, "Authentication required")
        if owner != user or may != "write":
            raise Refused(403, "you don't have the rights to create a repo there")
        kind, name = wanted.get("type") or "model", f"{owner}/{wanted['name']}"
        url = f"{self.hub.url}/{name}" if kind == "model" else f"{self.hub.url}/{kind}s/{name}"
        with self.hub.lock:
            if (kind, name) in self.hub.repos:
                return self._json({"error": "You already created this repo", "url": url}, 409)
            private = wanted.get("visibility") == "private" or wanted.get("private", False)
            self.hub.repos[kind, name] = Repository(owner, private)
        self._json({"url": url, "name": name})

    def validate(self, body: bytes) -> None:
        content = json.loads(body)["content"]
        front = re.match(r"---\n(.*?)\n---\n", content, re.DOTALL)
        try:
            valid = front is None or isinstance(yaml.safe_load(front[1]), dict)
        except yaml.YAMLError:
            valid = False
        errors = [] if valid else [{"message": "no valid front matter"}]
        warnings = [] if front else [{"message": "empty or missing yaml metadata"}]
        self._json({"errors": errors, "warnings": warnings}, 200 if valid else 400)

    def info(self, body: bytes, kind: str, repo: str, revision: str = "main") -> None:
        found = self._repo(kind, repo)
        oid = self._resolved(found, revision)
        siblings = [{"rfilename": name} for name in found.commits[oid].files]
        self._json({"id": repo, "sha": oid, "private": found.private, "siblings": siblings})

    def auth_check(self, body: bytes, kind: str, repo: str, write: str = "") -> None:
        self._repo(kind, repo, writes=bool(write))
        self._json({})

    def tree(self, body: bytes, kind: str, repo: str, revision: str, under: str = "") -> None:
        found = self._repo(kind, repo)
        files = found.commits[self._resolved(found, revision)].files
        top = f"{under.strip('/')}/" if under else ""
        entries, folders = [], set()
        for path, file in files.items():
            if not path.startswith(top):
                continue
            inside = path.removeprefix(top).partition("/")
            if inside[1] and self.query.get("recursive") != ["true"]:
                folders.add(f"{top}{inside[0]}")
                continue
            entry = {"type": "file", "path": path, "size": len(file.data), "oid": file.oid}
            if file.is_large:
                entry["lfs"] = {"oid": file.oid, "size": len(file.data), "pointerSize": 134}
            entries.append(entry)
        folder = {"type": "directory", "size": 0, "oid": "0" * 40}
        self._json([*entries, *(folder | {"path": path} for path in sorted(folders))])

    def branch(self, body: bytes, kind: str, repo: str, name: str) -> None:
        found = self._repo(kind, repo, writes=True)
        if name in found.refs:
            raise Refused(409, "Reference already exists")
        start = (json.loads(body) if body else {}).get("startingPoint") or "main"
        found.refs[name] = self._resolved(found, start)
        self._json({})

    def delete_branch(self, body: bytes, kind: str, repo: str, name: str) -> None:
        del self._repo(kind, repo, writes=True).refs[name]
        self._json({})

    def tag(self, body: bytes, kind: str, repo: str, revision: str) -> None:
        found = self._repo(kind, repo, writes=True)
        found.refs[json.loads(body)["tag"]] = self._resolved(found, revision)
        self._json({})

    def preupload(self, body: bytes, kind: str, repo: str, revision: str) -> None:
        found = self._repo(kind, repo, writes="create_pr" not in self.query)
        present = found.commits[self._resolved(found, revision)].files
        files = []
        for file in json.loads(body)["files"]:
            mode = "lfs" if file["path"].endswith(LARGE) else "regular"
            answer = {"path": file["path"], "uploadMode": mode, "shouldIgnore": False}
            if file["path"] in present:
                answer["oid"] = present[file["path"]].oid
            files.append(answer)
        self._json({"files": files})

    def lfs_batch(self, body: bytes, kind: str, repo: str) -> None:
        self._repo(kind, repo)
        objects = []
        for wanted in json.loads(body)["objects"]:
            if wanted["oid"] not in self.hub.large:
                href = f"{self.hub.url}/lfs/{wanted['oid']}"
                wanted["actions"] = {"upload": {"href": href}}
            objects.append(wanted)
        self._json({"transfer": "basic", "objects": objects})

    def lfs_put(self, body: bytes, oid: str) -> None:
        if hashlib.sha256(body).hexdigest() != oid:
            raise Refused(400, "this is something else than was announced")
        self.hub.large[oid] = body
        self.send(200, b"", {})

    def commit(self, body: bytes, kind: str, repo: str, revision: str) -> None:
        proposes = "create_pr" in self.query
        found = self._repo(kind, repo, writes=not proposes)
        changes: dict[str, File | None] = {}
        title = ""
        for line in map(json.loads, body.splitlines()):
            value = line["value"]
            match line["key"]:
                case "header":
                    title = value["summary"]
                case "file":
                    changes[value["path"]] = File(base64.b64decode(value["content"]), False)
                case "lfsFile" if value["oid"] in self.hub.large:
                    changes[value["path"]] = File(self.hub.large[value["oid"]], True)
                case "deletedFile":
                    changes[value["path"]] = None
                case other:
                    raise Refused(400, f"cannot commit {other} of {value}")
        with self.hub.lock:
            base = self._resolved(found, revision)
            number = 1 + sum(name.startswith("refs/pr/") for name in found.refs)
            branch = f"refs/pr/{number}" if proposes else revision
            oid = found.commit(base, branch, changes, title)
        answer = {"commitUrl": f"{self.hub.url}/{repo}/commit/{oid}", "commitOid": oid}
        if proposes:
            answer["pullRequestUrl"] = f"{self.hub.url}/{repo}/discussions/{number}"
        self._json(answer)

    def resolve(self, body: bytes, kind: str, repo: str, revision: str, file: str) -> None:
        found = self._repo(kind, repo)
        oid = self._resolved(found, revision)
        if file not in found.commits[oid].files:
            raise Refused(404, "Entry not found", "EntryNotFound", **{"X-Repo-Commit": oid})
        contents = found.commits[oid].files[file]
        headers = {"ETag": f'"{contents.oid}"', "X-Repo-Commit": oid, "Accept-Ranges": "bytes"}
        data, size = contents.data, len(contents.data)
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range") or "")
        if asked is None:
            return self.send(200, data, headers)
        first, last = int(asked[1]), min(int(asked[2] or size), size - 1)
        if first >= size:
            raise Refused(416, "no such bytes")
        headers["Content-Range"] = f"bytes {first}-{last}/{size}"
        self.send(206, data[first : last + 1], headers)


_NAME, _REVISION = r"(?P<repo>[^/]+/[^/]+)", r"(?P<revision>[^/]+)"
_API = rf"/api/(?P<kind>models|datasets|spaces)/{_NAME}"
_SITE = rf"/(?P<kind>datasets/|spaces/)?{_NAME}"
ROUTES = (
    (r"GET /api/whoami-v2", Endpoints.whoami),
    (r"POST /api/repos/create", Endpoints.create),
    (r"POST /api/validate-yaml", Endpoints.validate),
    (rf"GET {_API}(/revision/{_REVISION})?", Endpoints.info),
    (rf"GET {_API}/auth-check(?P<write>/write)?", Endpoints.auth_check),
    (rf"GET {_API}/tree/{_REVISION}(?P<under>/.*)?", Endpoints.tree),
    (rf"POST {_API}/branch/(?P<name>[^/]+)", Endpoints.branch),
    (rf"DELETE {_API}/branch/(?P<name>[^/]+)", Endpoints.delete_branch),
    (rf"POST {_API}/tag/{_REVISION}", Endpoints.tag),
    (rf"POST {_API}/preupload/{_REVISION}", Endpoints.preupload),
    (rf"POST {_API}/commit/{_REVISION}", Endpoints.commit),
    (rf"POST {_SITE}\.git/info/lfs/objects/batch", Endpoints.lfs_batch),
    (r"PUT /lfs/(?P<oid>[0-9a-f]{64})", Endpoints.lfs_put),
    (rf"(GET|HEAD) {_SITE}/resolve/{_REVISION}/(?P<file>.+)", Endpoints.resolve),
)
