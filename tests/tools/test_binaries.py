"""A binary is found, or an error says what to do. Nothing here builds or downloads."""

import hashlib
import http.server
import json
import threading
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from testbed import binaries, building, pins, releases
from testbed.errors import ToolMissing

EVERY_BINARY = {
    "kube-apiserver",
    "kube-controller-manager",
    "etcd",
    "prometheus",
    "promtool",
    "alertmanager",
    "amtool",
    "prometheus-operator",
    "kubectl",
    "helm",
    "helm3",
    "kind",
}


@pytest.fixture(autouse=True)
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    cache = tmp_path / "cache"
    monkeypatch.setenv("CRM_MONITORING_TOOLS_CACHE", str(cache))
    monkeypatch.delenv("KUBEBUILDER_ASSETS", raising=False)
    return cache


@pytest.fixture
def website(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    directory = tmp_path / "site"
    directory.mkdir()
    handler = partial(http.server.SimpleHTTPRequestHandler, directory=str(directory))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}", directory
        server.shutdown()


def executable(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


def table(path: Path, **entry: str) -> Path:
    path.write_text(json.dumps({"etcd": entry}))
    return path


def test_every_binary_has_a_pin() -> None:
    assert set(pins.names()) == EVERY_BINARY


def test_the_directory_of_ready_binaries_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    executable(pins.component_of("etcd").cache / "etcd")
    ready = executable(tmp_path / "assets" / "etcd")
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(ready.parent))

    assert binaries.find("etcd") == ready


def test_the_cache_is_used_before_anything_is_made() -> None:
    cached = executable(pins.component_of("etcd").cache / "etcd")

    assert binaries.find("etcd") == cached


def test_an_unknown_name_is_answered_with_the_known_ones() -> None:
    with pytest.raises(ToolMissing, match="kube-apiserver"):
        binaries.find("kube-apisever")


def test_without_go_the_error_says_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")

    with pytest.raises(ToolMissing, match=r"Go is not on PATH(.|\n)*install Go"):
        binaries.find("etcd")


def test_without_network_the_error_says_to_connect(tmp_path: Path) -> None:
    command = ["/bin/sh", "-c", "echo 'dial tcp: lookup example.com: no such host'; exit 1"]

    with pytest.raises(ToolMissing, match=r"etcd is missing: its sources cannot be fetched(.|\n)*network"):
        building.run_watched("build etcd", command, wanted="etcd", log=tmp_path / "log", cwd=tmp_path)


def test_a_release_with_the_pinned_checksum_is_taken(website: tuple[str, Path], tmp_path: Path) -> None:
    url, directory = website
    (directory / "etcd").write_bytes(b"program")
    pinned = table(tmp_path / "t", url=f"{url}/etcd", sha256=hashlib.sha256(b"program").hexdigest())

    assert releases.fetch("etcd", tmp_path / "bin" / "etcd", pinned)
    assert (tmp_path / "bin" / "etcd").stat().st_mode & 0o111


def test_a_release_with_another_checksum_is_refused(website: tuple[str, Path], tmp_path: Path) -> None:
    url, directory = website
    (directory / "etcd").write_bytes(b"something else")
    pinned = table(tmp_path / "t", url=f"{url}/etcd", sha256=hashlib.sha256(b"program").hexdigest())

    assert not releases.fetch("etcd", tmp_path / "bin" / "etcd", pinned)
    assert not (tmp_path / "bin" / "etcd").exists()


def test_an_unreachable_release_costs_no_time(tmp_path: Path) -> None:
    pinned = table(tmp_path / "t", url="http://127.0.0.1:1/etcd", sha256="0" * 64)
    started = time.monotonic()

    assert not releases.fetch("etcd", tmp_path / "etcd", pinned)
    assert time.monotonic() - started < 3
