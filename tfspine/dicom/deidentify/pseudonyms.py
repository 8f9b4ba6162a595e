"""Pseudonyms for identifiers, from a secret salt by HMAC-SHA256, so that names cannot be tested without the salt.

With the same salt, a patient gets the same pseudonym and the same shift of days, and a UID the same new UID, in every
run, so that later studies can be combined with earlier ones. Anyone who has the salt can look up a patient: protect it
like the patients' names, and never keep it next to the output.
"""

import contextlib
import hashlib
import hmac
import os
import secrets
import stat
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from pydicom.config import IGNORE
from pydicom.uid import UID

from tfspine.errors import ConfigError, OutputError, TfspineError

SALT_BYTES = 32
SHORTEST_SALT = 16
"""Least bytes of a salt; 128 bits cannot be found by trial (NIST SP 800-131A requires 112)."""

FEWEST_DAYS, MOST_DAYS = 366, 3650
"""Dates are shifted into the past by one to ten years, so that no date lies in the future or stays in its year."""


@dataclass(frozen=True)
class Salt:
    """The secret from which all pseudonyms are derived; printing the object does not reveal it."""

    secret: bytes = field(repr=False)

    def digest(self, kind: str, value: str) -> bytes:
        """Return 32 bytes that represent `value`; values of different kinds never have the same bytes."""
        return hmac.new(self.secret, f"{kind}\0{value}".encode(), hashlib.sha256).digest()

    def name(self, kind: str, value: str) -> str:
        """Return 16 hexadecimal digits that represent `value`."""
        return self.digest(kind, value).hex()[:16]

    def patient(self, key: str) -> str:
        """Return the PatientID and PatientName of a patient."""
        return f"P{self.name('patient', key)}"

    def check(self) -> str:
        """Return a value that distinguishes salts without revealing them."""
        return self.name("check", "salt")

    def uid(self, uid: str) -> str:
        """Return the new UID of an instance: a UUID under 2.25 (PS3.5 B.2). The standard's own UIDs stay."""
        if is_well_known(uid):
            return uid
        return f"2.25.{uuid.UUID(bytes=self.digest('uid', uid)[:16], version=5).int}"

    def days(self, key: str) -> int:
        """Return the number of days by which all dates of a patient are shifted (negative)."""
        span = MOST_DAYS - FEWEST_DAYS + 1
        return -(FEWEST_DAYS + int.from_bytes(self.digest("days", key), "big") % span)


def is_well_known(uid: str) -> bool:
    """Return whether a UID is registered in the standard (PS3.6 Annex A), such as SOP classes and transfer syntaxes."""
    return UID(uid, validation_mode=IGNORE).type != ""


def read_salt(path: Path) -> Salt:
    """Read the salt from a file that only its owner can read; leading and trailing white space is ignored.

    Raises:
        ConfigError: the file is missing, too short, or open to others.
    """
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        secret = path.read_bytes().strip()
    except OSError as error:
        raise ConfigError(f"{path}: salt cannot be read: {error.strerror}; make one with --create-salt") from None
    if os.name == "posix" and mode & 0o077:
        raise ConfigError(f"{path}: mode {mode:o} lets others read the salt; expected 600; run chmod 600 on it")
    if len(secret) < SHORTEST_SALT:
        raise ConfigError(f"{path}: salt of {len(secret)} bytes; expected {SHORTEST_SALT} or more; use --create-salt")
    return Salt(secret)


def create_salt(path: Path) -> Salt:
    """Write a new random salt with mode 600, and return it.

    Raises:
        ConfigError: there is a file already, which is never overwritten, or it cannot be written.
    """
    if path.exists():
        raise ConfigError(f"{path}: already exists and is not overwritten; leave out --create-salt to use it")
    salt = random_salt()
    write_private(path, salt.secret.decode() + "\n")
    return salt


def random_salt() -> Salt:
    """Return a new salt that is not written to a file."""
    return Salt(secrets.token_hex(SALT_BYTES).encode())


@contextlib.contextmanager
def own_salt(path: Path) -> Iterator[Salt]:
    """Yield the salt in a file, which is created if missing, and removed again if the input is found to be wrong.

    If the disk is full, the file is kept, because the next run continues from the output written with it.

    Raises:
        ConfigError: the file cannot be used or written.
    """
    is_new = not path.exists()
    if is_new:
        path.parent.mkdir(parents=True, exist_ok=True)
    salt = create_salt(path) if is_new else read_salt(path)
    try:
        yield salt
    except TfspineError as error:
        if is_new and not isinstance(error, OutputError):
            path.unlink(missing_ok=True)
        raise


def write_private(path: Path, content: str) -> None:
    """Write a new file that only its owner can read.

    Raises:
        ConfigError: there is a file already, or it cannot be written.
    """
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise ConfigError(f"{path}: already exists and is not overwritten; name another file") from None
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written: {error.strerror}; name another file") from None
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(content)
