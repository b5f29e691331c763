"""Errors that a user can mend. The message is for the user: what was wrong, what was expected, what to do."""


class UserError(Exception):
    """Shown as one sentence, without a traceback, and with exit code 2."""


class ConfigError(UserError):
    """A setting that cannot be used."""


class CheckpointError(UserError):
    """An artifact that cannot be read or written."""


class FolderError(UserError):
    """A folder that cannot hold this run."""


class ActorPoolError(UserError):
    """Ray or an actor could not be started, or actors keep failing."""


class EngineError(UserError):
    """An engine of others that ended, fell silent or broke the rules."""


class TrainingDiverged(UserError):
    """A loss or gradient is not finite: going on would destroy the weights."""


class ArgumentError(UserError, ValueError):
    """An argument of a Python call whose value cannot be used."""


class ArgumentTypeError(UserError, TypeError):
    """An argument of a Python call of the wrong kind."""
