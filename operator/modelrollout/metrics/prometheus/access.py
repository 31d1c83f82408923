"""How a Prometheus is asked, from the files of a directory, as a mounted Secret makes them."""

import re
from dataclasses import dataclass, field
from pathlib import Path

from requests.auth import AuthBase

from modelrollout.metrics.prometheus.credentials import (
    BasicAuthFiles,
    BearerTokenFile,
    CredentialsUnusable,
    read_lines,
    read_secret,
)

# RFC 9110, 5.6.2.
_FIELD_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_PAIRS = (("username", "password"), ("tls.crt", "tls.key"))


@dataclass(frozen=True, slots=True)
class Access:
    """url: up to and without /api/v1. The rest: see PrometheusClient."""

    url: str
    verify: bool | str = True
    auth: AuthBase | None = None
    headers: dict[str, str] = field(default_factory=dict)
    certificate: tuple[str, str] | None = None


def read_access(directory: Path, url: str) -> Access:
    """What the files in a directory say, each of which may be missing.

    url: where Prometheus is, in place of the one given. headers: lines like `X-Scope-OrgID: team-a`. token, or username
    and password: how to authenticate. ca.crt: of the authority that signed its certificate. tls.crt and tls.key: the
    certificate to show to it. Raises CredentialsUnusable.
    """
    present = {file.name for file in directory.iterdir()}
    for one, other in _PAIRS:
        if (one in present) != (other in present):
            raise CredentialsUnusable(f"there must be both {one} and {other}, or neither")
    return Access(
        url=read_secret(directory / "url") if "url" in present else url,
        verify=str(directory / "ca.crt") if "ca.crt" in present else True,
        auth=_auth(directory, present),
        headers=dict(map(_header, read_lines(directory / "headers"))) if "headers" in present else {},
        certificate=(str(directory / "tls.crt"), str(directory / "tls.key")) if "tls.crt" in present else None,
    )


def _auth(directory: Path, present: set[str]) -> AuthBase | None:
    if {"token", "username"} <= present:
        raise CredentialsUnusable("there must be a token, or username and password, not both")
    if "token" in present:
        return BearerTokenFile(directory / "token")
    if "username" in present:
        return BasicAuthFiles(directory / "username", directory / "password")
    return None


def _header(line: str) -> tuple[str, str]:
    name, colon, value = line.partition(":")
    if not colon or not _FIELD_NAME.fullmatch(name) or not value.isascii():
        raise CredentialsUnusable("headers must hold lines like X-Scope-OrgID: team-a")
    return name, value.strip()
