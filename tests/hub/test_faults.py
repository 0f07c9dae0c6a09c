"""What goes wrong on the way is said in one sentence, and the next call succeeds."""

import functools
import os
import signal
import subprocess
import sys
import threading
import traceback
from pathlib import Path

import pytest

import hub
from isa_eqx import ISA, ISAConfig

from ..conftest import HUB, SMALL, assert_same, filled, slow
from ..loopback import OWNER, READER, STRANGER

REPO = "user/isa"
SECRET = "hf_neverToBePrinted"
WEIGHTS = "GET .*model.safetensors"
WIDE = SMALL | dict(slot_size=64, hidden_size=64, encoder_channels=(32, 64))


@pytest.fixture(autouse=True)
def repos(monkeypatch, model):
    monkeypatch.setattr("time.sleep", lambda _: None)  # the client's, between tries
    HUB.clear()
    monkeypatch.setenv("HF_TOKEN", OWNER)
    model.push_to_hub(REPO)
    model.push_to_hub("user/secret", private=True)
    HUB.put("user/empty", {"notes.txt": b"nothing here"})
    HUB.put("user/half", {"config.json": HUB.files(REPO)["config.json"]})
    monkeypatch.delenv("HF_TOKEN")


@pytest.fixture(scope="module")
def model():
    return filled(ISAConfig(**WIDE))


def refusal(kind, call):
    """The message of an error, one sentence, nowhere with a token in it."""
    with pytest.raises(kind) as caught:
        call()
    said = "".join(traceback.format_exception(caught.value))
    assert not any(token in said for token in (OWNER, READER, STRANGER, SECRET))
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("user/secret", {}, "user/secret: no folder of that name is here, and the Hub has no such"),
        ("user/secret", {"token": STRANGER}, "or a private one: check the name, or log in with"),
        (
            "user/secret",
            {"token": SECRET},
            "config.json of user/secret@main: the Hub refuses it",
        ),
        ("user/nothing", {}, "user/nothing: no folder of that name is here, and the Hub has no"),
        (f"{REPO}@v9", {}, "config.json of user/isa@v9: no such revision; name a branch, a"),
        ("user/empty", {}, "config.json of user/empty@main: no such file there, so it holds no"),
        ("user/half", {}, "model.safetensors of user/half@main: no such file there, so it"),
        (REPO, {"token": True}, "config.json of user/isa@main: nobody is logged in; log in with"),
        (REPO, {"token": f"{SECRET}\n"}, "the token is empty or holds spaces"),
        (REPO, {"revision": "../../../up"}, "a revision is a branch, tag or commit, got '../../.."),
        (f"{REPO}@", {}, "a revision is a branch, tag or commit, got ''"),
        (f"{REPO}@main", {"revision": "v1"}, "names another revision than 'v1': leave out one"),
        (
            "../up/model",
            {},
            "'../up/model' is no folder here; a model on the Hub is called",
        ),
        ("/no/such/folder", {}, "'/no/such/folder' is no folder here"),
        ("model", {}, "'model' is no folder here; a model on the Hub is called user/name"),
        ("user/mo..del", {}, "mo..del"),
        ("", {}, "'' is no folder here"),
        ("user/isa\n", {}, r"'user/isa\n' is no folder here"),
        (Path("user/isa"), {}, "there is no folder 'user/isa'; name a repo of the Hub by a string"),
    ],
)
def test_what_cannot_be_had_is_said(tmp_path, name, options, message):
    cache = tmp_path / "a" / "cache"
    pull = functools.partial(ISA.from_pretrained, name, cache_dir=cache, **options)
    assert message in refusal(ValueError, pull)
    assert {path.name for path in tmp_path.rglob("*") if path.is_file()} <= {
        "config.json", "CACHEDIR.TAG", "main", "model.safetensors", *lock_names(tmp_path)
    }  # fmt: skip
    assert {path.name for path in tmp_path.iterdir()} <= {"a"}


def lock_names(folder):
    """What the client's cache calls contents and locks: by their ETag."""
    return {path.name for path in folder.rglob("*") if {"blobs", ".locks"} & set(path.parts)}


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        (REPO, {"token": False}, "pushing to user/isa: the Hub refuses it ("),
        (REPO, {"token": SECRET}, "pushing to user/isa: the Hub refuses it ("),
        (REPO, {"token": READER}, "pushing to user/isa: the Hub refuses it ("),
        (
            REPO,
            {"token": STRANGER},
            "pushing to user/isa: the Hub refuses it (",
        ),
        (
            "other/new",
            {"token": OWNER},
            "pushing to other/new: the Hub refuses it (",
        ),
        (REPO, {"token": OWNER, "revision": "a b"}, "a revision is a branch, tag or commit"),
        ("no name at all", {"token": OWNER}, "a repo on the Hub is called user/name, got 'no name"),
        ("name", {"token": OWNER}, "a repo on the Hub is called user/name, got 'name'"),
        ("user\\name", {"token": OWNER}, "a repo on the Hub is called user/name"),
    ],
)
def test_what_cannot_be_pushed_is_said(model, name, options, message):
    before = HUB.repo(REPO).refs.copy()
    assert message in refusal(ValueError, lambda: model.push_to_hub(name, **options))
    assert HUB.repo(REPO).refs == before


