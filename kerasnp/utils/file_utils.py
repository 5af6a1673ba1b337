"""Files from the network: download once, check, keep in a cache, unpack safely."""

from __future__ import annotations

import hashlib
import os
import shutil
import warnings
from collections.abc import Iterable
from typing import IO, TYPE_CHECKING

from kerasnp.utils import check

if TYPE_CHECKING:
    import tarfile
    import zipfile

__all__ = ["extract_archive", "get_file", "hash_file", "home", "validate_file"]

BLOCK = 1 << 18  # bytes read at a time
PATIENCE = 30.0  # seconds a server may stay silent


def home() -> str:
    """The cache folder: `$KERASNP_HOME`, or `~/.kerasnp` where that is not set.

    Example:
        >>> import os
        >>> home() == os.path.expanduser(os.environ.get("KERASNP_HOME") or "~/.kerasnp")
        True
    """
    return os.path.expanduser(os.environ.get("KERASNP_HOME") or "~/.kerasnp")


def get_file(
    fname: str | os.PathLike[str] | None = None,
    origin: str | None = None,
    untar: bool = False,
    md5_hash: str | None = None,
    file_hash: str | None = None,
    cache_subdir: str = "datasets",
    hash_algorithm: str = "auto",
    extract: bool = False,
    archive_format: str | Iterable[str] | None = "auto",
    cache_dir: str | os.PathLike[str] | None = None,
    force_download: bool = False,
) -> str:
    """Return the path of a file, downloaded to `cache_dir/cache_subdir/fname` unless it is already there.

    A download appears under its name only when it is complete and its hash is right.

    With `extract` the path returned is a folder. Given `fname="flowers.tar.gz"` it is `flowers_extracted`; given
    `fname="flowers"` it is `flowers`, and the archive is kept as `flowers_archive`. Without `fname` the last part of
    the URL is taken in the second way even if it has an extension, as in Keras.

    Args:
        fname: name of the file, without folders; by default the last part of the URL.
        origin: the URL.
        untar: the same as `extract=True, archive_format="tar"`.
        md5_hash: the same as `file_hash` and `hash_algorithm="md5"`; ignored beside `file_hash`.
        file_hash: the expected MD5 or SHA-256 as hexadecimal digits. A cached file that does not match is replaced.
        cache_subdir: folder within `cache_dir`; an absolute path replaces both.
        hash_algorithm: "md5", "sha256", or "auto" to tell by the length.
        extract: unpack the archive. Members that would leave the folder are refused, see `extract_archive`.
        archive_format: "tar" (also compressed), "zip", a list of these, or "auto" for both.
        cache_dir: by default `$KERASNP_HOME`, or else `~/.kerasnp`.
        force_download: download even if the file is there.

    Raises:
        ValueError: no URL, an impossible name or hash, a download with the wrong hash, or a bad archive.
        OSError: the download failed or the file cannot be written.

    Example:
        >>> import pathlib, tempfile
        >>> folder = pathlib.Path(tempfile.mkdtemp())
        >>> _ = (folder / "source.txt").write_text("hello")
        >>> path = get_file("copy.txt", (folder / "source.txt").as_uri(), cache_dir=folder)  # doctest: +ELLIPSIS
        Downloading data from file://...
        >>> pathlib.Path(path).relative_to(folder).as_posix(), pathlib.Path(path).read_text()
        ('datasets/copy.txt', 'hello')
    """
    from urllib.parse import urlsplit

    if not origin:
        raise ValueError(f"get_file: origin must be the URL to download from. Received: origin={origin!r}")
    if not urlsplit(origin).scheme:
        raise ValueError(f"get_file: origin must be a URL such as https://host/file. Received: origin={origin!r}")
    name = os.fspath(fname) if fname else os.path.basename(urlsplit(origin).path)
    if name in ("", ".", "..") or os.path.basename(name) != name:
        raise ValueError(f"get_file: fname must be a file name; folders go in cache_dir. Received: fname={name!r}")
    if md5_hash is not None and file_hash is None:
        file_hash, hash_algorithm = md5_hash, "md5"
    if file_hash is not None:
        hash_algorithm = _algorithm(file_hash, hash_algorithm)

    folder = os.path.join(os.path.expanduser(home() if cache_dir is None else cache_dir), cache_subdir)
    target = unpacked = os.path.join(folder, name)
    if extract or untar:
        if fname and "." in name:
            unpacked = os.path.join(folder, name.partition(".")[0] + "_extracted")
        else:
            target += "_archive"

    wanted = force_download or not os.path.exists(target)
    if not wanted and file_hash is not None and not validate_file(target, file_hash, hash_algorithm):
        warnings.warn(f"get_file: {target} does not match its {hash_algorithm} and is downloaded anew.", stacklevel=2)
        wanted = True
    if wanted:
        os.makedirs(folder, exist_ok=True)
        _download(origin, target, file_hash, hash_algorithm)
    if extract or untar:
        extract_archive(target, unpacked, "tar" if untar else archive_format)
    return unpacked


