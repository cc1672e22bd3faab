import hashlib
import http.server
import threading

import pytest

from cnnzoo.data.download import RemoteFile, cache_folder, fetch, keras_home

PAYLOAD = b"published bytes"
SHA256 = hashlib.sha256(PAYLOAD).hexdigest()


@pytest.fixture
def server(monkeypatch):
    """A server on loopback that publishes the payload, and counts how often it is asked."""

    class Handler(http.server.BaseHTTPRequestHandler):
        asked = 0

        def do_GET(self):
            type(self).asked += 1
            if self.path != "/file.bin":
                self.send_error(404)
                return
            self.send_response(200)
            self.send_header("Content-Length", str(len(PAYLOAD)))
            self.end_headers()
            self.wfile.write(PAYLOAD)

        def log_message(self, *args):
            return

    for exempt in ("no_proxy", "NO_PROXY"):
        monkeypatch.setenv(exempt, "127.0.0.1")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        running.handler = Handler
        running.url = f"http://127.0.0.1:{running.server_port}/file.bin"
        yield running
        running.shutdown()
        thread.join()


def test_a_file_is_downloaded_once_and_then_cached(server):
    file = RemoteFile("file.bin", server.url, SHA256)
    assert fetch(file).read_bytes() == PAYLOAD
    assert fetch(file) == cache_folder() / "file.bin"
    assert server.handler.asked == 1


def test_a_wrong_hash_leaves_nothing_behind(server):
    with pytest.raises(ValueError, match=f"expected SHA-256 {'0' * 64}; nothing was kept"):
        fetch(RemoteFile("file.bin", server.url, "0" * 64))
    assert list(cache_folder().iterdir()) == []


def test_a_damaged_file_in_the_cache_is_replaced(server):
    cache_folder().mkdir(parents=True)
    (cache_folder() / "file.bin").write_bytes(PAYLOAD[:-1])
    assert fetch(RemoteFile("file.bin", server.url, SHA256)).read_bytes() == PAYLOAD


def test_the_keras_cache_is_used_only_when_its_hash_is_right(server):
    in_keras_cache = keras_home() / "datasets" / "file.bin"
    in_keras_cache.parent.mkdir(parents=True)
    in_keras_cache.write_bytes(PAYLOAD)
    assert fetch(RemoteFile("file.bin", server.url, SHA256)) == in_keras_cache
    in_keras_cache.write_bytes(PAYLOAD[:-1])
    assert fetch(RemoteFile("file.bin", server.url, SHA256)) == cache_folder() / "file.bin"


@pytest.mark.parametrize("missing", ["host", "file"])
def test_without_the_file_the_error_says_where_to_place_it(server, missing):
    url = "http://127.0.0.1:9/file.bin" if missing == "host" else f"{server.url}.gone"
    with pytest.raises(ConnectionError, match=f"Place it at '.*file.bin', SHA-256 {SHA256}, or give its `path`"):
        fetch(RemoteFile("file.bin", url, SHA256))
    assert not (cache_folder() / "file.bin").exists()
