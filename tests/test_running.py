"""The runs of these tests themselves."""

import pytest


@pytest.mark.once
@pytest.mark.xdist_group("one")
def test_what_is_a_group_is_known_as_one(request):
    """pytest-xdist tells by the id of a test. Where that fails, each process makes what a group would share."""
    if not request.config.getoption("loadgroup", False):
        pytest.skip("There is one process only, or groups were not asked for.")
    assert request.node.nodeid.endswith("@one")
