"""The operators' door. Everything is found and looked at here; what changes goes through the services."""

from orgs.admin import audit, deletions, groups, invitations, logins, organizations, plans, tokens, users

__all__ = ["audit", "deletions", "groups", "invitations", "logins", "organizations", "plans", "tokens", "users"]
