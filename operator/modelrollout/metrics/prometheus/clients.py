"""Which Prometheus is asked about which namespace."""

from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from modelrollout.metrics.prometheus.access import Access, read_access
from modelrollout.metrics.prometheus.client import PrometheusClient, SourceFailure
from modelrollout.metrics.prometheus.credentials import CredentialsUnusable

_Stamp = frozenset[tuple[str, int, int, int]]


@dataclass(frozen=True, slots=True)
class _Made:
    stamp: _Stamp
    client: PrometheusClient


class ClientsByNamespace:
    """The client for each namespace, made anew whenever the files that say how to ask change. For several threads.

    url, credentials: where and how to ask about namespaces that have nothing of their own; `credentials` is a
    directory as `read_access` reads it, or None. own: holds such a directory for each namespace that has, which is
    never asked about in the other way, whatever is wrong with its files. timeout: see PrometheusClient.
    Raises ValueError if url is not an http or https URL.
    """

    def __init__(
        self, url: str, *, credentials: Path | None = None, own: Path | None = None, timeout: float = 10.0
    ) -> None:
        self._url = url
        self._credentials = credentials
        self._own = own
        self._timeout = timeout
        self._lock = Lock()
        self._made: dict[Path | None, _Made] = {None: _Made(frozenset(), PrometheusClient(url, timeout=timeout))}

    def of(self, namespace: str) -> PrometheusClient:
        """The client for a namespace. Raises SourceFailure if it is not known how to ask."""
        directory = self._directory_of(namespace)
        try:
            with self._lock:
                return self._current(directory)
        except (CredentialsUnusable, OSError, ValueError) as reason:
            why = reason if isinstance(reason, CredentialsUnusable | ValueError) else "it cannot be read"
            raise SourceFailure(f"the Secret for Prometheus is unusable: {why}") from None

    def close(self) -> None:
        """Close the connections."""
        with self._lock:
            for made in self._made.values():
                made.client.close()

    def _directory_of(self, namespace: str) -> Path | None:
        if self._own and (own := self._own / namespace).is_dir():
            return own
        return self._credentials

    def _current(self, directory: Path | None) -> PrometheusClient:
        known, stamp = self._made.get(directory), _stamp_of(directory)
        if known and known.stamp == stamp:
            return known.client
        if known:
            # Whoever still asks with it is answered: only idle connections are closed.
            known.client.close()
        self._made[directory] = _Made(stamp, self._client(directory))
        return self._made[directory].client

    def _client(self, directory: Path | None) -> PrometheusClient:
        access = read_access(directory, self._url) if directory else Access(self._url)
        return PrometheusClient(
            access.url,
            timeout=self._timeout,
            verify=access.verify,
            auth=access.auth,
            headers=access.headers,
            certificate=access.certificate,
        )


def _stamp_of(directory: Path | None) -> _Stamp:
    """Changes with the files in a directory: the kubelet replaces what a link leads to."""
    if directory is None:
        return frozenset()
    found = ((file.name, file.stat()) for file in directory.iterdir() if file.is_file())
    return frozenset((name, stat.st_ino, stat.st_mtime_ns, stat.st_size) for name, stat in found)
