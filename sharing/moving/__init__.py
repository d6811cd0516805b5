"""Moving in from the database of the multi-tenant Visant that came before: organizations, people, cameras,
captures, share links. What captures need is done by ``captures.moving``."""
