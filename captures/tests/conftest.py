"""What tests of pages that show pictures have in common."""

import pytest


@pytest.fixture
def lasting_addresses(settings):
    """Addresses of pictures change with each half of their life: not every half hour, between page and look."""
    settings.VISANT_PICTURE_URL_SECONDS = 7 * 24 * 60 * 60
