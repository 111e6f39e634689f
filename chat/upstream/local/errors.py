"""What the local model can fail with."""


class LocalModelUnavailable(Exception):
    """The local model cannot be had. The message says why, `remedy` what the operator can do, both in plain words."""

    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(message)
        self.remedy = remedy
