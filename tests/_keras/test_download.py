"""The downloads, from a server on loopback that misbehaves in the ways in which mirrors do."""

import hashlib
import http.server
import random
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from types import SimpleNamespace

import filelock
import pytest

from cnnzoo._keras import download
from cnnzoo._keras.cache import keras_home
from cnnzoo._keras.download import ATTEMPTS, CHUNK, SPARE_DISK, RemoteFile, cache_folder, fetch

SIZE = 8 * CHUNK
HALF = SIZE // 2
PAYLOAD = random.Random(0).randbytes(SIZE)
GARBAGE = bytes(SIZE)
SHA256 = hashlib.sha256(PAYLOAD).hexdigest()
PIECE = 1 << 16  # bytes that the server sends at once
SLOW = 0.02  # seconds that a slow server rests after each piece: 0.64 for the file

ANSWERS = {
    "good": lambda ask: ask.send(),
    "good-without-ranges": lambda ask: ask.send(ranges=False),
    "good-without-length": lambda ask: ask.send(says_length=False),
    "slow": lambda ask: ask.send(rest=SLOW),
    "moved": lambda ask: ask.redirect("good"),
    "circle": lambda ask: ask.redirect("circle"),
    "forbidden": lambda ask: ask.send_error(403),
    "gone": lambda ask: ask.send_error(404),
    "busy": lambda ask: ask.send_error(500),
    "busy-once": lambda ask: ask.send_error(500) if ask.turn == 1 else ask.send(),
    "breaks-off": lambda ask: ask.send(half=True),
    "breaks-off-once": lambda ask: ask.send(half=ask.turn == 1),
    "breaks-off-once-without-ranges": lambda ask: ask.send(half=ask.turn == 1, ranges=False),
    "breaks-off-then-416": lambda ask: ask.send_error(416) if ask.range else ask.send(half=ask.turn == 1),
    "416": lambda ask: ask.send_error(416),
    "silent": lambda ask: ask.stall(),
    "stalls": lambda ask: ask.send(half=True, then_stall=True),
    "stalls-once": lambda ask: ask.send(half=ask.turn == 1, then_stall=ask.turn == 1),
    "other-file": lambda ask: ask.send(GARBAGE),
    "shorter-file": lambda ask: ask.send(PAYLOAD[:-1]),
    "longer-file": lambda ask: ask.send(PAYLOAD + b"!"),
    "longer-file-without-length": lambda ask: ask.send(PAYLOAD + b"!", says_length=False),
    "garbage": lambda ask: ask.send(GARBAGE[:HALF], ranges=False, says_length=False),
    "garbage-once": lambda ask: ask.send(GARBAGE[:HALF], says_length=False) if ask.turn == 1 else ask.send(),
}


@dataclass
class Asked:
    """What the server was asked, and how much of a file it sent in answer."""

    name: str
    range: str | None
    sent: int = 0

    @property
    def start(self):
        """The first byte asked for."""
        return int(re.fullmatch(r"bytes=(\d+)-", self.range)[1]) if self.range else 0


class Ask(http.server.BaseHTTPRequestHandler):
    """One request; the table above says how it is answered."""

    def do_GET(self):
        self.asked = Asked(self.path[1:], self.headers.get("Range"))
        self.server.asked.append(self.asked)
        self.range = self.asked.range
        self.turn = self.server.names.count(self.asked.name)
        ANSWERS[self.asked.name](self)

    def send(self, body=PAYLOAD, *, ranges=True, says_length=True, half=False, then_stall=False, rest=0.0):
        start = self.asked.start if ranges else 0
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
        if says_length:
            self.send_header("Content-Length", str(len(body) - start))
        self.end_headers()
        end = (start + len(body)) // 2 if half else len(body)
        for first in range(start, end, PIECE):
            piece = body[first : min(first + PIECE, end)]
            self.asked.sent += len(piece)
            self.wfile.write(piece)
            time.sleep(rest)
        if then_stall:
            self.stall()

    def redirect(self, name):
        self.send_response(302)
        self.send_header("Location", f"/{name}")
        self.end_headers()

    def stall(self):
        self.server.closing.wait()

    def log_message(self, *args):
        return


