"""Errors a user can act on: one line, naming the cause and the remedy."""


class MLLMFor3DError(Exception):
    """Base of all errors that the package raises on purpose. The CLI prints them as one line."""


class RecordingError(MLLMFor3DError):
    """A bag or folder cannot be read as a posed RGB-D recording."""


class InstructionError(MLLMFor3DError):
    """An instruction is empty, too long, or not text."""


class CheckpointError(MLLMFor3DError):
    """A model file is missing, corrupt, or does not fit the code."""


class VocabularyError(MLLMFor3DError):
    """A class name or a phrasing file does not fit the class vocabulary."""


class DeviceError(MLLMFor3DError):
    """A compute device was asked for that this machine does not have."""


class TeacherError(MLLMFor3DError):
    """A teacher cannot be loaded or set up: unknown name, missing extra or weights, unfit checkpoint."""


class CacheError(MLLMFor3DError):
    """The answer cache cannot be opened, read or written."""


class MissingExtraError(MLLMFor3DError):
    """What an option needs is not installed."""


class ClusterError(MLLMFor3DError):
    """A Ray cluster cannot be reached."""


class LabelStoreError(MLLMFor3DError):
    """A label store cannot be read or written, or is of a version that this code does not know."""


class DatasetError(MLLMFor3DError):
    """A benchmark's files, or predictions for it, are missing, damaged or do not fit each other."""


class TrainingError(MLLMFor3DError):
    """A training cannot start or go on: its configuration, its scenes, or numbers that are not finite."""
