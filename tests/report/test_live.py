"""The page that lives: what it knows of run folders, whom it answers, and what it hands out."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import itertools
import json
import math
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from click.testing import CliRunner
from live_factory import STEPS, ended, make_run, trial, write_plan

from anncore.cli.group import cli
from anncore.report.live.arms import Arms, style_rules
from anncore.report.live.board import Board
from anncore.report.live.curves import curve_of
from anncore.report.live.finished import file_of
from anncore.report.live.guard import Guard
from anncore.report.live.machine import Workers, machine
from anncore.report.live.run import LiveRun
from anncore.report.theme import DARK, LIGHT
from anncore.running.progress import driver, running
from anncore.running.store import Store

LIMIT = 20  # seconds after which a test stops waiting
HOSTILE = ("<script>alert(1)</script>", "\u202egnp.exe", "\"'`&amp;\x1b[31m", "</title>\nx")


def never() -> bool:
    return False


def looked(folder: Path, arms: Arms | None = None) -> dict[str, Any]:
    """Return the parts of a run folder that is looked at for the first time."""
    run = LiveRun(folder, folder.name, arms or Arms())
    assert not run.update(never)
    return run.parts


def old(folder: Path) -> None:
    """Let the store's last change be long ago."""
    os.utime(folder / "trials.sqlite", (1e9, 1e9))


# What the page knows


def test_counts_and_lines_are_those_of_the_trials(tmp_path: Path) -> None:
    fast = [trial("adam", "xor", seed, "lr=1") for seed in range(3)]
    slow = [trial("adam", "xor", seed, "lr=0.1") for seed in range(3)]
    lost = [trial("sgd", "xor", seed) for seed in range(2)]
    results = [
        ended(fast[0], (9.0, 5.0, 1.0)),
        ended(fast[1], (8.0, 4.0, 3.0)),
        ended(fast[2], (7.0, 6.0, 2.0)),
        ended(slow[0], (9.0, 3.0, 2.5)),
        ended(lost[0], (9.0, 9.0, 9.0), "diverged"),
        ended(lost[1], status="failed", error="Traceback\nValueError: no"),
    ]
    make_run(tmp_path, [*fast, *slow, *lost], results, report=4)
    old(tmp_path)
    parts = looked(tmp_path)
    head = parts["head"]
    assert head["phases"]["tune"] == {"ok": 4, "diverged": 1, "failed": 1, "missing": 2}
    assert (head["state"], head["done"], head["planned"]) == ("stopped", 6, 12)
    problem = parts["problem/0"]
    assert problem["cells"]["tune"] == [[0, 6, 4, 0, 0, 0, 0], [1, 2, 0, 1, 1, 0, 0]]
    (line,) = problem["lines"]  # of adam alone; lr=1 ends at the median 2, lr=0.1 at 2.5
    assert line == {
        **{"arm": 0, "config": "lr=1", "seeds": 3, "steps": list(STEPS), "values": [8.0, 5.0, 2.0]},
    }
    groups = parts["failures"]["groups"]
    assert [(group["status"], group["count"], group["arms"]) for group in groups] == [
        ("failed", 1, [1]),
        ("diverged", 1, [1]),
    ]
    assert groups[0]["line"] == "ValueError: no"
    assert groups[0]["text"] == "Traceback\nValueError: no"


def test_the_lines_of_a_problem_are_those_of_the_final_runs_once_there_are_some(tmp_path: Path) -> None:
    tuned = trial("adam", "xor", 0)
    final = [trial("adam", "xor", seed, phase="report") for seed in (10, 11)]
    make_run(tmp_path, [tuned], [ended(tuned)], report=2)
    run = LiveRun(tmp_path, "x", Arms())
    run.update(never)
    assert run.parts["problem/0"]["phase"] == "tune"
    with Store(tmp_path / "trials.sqlite") as store:
        store.plan("report", final)
        store.add([ended(final[0], (5.0, 4.0, 0.5))])
        run.update(never)
        assert run.parts["problem/0"]["phase"] == "report"
        assert run.parts["problem/0"]["lines"][0]["values"] == [5.0, 4.0, 0.5]
        assert run.parts["head"]["state"] == "between"
        store.add([ended(final[1], (7.0, 4.0, 1.5))])
    run.update(never)
    assert run.parts["problem/0"]["lines"][0]["values"] == [6.0, 4.0, 1.0]
    assert run.parts["head"]["state"] == "finished"
    assert run.parts["head"]["words"] == "All trials have ended; there is no report yet."


