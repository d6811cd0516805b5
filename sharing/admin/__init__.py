"""The operators' door to links and what was reported of them."""

from sharing.admin import links, reports

__all__ = ["links", "reports"]
