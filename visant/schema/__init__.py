"""The database's schema: which one this code expects, and whether the database has it.

``pending``: what is not applied; ``gate``: nothing works on a schema that is not ours; ``reaching``, ``locking``:
how ``migrate`` gets at the database; ``catalog``, ``reference``, ``differences``, ``mending``: the
live schema beside the one the migrations make; ``planning``, ``adopting``, ``losses``: what ``manage.py schema``
does.
"""

from visant.schema.pending import lack_of, pending_migrations

__all__ = ["lack_of", "pending_migrations"]
