"""What stops a training command; each message is the one line that the user reads."""


class TrainingError(Exception):
    """The command cannot go on; the message names the file or key at fault."""


class UnknownLayout(TrainingError):
    """The folder is neither the Kaggle layout nor a prepared set."""


class EmptyClass(TrainingError):
    """A class folder holds no image."""


class UnreadableImage(TrainingError):
    """An image cannot be decoded."""


class OutOfSpace(TrainingError):
    """The disk is full."""


class RunUnusable(TrainingError):
    """A run folder cannot be continued or published."""


class PretrainedUnreachable(TrainingError):
    """The pretrained weights cannot be fetched from here."""
