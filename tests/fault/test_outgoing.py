"""P45: whatever a URL looks like and whatever a name resolves to, nothing local is reached.

A trap listens on every address of loopback, and counts who connects. One address of it may be
reached, so that a test can tell a refusal from silence.
"""

from __future__ import annotations

import contextlib
import selectors
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.fault.defects import planted
from tests.fault.report import Report
from tests.support import dns
from tests.support.node import ProjectFolder, RunningNode, launch_node, until_ready

GOOD = "127.0.0.9"
"""May be reached."""

# As a step's URL; PORT is the trap's.
LITERALS = [
    *("127.0.0.1", "127.0.0.2", "127.1", "127.0.1", "127.255.255.254", "0.0.0.0", "0", "0.0"),
    *("2130706433", "0x7f000001", "0x7F000001", "017700000001", "0x7f.1", "0x7f.0.0.1"),
    *("0177.0.0.1", "0177.1", "127.0x0.0.1", "127.000.000.001", "0000177.0.0.1", "00.0.0.0"),
    *("localhost", "LOCALHOST", "localhost.", "127.0.0.1.", "2130706433."),
    *("[::1]", "[::]", "[0:0:0:0:0:0:0:1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]"),
    *("[::ffff:0:127.0.0.1]", "[::127.0.0.1]", "[64:ff9b::127.0.0.1]", "[64:ff9b::7f00:1]"),
    *("[64:ff9b:1::7f00:1]", "[2002:7f00:1::]", "[2002:a9fe:a9fe::1]", "[2001:0:7f00:1::1]"),
    *("[fe80::1]", "[fe80::1%25lo]", "[fe80::1%25eth0]", "[::1%25lo]", "[fec0::1]"),
    *("[fc00::1]", "[fd00:ec2::254]", "[fd20:ce::254]", "[ff02::1]", "[ff05::2]", "[2001:db8::1]"),
    *("[3fff::1]", "[100::1]", "[5f00::1]", "[2a00:1450:4001:81b:0:5efe:7f00:1]"),
    *("10.0.0.1", "10.255.255.255", "172.16.0.1", "172.31.255.255", "192.168.0.1"),
    *("192.168.255.255", "100.64.0.1", "100.100.100.200", "100.127.255.255"),
    *("169.254.169.254", "169.254.170.2", "169.254.0.1", "0xa9fea9fe", "2852039166"),
    *("0251.0376.0251.0376", "169.254.43518", "[::ffff:169.254.169.254]", "168.63.129.16"),
    *("192.0.0.1", "192.0.0.192", "192.0.0.170", "192.0.2.1", "198.51.100.1", "203.0.113.1"),
    *("198.18.0.1", "198.19.255.255", "192.88.99.1", "224.0.0.1", "239.255.255.250"),
    *("240.0.0.1", "255.255.255.255", "0.0.0.1", "0.255.255.255", "[::ffff:10.0.0.1]"),
    *("[::ffff:0.0.0.0]", "[::ffff:192.168.1.1]", "[64:ff9b::a00:1]", "[64:ff9b::a9fe:a9fe]"),
]
URLS = [
    "http://public.example@127.0.0.1:PORT/",
    "http://public.example:80@127.0.0.1:PORT/",
    "http://public.example%40@127.0.0.1:PORT/",
    "http://127.0.0.1:PORT\\@public.example/",
    "http://127.0.0.1:PORT#@public.example/",
    "http://127.0.0.1:PORT?@public.example/",
    "http://public.example#@127.0.0.1:PORT/",
    "http:127.0.0.1:PORT/",
    "http:/127.0.0.1:PORT/",
    "http:///127.0.0.1:PORT/",
    "http:////127.0.0.1:PORT/",
    "HTTP://127.0.0.1:PORT/",
    "http://127.0.0.1:PORT:80/",
    "http://127。0。0。1:PORT/",
    "http://①②⑦.⓪.⓪.①:PORT/",
    "http://１２７.0.0.1:PORT/",  # noqa: RUF001  # what a browser would read as 127
    "http://ⓛⓞⓒⓐⓛⓗⓞⓢⓣ:PORT/",
    "http://127.0.0.1%2f@public.example:PORT/",
    "http://127.0.0.1%00.public.example:PORT/",
    "http://127.0.0.1\tpublic.example:PORT/",
    " http://127.0.0.1:PORT/",
    "http://[::1]:PORT@public.example/",
    "http://[::1]public.example:PORT/",
    "//127.0.0.1:PORT/",
    "127.0.0.1:PORT",
    "ftp://127.0.0.1:PORT/",
    "file:///etc/passwd",
    "gopher://127.0.0.1:PORT/_x",
    "unix:///var/run/docker.sock",
    "http+unix://%2Fvar%2Frun%2Fdocker.sock/x",
    "https://127.0.0.1:PORT/",
    "https://localhost:PORT/",
]
NAMES: dict[str, list[list[str]]] = {
    "good.test": [[GOOD]],
    "loopback.test": [["127.0.0.1"]],
    "loopback6.test": [["::1"]],
    "mapped.test": [["::ffff:127.0.0.1"]],
    "nat64.test": [["64:ff9b::7f00:1"]],
    "sixtofour.test": [["2002:7f00:1::"]],
    "private.test": [["10.0.0.1"]],
    "metadata.test": [["169.254.169.254"]],
    "oracle.test": [["192.0.0.192"]],
    "unspecified.test": [["0.0.0.0"]],
    "unspecified6.test": [["::"]],
    "both.test": [["127.0.0.1", "::1"]],
    "several.test": [["10.0.0.1", "127.0.0.1", "192.168.0.1"]],
    "xn--strae-oqa.test": [["127.0.0.1"]],
    "rebound.test": [[GOOD], ["127.0.0.1"]],
    "rebound6.test": [[GOOD], ["::1"]],
    "mixed.test": [["127.0.0.1", GOOD]],
    "mixed6.test": [["::1", GOOD]],
    "changed.test": [["127.0.0.1"], [GOOD]],
}
LOCAL_NAMES = [
    *(name for name in NAMES if name not in ("good.test", "rebound.test", "rebound6.test")),
    *("loopback.test.", "LOOPBACK.test", "straße.test"),
]


