"""Errors of the local model and of fetching a model file."""


class LocalModelUnavailable(Exception):
    """A model that runs here cannot be used. The message says why, `remedy` what the operator can do about it."""

    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(message)
        self.remedy = remedy


class DownloadFailed(Exception):
    """A wheel could not be downloaded. The message says why, `remedy` what the operator can do about it."""

    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(message)
        self.remedy = remedy