def test_trials_that_ended_early_have_their_part_in_a_line(tmp_path: Path) -> None:
    trials = [trial("adam", "xor", seed) for seed in range(2)]
    whole, short = ended(trials[0], (9.0, 5.0, 1.0)), ended(trials[1], (7.0, 3.0))
    short = (short[0], short[1]._replace(steps=(0, 10)))
    make_run(tmp_path, trials, [whole, short])
    line = looked(tmp_path)["problem/0"]["lines"][0]
    assert line["steps"] == [0, 10, 20]
    assert line["values"] == [8.0, 4.0, 1.0]


def test_long_curves_are_thinned_and_keep_their_ends(tmp_path: Path) -> None:
    one = trial("adam", "xor", 0)
    steps = tuple(range(0, 20_010, 10))
    values = tuple(float(step) for step in steps)
    _, result = ended(one)
    make_run(tmp_path, [one], [(one, result._replace(steps=steps, curves={"valid_loss": values}))])
    line = looked(tmp_path)["problem/0"]["lines"][0]
    assert len(line["steps"]) <= 33
    assert (line["steps"][0], line["steps"][-1]) == (0, 20_000)
    assert line["steps"] == line["values"]


def test_a_folder_through_all_its_states(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    run = LiveRun(folder, "run", Arms())

    def state() -> str:
        run.update(never)
        return str(run.parts["head"]["state"])

    assert state() == "waiting"
    trials = [trial("adam", "xor", seed) for seed in range(3)]
    write_plan(folder, trials)
    assert state() == "waiting"
    make_run(folder, trials)
    old(folder)
    assert state() == "stopped"
    progress = {"phase": "tune", "done": 0.5, "total": 3, "share": 0.2, "elapsed": 1.0, "left": 4.0}
    content = {"pid": os.getpid(), "time": time.time(), **progress}
    (folder / "running.json").write_text(json.dumps(content))
    assert state() == "running"
    assert run.parts["head"]["running"] == progress | {"compiled": 0.0}  # an older annx writes none
    assert run.parts["head"]["staff"] == ""
    (folder / "running.json").write_text(json.dumps(content | {"compiled": 1.3}))
    assert state() == "running"
    assert run.parts["head"]["staff"] == "Workers took 1.3 s for kernels."
    (folder / "running.json").unlink()
    with Store(folder / "trials.sqlite") as store:
        store.add(map(ended, trials))
    assert state() == "finished"
    whole = (folder / "trials.sqlite").read_bytes()
    (folder / "trials.sqlite").write_bytes(b"x" * len(whole))
    assert state() == "damaged"
    assert "no store of annx" in run.parts["head"]["words"] or "damaged" in run.parts["head"]["words"]
    (folder / "trials.sqlite").write_bytes(whole)
    assert state() == "finished"
    assert run.parts["head"]["done"] == 3
    shutil.rmtree(folder)
    assert state() == "gone"
    assert run.parts["head"]["done"] == 0
    make_run(folder, trials[:2], [ended(trials[0])])
    old(folder)
    assert state() == "stopped"
    assert (run.parts["head"]["done"], run.parts["head"]["planned"]) == (1, 2)


ODD = ("NaN", "Infinity", "1e999", "true", '"x"', "null", "[]", "9" * 400)


def test_odd_progress_is_none_or_finite_numbers(tmp_path: Path) -> None:
    progress = {"phase": "tune", "done": 0.5, "total": 3, "share": 0.2, "elapsed": 1.0, "left": 4.0}
    for name, value in itertools.product([*progress, "pid", "time", "rate"], ODD):
        content = json.dumps({"pid": os.getpid(), "time": time.time(), **progress, name: "HERE"})
        (tmp_path / "running.json").write_text(content.replace('"HERE"', value))
        event = running(tmp_path)
        driver(tmp_path)
        fine = name == "pid" and value in ("true", ODD[-1])  # of another machine's process nothing is known
        fine = fine or (name in ("left", "rate") and value == "null")
        assert (event is not None) == fine, (name, value)


@pytest.mark.parametrize(
    ("steps", "losses"),
    [
        ((0, 10, 20), (1e300, 1.0, 2.0)),
        ((0, 10, 20), (float("nan"), 1.0, 2.0)),
        ((0, 10, 20), (float("inf"), 1.0, float("-inf"))),
        ((0, 10, 20), (float("nan"),) * 3),
        (("a", None, []), (1.0, 2.0, 3.0)),
        ((0, 10, 10**30), (1.0, 2.0, 3.0)),
        ((0, 10), (1.0, 2.0, 3.0)),
        ((), ()),
    ],
    ids=str,
)
def test_odd_curves_are_no_errors(steps: Any, losses: Any) -> None:
    _, result = ended(trial("adam", "xor", 0))
    curve = curve_of(result._replace(steps=steps, curves={"valid_loss": losses}), "valid_loss")
    assert curve is None or (len(curve.steps) == len(curve.values) and set(curve.values) <= {1.0, 2.0})
    assert (curve is None) == (len(steps) != 3 or steps[2] != 20 or math.isnan(losses[1]))


@pytest.mark.parametrize("plan", ["", "{", "[]", '{"schema": 99}', '{"arms": [1]}'])
def test_without_a_plan_the_store_says_what_there_is(tmp_path: Path, plan: str) -> None:
    make_run(tmp_path, [trial("adam", "xor", 0)], [ended(trial("adam", "xor", 0))])
    (tmp_path / "plan.json").write_text(plan)
    parts = looked(tmp_path)
    assert parts["shape"]["problems"] == ["xor"]
    assert parts["head"]["done"] == 1
    assert parts["problem/0"]["lines"][0]["values"] == [3.0, 2.0, 1.0]


def test_hostile_names_come_out_printable(tmp_path: Path) -> None:
    trials = [trial(name, name, 0, name) for name in HOSTILE]
    results = [ended(one, status="failed", error=HOSTILE[1]) for one in trials]
    make_run(tmp_path, trials, results)
    arms = Arms()
    run = LiveRun(tmp_path, HOSTILE[1], arms)
    run.update(never)
    texts = json.dumps([run.parts, arms.shown(), run.trials({})], ensure_ascii=False)
    assert "\u202e" not in texts
    assert "\\u001b" not in texts
    assert arms.shown()[0]["name"] == HOSTILE[0]  # a page sets it as text
    assert run.parts["shape"]["problems"][3] == "</title> x"


def test_many_arms_share_a_grey_and_few_have_the_reports_colours() -> None:
    arms = Arms()
    for place in range(8):
        arms.number(f"arm {place}")
    assert [one["place"] for one in arms.shown()] == list(range(8))
    arms.number("one more")
    assert [one["place"] for one in arms.shown()] == [*range(7), None, None]
    for light, dark in zip(LIGHT, DARK, strict=True):
        assert light in style_rules()
        assert dark in style_rules()


def test_of_many_arms_the_first_are_shown_and_the_rest_counted(tmp_path: Path) -> None:
    trials = [trial(f"arm {place}", "xor", 0) for place in range(250)]
    make_run(tmp_path, trials, map(ended, trials))
    board = Board([tmp_path])
    while board.look():
        pass
    everything, _ = board.since(0, None, "")
    assert sum(map(len, everything.values())) < 100_000
    shape = json.loads(everything["0/shape"])
    assert (len(shape["arms"]), shape["arms_left"]) == (200, 50)
    assert board.runs[0].trials({"start": "249"})["rows"][49]["arm"] == 249


def test_the_table_of_trials_is_filtered_and_turned(tmp_path: Path) -> None:
    trials = [trial(arm, problem, seed) for arm in "ab" for problem in ("xor", "sine") for seed in range(30)]
    make_run(tmp_path, trials, [ended(one) for one in trials[:90]])
    run = LiveRun(tmp_path, "x", Arms())
    run.update(never)
    assert (run.trials({})["total"], len(run.trials({})["rows"])) == (120, 50)
    second = run.trials({"start": "60"})
    assert (second["start"], len(second["rows"])) == (50, 50)
    assert run.trials({"start": "9999"})["start"] == 100
    assert run.trials({"status": "missing"})["total"] == 30
    assert run.trials({"status": "ok", "arms": "1"})["total"] == 30
    assert run.trials({"find": "SIN", "arms": "0"})["total"] == 30
    assert run.trials({"phase": "report"})["rows"] == []
    for odd in ("-1", "1e9", "x", "9" * 5000, "²"):
        assert run.trials({"start": odd})["start"] == 0
    row = run.trials({"arms": "0"})["rows"][0]
    assert (row["problem"], row["seed"], row["status"], row["score"]) == ("xor", "0", "ok", 1.0)


def test_folders_of_run_folders_are_opened_and_new_ones_found(tmp_path: Path) -> None:
    board = Board([tmp_path])
    board.look()
    assert [run.folder for run in board.runs] == [tmp_path]  # it may become one
    for name in ("one", "two"):
        make_run(tmp_path / name, [trial("adam", "xor", 0)])
    board._searched = -100.0
    board.look()
    changed, sent = board.since(0, None, "")
    index = json.loads(changed["index"])
    assert sorted(one["name"] for one in index) == [str(tmp_path / "one"), str(tmp_path / "two")]
    assert sorted(sent) == [1, 2]
    assert board.since(board.version, None, "")[0] == {}
    only, _ = board.since(0, [2], "nothing of this name")
    assert {name for name in only if "/" in name} == {"2/head", "2/shape", "2/failures", "2/machine"}


def test_run_folders_that_are_left_out_are_counted_on_the_page(tmp_path: Path) -> None:
    """Of 26 run folders the newest 24 are listed; one of the others is named by itself."""
    for number in range(26):
        make_run(tmp_path / f"run{number:02}", [])
        os.utime(tmp_path / f"run{number:02}" / "trials.sqlite", (1e9 + number,) * 2)

    def left(*given: Path) -> tuple[int, str]:
        board = Board(list(given))
        board.look()
        changed, _ = board.since(0, None, "")
        return len(board.runs), json.loads(changed["left"])

    newest = "left out: of a folder that holds run folders this page has the newest 24. "
    two = f"2 older run folders are {newest}To see one, name it: annx serve DIR."
    one = f"1 older run folder is {newest}To see it, name it: annx serve DIR."
    assert left(tmp_path) == (24, two)
    assert left(tmp_path, tmp_path / "run00") == (25, one)
    assert left(tmp_path, tmp_path / "run00", tmp_path / "run01") == (26, "")


def test_the_workers_of_a_cluster_and_another_machine_are_said(tmp_path: Path) -> None:
    make_run(tmp_path, [trial("adam", "xor", 0)])
    progress = {"phase": "tune", "done": 0.5, "total": 3, "share": 0.2, "elapsed": 1.0, "left": 4.0}
    content = {"pid": os.getpid(), "time": time.time(), **progress, "workers": 3, "lost": 1, "rate": 12.0}
    (tmp_path / "running.json").write_text(json.dumps(content))
    cluster = "Workers of the cluster: 3, 1 was lost, 12 trials per second."
    assert looked(tmp_path)["head"]["staff"] == cluster
    (tmp_path / "running.json").write_text(json.dumps(content | {"host": "node7"}))
    assert looked(tmp_path)["head"]["staff"] == f"The sweep runs on node7, another machine. {cluster}"
    (tmp_path / "running.json").write_text(json.dumps(content | {"workers": 0, "lost": 0}))
    assert looked(tmp_path)["head"]["staff"] == ""


@pytest.mark.slow
def test_ten_thousand_trials_are_read_once_and_make_a_page_below_a_megabyte(tmp_path: Path) -> None:
    trials = [
        trial(f"arm {arm}", f"data set {problem}", seed, f"lr={config}")
        for arm in range(10)
        for problem in range(20)
        for config in range(10)
        for seed in range(5)
    ]
    make_run(tmp_path, trials, (ended(one) for one in trials[:-5]))
    board = Board([tmp_path])
    while board.look():
        pass
    run = board.runs[0]
    assert run.parts["head"]["done"] == 9_995
    everything, _ = board.since(0, None, "")
    assert sum(map(len, everything.values())) < 200_000
    read: list[int] = []
    look = run._follower.look

    def counted(*inputs: Any, **options: Any) -> Any:
        brought = look(*inputs, **options)
        read.append(len(brought.rows) + len(brought.results))
        return brought

    run._follower.look = counted  # type: ignore[method-assign]
    version = board.version
    with Store(tmp_path / "trials.sqlite") as store:
        store.add(map(ended, trials[-5:]))
    while board.look():
        pass
    assert sum(read) == 5
    changed, _ = board.since(version, None, "")
    assert {name for name in changed if "problem" in name} == {"0/problem/19"}
    assert sum(map(len, changed.values())) < 20_000


# The machine


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="this system has no /proc")
def test_processes_are_shown_of_a_driver_that_holds_the_folder_only(tmp_path: Path) -> None:
    workers = Workers(tmp_path)
    assert workers.look(os.getpid()) == []
    handle = os.open(tmp_path, os.O_RDONLY)
    try:
        first, *rest = workers.look(os.getpid())
        assert (first["role"], first["pid"]) == ("driver", os.getpid())
        assert first["memory"] > 1_000_000
        assert all(one["role"] == "worker" for one in rest)
    finally:
        os.close(handle)
    assert workers.look(-1) == []
    assert machine(tmp_path)["memory"] > 1_000_000