@dataclass
class Trap:
    """Listens on one port of many addresses; ``reached``: those that somebody connected to."""

    port: int
    reached: list[str] = field(default_factory=list)

    @classmethod
    @contextlib.contextmanager
    def set(cls) -> Iterator[Trap]:
        with contextlib.ExitStack() as stack, selectors.DefaultSelector() as selector:
            four = stack.enter_context(socket.create_server(("0.0.0.0", 0)))
            port = int(four.getsockname()[1])
            six = socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=False)
            ends = socket.socketpair()
            for one in (four, stack.enter_context(six), ends[0]):
                selector.register(one, selectors.EVENT_READ)
            trap = cls(port)
            thread = threading.Thread(target=trap._serve, args=(selector, ends[0]), daemon=True)
            thread.start()
            try:
                yield trap
            finally:
                ends[1].send(b"x")
                thread.join(10)
                for end in ends:
                    end.close()

    def _serve(self, selector: selectors.BaseSelector, end: socket.socket) -> None:
        while True:
            for key, _ in selector.select():
                if key.fileobj is end:
                    return
                assert isinstance(key.fileobj, socket.socket)
                caller, _ = key.fileobj.accept()
                with caller:
                    caller.settimeout(5)
                    self.reached.append(str(caller.getsockname()[0]))
                    with contextlib.suppress(OSError):
                        self._answer(caller)

    def _answer(self, caller: socket.socket) -> None:
        path = caller.recv(65536).split(b" ")[1].decode()
        body = b"caught"
        head = "200 OK\r\n"
        if path.startswith("/to/"):
            head = f"302 Found\r\nlocation: {bytes.fromhex(path[4:]).decode()}\r\n"
        caller.sendall(
            f"HTTP/1.1 {head}connection: close\r\ncontent-length: {len(body)}\r\n\r\n".encode()
            + body
        )


@dataclass
class Scene:
    """A node whose DNS server is the test's."""

    node: RunningNode
    trap: Trap

    @classmethod
    @contextlib.contextmanager
    def set(cls, folder: Path, *defect: tuple[str, str], own_dns: bool = True) -> Iterator[Scene]:
        project, data = ProjectFolder(folder / "project"), folder / "data"
        fetch = {"http": {"url": "{% input.body.url %}", "result": "response"}, "name": "fetch"}
        flow = {"steps": [fetch], "retry": {"attempts": 1, "give_up_after": "1s"}}
        waits = {"request_response": {"timeout": "20s"}}
        project.integration({"name": "Fetch", "trigger": waits, "workflow": flow})
        data.mkdir(mode=0o700)
        environment = {
            "FIRESTEEL_OUTGOING_ALLOW": f"{GOOD}/32",
            "FIRESTEEL_WORKERS": "1",
            **dict.fromkeys(("HTTP_PROXY", "http_proxy", "ALL_PROXY"), "http://127.0.0.1:9"),
            **dict(defect),
        }
        with contextlib.ExitStack() as stack:
            trap = stack.enter_context(Trap.set())
            within = stack.enter_context(cls._names(folder)) if own_dns else ()
            node = launch_node(data, project.path, within=within, **environment)
            try:
                yield cls(until_ready(node), trap)
            except BaseException:
                node.print_output()
                raise
            finally:
                node.stop()

    @staticmethod
    @contextlib.contextmanager
    def _names(folder: Path) -> Iterator[Any]:
        with dns.DnsServer.started(NAMES):
            yield dns.asking(folder)

    def fetch(self, url: str) -> int:
        """The status of what a step with this URL got; 0 where it got nothing."""
        answer = self.node.call("Fetch", json={"url": url.replace("PORT", str(self.trap.port))})
        assert answer.status_code in (200, 502, 504), answer.text
        return int(answer.json()["status"]) if answer.status_code == 200 else 0

    def reached(self, url: str) -> list[str]:
        """The local addresses that a step with this URL has reached, but the one that it may."""
        self.trap.reached.clear()
        self.fetch(url)
        return [address for address in self.trap.reached if address != GOOD]


