"""Backups: everything that an installation is, in a folder that any other Visant can be restored from.

    FOLDER/
      pictures/ab/ab12…                 files by their SHA-256, shared by all backups in the folder
      2026-11-28T033000Z/               one backup
        tables/001-orgs.user.jsonl.gz   rows, one table a file, in the order in which they can be put back
        files.jsonl.gz                  which file of the storage is which of the pictures
        manifest.json                   what it is, with counts and checksums
        COMPLETE                        written last: the checksum of the manifest

It knows tables by the registry of apps and files by ``settings.BACKED_UP_FILES``; what an app adds is in it.
"""