# Whom it answers


def answer(host: str, *pairs: tuple[str, str], path: str = "/secret/", method: str = "GET") -> int:
    """Return the status of a request with these headers, when the page listens on a host."""
    sent: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        raise AssertionError

    headers = [(name.encode(), value.encode()) for name, value in pairs]
    scope = {"type": "http", "method": method, "path": path, "headers": headers}
    asyncio.run(Guard(app, token="secret", host=host)(scope, receive, send))
    names = {name for name, _ in sent[0]["headers"]}
    assert {b"referrer-policy", b"cache-control", b"x-content-type-options"} <= names
    return int(sent[0]["status"])


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("localhost:8765", 200),
        ("LOCALHOST", 200),
        ("127.0.0.1:9000", 200),  # a tunnel's port
        ("127.1.2.3", 200),
        ("[::1]:8765", 200),
        ("evil.example", 403),
        ("localhost.evil.example:8765", 403),
        ("evil.example@localhost", 200),  # the name of a user is none of a host
        ("localhost@evil.example", 403),
        ("192.168.0.7:8765", 403),
        ("0.0.0.0:8765", 403),
        ("", 403),
        ("[::1", 403),
        ("lokalhost\u0301", 403),
    ],
)
def test_only_names_of_this_machine_are_answered(name: str, status: int) -> None:
    assert answer("127.0.0.1", ("host", name)) == status