@pytest.mark.parametrize("token", [False, READER, STRANGER])
def test_a_repo_is_not_to_be_had_by_all_who_see_it(token):
    claim = functools.partial(hub.create_repo, REPO, token=token)
    message = refusal(ValueError, claim)
    assert f"pushing to {REPO}: the Hub refuses it (" in message
    assert "log in with `hf auth login`, set HF_TOKEN" in message


def test_a_token_that_cannot_be_sent_is_not_printed(monkeypatch, tmp_path):
    monkeypatch.setenv("HF_TOKEN", f"{SECRET}\u00fc")
    pull = functools.partial(ISA.from_pretrained, REPO, cache_dir=tmp_path)
    assert "the token holds characters" in refusal(ValueError, pull)


@pytest.mark.parametrize(
    ("status", "kind", "message"),
    [
        (403, ValueError, "the Hub refuses it ("),
        (451, ValueError, "the Hub refuses it (Client error '451"),
        (429, ConnectionError, "the Hub did not answer (429"),
        (500, ConnectionError, "the Hub did not answer (Server error '500"),
    ],
)
@pytest.mark.parametrize("method", ["HEAD", "GET"])
def test_what_the_hub_answers_is_what_is_said(tmp_path, status, kind, message, method):
    pull = functools.partial(ISA.from_pretrained, REPO, cache_dir=tmp_path)
    with HUB.fault(f"{method} .*config.json", times=99, status=status):
        said = refusal(kind, pull)
    assert message in said and f"config.json of {REPO}@main" in said


def test_offline_a_cached_model_loads_and_another_is_named(model, tmp_path):
    ISA.from_pretrained(REPO, cache_dir=tmp_path)
    HUB.requests.clear()
    offline = dict(cache_dir=tmp_path, local_files_only=True)
    assert_same(ISA.from_pretrained(REPO, **offline), model)
    for name in ("user/half", f"{REPO}@v9"):
        message = refusal(ConnectionError, functools.partial(ISA.from_pretrained, name, **offline))
        assert f"config.json of {name}" in message and "is not in the cache" in message
        assert "is not in the cache: go online, without local_files_only" in message
    assert HUB.requests == []


@pytest.mark.parametrize(
    "environment", [{"HF_HUB_OFFLINE": "1"}, slow({"HF_ENDPOINT": "http://127.0.0.1:9"})]
)
def test_without_a_network_likewise(tmp_path, environment):
    ISA.from_pretrained(REPO, cache_dir=tmp_path)
    HUB.requests.clear()
    program = f"""
from isa_eqx import ISA
ISA.from_pretrained({REPO!r}, cache_dir={str(tmp_path)!r})
try:
    ISA.from_pretrained("user/half", cache_dir={str(tmp_path)!r})
except ConnectionError as error:
    print(error)
"""
    command = [sys.executable, "-c", program]
    said = subprocess.run(command, capture_output=True, text=True, env=os.environ | environment)
    assert said.stdout.startswith("config.json of user/half@main is not in the cache"), said.stderr
    assert said.stdout.count("\n") == 1 and HUB.requests == []


