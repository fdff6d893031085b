"""Where the API server is and who we are there."""

import json
import subprocess
import sys

import pytest
from aiohttp import web

from crm_monitoring.cluster.connection import Connection, Credentials
from crm_monitoring.errors import SettingsError


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


def kubeconfig(path, *, server="http://127.0.0.1:8001", **user):
    path.write_text(
        json.dumps(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "clusters": [{"name": "c", "cluster": {"server": server}}],
                "users": [{"name": "u", "user": user}],
                "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
                "current-context": "x",
            }
        )
    )
    return str(path)


def test_a_kubeconfig_gives_address_and_token(tmp_path):
    connection = Connection.load(kubeconfig(tmp_path / "config", token="t1"))
    assert connection.base_url == "http://127.0.0.1:8001"
    assert connection.credentials.authorization() == "Bearer t1"
    assert connection.ssl_context is None


def test_the_environment_names_the_kubeconfig(tmp_path):
    path = kubeconfig(tmp_path / "config", token="t1")
    assert Connection.load(environ={"KUBECONFIG": path}).credentials.authorization() == "Bearer t1"


def test_a_user_without_a_token_sends_no_header(tmp_path):
    assert Connection.load(kubeconfig(tmp_path / "config")).credentials.authorization() is None


def test_a_token_file_is_read_again_after_a_refusal(tmp_path):
    token = tmp_path / "token"
    token.write_text("old")
    credentials = Connection.load(kubeconfig(tmp_path / "config", tokenFile=str(token))).credentials
    assert credentials.authorization() == "Bearer old"
    token.write_text("new")
    credentials.distrust()
    assert credentials.authorization() == "Bearer new"


@pytest.mark.parametrize("content", ["{", "password: hunter2\n- x", "", "[]", "{}"])
def test_an_unusable_kubeconfig_is_named_but_not_quoted(tmp_path, content):
    path = tmp_path / "config"
    path.write_text(content)
    with pytest.raises(SettingsError) as caught:
        Connection.load(str(path))
    assert str(path) in str(caught.value)
    assert "hunter2" not in str(caught.value)
    assert caught.value.__context__ is None


def test_an_absent_kubeconfig_is_an_error_of_the_settings(tmp_path):
    with pytest.raises(SettingsError):
        Connection.load(str(tmp_path / "absent"))


@pytest.fixture
def service_account(tmp_path, certificate):
    (tmp_path / "token").write_text("t1\n")
    (tmp_path / "ca.crt").write_text(certificate)
    return tmp_path


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    directory = tmp_path_factory.mktemp("ca")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=ca",
         "-keyout", directory / "key", "-out", directory / "crt"],
        check=True,
        capture_output=True,
    )  # fmt: skip
    return (directory / "crt").read_text()


def test_a_pod_uses_its_service_account(service_account):
    environ = {"KUBERNETES_SERVICE_HOST": "10.0.0.1", "KUBERNETES_SERVICE_PORT": "6443"}
    connection = Connection.load(environ=environ, service_account=service_account)
    assert connection.base_url == "https://10.0.0.1:6443"
    assert connection.credentials.authorization() == "Bearer t1"
    assert connection.ssl_context is not None


def test_an_address_of_version_six_is_put_in_brackets(service_account):
    connection = Connection.load(environ={"KUBERNETES_SERVICE_HOST": "fd00::1"}, service_account=service_account)
    assert connection.base_url == "https://[fd00::1]:443"


def test_a_pod_without_a_token_or_authority_is_an_error_of_the_settings(service_account):
    environ = {"KUBERNETES_SERVICE_HOST": "10.0.0.1"}
    (service_account / "ca.crt").unlink()
    with pytest.raises(SettingsError):
        Connection.load(environ=environ, service_account=service_account)
    (service_account / "token").unlink()
    with pytest.raises(SettingsError):
        Connection.load(environ=environ, service_account=service_account)


def test_a_rotated_token_is_noticed_and_an_unreadable_one_is_survived():
    clock, tokens = Clock(), ["Bearer t1"]

    def read():
        if not tokens:
            raise OSError("gone")
        return tokens[0]

    credentials = Credentials(read, clock=clock, keep_seconds=30)
    assert credentials.authorization() == "Bearer t1"
    tokens[0] = "Bearer t2"
    clock.now += 29
    assert credentials.authorization() == "Bearer t1"
    clock.now += 2
    assert credentials.authorization() == "Bearer t2"
    tokens.clear()
    clock.now += 31
    assert credentials.authorization() == "Bearer t2"
    assert "t2" not in repr(credentials)


def test_repeated_refusals_do_not_reload_again_and_again():
    clock, reloads = Clock(), []
    credentials = Credentials(lambda: "Bearer t", reload=lambda: reloads.append(1), clock=clock)
    for _ in range(5):
        credentials.distrust()
        credentials.authorization()
    assert len(reloads) == 1


async def test_a_token_does_not_follow_a_redirect_to_another_host():
    seen = []

    async def note(request):
        seen.append((request.host.split(":")[0], request.headers.get("Authorization")))
        if "api" in request.path:
            raise web.HTTPFound(f"http://localhost:{request.url.port}/elsewhere")
        return web.json_response({})

    application = web.Application()
    application.router.add_get("/{path:.*}", note)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    async with Connection(url, Credentials(lambda: "Bearer t1")).open_session(authorize=True) as session:
        await session.get(f"{url}/api")
    await runner.cleanup()

    assert seen == [("127.0.0.1", "Bearer t1"), ("localhost", None)]


def test_the_generated_client_is_never_loaded():
    program = "import crm_monitoring.cluster.kube, sys; print(sum(m.startswith('kubernetes.client.models.') for m in sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, env={"PYTHONPATH": "operator"}
    )
    assert int(done.stdout) < 20