def test_on_an_open_address_addresses_are_answered_and_strangers_names_are_not() -> None:
    assert answer("0.0.0.0", ("host", "192.168.0.7:8765")) == 200
    assert answer("0.0.0.0", ("host", socket.gethostname())) == 200
    assert answer("0.0.0.0", ("host", "evil.example")) == 403
    assert answer("box.example", ("host", "box.example:80")) == 200


def test_other_sites_writing_requests_and_those_without_the_token_are_refused() -> None:
    here = ("host", "localhost:8765")
    assert answer("127.0.0.1", here, ("origin", "http://localhost:8765")) == 200
    for origin in ("http://evil.example", "null", "https://localhost:8765", "http://localhost:1", ""):
        assert answer("127.0.0.1", here, ("origin", origin)) == 403
    assert answer("127.0.0.1", here, here) == 403
    assert answer("127.0.0.1") == 403
    for method in ("POST", "PUT", "DELETE", "OPTIONS", "PATCH"):
        assert answer("127.0.0.1", here, method=method) == 405
    for path in ("/", "/secre/", "/secret", "/secretly/", "//secret/", "/SECRET/", "/sécret/"):
        assert answer("127.0.0.1", here, path=path) == 404


# What it hands out


def test_only_plain_files_of_the_run_folder_are_handed_out(tmp_path: Path) -> None:
    folder, secret = tmp_path / "run", tmp_path / "secret.svg"
    (folder / "figures").mkdir(parents=True)
    secret.write_text("mine")
    (folder / "report.html").write_text("<p>good")
    (folder / "figures" / "a.svg").write_text("<svg/>")
    (folder / "figures" / "out.svg").symlink_to(secret)
    (folder / "report.md").symlink_to(secret)
    os.mkfifo(folder / "trials.csv")
    (folder / "plan.json").mkdir()
    assert file_of(folder, "report.html") == (b"<p>good", "text/html; charset=utf-8")
    assert file_of(folder, "figures/a.svg") == (b"<svg/>", "image/svg+xml")
    refused = ("figures/out.svg", "report.md", "trials.csv", "plan.json", "trials.sqlite", "annx.log", "")
    ways_out = ("../secret.svg", "figures/../../secret.svg", str(secret), "figures/", "report.html\0")
    for name in (*refused, *ways_out, "report.html\n"):
        with pytest.raises((FileNotFoundError, PermissionError)):
            file_of(folder, name)