@pytest.mark.parametrize("tenth", range(10))
def test_a_download_that_is_cut_goes_on_where_it_was(model, tmp_path, tenth):
    size = len(HUB.files(REPO)["model.safetensors"])
    HUB.requests.clear()
    with HUB.fault(WEIGHTS, drop=size * tenth // 10) as fault:
        pulled = ISA.from_pretrained(REPO, cache_dir=tmp_path)
    assert fault.times == 0 and sum("GET" in r and "model" in r for r in HUB.requests) == 2
    assert_same(pulled, model)


@pytest.mark.parametrize("file", ["config.json", "model.safetensors"])
@pytest.mark.parametrize(
    "fault",
    [
        dict(status=500),
        dict(status=503),
        dict(stall=2.5),
        dict(drop=100, stall=2.5),
        dict(short=100),
    ],
)
@pytest.mark.parametrize("method", ["HEAD", "GET"])
def test_one_fault_is_retried_or_said_and_the_next_call_succeeds(
    model, tmp_path, file, fault, method
):
    with HUB.fault(f"{method} .*{file}", **fault) as fault:
        try:
            pulled = ISA.from_pretrained(REPO, cache_dir=tmp_path)
        except ConnectionError as error:
            assert f"{file} of {REPO}" in str(error) and "try again" in str(error)
            pulled = ISA.from_pretrained(REPO, cache_dir=tmp_path)
    assert fault.times == 0
    assert_same(pulled, model)


def test_a_download_that_never_ends_well_is_said_and_the_next_call_succeeds(model, tmp_path):
    pull = functools.partial(ISA.from_pretrained, REPO, cache_dir=tmp_path)
    with HUB.fault(WEIGHTS, times=99, drop=0):
        message = refusal(ConnectionError, pull)
    assert message.startswith("model.safetensors of user/isa@") and message.endswith("try again.")
    assert_same(pull(), model)


@pytest.mark.parametrize("request_", ["PUT /lfs", "POST .*/commit/", "POST .*/preupload/"])
@pytest.mark.parametrize("fault", [dict(status=500), dict(status=403), dict(stall=0.1)])
@pytest.mark.parametrize("branch", ["main", "new", "proposal"])
def test_a_push_is_whole_or_not_at_all(tmp_path, request_, fault, branch):
    other = filled(ISAConfig(**WIDE | dict(num_slots=5)))
    before, refs = HUB.files(REPO), HUB.repo(REPO).refs.copy()
    where = dict(create_pr=True) if branch == "proposal" else dict(revision=branch)
    branch = "refs/pr/1" if branch == "proposal" else branch
    with HUB.fault(request_, **fault) as fault:
        try:
            other.push_to_hub(REPO, token=OWNER, **where)
        except (ConnectionError, ValueError) as error:
            assert "\n" not in str(error) and REPO in str(error)
            assert HUB.files(REPO) == before and HUB.repo(REPO).refs == refs
            other.push_to_hub(REPO, token=OWNER, **where)
    assert fault.times == 0 and len(HUB.repo(REPO).history(branch)) == 3
    assert_same(ISA.from_pretrained(REPO, revision=branch, cache_dir=tmp_path), other)


def test_an_answer_that_is_lost_takes_no_commit_with_it(model, tmp_path):
    other = filled(ISAConfig(**WIDE | dict(num_slots=5)))
    push = functools.partial(other.push_to_hub, REPO, token=OWNER, revision="new")
    with HUB.fault("POST .*/commit/", drop=0):
        refusal(ConnectionError, push)
    assert_same(ISA.from_pretrained(REPO, revision="new", cache_dir=tmp_path), other)
    push()
    assert len(HUB.repo(REPO).history("new")) == 3


@pytest.mark.parametrize(
    "request_", ["/api/repos/create", "/auth-check", "/api/validate-yaml", "/preupload/", "/lfs"]
)
@pytest.mark.parametrize("status", [200, 502])
def test_what_answers_in_place_of_the_hub_is_said(request_, status):
    """A captive portal, say, or a proxy."""
    other = filled(ISAConfig(**WIDE | dict(num_slots=5)))
    refs = HUB.repo(REPO).refs.copy()
    with HUB.fault(request_, times=99, status=status):
        try:
            other.push_to_hub(REPO, token=OWNER)
        except ConnectionError as error:
            assert str(error).startswith(f"pushing to {REPO}: ") and "\n" not in str(error)
            assert HUB.repo(REPO).refs == refs


def test_a_gated_repo_says_where_to_ask(tmp_path):
    pull = functools.partial(ISA.from_pretrained, REPO, cache_dir=tmp_path)
    with HUB.fault("HEAD .*config.json", times=9, status=403, code="GatedRepo"):
        assert "ask for access on the repo's page" in refusal(ValueError, pull)


def test_a_push_offline_says_why(model, tmp_path):
    model.save_pretrained(tmp_path)
    command = [sys.executable, "-m", "hub.push", str(tmp_path), REPO]
    environment = os.environ | {"HF_TOKEN": OWNER, "HF_HUB_OFFLINE": "1"}
    said = subprocess.run(command, capture_output=True, text=True, env=environment)
    wanted = f"error: pushing to {REPO}: HF_HUB_OFFLINE is set; unset it to go online."
    assert said.returncode == 1 and said.stderr.splitlines()[-1] == wanted


def test_a_killed_push_leaves_the_repo_as_it_was(tmp_path):
    filled(ISAConfig(**WIDE | dict(num_slots=5))).save_pretrained(tmp_path / "run")
    before = HUB.files(REPO)
    command = [sys.executable, "-m", "hub.push", str(tmp_path / "run"), REPO]
    with HUB.fault("PUT /lfs", times=99, stall=60) as fault:
        process = subprocess.Popen(command, env=os.environ | {"HF_TOKEN": OWNER})
        while fault.times == 99:
            assert process.poll() is None
            threading.Event().wait(0.05)
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert HUB.files(REPO) == before and len(HUB.repo(REPO).history()) == 2


@pytest.mark.slow
def test_twenty_processes_pull_into_one_cache(model, tmp_path):
    program = f"""
import os, huggingface_hub, numpy as np, hub
from isa_eqx import ISA
for number in range(20):
    if os.fork() == 0:
        break
else:
    os._exit(any([os.waitpid(-1, 0)[1] for _ in range(20)]))
model = ISA.from_pretrained({REPO!r}, cache_dir={str(tmp_path / "cache")!r})
model.save_pretrained({str(tmp_path)!r} + f"/{{number}}")
os._exit(0)
"""
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert said.returncode == 0, said.stderr
    for number in range(20):
        assert_same(ISA.from_pretrained(tmp_path / str(number)), model)
    offline = dict(cache_dir=tmp_path / "cache", local_files_only=True)
    assert_same(ISA.from_pretrained(REPO, **offline), model)
