"""What a curl command sends, read without running it."""

import base64
from pathlib import Path

import pytest

from meshgen.journey import Question, UnanswerableError
from meshgen.journey.curl import is_curl, read_curl


def read(command: str) -> Question:
    return read_curl([command])


def header(question: Question, name: str) -> str | None:
    found = [value for key, value in question.headers if key.lower() == name]
    return ",".join(found) if found else None


@pytest.mark.parametrize(
    ("command", "method"),
    [
        ("curl http://a/", "GET"),
        ("curl -I http://a/", "HEAD"),
        ("curl -d x=1 http://a/", "POST"),
        ("curl -G -d x=1 http://a/", "GET"),
        ("curl -T file http://a/", "PUT"),
        ("curl -XDELETE -d x http://a/", "DELETE"),
        ("curl --request=PATCH http://a/", "PATCH"),
        ("curl -sSvkXPUT http://a/", "PUT"),
        ("curl --json '{}' http://a/", "POST"),
        ("curl -F a=b http://a/", "POST"),
        ("curl --head --no-progress-meter -- http://a/", "HEAD"),
    ],
)
def test_the_method_is_the_one_that_curl_uses(command: str, method: str):
    assert read(command).method == method


@pytest.mark.parametrize(
    ("command", "url"),
    [
        ("curl a/x", "http://a/x"),
        ("curl --url http://a/x", "http://a/x"),
        ("curl http://a/x/../y/./z", "http://a/y/z"),
        ("curl http://a/../../x/..", "http://a/"),
        ("curl --path-as-is http://a/x/../y", "http://a/x/../y"),
        ("curl -G -d x=1 -d y=2 'http://a/?w=0'", "http://a/?w=0&x=1&y=2"),
        ("curl -G --data-urlencode 'x=a b&c' http://a/", "http://a/?x=a%20b%26c"),
        ("curl --url-query x=1 http://a/", "http://a/?x=1"),
        ("curl --request-target /other?z http://a/x", "http://a/other?z"),
        ("curl -g 'http://a/{x,y}'", "http://a/{x,y}"),
        ("curl 'http://[::1]:8080/'", "http://[::1]:8080/"),
    ],
)
def test_the_url_is_the_one_that_curl_asks_for(command: str, url: str):
    assert read(command).url == url


@pytest.mark.parametrize(
    ("command", "name", "value"),
    [
        ("curl -H 'X-Cohort: internal' http://a/", "x-cohort", "internal"),
        ("curl -H'x: 1' -H 'x: 2' http://a/", "x", "1,2"),
        ("curl -H 'x;' http://a/", "x", ""),
        ("curl -H 'Accept:' http://a/", "accept", None),
        ("curl http://a/", "accept", "*/*"),
        ("curl -A firefox http://a/", "user-agent", "firefox"),
        ("curl -H 'User-Agent: firefox' http://a/", "user-agent", "firefox"),
        ("curl -e http://b/ http://a/", "referer", "http://b/"),
        ("curl -b a=1 -b b=2 http://a/", "cookie", "a=1; b=2"),
        ("curl -u ann:secret http://a/", "authorization", f"Basic {base64.b64encode(b'ann:secret').decode()}"),
        ("curl --oauth2-bearer abc http://a/", "authorization", "Bearer abc"),
        ("curl -r 0-99 http://a/", "range", "bytes=0-99"),
        ("curl --compressed http://a/", "accept-encoding", "deflate, gzip, br, zstd"),
        ("curl -d a=b -d c http://a/", "content-type", "application/x-www-form-urlencoded"),
        ("curl -d a=b -d c http://a/", "content-length", "5"),
        ("curl -d '{}' -H 'content-type: application/json' http://a/", "content-type", "application/json"),
        ("curl --json '{}' http://a/", "accept", "application/json"),
        ("curl $'-Hx: it\\'s\\u0021' http://a/", "x", "it's!"),
    ],
)
def test_headers_are_those_that_curl_sends(command: str, name: str, value: str | None):
    assert header(read(command), name) == value


def test_a_command_goes_on_in_the_next_line_and_ends_at_a_pipe():
    question = read("curl 'http://a/' \\\r\n  -H 'x: 1' \\\n  --http2 | jq .items")
    assert (question.url, question.http, header(question, "x")) == ("http://a/", "2", "1")