def test_a_report_is_told_from_an_older_one(tmp_path: Path) -> None:
    make_run(tmp_path, [trial("adam", "xor", 0)], [ended(trial("adam", "xor", 0))])
    assert looked(tmp_path)["head"]["report"] is None
    (tmp_path / "report.html").write_text("<p>")
    content = {"answer": {"headline": "adam is better\u202e."}, "counts": {"tune": 1, "report": 0}}
    (tmp_path / "report.json").write_text(json.dumps(content))
    assert looked(tmp_path)["head"]["report"] == {"headline": "adam is better.", "outdated": False}
    content["counts"] = {"tune": 0, "report": 0}
    (tmp_path / "report.json").write_text(json.dumps(content))
    assert looked(tmp_path)["head"]["report"]["outdated"] is True
    for damaged in ("", "[]", '{"answer": 3, "counts": {}}', "[" * 10_000):
        (tmp_path / "report.json").write_text(damaged)
        assert looked(tmp_path)["head"]["report"] == {"headline": "", "outdated": False}


# The server


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("served") / "run"
    trials = [trial(arm, "xor", seed) for arm in ("adam", "sgd") for seed in range(3)]
    make_run(path, trials, map(ended, trials[:4]))
    (path / "report.html").write_text("<script>alert(1)</script>")
    return path


