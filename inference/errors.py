"""What can go wrong between a radiograph and a probability, named after what happens next."""

# What pydicom and the decoders behind it raise on truncated, foreign or contradictory pixel data.
DECODER_ERRORS = (
    ArithmeticError,
    AttributeError,
    LookupError,
    NotImplementedError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
)


class InferenceError(Exception):
    """The radiograph could not be turned into a finding."""


class PixelsUnreadable(InferenceError):
    """The pixel data is missing, cut short or refused by all decoders; it is not analysed."""


class PixelsUnsupported(InferenceError):
    """The pixel data is whole but of a kind no model is made for; it is not analysed."""


class BundleInvalid(InferenceError):
    """The model bundle is incomplete or its bytes differ from its manifest; nothing is scored."""


class BundleNotInstalled(InferenceError):
    """The bundle could not be taken in; what was installed before stands as it did."""