def test_p45_no_local_address_is_reached_however_it_is_written(
    tmp_path: Path, report: Report
) -> None:
    urls = [f"http://{host}:PORT/" for host in LITERALS] + URLS
    with Scene.set(tmp_path, own_dns=False) as scene:
        assert scene.fetch(f"http://{GOOD}:PORT/") == 200
        found = {url: scene.reached(url) for url in urls}
        redirects = {
            url: scene.reached(f"http://{GOOD}:PORT/to/{target.encode().hex()}")
            for url in ("http://127.0.0.1:PORT/", "http://[::1]:PORT/", "//127.0.0.1:PORT/")
            for target in [url.replace("PORT", str(scene.trap.port))]
        }
        others = other_ways(scene)
    caught = {url: addresses for url, addresses in {**found, **redirects}.items() if addresses}
    cases = len(urls) + len(redirects) + len(others)
    report.row("P45", "URLs of local addresses", cycles=cases, lost=len(caught))
    assert len(urls) >= 100
    assert caught == {}
    assert others == {way: [] for way in others}


def other_ways(scene: Scene) -> dict[str, list[str]]:
    """What else the node calls: a connection that is tested, and an issuer's keys."""
    found = {}
    port = scene.trap.port
    for number, host in enumerate(("127.0.0.1", "[::ffff:127.0.0.1]", "0x7f.1", "localhost")):
        scene.trap.reached.clear()
        path = f"/workspaces/test/connections/c{number}"
        scene.node.admin("PUT", path, json={"http": f"http://{host}:{port}"})
        tested = scene.node.admin("POST", f"{path}/test")
        assert tested["works"] is False
        found[f"connection {host}"] = list(scene.trap.reached)
        scene.trap.reached.clear()
        way = {"label": "j", "issuer": "https://i.example", "audience": "a"}
        jwt = {**way, "jwks_url": f"https://{host}:{port}/keys"}
        trigger = {"authentication": [{"jwt": jwt}]}
        document = {"name": f"Jwt{number}", "trigger": trigger}
        scene.node.admin("PUT", f"/workspaces/test/integrations/Jwt{number}", json=document)
        token = "eyJhbGciOiJSUzI1NiIsImtpZCI6ImEifQ.eyJpc3MiOiJodHRwczovL2kuZXhhbXBsZSJ9.AAAA"
        headers = {"authorization": f"Bearer {token}"}
        answer = scene.node.client.post(
            f"{scene.node.public_url}/test/Jwt{number}", headers=headers
        )
        assert answer.status_code in (401, 503)
        found[f"keys of {host}"] = list(scene.trap.reached)
    return found


@dns.needed
def test_p45_no_name_leads_to_a_local_address(tmp_path: Path, report: Report) -> None:
    with Scene.set(tmp_path) as scene:
        assert scene.fetch("http://good.test:PORT/") == 200
        found = {name: scene.reached(f"http://{name}:PORT/") for name in LOCAL_NAMES}
        rebound = [
            scene.reached(f"http://{name}:PORT/")
            for name in ("rebound.test", "rebound6.test")
            for _ in range(5)
        ]
    caught = {name: addresses for name, addresses in found.items() if addresses}
    cases = len(found) + len(rebound)
    lost = len(caught) + sum(map(bool, rebound))
    report.row("P45", "names of local addresses", cycles=cases, lost=lost)
    assert caught == {}
    assert rebound == [[]] * len(rebound)


@dns.needed
def test_p45_fails_when_the_name_is_resolved_again(tmp_path: Path, report: Report) -> None:
    with Scene.set(tmp_path, planted("address_resolved_twice")) as scene:
        reached = scene.reached("http://rebound.test:PORT/")
    report.defect("P45", "address_resolved_twice", found=reached != [])
    assert reached != []
