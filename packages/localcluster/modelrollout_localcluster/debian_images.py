"""Images that are nothing but Debian's packages: what official images are to who can pull."""

import hashlib
from dataclasses import dataclass

DEBIAN_SUITE = "bookworm"


@dataclass(frozen=True)
class DebianImage:
    """An image of some packages and what they need.

    settings: further options of mmdebstrap. instructions: of the Containerfile, after the files of the packages.
    """

    name: str
    packages: tuple[str, ...]
    instructions: str
    settings: tuple[str, ...] = ()

    @property
    def reference(self) -> str:
        """Its name, which changes with what it is made of."""
        return f"localhost/modelrollout-{self.name}:{digest_of(DEBIAN_SUITE, *self.options, self.containerfile)}"

    @property
    def options(self) -> tuple[str, ...]:
        """Of mmdebstrap."""
        return (
            "--variant=essential",
            f"--include={','.join(self.packages)}",
            # Without it the essential packages bring usrmerge, and with it all of Perl.
            "--hook-dir=/usr/share/mmdebstrap/hooks/merged-usr",
            *(f"--dpkgopt=path-exclude=/usr/share/{folder}/*" for folder in ("doc", "locale", "man")),
            *self.settings,
        )

    @property
    def containerfile(self) -> str:
        return f"FROM scratch\nADD root.tar /\nENV LANG=C.UTF-8\n{self.instructions}"


def digest_of(*parts: str) -> str:
    """Twelve characters that tell texts apart."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:12]


PYTHON = DebianImage("python", ("libstdc++6", "python3", "python3-pip"), 'CMD ["python3"]\n')

# As whoever runs it: initdb needs no more than a folder of one's own.
_START = (
    "test -s $PGDATA/PG_VERSION || initdb --username=postgres --pwfile=$PASSWORD_FILE"
    " && exec postgres -c listen_addresses=* -c unix_socket_directories=/tmp -c hba_file=/etc/postgresql-callers.conf"
)
POSTGRESQL = DebianImage(
    "postgresql",
    ("postgresql-15",),
    f'ENV PATH=/usr/lib/postgresql/15/bin:/usr/bin:/bin PGDATA=/data/postgresql\nCMD ["sh", "-c", "{_START}"]\n',
    settings=(
        "--essential-hook=mkdir -p $1/etc/postgresql-common"
        " && echo create_main_cluster=false > $1/etc/postgresql-common/createcluster.conf",
        "--customize-hook=printf 'local all all trust\\nhost all all all scram-sha-256\\n'"
        " > $1/etc/postgresql-callers.conf",
    ),
)
