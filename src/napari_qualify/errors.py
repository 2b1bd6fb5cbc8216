"""The exceptions of the package.

Every message says what is wrong, where (file, criterion, library), and what
to do about it; the widgets and the command line show it as it is.
"""


class QualifyError(Exception):
    """Base class of all errors that the package raises on purpose."""


class UsageError(QualifyError, ValueError):
    """An argument, option or table is wrong; nothing was changed."""


class MicrographError(QualifyError, ValueError):
    """A file or layer is not a micrograph that can be judged."""


class SegmentationError(QualifyError, ValueError):
    """Phases cannot be found, or do not belong to the micrograph."""


class EncoderError(QualifyError, RuntimeError):
    """An encoder or its weights are missing, damaged or not the expected ones."""


class LibraryError(QualifyError, RuntimeError):
    """A library cannot be opened, read or written."""


class LibraryFormatError(LibraryError):
    """A library is of a format that this version does not read."""


class Cancelled(QualifyError):
    """The user asked to stop; what was finished before is kept."""
