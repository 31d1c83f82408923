"""What pip on this machine is told about its package index, handed to image builds as secrets."""

import configparser
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

# Settings that hold inside a build too; others name folders or habits of this machine.
_SETTINGS = ("index-url", "extra-index-url", "trusted-host", "proxy", "retries", "timeout")
_CERTIFICATES_IN_BUILD = "/run/secrets/ca.pem"


@dataclass(frozen=True)
class PipSettings:
    options: Mapping[str, str]
    certificates: Path | None
    """The machine's own bundle of certificate authorities, if it has pip or OpenSSL use one."""

    @classmethod
    def of_this_machine(cls) -> "PipSettings":
        """Pip's configuration files, overridden by its environment variables as pip does."""
        parser = configparser.ConfigParser(interpolation=None)
        home = Path.home()
        files = ["/etc/pip.conf", home / ".pip/pip.conf", home / ".config/pip/pip.conf"]
        parser.read([*map(str, files), os.environ.get("PIP_CONFIG_FILE", "")])
        configured = dict(parser.items("global")) if parser.has_section("global") else {}
        exported = {
            name.removeprefix("PIP_").lower().replace("_", "-"): value
            for name, value in os.environ.items()
            if name.startswith("PIP_")
        }
        found = configured | exported
        certificates = found.get("cert") or os.environ.get("SSL_CERT_FILE")
        return cls(
            {name: found[name] for name in _SETTINGS if name in found},
            Path(certificates) if certificates else None,
        )

    def as_secrets(self, folder: Path) -> list[str]:
        """Values for `buildah build --secret`: `pip.conf`, written to `folder`, and `ca.pem` if there is one."""
        options = dict(self.options)
        secrets = []
        if self.certificates:
            options["cert"] = _CERTIFICATES_IN_BUILD
            secrets.append(f"id=ca.pem,src={self.certificates}")
        configuration = folder / "pip.conf"
        lines = (f"{name} = {value}\n" for name, value in options.items())
        configuration.write_text("".join(["[global]\n", *lines]))
        return [*secrets, f"id=pip.conf,src={configuration}"]
