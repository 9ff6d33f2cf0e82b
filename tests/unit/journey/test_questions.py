"""Requests as flags, JSON and tokens ask for them."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from meshgen.journey import Question, UnanswerableError
from meshgen.journey.json_request import FIELDS, read_json_request
from meshgen.journey.tokens import claims_of, read_token


def test_a_json_request_has_all_fields_of_a_question():
    fields = {
        "url": "https://shop.example.com/x",
        "method": "POST",
        "headers": {"x-one": "1", "x-many": ["a", "b"]},
        "from": "shop/webapp",
        "gateway": "edge/gateway",
        "principal": "cluster.local/ns/shop/sa/webapp",
        "claims": {"iss": "https://id.example", "sub": "ann"},
        "remoteAddress": "198.51.100.4",
        "sni": "other.example.com",
        "http": "2.0",
        "connectTo": "[::1]:8443",
        "to": "v2",
    }
    assert set(fields) == set(FIELDS)
    assert read_json_request(json.dumps(fields)) == Question(
        url="https://shop.example.com/x",
        method="POST",
        headers=(("x-one", "1"), ("x-many", "a"), ("x-many", "b")),
        source="shop/webapp",
        gateway="edge/gateway",
        client_certificate="cluster.local/ns/shop/sa/webapp",
        claims=({"iss": "https://id.example", "sub": "ann"},),
        remote_address="198.51.100.4",
        sni="other.example.com",
        http="2",
        connect_to=("::1", 8443),
        to="v2",
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "the request is no JSON"),
        ("[]", "the request is no JSON object"),
        ("{}", "the request has no `url`"),
        ('{"ulr": "http://a/"}', "a request has no field `ulr`; did you mean `url`?"),
        ('{"url": 5}', "`url` of the request is no text"),
        ('{"url": "http://a/", "headers": []}', "`headers` of the request is no object"),
        ('{"url": "http://a/", "headers": {"x": 1}}', "header `x` of the request is no text"),
        ('{"url": "http://a/", "claims": "x"}', "`claims` of the request is no object"),
        ('{"url": "http://a/", "connectTo": "a:b"}', "`a:b` is no place to connect to"),
    ],
)
def test_a_json_request_that_is_none_is_refused(text: str, said: str):
    with pytest.raises(UnanswerableError) as refused:
        read_json_request(text)
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("question", "said"),
    [
        (Question(url="ftp://a/"), "`ftp` is not a scheme that is traced"),
        (Question(url="htps://a/"), "did you mean `https`?"),
        (Question(url="http:///x"), "`http:///x` is no address of a request"),
        (Question(url="http://a:0x/"), "`http://a:0x/` is no address of a request"),
        (Question(url="tcp://db"), "`tcp://db` names no port; write one as in `tcp://db:5432`"),
        (Question(url="http://a/", http="3"), "`3` is no version of HTTP that is traced"),
        (Question(url="http://a/", claims=({"sub": "ann"},)), "add the claim `iss`"),
        (Question(url="http://a/", claims=({"iss": "i"}, {"iss": "i"})), "two tokens are of the issuer `i`"),
    ],
)
def test_a_question_that_no_request_answers_is_refused(question: Question, said: str):
    with pytest.raises(UnanswerableError) as refused:
        question.request()
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://a/x?y#z", {"path": "/x?y", "port": 80, "tls": "none", "protocol": "http", "host": "a"}),
        ("https://a:8443", {"path": "/", "port": 8443, "tls": "tls", "sni": "a", "host": "a:8443"}),
        ("grpc://a/pkg.Service/Call", {"method": "POST", "protocol": "http2", "port": 80}),
        ("wss://a/chat", {"port": 443, "tls": "tls"}),
        ("tcp://db:5432", {"protocol": "tcp", "port": 5432}),
        ("tls://db:5432", {"protocol": "tcp", "tls": "tls", "alpn": ()}),
    ],
)
def test_a_url_says_what_is_sent(url: str, expected: dict[str, Any]):
    request = Question(url=url).request()
    assert {name: getattr(request, name) for name in expected} == expected


def test_a_scheme_and_a_user_bring_headers_unless_they_are_given():
    assert ("upgrade", "websocket") in Question(url="ws://a/").request().headers
    assert ("content-type", "application/grpc") in Question(url="grpc://a/x").request().headers
    basic = base64.b64encode(b"ann:p@ss").decode()
    assert Question(url="http://ann:p%40ss@a/").request().headers == (("authorization", f"Basic {basic}"),)
    assert Question(url="http://ann@a/", headers=(("Authorization", "x"),)).request().headers == (("authorization", "x"),)


def test_claims_are_nested_and_listed_as_they_are_written():
    claims = claims_of(["iss=https://id.example", "groups=a", "groups=b", "realm[roles]=admin", "scope=x=y"])
    assert claims == {"iss": "https://id.example", "groups": ["a", "b"], "realm": {"roles": "admin"}, "scope": "x=y"}


@pytest.mark.parametrize("pair", ["iss", "=x", "a[]=x"])
def test_text_that_is_no_claim_is_refused(pair: str):
    with pytest.raises(UnanswerableError, match="is no claim"):
        claims_of([pair])
    with pytest.raises(UnanswerableError, match="stands below a claim that has a value"):
        claims_of(["a=1", "a[b]=2"])


def jwt(payload: dict[str, Any]) -> str:
    parts = ({"alg": "none"}, payload)
    return ".".join([*(base64.urlsafe_b64encode(json.dumps(p).encode()).decode().rstrip("=") for p in parts), "c2ln"])


def test_a_token_is_a_file_of_claims_or_a_token_itself(tmp_path: Path):
    payload = {"iss": "https://id.example", "sub": "ann"}
    claims, raw = tmp_path / "claims.json", tmp_path / "token.jwt"
    claims.write_text(json.dumps(payload))
    raw.write_text(jwt(payload) + "\n")
    for text in (str(claims), str(raw), jwt(payload), json.dumps(payload), f"Bearer {jwt(payload)}"):
        assert read_token(text) == payload


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("nowhere.json", "there is no token in `nowhere.json`: no such file or directory"),
        ("{", "`{` is no JSON"),
        ("eyJhbGci", "holds neither claims in JSON nor a token"),
        ("x" * 5000, "there is no token in `xxx"),
        ("a\0b", "there is no token in"),
    ],
)
def test_text_that_is_no_token_is_refused(text: str, said: str):
    with pytest.raises(UnanswerableError) as refused:
        read_token(text)
    assert said in str(refused.value)