@pytest.fixture(scope="module")
def port(folder: Path) -> Iterator[int]:
    """Serve a run folder in this process; its token is "secret"."""
    pytest.importorskip("starlette")
    pytest.importorskip("uvicorn")
    from anncore.report.live.server import listen, make_server

    listening = listen("127.0.0.1", 0)
    server = make_server(Board([folder, folder.parent / "later"]), "secret", "127.0.0.1")
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    yield listening.getsockname()[1]
    server.should_exit = True
    thread.join(LIMIT)
    listening.close()
    assert not thread.is_alive(), "open connections keep the server from its end"


Get = Callable[..., http.client.HTTPResponse]


@pytest.fixture
def get(port: int) -> Iterator[Get]:
    """Return what asks the server; its connections are closed at the end."""
    opened: list[http.client.HTTPConnection | http.client.HTTPResponse] = []

    def ask(path: str, method: str = "GET", **headers: str) -> http.client.HTTPResponse:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=LIMIT)
        opened.append(connection)
        connection.request(method, f"/secret{path}", headers=headers)
        response = connection.getresponse()
        opened.append(response)
        return response

    yield ask
    for one in opened:
        one.close()


def news(response: http.client.HTTPResponse) -> dict[str, Any]:
    """Return the next event that brings something."""
    while True:
        line = response.readline()
        assert line, "the stream ended"
        if line.startswith(b"data: "):
            event: dict[str, Any] = json.loads(line[6:])
            return event


def test_the_server_hands_out_the_page_and_its_files(get: Get) -> None:
    page = get("/")
    assert page.status == 200
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    size = len(page.read())
    for name, kind in (("live.css", "text/css"), ("live.js", "text/javascript")):
        answer = get(f"/{name}")
        assert answer.headers["content-type"].startswith(kind)
        size += len(answer.read())
    assert size < 60_000
    report = get("/runs/0/report.html")
    assert report.read() == b"<script>alert(1)</script>"
    assert "sandbox" in report.headers["content-security-policy"]
    assert "script-src 'sha256-" in report.headers["content-security-policy"]


def test_the_server_refuses_what_is_not_there(get: Get) -> None:
    for path in (
        *(
            "/nothing",
            "/runs/0/trials.sqlite",
            "/runs/0/../../x",
            "/runs/0/%2e%2e/%2e%2e/x",
            "/runs/9/trials",
        ),
        *(
            "/runs/9/report.html",
            "/runs/0/figures/..%2f..%2fx.svg",
            "/runs/0/report.html%00",
            "/runs/-1/trials",
        ),
    ):
        assert get(path).status == 404, path
    assert get("/", method="POST").status == 405
    assert get("/", Host="evil.example").status == 403
    assert get("/events", Origin="http://evil.example").status == 403
    head = get("/events", method="HEAD")
    assert (head.status, head.read()) == (200, b"")