class Server(http.server.ThreadingHTTPServer):
    """A server on loopback that records what it is asked."""

    daemon_threads = False  # so that they are joined at the end

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Ask)
        self.asked = []
        self.closing = threading.Event()

    @property
    def names(self):
        return [asked.name for asked in self.asked]

    def handle_error(self, request, client_address):
        if not isinstance(sys.exc_info()[1], ConnectionError):  # a client that hangs up is no error here
            super().handle_error(request, client_address)

    def file(self, *names):
        """The file, as published under these names of the table."""
        return published(*(f"http://127.0.0.1:{self.server_port}/{name}" for name in names))


def published(*urls):
    return RemoteFile("file.bin", urls, SIZE, SHA256, "file-of-keras.bin")


@pytest.fixture
def server():
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        yield running
        running.closing.set()
        running.shutdown()
        thread.join()


@pytest.fixture
def dead():
    """An address where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    return f"http://127.0.0.1:{port}/file.bin"


@pytest.fixture(autouse=True)
def _loopback_and_short_waits(monkeypatch):
    for exempt in ("no_proxy", "NO_PROXY"):
        monkeypatch.setenv(exempt, "127.0.0.1")
    monkeypatch.setattr(download, "BACK_OFF", 0.01)


def place():
    """Where the file belongs."""
    return cache_folder() / "file.bin"


def left_in_cache():
    """The paths in our cache, without the lock."""
    return {str(path.relative_to(cache_folder())) for path in cache_folder().rglob("*")} - {".file.bin.lock"}


def put(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def start_process(file, stderr=None):
    """Start a process that says when it is ready, and fetches the file once it is sent a line."""
    code = f"from cnnzoo._keras.download import RemoteFile, fetch; print('ready', flush=True); input(); fetch({file!r})"
    pipe = subprocess.PIPE
    return subprocess.Popen([sys.executable, "-c", code], stdin=pipe, stdout=pipe, stderr=stderr, text=True)


def let_fetch(process):
    process.stdin.write("\n")
    process.stdin.flush()


def wait_until(condition, process):
    """Wait until the condition holds, or the process has ended."""
    while not condition() and process.poll() is None:
        time.sleep(0.002)


def test_a_file_is_downloaded_once_and_then_cached(server):
    file = server.file("good")
    assert fetch(file) == place()
    assert place().read_bytes() == PAYLOAD
    assert fetch(file) == place()
    assert server.asked == [Asked("good", None, SIZE)]


def test_nothing_but_the_file_stays_in_the_cache(server):
    fetch(server.file("breaks-off-once"))
    assert left_in_cache() == {"file.bin"}


def test_nothing_is_printed_where_no_terminal_shows_it(server):
    with start_process(server.file("good"), stderr=subprocess.PIPE) as process:
        assert process.communicate("\n") == ("ready\n", "")
    assert left_in_cache() == {"file.bin"}


def test_a_file_whose_length_the_server_does_not_say_is_downloaded(server):
    assert fetch(server.file("good-without-length")).read_bytes() == PAYLOAD


@pytest.mark.parametrize("name", ["gone", "forbidden"])
def test_a_lasting_refusal_goes_to_the_next_mirror_at_once(server, name):
    assert fetch(server.file(name, "good")).read_bytes() == PAYLOAD
    assert server.names == [name, "good"]


def test_a_passing_refusal_is_asked_again(server):
    assert fetch(server.file("busy-once")).read_bytes() == PAYLOAD
    assert server.names == ["busy-once", "busy-once"]


def test_a_mirror_that_stays_busy_is_left_after_all_attempts(server):
    assert fetch(server.file("busy", "good")).read_bytes() == PAYLOAD
    assert server.names == ["busy"] * ATTEMPTS + ["good"]


def test_each_attempt_waits_twice_as_long_as_the_one_before(server, monkeypatch):
    naps = []
    monkeypatch.setattr(download, "time", SimpleNamespace(sleep=naps.append))
    fetch(server.file("busy", "good"))
    assert naps == [0.01, 0.02, 0.04]


def test_half_a_file_is_gone_on_with_by_range(server):
    assert fetch(server.file("breaks-off-once")).read_bytes() == PAYLOAD
    first, second = server.asked
    assert (first.range, first.sent) == (None, HALF)
    assert HALF - CHUNK <= second.start <= HALF
    assert second.sent == SIZE - second.start


def test_half_a_file_is_gone_on_with_at_the_next_mirror(server):
    assert fetch(server.file("breaks-off", "good")).read_bytes() == PAYLOAD
    assert server.names[-2:] == ["breaks-off", "good"]
    assert server.names.count("breaks-off") > ATTEMPTS  # as long as it gets further
    assert HALF < server.asked[-1].start == SIZE - server.asked[-1].sent


def test_half_a_file_is_gone_on_with_in_the_next_call(server):
    with pytest.raises(ConnectionError):
        fetch(server.file("breaks-off"))
    assert not place().exists()
    assert fetch(server.file("good")).read_bytes() == PAYLOAD
    assert HALF < server.asked[-1].start == SIZE - server.asked[-1].sent


def test_without_range_support_half_a_file_is_started_over(server):
    assert fetch(server.file("breaks-off-once-without-ranges")).read_bytes() == PAYLOAD
    assert [asked.sent for asked in server.asked] == [HALF, SIZE]
    assert server.asked[1].range  # it was asked for the rest, and sent everything


def test_a_range_that_the_server_refuses_is_started_over(server):
    assert fetch(server.file("breaks-off-then-416")).read_bytes() == PAYLOAD
    assert [bool(asked.range) for asked in server.asked] == [False, True, False]
    assert [asked.sent for asked in server.asked] == [HALF, 0, SIZE]


def test_a_server_that_refuses_even_the_whole_as_a_range_is_left_for_the_next(server):
    assert fetch(server.file("416", "good")).read_bytes() == PAYLOAD


WRONG = {
    "other-file": r"wrong file \(hash mismatch\)",
    "shorter-file": f"wrong file: {SIZE - 1:,} bytes, expected {SIZE:,}",
    "longer-file": f"wrong file: {SIZE + 1:,} bytes, expected {SIZE:,}",
    "longer-file-without-length": f"wrong file: more than {SIZE:,} bytes",
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_file_is_refused_and_the_next_mirror_used(server, name):
    assert fetch(server.file(name, "good")).read_bytes() == PAYLOAD
    assert server.asked[1:] == [Asked("good", None, SIZE)]
    assert left_in_cache() == {"file.bin"}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_file_never_gets_the_name_of_the_right_one(server, name):
    with pytest.raises(ConnectionError, match=WRONG[name]):
        fetch(server.file(name))
    assert server.names == [name]
    assert not place().exists()


def test_a_wrong_file_whose_length_the_server_says_is_not_even_received(server):
    put(cache_folder() / ".file.bin.partial" / "part", PAYLOAD[:HALF])
    with pytest.raises(ConnectionError, match=WRONG["longer-file"]):
        fetch(server.file("longer-file"))
    assert fetch(server.file("good")).read_bytes() == PAYLOAD
    assert server.asked[-1] == Asked("good", f"bytes={HALF}-", HALF)


def test_garbage_that_one_mirror_began_does_not_spoil_the_next(server):
    assert fetch(server.file("garbage", "good")).read_bytes() == PAYLOAD
    assert server.names == ["garbage"] * ATTEMPTS + ["good"] * 2
    assert [asked.sent for asked in server.asked[-2:]] == [SIZE - HALF, SIZE]


def test_garbage_that_a_mirror_sent_once_does_not_spoil_its_next_answers(server):
    assert fetch(server.file("garbage-once")).read_bytes() == PAYLOAD


@pytest.mark.parametrize("length", [HALF, SIZE, SIZE + 1])
def test_garbage_that_an_earlier_call_left_does_not_spoil_this_one(server, length):
    put(cache_folder() / ".file.bin.partial" / "part", bytes(length))
    assert fetch(server.file("good")).read_bytes() == PAYLOAD
    assert left_in_cache() == {"file.bin"}


def test_a_stalled_download_is_gone_on_with(server, monkeypatch):
    monkeypatch.setattr(download, "READ_TIMEOUT", 0.3)
    began = time.monotonic()
    assert fetch(server.file("stalls-once")).read_bytes() == PAYLOAD
    assert time.monotonic() - began < 10
    assert HALF - CHUNK <= server.asked[1].start == SIZE - server.asked[1].sent


def test_a_silent_mirror_is_given_up(server, monkeypatch):
    monkeypatch.setattr(download, "READ_TIMEOUT", 0.3)
    assert fetch(server.file("silent", "good")).read_bytes() == PAYLOAD
    assert server.names == ["silent"] * ATTEMPTS + ["good"]


def test_a_mirror_that_keeps_stalling_is_given_up_when_it_gets_no_further(server, monkeypatch):
    monkeypatch.setattr(download, "READ_TIMEOUT", 0.3)
    assert fetch(server.file("stalls", "good")).read_bytes() == PAYLOAD
    assert server.names[-2:] == ["stalls", "good"]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("gone", "HTTP status 404"),
        ("busy", "HTTP status 500"),
        ("silent", "timeout"),
        ("stalls", "timeout"),
        ("breaks-off", "the connection was lost"),
    ],
)
def test_the_error_says_why_an_address_failed(server, monkeypatch, name, reason):
    monkeypatch.setattr(download, "READ_TIMEOUT", 0.3)
    with pytest.raises(ConnectionError, match=f"/{name}: {reason}"):
        fetch(server.file(name))


def test_a_redirect_is_followed(server):
    assert fetch(server.file("moved")).read_bytes() == PAYLOAD
    assert server.names == ["moved", "good"]


def test_redirects_in_a_circle_are_given_up(server):
    assert fetch(server.file("circle", "good")).read_bytes() == PAYLOAD
    assert server.names == ["circle"] * 31 + ["good"]  # `requests` follows 30


def test_a_dead_host_is_left_at_once_for_the_next(server, dead, monkeypatch):
    naps = []
    monkeypatch.setattr(download, "time", SimpleNamespace(sleep=naps.append))
    assert fetch(published(dead, *server.file("good").urls)).read_bytes() == PAYLOAD
    assert naps == []


def test_a_dead_proxy_is_left_at_once_too(monkeypatch):
    naps = []
    monkeypatch.setattr(download, "time", SimpleNamespace(sleep=naps.append))
    with pytest.raises(ConnectionError, match=r"http://published\.invalid/file\.bin: host unreachable"):
        fetch(published("http://published.invalid/file.bin"))
    assert naps == []


def test_without_any_address_the_error_says_what_to_place_where(server, dead):
    with pytest.raises(ConnectionError) as caught:
        fetch(published(dead, *server.file("gone").urls))
    message = str(caught.value)
    assert message.startswith("file.bin could not be downloaded")
    assert f"{dead}: host unreachable; {server.file('gone').urls[0]}: HTTP status 404" in message
    assert f"Place it at '{place()}' ({SIZE:,} bytes, SHA-256 {SHA256}), or pass the path" in message


def test_the_error_names_the_hash_of_a_damaged_file_in_the_place(dead):
    put(place(), PAYLOAD[:-1])
    found = hashlib.sha256(PAYLOAD[:-1]).hexdigest()
    with pytest.raises(ConnectionError, match=rf"SHA-256 {SHA256}; the file there now has SHA-256 {found}\)"):
        fetch(published(dead))
    assert place().read_bytes() == PAYLOAD[:-1]


def test_a_file_that_was_placed_as_the_error_says_is_used(dead):
    put(place(), PAYLOAD)
    assert fetch(published(dead)) == place()


DAMAGED = pytest.mark.parametrize("damaged", [PAYLOAD[:-1], GARBAGE], ids=["size", "hash"])


def test_a_right_file_in_the_keras_cache_is_used(server):
    in_keras_cache = put(keras_home() / "datasets" / "file-of-keras.bin", PAYLOAD)
    assert fetch(server.file("good")) == in_keras_cache
    assert server.asked == []


@DAMAGED
def test_a_damaged_file_in_the_keras_cache_is_left_alone(server, damaged):
    in_keras_cache = put(keras_home() / "datasets" / "file-of-keras.bin", damaged)
    assert fetch(server.file("good")) == place()
    assert place().read_bytes() == PAYLOAD
    assert in_keras_cache.read_bytes() == damaged


@DAMAGED
def test_a_damaged_file_in_our_cache_is_replaced(server, damaged):
    put(place(), damaged)
    assert fetch(server.file("good")) == place()
    assert place().read_bytes() == PAYLOAD


def test_too_little_disk_is_found_before_the_server_is_asked(server, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=SIZE + SPARE_DISK - 1))
    needed, free = (f"{size / 1e6:,.0f} MB" for size in (SIZE + SPARE_DISK, SIZE + SPARE_DISK - 1))
    with pytest.raises(
        OSError, match=f"file.bin needs {needed} of disk space in '{cache_folder()}'; only {free} are free"
    ):
        fetch(server.file("good"))
    assert server.asked == []
    assert not place().exists()


@pytest.mark.parametrize("begun", [0, HALF])
def test_disk_is_enough_for_what_is_still_missing(server, monkeypatch, begun):
    put(cache_folder() / ".file.bin.partial" / "part", PAYLOAD[:begun])
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=SIZE - begun + SPARE_DISK))
    assert fetch(server.file("good")).read_bytes() == PAYLOAD


def test_a_cache_that_cannot_be_written_is_named(server, monkeypatch, tmp_path):
    home = put(tmp_path / "file", b"") / "cnnzoo"
    monkeypatch.setenv("CNNZOO_HOME", str(home))
    with pytest.raises(OSError, match=rf"The cache '{home}' cannot be written \(.+\)\. Set CNNZOO_HOME to another"):
        fetch(server.file("good"))
    assert server.asked == []


def test_a_tilde_in_the_caches_name_is_the_home_folder(server, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    for home in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(home, str(tmp_path / "home"))
    monkeypatch.setenv("CNNZOO_HOME", "~/cnnzoo")
    assert fetch(server.file("good")) == tmp_path / "home" / "cnnzoo" / "file.bin"


def test_two_processes_at_once_download_once(server):
    file = server.file("slow")
    with start_process(file) as one, start_process(file) as other:
        for process in (one, other):
            assert process.stdout.readline() == "ready\n"
        for process in (one, other):
            let_fetch(process)
        assert (one.wait(30), other.wait(30)) == (0, 0)
    assert place().read_bytes() == PAYLOAD
    assert server.asked == [Asked("slow", None, SIZE)]
    assert left_in_cache() == {"file.bin"}


def test_who_waited_for_another_process_leaves_nothing_behind(server):
    cache_folder().mkdir(parents=True)
    with filelock.FileLock(cache_folder() / ".file.bin.lock"):
        waiting = threading.Thread(target=fetch, args=(server.file("good"),))
        waiting.start()
        time.sleep(0.3)  # until it waits for the lock
        put(place(), PAYLOAD)
    waiting.join()
    assert server.asked == []
    assert left_in_cache() == {"file.bin"}


@pytest.mark.slow
def test_a_kill_at_any_moment_leaves_no_wrong_file_and_is_recovered_from(server):
    file = server.file("slow")
    moments = random.Random(0)

    def begun():
        return bool(server.asked)

    def sent():
        return begun() and server.asked[-1].start + server.asked[-1].sent == SIZE

    for seen, at_most in ((begun, 0.5), (sent, 0.03)) * 10:  # in the midst of it; while it is verified and renamed
        server.asked.clear()
        with start_process(file) as process:
            let_fetch(process)
            wait_until(seen, process)
            time.sleep(moments.uniform(0, at_most))
            process.kill()
        if place().exists():  # it was done before; the next starts anew
            assert place().read_bytes() == PAYLOAD
            place().unlink()
    shutil.rmtree(cache_folder())
    with start_process(file) as process:
        let_fetch(process)
        wait_until(lambda: any(path.is_file() and path.stat().st_size for path in cache_folder().rglob("*")), process)
        process.kill()
    assert not place().exists()
    assert fetch(file).read_bytes() == PAYLOAD
    assert server.asked[-1].start == SIZE - server.asked[-1].sent > 0
    assert left_in_cache() == {"file.bin"}
