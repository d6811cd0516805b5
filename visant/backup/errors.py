"""Why a backup or a restore is not done. Each says it in a sentence for the operator."""


class BackupError(Exception):
    """Nothing was done, or what was begun counts for nothing."""


class NotComplete(BackupError):
    """The folder holds no whole backup, or it is not as it was written."""


class NotEmpty(BackupError):
    """There are rows already: a restore would mix two installations."""


class Unfinished(BackupError):
    """There are the rows of another backup, whose restore was cut short."""


class StorageInUse(BackupError):
    """The storage has files that the backup does not know: somebody may use it, or pictures came since."""


class UnknownVersion(BackupError):
    """It was made by a Visant that this one does not know."""


class StorageAway(BackupError):
    """The storage does not give or take pictures: what was copied stays, and the next run goes on."""