def test_events_bring_all_at_first_then_what_is_new_and_all_again_after_a_break(
    get: Get, folder: Path
) -> None:
    stream = get("/events")
    assert stream.headers["content-type"].startswith("text/event-stream")
    first = news(stream)
    while "0/problem/0" not in first["parts"]:
        first = news(stream)
    assert first["runs"] == [0, 1]
    assert first["parts"]["0/head"]["done"] == 4
    assert first["parts"]["1/head"]["state"] == "waiting"
    trials = [trial("sgd", "xor", seed) for seed in (1, 2)]
    with Store(folder / "trials.sqlite") as store:
        store.add(map(ended, trials))
        following = news(stream)
        while "0/problem/0" not in following["parts"]:
            following = news(stream)
    assert "0/shape" not in following["parts"]  # the same as before
    assert following["parts"]["0/head"]["done"] == 6
    stream.close()
    again = news(get("/events?runs=0&find=XO"))
    assert again["runs"] == [0]
    assert {"0/head", "0/shape", "0/problem/0", "index", "arms"} <= set(again["parts"])
    table = json.loads(get("/runs/0/trials?status=ok&arms=1").read())
    assert table["total"] == 3


def test_odd_questions_are_no_errors(get: Get) -> None:
    for query in ("runs=", "runs=9,x,-1", f"runs={'9' * 5000}", "find=%00%ff", "runs=%C2%B2"):
        stream = get(f"/events?{query}")
        assert stream.status == 200
        stream.close()
    assert get("/runs/0/trials?start=%ff&status=%00&arms=,,x").status == 200


# The command


def test_without_the_extra_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "anncore.report.live.server", raising=False)
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    result = CliRunner().invoke(cli, ["serve", "somewhere"])
    assert result.exit_code == 2
    assert result.stderr == "annx: 'annx serve' needs starlette and uvicorn: pip install 'annx[serve]'.\n"


def test_a_place_where_one_cannot_listen_is_said_in_one_line() -> None:
    pytest.importorskip("uvicorn")
    pytest.importorskip("starlette")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = CliRunner().invoke(cli, ["serve", "--port", str(port)])
    assert result.exit_code == 2
    assert result.stderr == (
        f"annx: 127.0.0.1, port {port}, cannot be listened on: Address already in use; "
        "give another --port, or none.\n"
    )
    result = CliRunner().invoke(cli, ["serve", "--host", ""])
    assert result.stderr == "annx: --host is empty; write 0.0.0.0 for every address of this machine.\n"
    result = CliRunner().invoke(cli, ["serve", "--host", "203.0.113.1"])
    assert result.exit_code == 2
    assert result.stderr.startswith("annx: 203.0.113.1 cannot be listened on: ")
    assert result.stderr.endswith("give another --host.\n")


@pytest.mark.slow
def test_ctrl_c_ends_it_at_once_while_somebody_looks(tmp_path: Path) -> None:
    pytest.importorskip("uvicorn")
    pytest.importorskip("starlette")
    make_run(tmp_path, [trial("adam", "xor", 0)])
    command = [sys.executable, "-m", "anncore", "serve", str(tmp_path), "--port", "0", "--json"]
    piped = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "stdin": subprocess.DEVNULL}
    process = subprocess.Popen(command, **piped)  # type: ignore[call-overload]
    killer = threading.Timer(3 * LIMIT, process.kill)  # so that no wait below is without end
    killer.start()
    try:
        address = urlsplit(json.loads(process.stdout.read1())["address"])
        assert address.hostname == "127.0.0.1"
        assert len(address.path) > 30
        connection = http.client.HTTPConnection("127.0.0.1", address.port, timeout=LIMIT)
        with contextlib.closing(connection):
            connection.request("GET", f"{address.path}events")
            with connection.getresponse() as stream:
                assert news(stream)["parts"]["0/head"]["name"] == str(tmp_path)
                process.send_signal(signal.SIGINT)
                assert process.wait(LIMIT) == 0
        assert process.stderr.read() == b""
    finally:
        killer.cancel()
        process.kill()
        process.communicate()