def hash_file(path: str | os.PathLike[str], algorithm: str = "sha256") -> str:
    """The hexadecimal digest of a file.

    Args:
        path: the file.
        algorithm: "sha256" or "md5".
    """
    digest = hashlib.new(check.one_of("algorithm", algorithm, ("sha256", "md5"), "hash_file"), usedforsecurity=False)
    with open(path, "rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()


def validate_file(path: str | os.PathLike[str], file_hash: str, algorithm: str = "auto") -> bool:
    """Whether a file has the digest `file_hash`.

    Args:
        path: the file.
        file_hash: hexadecimal digits.
        algorithm: "md5", "sha256", or "auto" to tell by the length.
    """
    return hash_file(path, _algorithm(file_hash, algorithm)) == file_hash.lower()


def _algorithm(file_hash: str, algorithm: str) -> str:
    algorithm = check.one_of("hash_algorithm", algorithm, ("auto", "md5", "sha256"))
    lengths = {"md5": 32, "sha256": 64}
    fits = [name for name, length in lengths.items() if len(file_hash) == length and algorithm in ("auto", name)]
    if not fits or not set(file_hash.lower()) <= set("0123456789abcdef"):
        expected = "32 (md5) or 64 (sha256)" if algorithm == "auto" else lengths[algorithm]
        raise ValueError(f"file_hash must be {expected} hexadecimal digits. Received: file_hash={file_hash!r}")
    return fits[0]


def _download(origin: str, path: str, file_hash: str | None, algorithm: str) -> None:
    """Fetch origin into path, which appears whole and verified or not at all."""
    partial = f"{path}.{os.getpid()}-{os.urandom(4).hex()}.part"
    try:
        with open(partial, "xb") as file:
            digest = hashlib.new(algorithm if file_hash else "sha256", usedforsecurity=False)
            _fetch(origin, file, digest, os.path.basename(path))
            file.flush()
            os.fsync(file.fileno())
        if file_hash and digest.hexdigest() != file_hash.lower():
            raise ValueError(
                f"get_file: Incomplete or corrupted file, or not the expected one, from {origin}: its {algorithm} should be "
                f"{file_hash} but is {digest.hexdigest()}."
            )
        os.replace(partial, path)
    finally:
        if os.path.exists(partial):
            os.remove(partial)


def _fetch(origin: str, file: IO[bytes], digest: hashlib._Hash, title: str) -> None:
    from http.client import HTTPException
    from urllib.error import URLError
    from urllib.request import urlopen

    from kerasnp.utils.progress import INTERVAL, Bar, write_line

    received = 0
    write_line(f"Downloading data from {origin}")
    try:
        with urlopen(origin, timeout=PATIENCE) as response:
            length = response.headers.get("Content-Length")
            total = int(length) if length and length.isdigit() else None
            with Bar(unit="B") as bar:
                bar.begin(total, title, delay=INTERVAL)
                while block := response.read(BLOCK):
                    file.write(block)
                    digest.update(block)
                    received += len(block)
                    bar.step(received)
    except (OSError, HTTPException) as error:
        reason = error.reason if type(error) is URLError else error
        raise OSError(f"get_file: the download from {origin} failed: {reason}") from error
    if total is not None and received < total:
        raise OSError(f"get_file: the download from {origin} ended after {received} of {total} bytes.")


def extract_archive(
    path: str | os.PathLike[str],
    directory: str | os.PathLike[str],
    archive_format: str | Iterable[str] | None = "auto",
) -> None:
    """Unpack a tar or zip archive into a directory and nowhere else.

    Names that are absolute or climb with `..`, links that lead outside, and devices are refused before anything is
    written; nothing is written through a symbolic link. Of the permissions only "executable" is kept.

    Args:
        path: the archive.
        directory: where to; made if needed. Files there of the same name are replaced, others stay.
        archive_format: "tar" (also compressed), "zip", a list of these, or "auto" for both.

    Raises:
        ValueError: not an archive of that format, a damaged one, or one with a member that is refused.
    """
    import tarfile
    import zipfile

    formats = ("tar", "zip") if archive_format == "auto" else archive_format or ()
    formats = (formats,) if isinstance(formats, str) else tuple(formats)
    for name in formats:
        check.one_of("archive_format", name, ("tar", "zip"), "extract_archive")
    root = os.path.abspath(directory)
    try:
        if "tar" in formats and tarfile.is_tarfile(path):
            with tarfile.open(path) as tar:
                _extract_tar(tar, root)
        elif "zip" in formats and zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                _extract_zip(archive, root)
        else:
            raise ValueError(f"it is not a {' or '.join(formats)} archive" if formats else "no archive_format is given")
    except Exception as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise  # the file system's complaint; the rest, five modules' own errors, say that the data are bad
        raise ValueError(f"extract_archive: {os.fspath(path)} cannot be unpacked: {error}.") from error


def _extract_zip(archive: zipfile.ZipFile, root: str) -> None:
    members = [(info, _parts(info.filename)) for info in archive.infolist()]
    for info, parts in members:
        if info.is_dir():
            _folder(root, parts)
        else:
            with archive.open(info) as source:
                _write(source, root, parts, executable=bool(info.external_attr >> 16 & 0o100))


def _extract_tar(tar: tarfile.TarFile, root: str) -> None:
    members = [(member, _parts(member.name)) for member in tar.getmembers()]
    while tar.fileobj is not None and tar.fileobj.read(BLOCK):
        pass  # up to the checksum gzip has behind its data, which tarfile itself never reads
    for member, parts in members:
        if member.issym():
            _check_target(member.linkname, parts)
        elif member.islnk():
            _parts(member.linkname)
        elif not (member.isreg() or member.isdir()):
            raise ValueError(f"member {member.name!r} is a device or a pipe")
    for member, parts in members:
        if member.isdir():
            _folder(root, parts)
        elif member.issym():
            os.symlink(member.linkname, _free(root, parts))
        elif member.islnk():
            *above, last = _parts(member.linkname)
            original = os.path.join(_folder(root, above), last)
            if os.path.islink(original) or not os.path.isfile(original):
                raise ValueError(f"member {member.name!r} links to {member.linkname!r}, which is not an earlier file")
            shutil.copy(original, _free(root, parts))
        else:
            source = tar.extractfile(member)
            assert source is not None  # it is for regular files
            with source:
                _write(source, root, parts, executable=bool(member.mode & 0o100))


def _parts(name: str) -> list[str]:
    """A member's path as names below the root."""
    if os.path.isabs(name) or os.path.splitdrive(name)[0]:
        raise ValueError(f"member {name!r} has an absolute path")
    parts = [part for part in name.replace(os.sep, "/").split("/") if part not in ("", ".")]
    if ".." in parts:
        raise ValueError(f"member {name!r} leaves the directory")
    return parts


def _check_target(target: str, parts: list[str]) -> None:
    """Refuse a symbolic link out of the root.

    A target may climb only at its beginning, and no further than the link is deep. The link itself lies in real folders
    (see `_folder`), so that climb stays inside; each link met on the way down from there is another one checked here.
    """
    steps = target.replace(os.sep, "/").split("/")
    climb = next((i for i, step in enumerate(steps) if step != ".."), len(steps))
    if os.path.isabs(target) or os.path.splitdrive(target)[0] or ".." in steps[climb:] or climb >= len(parts):
        raise ValueError(f"member {'/'.join(parts)!r} links to {target!r}, outside the directory")


def _folder(root: str, parts: list[str]) -> str:
    """Make the folders below root, none of them a symbolic link."""
    os.makedirs(root, exist_ok=True)
    path = root
    for part in parts:
        path = os.path.join(path, part)
        if os.path.islink(path):
            raise ValueError(f"member {'/'.join(parts)!r} lies behind the symbolic link {part!r}")
        os.makedirs(path, exist_ok=True)
    return path


def _free(root: str, parts: list[str]) -> str:
    """The path of a new member, the old file of that name removed."""
    if not parts:
        raise ValueError("a member has no name")
    *above, last = parts
    path = os.path.join(_folder(root, above), last)
    if os.path.lexists(path):
        os.remove(path)
    return path


def _write(source: IO[bytes], root: str, parts: list[str], executable: bool) -> None:
    path = _free(root, parts)
    with open(path, "xb") as file:
        shutil.copyfileobj(source, file, BLOCK)
    if executable:
        os.chmod(path, os.stat(path).st_mode | 0o111)
