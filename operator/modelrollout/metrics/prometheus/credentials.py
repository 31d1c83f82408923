"""Credentials for Prometheus, read from files anew for every request, because what is in them rotates."""

from pathlib import Path

import requests
from requests.auth import AuthBase, HTTPBasicAuth

# No credential is longer, and what is no credential shall not be read whole.
_MOST_BYTES = 64 * 1024


class CredentialsUnusable(Exception):
    """A file holds no credential that can be sent; the message says why, and nothing of what is in it."""


class BearerTokenFile(AuthBase):
    """Authenticates with a token from a file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        token = read_secret(self._path)
        if not token.isascii():
            raise CredentialsUnusable(f"{self._path.name} holds characters that no token has")
        request.headers["Authorization"] = f"Bearer {token}"
        return request


class BasicAuthFiles(AuthBase):
    """Authenticates with a name and a password, each from a file."""

    def __init__(self, username: Path, password: Path) -> None:
        self._username, self._password = username, password

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        username, password = read_secret(self._username), read_secret(self._password)
        # Without an encoding of its own a password beyond Latin-1 could not be sent.
        HTTPBasicAuth(username.encode(), password.encode())(request)
        return request


def read_secret(path: Path) -> str:
    """The one line in a file, without the white space around it and the mark that some editors begin a file with.

    Raises CredentialsUnusable.
    """
    lines = read_lines(path)
    if not lines:
        raise CredentialsUnusable(f"{path.name} is empty")
    if len(lines) > 1:
        raise CredentialsUnusable(f"{path.name} holds more than one line")
    return lines[0]


def read_lines(path: Path) -> list[str]:
    """The lines in a file that hold anything, likewise. Raises CredentialsUnusable."""
    try:
        with path.open("rb") as file:
            text = file.read(_MOST_BYTES + 1).decode("utf-8-sig").strip()
    except OSError as error:
        raise CredentialsUnusable(f"{path.name}: {error.strerror or 'cannot be read'}") from None
    except UnicodeDecodeError:
        raise CredentialsUnusable(f"{path.name} is not text in UTF-8") from None
    if len(text) >= _MOST_BYTES:
        raise CredentialsUnusable(f"{path.name} is too long")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not all(line.isprintable() for line in lines):
        raise CredentialsUnusable(f"{path.name} holds characters that cannot be sent")
    return lines