@pytest.mark.parametrize(
    ("command", "place"),
    [
        ("curl --resolve a:443:10.0.0.1 https://a/", ("10.0.0.1", None)),
        ("curl --resolve +a:443:10.0.0.1,10.0.0.2 https://a/", ("10.0.0.1", None)),
        ("curl --resolve '*:443:[2001:db8::1]' https://a/", ("2001:db8::1", None)),
        ("curl --resolve a:80:10.0.0.1 https://a/", ("", None)),
        ("curl --resolve -a:443 https://a/", ("", None)),
        ("curl --connect-to a:443:b:8443 https://a/", ("b", 8443)),
        ("curl --connect-to ::b: https://a/", ("b", None)),
        ("curl --connect-to ::b:8443 --resolve b:8443:10.0.0.1 https://a/", ("10.0.0.1", 8443)),
        ("curl --connect-to c:443:b:8443 https://a/", ("", None)),
    ],
)
def test_the_connection_goes_where_curl_is_told_to_connect(command: str, place: tuple[str, int | None]):
    assert read(command).connect_to == place


@pytest.mark.parametrize(
    ("command", "note"),
    [
        ("curl -L http://a/", "`-L`: a redirect is shown and not followed"),
        ("curl -x proxy:3128 http://a/", "`-x`: the way through a forward proxy is not traced"),
        ("curl --http3 https://a/", "`--http3`: HTTP/3 is not traced; the request is taken as of HTTP/2"),
        ("curl -b jar.txt http://a/", "the cookies of `jar.txt` are not read"),
        ("curl -H @nowhere http://a/", "the headers of `nowhere` are missing: it cannot be read"),
        ("curl --cert nowhere.pem https://a/", "which identity `nowhere.pem` has is not known; say it with `--principal`"),
    ],
)
def test_what_would_change_the_outcome_and_is_not_traced_is_said(command: str, note: str):
    assert [each for each in read(command).notes if each.startswith(note)]


@pytest.mark.parametrize("command", ["curl -sSvikfo out -w %{http_code} --max-time 5 --retry 3 -4 --no-buffer http://a/"])
def test_what_a_proxy_does_not_see_is_not_mentioned(command: str):
    assert read(command).notes == ()


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("curl", "the curl command names no URL"),
        ("curl http://a/ http://b/", "one URL is traced at a time; `http://b/` is left over"),
        ("curl http://a/ --next http://b/", "`--next` begins a second request"),
        ("curl --requst GET http://a/", "curl has no option `--requst`; did you mean `--request`?"),
        ("curl -% http://a/", "curl has no option `-%`"),
        ("curl http://a/ -H", "`-H` of the curl command has no value"),
        ("curl -H x http://a/", "`x` is no header"),
        ("curl --head=yes http://a/", "`--head` takes no value"),
        ("curl --from shop/webapp http://a/", "`--from` is an option of `meshgen trace`: write it before `curl`"),
        ("curl 'http://a/{x,y}'", "`{x,y}` in the URL stands for several requests"),
        ("curl http://a/[1-3]", "`[1-3]` in the URL stands for several requests"),
        ("curl 'http://a/", "the curl command cannot be read: no closing quotation"),
        ("curl --resolve nonsense http://a/", "`nonsense` is no `--resolve`"),
        ("curl --connect-to nonsense http://a/", "`nonsense` is no `--connect-to`"),
    ],
)
def test_a_command_that_curl_would_not_run_is_refused(command: str, said: str):
    with pytest.raises(UnanswerableError) as refused:
        read(command)
    assert said in str(refused.value)


def test_files_that_a_command_names_are_read(tmp_path: Path):
    headers, data = tmp_path / "headers", tmp_path / "data"
    headers.write_text("x-one: 1\nx-two: 2\n")
    data.write_text("a=1\n")
    question = read(f"curl -H @{headers} -d @{data} http://a/")
    assert (header(question, "x-one"), header(question, "x-two"), header(question, "content-length")) == ("1", "2", "3")


def test_a_client_certificate_tells_its_identity(tmp_path: Path):
    identity = b"spiffe://cluster.local/ns/shop/sa/webapp"
    der = b"\x30\x82\x01\x00" + bytes([0x86, len(identity)]) + identity + b"\x30\x03"
    pem = tmp_path / "client.pem"
    pem.write_bytes(b"-----BEGIN CERTIFICATE-----\n" + base64.encodebytes(der) + b"-----END CERTIFICATE-----\n")
    question = read(f"curl --cert {pem} --key k.pem https://a/")
    assert (question.client_certificate, question.has_certificate, question.notes) == (
        "cluster.local/ns/shop/sa/webapp",
        True,
        (),
    )
    assert question.request().tls == "mtls"


def test_a_curl_command_is_known_as_words_and_as_one_text():
    assert is_curl(["curl", "http://a/"])
    assert is_curl(["  curl http://a/"])
    assert not is_curl(["http://curl/"])
    assert not is_curl([])
