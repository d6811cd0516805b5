"""Where a request comes from: nobody but a trusted server in front is believed about it."""

from ipaddress import ip_network

import pytest
from django.http import HttpResponse
from django.test import Client
from django.urls import path

from orgs import origin
from orgs.models import AuditEntry
from tests.builders import logged_in, make_device, make_org, owner_of
from visant import urls
from visant.environment import parse_networks
from visant.proxies import parse_address


def tell(request):
    where = origin.current()
    return HttpResponse(f"{where.ip} {request.is_secure()} {request.META.get('HTTP_X_FORWARDED_HOST')}")


tell.login_required = False
urlpatterns = [path("tell", tell), *urls.urlpatterns]
handler404 = urls.handler404
pytestmark = pytest.mark.urls(__name__)


@pytest.fixture(autouse=True)
def _proxies(settings):
    settings.TRUSTED_PROXIES = [ip_network("10.0.0.0/8"), ip_network("fd00::/8")]
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")


def told(peer: str, **headers: str) -> str:
    names = {f"HTTP_{name.upper()}": value for name, value in headers.items()}
    return Client().get("/tell", REMOTE_ADDR=peer, **names).text


def address(peer: str, forwarded_for: str) -> str:
    return told(peer, x_forwarded_for=forwarded_for).split()[0]


def test_what_a_stranger_says_of_itself_is_dropped():
    forged = {"x_forwarded_for": "192.0.2.1", "x_forwarded_proto": "https", "x_forwarded_host": "evil.example"}
    assert told("203.0.113.9", **forged) == "203.0.113.9 False None"


def test_a_trusted_server_is_believed():
    said = {"x_forwarded_for": "192.0.2.1", "x_forwarded_proto": "https", "x_forwarded_host": "visant.example"}
    assert told("10.0.0.1", **said) == "192.0.2.1 True visant.example"


def test_without_trusted_servers_nobody_is_believed(settings):
    settings.TRUSTED_PROXIES = []
    assert told("10.0.0.1", x_forwarded_for="192.0.2.1", x_forwarded_proto="https") == "10.0.0.1 False None"


@pytest.mark.parametrize(
    ("forwarded_for", "caller"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("192.0.2.1, 10.1.1.1", "192.0.2.1"),  # two of ours in a row
        ("198.51.100.7, 192.0.2.1", "192.0.2.1"),  # the left one was written by the caller
        ("10.9.9.9, 192.0.2.1", "192.0.2.1"),  # even if it looks like one of ours
        ("10.9.9.9, 10.1.1.1", "10.9.9.9"),  # somebody in our own network
        ("192.0.2.1:4711", "192.0.2.1"),
        ("2001:db8::1", "2001:db8::1"),
        ("[2001:db8::1]:4711", "2001:db8::1"),
        ('"[2001:db8::1]"', "2001:db8::1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("fe80::1%eth0", "fe80::1"),
        ("", "10.0.0.1"),
        ("unknown", "10.0.0.1"),
        ("192.0.2.1, nonsense", "10.0.0.1"),
        ("'; DROP TABLE users, 10.1.1.1", "10.1.1.1"),
        (",,,", "10.0.0.1"),
    ],
)
def test_the_caller_is_the_nearest_that_is_not_ours(forwarded_for, caller):
    assert address("10.0.0.1", forwarded_for) == caller


def test_a_trusted_server_may_be_reached_by_ipv6():
    assert address("fd00::7", "2001:db8::1") == "2001:db8::1"
    assert address("::ffff:10.0.0.1", "192.0.2.1") == "192.0.2.1"


@pytest.mark.parametrize("peer", ["", "unix:/run/visant.sock"])
def test_a_connection_without_an_address_is_trusted_with_nothing(peer):
    assert told(peer, x_forwarded_for="192.0.2.1", x_forwarded_proto="https") == "None False None"


@pytest.mark.parametrize("text", ["1.2.3", "1.2.3.4.5", "[::1", "::1]:80", "1.2.3.4:port", "٤.٤.٤.٤", "0x7f.1"])
def test_what_is_no_address_is_none(text):
    assert parse_address(text) is None


def test_networks_are_read_from_the_environment():
    assert parse_networks("X", ["192.0.2.1", " 10.1.2.3/8", "fd00::/8"]) == [
        ip_network("192.0.2.1/32"),
        ip_network("10.0.0.0/8"),
        ip_network("fd00::/8"),
    ]


@pytest.mark.django_db
def test_the_audit_has_the_callers_address_and_not_a_forged_one():
    org = make_org()
    device, _ = make_device(org)
    client = logged_in(owner_of(org))
    for peer, claimed in (("203.0.113.9", "192.0.2.66"), ("10.0.0.1", "192.0.2.1")):
        data = {"name": f"Gate of {peer}"}
        client.post(f"/cameras/{device.pk}/rename", data, REMOTE_ADDR=peer, HTTP_X_FORWARDED_FOR=claimed)
    renamed = AuditEntry.unscoped.filter(action="camera.renamed").order_by("pk")
    assert [entry.ip for entry in renamed] == ["203.0.113.9", "192.0.2.1"]


# --- the id of a request


def request_id(given: str, peer: str = "10.0.0.1") -> str:
    return Client().get("/tell", REMOTE_ADDR=peer, HTTP_X_REQUEST_ID=given).headers["X-Request-ID"]


def test_an_id_given_by_a_trusted_server_is_kept():
    assert request_id("f81d4fae-7dec-11d0-a765") == "f81d4fae-7dec-11d0-a765"


@pytest.mark.parametrize("given", ["short", "with space in it", "a" * 65, "line\nbreak-abc", "<script>alert", ""])
def test_an_id_that_is_not_well_formed_is_replaced(given):
    made = request_id(given)
    assert made != given
    assert len(made) == 32


def test_an_id_given_by_anybody_else_is_replaced():
    assert request_id("f81d4fae-7dec-11d0-a765", peer="203.0.113.9") != "f81d4fae-7dec-11d0-a765"
