from __future__ import annotations

import pytest

from meshgen.diagnostics import Origin
from meshgen.istio.decode import decode_object
from meshgen.istio.versions import DEFAULT_TARGET, NEWEST, OLDEST, IstioVersion, is_known, parse_version


@pytest.mark.parametrize(("text", "version"), [("1.31", (1, 31, 0)), ("1.31.2", (1, 31, 2)), ("10.200.3000", (10, 200, 3000))])
def test_a_version_is_read(text: str, version: tuple[int, int, int]):
    assert parse_version(text) == version


@pytest.mark.parametrize("text", ["", "1", "1.31.0.1", "1.31-alpha", "v1.31", "1.31\n", "1.\u0663", "1." + "9" * 5000])
def test_what_is_no_version_is_none(text: str):
    assert parse_version(text) is None


def test_versions_compare_by_their_numbers():
    assert IstioVersion(1, 9) < IstioVersion(1, 24) < IstioVersion(1, 24, 1) < IstioVersion(1, 32)


def test_a_patch_release_is_as_known_as_its_minor_one():
    assert [is_known(version) for version in (OLDEST, NEWEST, DEFAULT_TARGET, IstioVersion(1, 32, 9))] == [True] * 4
    assert not is_known(IstioVersion(1, 23, 9))
    assert not is_known(IstioVersion(1, 33))


def test_it_is_written_as_istiod_writes_it():
    assert (str(parse_version("1.31")), IstioVersion(1, 31, 2).release) == ("1.31.0", "1.31")


def test_a_kind_that_the_target_does_not_have_yet_is_refused():
    value = {
        "apiVersion": "extensions.istio.io/v1alpha1",
        "kind": "TrafficExtension",
        "metadata": {"name": "a"},
        "spec": {"lua": {"inlineCode": "-- nothing"}},
    }
    decoded, (found,) = decode_object(value, Origin("a.yaml"), target=IstioVersion(1, 29))
    assert decoded is None
    assert (found.code.number, found.origin.path) == ("MG0062", ("kind",))
    assert found.message == "Istio 1.29 has no `TrafficExtension`: it came with 1.30"
    assert decode_object(value, Origin("a.yaml"), target=IstioVersion(1, 30))[1] == ()
