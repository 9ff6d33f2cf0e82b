from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshgen.istio.hosts import fully_qualified, most_specific, narrower, overlaps, subset_of

labels = st.sampled_from(["a", "b", "example"])
names = st.lists(labels, min_size=1, max_size=3).map(".".join)
hosts = st.one_of(names, names.map("*.{}".format), st.just("*"))


@pytest.mark.parametrize(
    ("host", "full"),
    [
        ("catalog", "catalog.shop.svc.cluster.local"),
        ("catalog.web", "catalog.web"),
        ("*", "*"),
        ("10.0.0.1", "10.0.0.1"),
        ("fd00::1", "fd00::1"),
    ],
)
def test_only_a_name_without_dot_is_completed(host: str, full: str):
    assert fully_qualified(host, "shop") == full


@given(hosts, hosts, names)
def test_every_name_of_a_subset_is_one_of_the_wider_host(one: str, other: str, name: str):
    if subset_of(one, other) and subset_of(name, one):
        assert subset_of(name, other)


@given(hosts, hosts)
def test_the_narrower_of_two_hosts_is_a_subset_of_both(one: str, other: str):
    found = narrower(one, other)
    assert (found is not None) == overlaps(one, other)
    if found is not None:
        assert subset_of(found, one)
        assert subset_of(found, other)


@given(hosts, st.lists(hosts, max_size=6))
def test_the_most_specific_host_is_the_longest_that_covers(host: str, known: list[str]):
    covering = [other for other in known if subset_of(host, other)]
    expected = host if host in covering else max(covering, key=len, default=None)
    assert most_specific(host, {other: other for other in known}) == expected


def test_a_wildcard_does_not_cover_its_own_domain():
    assert not subset_of("example.com", "*.example.com")
