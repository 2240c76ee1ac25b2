"""What can go wrong between a stored radiograph and a probability, named after what happens next."""


class InferenceError(Exception):
    """The radiograph could not be turned into a finding."""


class PixelsUnreadable(InferenceError):
    """The pixel data is missing, cut short or refused by every decoder; the study is not analysed."""


class PixelsUnsupported(InferenceError):
    """The pixel data is whole but of a kind no model here was made for; the study is not analysed."""


class BundleInvalid(InferenceError):
    """The model bundle is incomplete or its bytes differ from its manifest; nothing is scored."""
