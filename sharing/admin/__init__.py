"""The operators' door to links, what was reported of them, and how often they were opened."""

from sharing.admin import links, policies, reports, visits

__all__ = ["links", "policies", "reports", "visits"]
