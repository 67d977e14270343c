"""The way out: the proxies that the platform's own environment names."""

import base64
import ipaddress
import socket

import pytest
import requests

from lazulite.edge.upstream import Upstream
from tests.edge.test_proxy import connect, head_of, peer, tell_head
from tests.front import running


@pytest.mark.parametrize(
    ("environ", "scheme", "host", "proxy"),
    [
        ({}, "https", "pypi.org", None),
        ({"HTTPS_PROXY": "http://out:3128"}, "https", "pypi.org", "out"),
        ({"https_proxy": "out:3128"}, "https", "pypi.org", "out"),
        ({"HTTPS_PROXY": "http://out:3128"}, "http", "pypi.org", None),
        ({"HTTP_PROXY": "http://out:3128"}, "http", "pypi.org", "out"),
        ({"ALL_PROXY": "http://out:3128"}, "https", "pypi.org", "out"),
        ({"HTTPS_PROXY": "http://out:3128", "NO_PROXY": "pypi.org"}, "https", "pypi.org", None),
        ({"HTTPS_PROXY": "http://out:3128", "no_proxy": ".inside.net"}, "https", "pip.inside.net", None),
        ({"HTTPS_PROXY": "http://out:3128", "NO_PROXY": "*"}, "https", "pypi.org", None),
        ({"HTTPS_PROXY": "http://out:3128"}, "https", "localhost", None),
        ({"HTTPS_PROXY": "http://127.0.0.1:8765"}, "https", "pypi.org", None),
        ({"HTTPS_PROXY": "http://me:x@localhost:8765"}, "https", "pypi.org", None),
        ({"HTTPS_PROXY": "http://127.0.0.1:3128"}, "https", "pypi.org", "127.0.0.1"),
        ({"HTTPS_PROXY": "http://out:nonsense"}, "https", "pypi.org", None),
    ],
)
def test_the_environment_names_the_way(environ, scheme, host, proxy):
    way = Upstream.of(environ, own_port=8765).proxy_for(scheme, host, 443)
    assert (way.hostname if way else None) == proxy


def test_a_proxy_that_cannot_be_used_is_named_in_the_log(caplog):
    Upstream.of({"HTTPS_PROXY": "socks5://out:1080"}, own_port=8765)
    assert "socks5 proxy at out is left out" in caplog.text


# An address that no test may reach: reserved for documentation.
ELSEWHERE = str(ipaddress.ip_address("192.0.2.7"))


def test_tunnels_go_through_the_proxy_outside(tmp_path):
    heads = []

    def outside(connection):
        heads.append(head_of(connection).decode())
        connection.sendall(b"HTTP/1.1 200 Go ahead\r\nX-Via: outside\r\n\r\nthe host's own first words")

    with (
        peer(outside) as proxy,
        running(tmp_path, environ={"HTTPS_PROXY": f"http://a:b%40c@127.0.0.1:{proxy.port}"}) as front,
    ):
        client, head = connect(front, f"{ELSEWHERE}:443")
        with client:
            assert head.startswith(b"HTTP/1.1 200 Connection established\r\n\r\n")
            told = head.partition(b"\r\n\r\n")[2] or client.recv(100)
            assert told == b"the host's own first words"
    assert heads[0].startswith(f"CONNECT {ELSEWHERE}:443 HTTP/1.1\r\nHost: {ELSEWHERE}:443\r\n")
    assert f"Proxy-Authorization: Basic {base64.b64encode(b'a:b@c').decode()}\r\n" in heads[0]


def test_plain_requests_go_through_the_proxy_outside(tmp_path):
    with peer(tell_head) as proxy, running(tmp_path, environ={"http_proxy": f"http://127.0.0.1:{proxy.port}"}) as front:
        got = requests.get("http://example.org/a?b", proxies=front.proxies).text
    assert got.startswith("GET http://example.org/a?b HTTP/1.1\r\n")


def test_what_the_proxy_outside_refuses_is_told(tmp_path):
    def refuse(connection):
        head_of(connection)
        connection.sendall(b"HTTP/1.1 407 Who are you\r\n\r\n")

    with peer(refuse) as proxy, running(tmp_path, environ={"HTTPS_PROXY": f"127.0.0.1:{proxy.port}"}) as front:
        client, head = connect(front, f"{ELSEWHERE}:443")
        client.close()
    assert head.startswith(b"HTTP/1.1 502 The proxy 127.0.0.1 did not open a way to 192.0.2.7: ")
    assert b"407 Who are you" in head


def test_azure_never_leaves_the_machine(tmp_path):
    with peer(tell_head) as proxy:
        environ = dict.fromkeys(("HTTPS_PROXY", "HTTP_PROXY"), f"http://127.0.0.1:{proxy.port}")
        with running(tmp_path, environ=environ) as front:
            assert requests.get("https://management.azure.com/", proxies=front.proxies, verify=front.bundle).ok
            assert requests.get("http://169.254.169.254/", proxies=front.proxies).ok
        assert proxy.count == 0


def test_the_platform_started_in_its_own_environment_does_not_call_itself(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    environ = {"HTTPS_PROXY": f"http://127.0.0.1:{port}", "HTTP_PROXY": f"http://127.0.0.1:{port}"}
    with peer(tell_head) as other, running(tmp_path, environ=environ, port=port) as front:
        assert requests.get(f"http://127.0.0.1:{other.port}/", proxies=front.proxies).ok
