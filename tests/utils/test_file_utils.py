import hashlib
import http.server
import io
import os
import socket
import subprocess
import sys
import tarfile
import threading
import zipfile

import pytest

from kerasnp.utils import file_utils
from kerasnp.utils.file_utils import extract_archive, get_file, hash_file, validate_file

BODY = bytes(range(256)) * 3000  # several blocks
MD5, SHA256 = hashlib.md5(BODY).hexdigest(), hashlib.sha256(BODY).hexdigest()


class Server(http.server.ThreadingHTTPServer):
    """Serves `files`, bytes by path, with the true length or that in `lengths`; `asked` lists the requests."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.files, self.lengths, self.asked = {"/data.bin": BODY}, {}, []

    def url(self, path):
        return f"http://127.0.0.1:{self.server_port}{path}"


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.asked.append(self.path)
        body = self.server.files.get(self.path.partition("?")[0])
        if body is None:
            self.send_error(404)
            return
        self.send_response(200)
        length = self.server.lengths.get(self.path, len(body))
        if length is not None:
            self.send_header("Content-Length", str(length))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("KERASNP_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def _read(path):
    with open(path, "rb") as file:
        return file.read()


class TestGetFile:
    def test_downloads_once(self, server, home):
        path = get_file("mine.bin", server.url("/data.bin"))
        assert path == str(home / "datasets" / "mine.bin")
        assert _read(path) == BODY
        assert get_file("mine.bin", server.url("/data.bin")) == path
        assert server.asked == ["/data.bin"]
        assert os.listdir(home / "datasets") == ["mine.bin"]

    def test_the_url_names_the_file(self, server, home):
        assert get_file(origin=server.url("/data.bin?version=2")) == str(home / "datasets" / "data.bin")

    def test_without_the_variable_the_cache_is_in_the_home_folder(self, monkeypatch):
        monkeypatch.setenv("KERASNP_HOME", "")
        assert file_utils.home() == os.path.expanduser("~/.kerasnp")

    @pytest.mark.parametrize("absolute", [False, True])
    def test_cache_dir_and_subdir(self, server, tmp_path, absolute):
        subdir = str(tmp_path / "elsewhere") if absolute else "a/b"
        path = get_file("f", server.url("/data.bin"), cache_dir=tmp_path / "cache", cache_subdir=subdir)
        assert path == str((tmp_path / "elsewhere" if absolute else tmp_path / "cache" / "a" / "b") / "f")
        assert _read(path) == BODY

    def test_force_download(self, server):
        for _ in range(2):
            get_file("f", server.url("/data.bin"), force_download=True)
        assert len(server.asked) == 2

    @pytest.mark.parametrize(
        "options",
        [
            {"file_hash": SHA256},
            {"file_hash": SHA256.upper()},
            {"file_hash": MD5},
            {"md5_hash": MD5},
            {"md5_hash": "0" * 32, "file_hash": SHA256},
            {"file_hash": SHA256, "hash_algorithm": "sha256"},
            {"file_hash": MD5, "hash_algorithm": "md5"},
        ],
    )
    def test_right_hash(self, server, options):
        for _ in range(2):
            assert _read(get_file("f", server.url("/data.bin"), **options)) == BODY
        assert len(server.asked) == 1

    def test_wrong_hash_leaves_nothing(self, server, home):
        with pytest.raises(ValueError, match=f"its sha256 should be {'0' * 64} but is {SHA256}"):
            get_file("f", server.url("/data.bin"), file_hash="0" * 64)
        assert os.listdir(home / "datasets") == []

    def test_a_stale_file_is_replaced(self, server, home):
        (home / "datasets").mkdir(parents=True)
        (home / "datasets" / "f").write_text("stale")
        assert _read(get_file("f", server.url("/data.bin"))) == b"stale"
        with pytest.warns(UserWarning, match="does not match its sha256"):
            assert _read(get_file("f", server.url("/data.bin"), file_hash=SHA256)) == BODY

    def test_a_failed_replacement_keeps_the_old_file(self, server, home):
        (home / "datasets").mkdir(parents=True)
        (home / "datasets" / "f").write_text("old")
        with pytest.raises(OSError, match="404"):
            get_file("f", server.url("/missing"), force_download=True)
        assert (home / "datasets" / "f").read_text() == "old"

    def test_an_interrupted_download_leaves_nothing(self, server, home):
        server.lengths["/data.bin"] = len(BODY) + 1
        with pytest.raises(OSError, match="data.bin (ended after|failed)"):
            get_file("f", server.url("/data.bin"))
        assert os.listdir(home / "datasets") == []

    def test_unknown_length(self, server):
        server.lengths["/data.bin"] = None
        assert _read(get_file("f", server.url("/data.bin"))) == BODY

    def test_an_empty_file(self, server):
        server.files["/empty"] = b""
        assert _read(get_file(origin=server.url("/empty"))) == b""

    def test_nobody_listens(self, home, monkeypatch):
        monkeypatch.setenv("no_proxy", "*")
        with socket.create_server(("127.0.0.1", 0)) as closed_soon:
            origin = f"http://127.0.0.1:{closed_soon.getsockname()[1]}/data.bin"
        with pytest.raises(OSError, match=f"get_file: the download from {origin} failed: .*refused"):
            get_file("f", origin)
        assert os.listdir(home / "datasets") == []

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({}, "origin must be the URL to download from. Received: origin=None"),
            ({"origin": "data.bin"}, "origin must be a URL such as"),
            ({"origin": "http://localhost/"}, "fname must be a file name"),
            ({"origin": "http://localhost/.."}, "fname must be a file name"),
            ({"origin": "http://localhost/x", "fname": "a/b"}, "fname='a/b'"),
            ({"origin": "http://localhost/x", "fname": "../b"}, "fname='../b'"),
            ({"origin": "http://localhost/x", "file_hash": SHA256[:-2]}, "file_hash must be 32 .md5. or 64 .sha256."),
            ({"origin": "http://localhost/x", "file_hash": "g" * 32}, "hexadecimal digits"),
            ({"origin": "http://localhost/x", "md5_hash": SHA256}, "file_hash must be 32 hexadecimal digits"),
            ({"origin": "http://localhost/x", "file_hash": MD5, "hash_algorithm": "crc"}, "hash_algorithm must be one"),
        ],
    )
    def test_wrong_arguments_are_named_before_anything_happens(self, home, options, message):
        with pytest.raises(ValueError, match=message):
            get_file(**options)
        assert not home.exists()


class TestExtract:
    @pytest.mark.parametrize(
        ("fname", "archive", "folder"),
        [
            (None, "pack.tar.gz_archive", "pack.tar.gz"),
            ("flowers", "flowers_archive", "flowers"),
            ("flowers.tar.gz", "flowers.tar.gz", "flowers_extracted"),
        ],
    )
    def test_where_things_go(self, server, home, fname, archive, folder):
        server.files["/pack.tar.gz"] = _tar([("a/b.txt", b"hello")], "w:gz")
        for _ in range(2):
            path = get_file(fname, server.url("/pack.tar.gz"), extract=True)
            assert path == str(home / "datasets" / folder)
            assert _read(os.path.join(path, "a", "b.txt")) == b"hello"
        assert sorted(os.listdir(home / "datasets")) == sorted([archive, folder])
        assert len(server.asked) == 1

    def test_untar_takes_no_zip(self, server):
        server.files["/pack"] = _zip([("a", b"x")])
        with pytest.raises(ValueError, match="is not a tar archive"):
            get_file("pack", server.url("/pack"), untar=True)
        assert _read(os.path.join(get_file("pack", server.url("/pack"), extract=True), "a")) == b"x"


def _tar(members, mode="w"):
    """A tar of (name, bytes), or (name, kind, link target)."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode=mode) as tar:
        for name, *content in members:
            info = tarfile.TarInfo(name)
            if len(content) == 1:
                info.size = len(content[0])
                tar.addfile(info, io.BytesIO(content[0]))
            else:
                info.type, info.linkname = content
                tar.addfile(info)
    return stream.getvalue()


def _zip(members):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in members:
            archive.writestr(name, content)
    return stream.getvalue()


def _unpack(tmp_path, data, archive_format="auto"):
    (tmp_path / "archive").write_bytes(data)
    extract_archive(tmp_path / "archive", tmp_path / "out" / "here", archive_format)
    return tmp_path / "out" / "here"


FILES = [("top.txt", b"top"), ("a/b/deep.txt", b"deep" * 100_000), ("./a/empty", b"")]


class TestArchives:
    @pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "zip"])
    def test_contents(self, tmp_path, mode):
        out = _unpack(tmp_path, _zip(FILES) if mode == "zip" else _tar(FILES, mode))
        assert {str(p.relative_to(out)): p.read_bytes() for p in out.rglob("*") if p.is_file()} == {
            os.path.normpath(name): content for name, content in FILES
        }

    @pytest.mark.parametrize("archive_format", ["auto", "tar", ["zip", "tar"], ("tar",)])
    def test_formats(self, tmp_path, archive_format):
        assert (_unpack(tmp_path, _tar(FILES), archive_format) / "top.txt").read_text() == "top"

    @pytest.mark.parametrize(
        ("archive_format", "message"),
        [
            ("zip", "it is not a zip archive"),
            ("rar", "archive_format must be one of 'tar', 'zip'"),
            (None, "no archive"),
        ],
    )
    def test_wrong_formats(self, tmp_path, archive_format, message):
        with pytest.raises(ValueError, match=message):
            _unpack(tmp_path, _tar(FILES), archive_format)

    def test_unpacking_again_replaces_and_keeps_the_rest(self, tmp_path):
        members = [*FILES, ("link", tarfile.SYMTYPE, "top.txt"), ("twin", tarfile.LNKTYPE, "top.txt")]
        out = _unpack(tmp_path, _tar(members))
        (out / "mine").write_text("mine")
        (out / "top.txt").write_text("changed")
        _unpack(tmp_path, _tar(members))
        assert (out / "top.txt").read_text() == "top" and (out / "mine").read_text() == "mine"
        assert os.readlink(out / "link") == "top.txt" and (out / "twin").read_text() == "top"

    def test_links_inside_are_kept(self, tmp_path):
        links = [
            ("a/up", tarfile.SYMTYPE, "../top.txt"),
            ("to_a", tarfile.SYMTYPE, "a/b"),
            ("h", tarfile.LNKTYPE, "a/empty"),
        ]
        out = _unpack(tmp_path, _tar([*FILES, *links]))
        assert (out / "a" / "up").read_text() == "top"
        assert (out / "to_a" / "deep.txt").read_text().startswith("deep")
        assert (out / "h").read_bytes() == b""

    def test_only_executable_survives_of_the_permissions(self, tmp_path):
        stream = io.BytesIO()
        with tarfile.open(fileobj=stream, mode="w") as tar:
            for name, mode in (("run", 0o6777), ("closed", 0o000)):
                info = tarfile.TarInfo(name)
                info.mode = mode
                tar.addfile(info)
        out = _unpack(tmp_path, stream.getvalue())
        assert (out / "run").stat().st_mode & 0o7111 == 0o111
        assert (out / "closed").stat().st_mode & 0o7111 == 0 and (out / "closed").read_bytes() == b""

    @pytest.mark.parametrize(
        "members",
        [
            [("../evil", b"x")],
            [("a/../../evil", b"x")],
            [("/tmp/kerasnp-evil", b"x")],
            [("..", tarfile.DIRTYPE, "")],
            [("link", tarfile.SYMTYPE, "/etc")],
            [("link", tarfile.SYMTYPE, "..")],
            [("a/link", tarfile.SYMTYPE, "../../x")],
            [("link", tarfile.SYMTYPE, "a/../..")],
            [("a", tarfile.SYMTYPE, "d/../b"), ("d", tarfile.SYMTYPE, ".")],  # harmless one by one, not together
            [("a", tarfile.SYMTYPE, "."), ("a/b", tarfile.SYMTYPE, ".."), ("a/b/evil", b"x")],
            [("a", tarfile.SYMTYPE, "b"), ("a/file", b"x")],
            [("a/b/c", b""), ("x", tarfile.SYMTYPE, "a/b"), ("x/up", tarfile.SYMTYPE, "../.."), ("x/up/evil", b"x")],
            [("twin", tarfile.LNKTYPE, "../secret")],
            [("twin", tarfile.LNKTYPE, "/etc/passwd")],
            [("twin", tarfile.LNKTYPE, "nothing")],
            [("a", tarfile.SYMTYPE, "top"), ("twin", tarfile.LNKTYPE, "a")],
            [("pipe", tarfile.FIFOTYPE, "")],
            [("null", tarfile.CHRTYPE, "")],
            [("", b"x")],
        ],
        ids=lambda members: " ".join(str(m[0]) for m in members),
    )
    def test_nothing_leaves_the_directory(self, tmp_path, members):
        (tmp_path / "secret").write_text("secret")
        with pytest.raises(ValueError, match="archive cannot be unpacked: (a )?member"):
            _unpack(tmp_path, _tar(members))
        assert sorted(os.listdir(tmp_path)) in (["archive", "secret"], ["archive", "out", "secret"])
        out = tmp_path / "out"
        assert not out.exists() or os.listdir(out) == ["here"]
        for path in out.rglob("*"):
            assert path.resolve().is_relative_to(out / "here")
            assert not path.is_file() or path.read_bytes() != b"secret"
        assert not os.path.exists("/tmp/kerasnp-evil")

    @pytest.mark.parametrize("name", ["../evil", "/evil", "a/../../evil"])
    def test_nor_from_a_zip(self, tmp_path, name):
        with pytest.raises(ValueError, match="cannot be unpacked: member"):
            _unpack(tmp_path, _zip([("fine", b""), (name, b"x")]))
        assert os.listdir(tmp_path) == ["archive"]

    def test_a_link_already_there_is_replaced_not_followed(self, tmp_path):
        (tmp_path / "out" / "here").mkdir(parents=True)
        (tmp_path / "victim").write_text("untouched")
        (tmp_path / "out" / "here" / "top.txt").symlink_to(tmp_path / "victim")
        out = _unpack(tmp_path, _tar(FILES))
        assert (tmp_path / "victim").read_text() == "untouched" and (out / "top.txt").read_text() == "top"

    @pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "zip"])
    @pytest.mark.parametrize("damage", ["cut", "flip"])
    def test_damage_is_reported(self, tmp_path, mode, damage):
        content = [("f", os.urandom(50_000))]
        data = _zip(content) if mode == "zip" else _tar(content, mode)
        if damage == "cut":
            data = data[: len(data) // 2]
        elif mode == "w":
            data = b"\xff" * 512 + data[512:]  # plain tar has a checksum for headers only
        else:
            data = data[:20_000] + bytes(b ^ 255 for b in data[20_000:20_100]) + data[20_100:]
        with pytest.raises(ValueError, match="archive cannot be unpacked"):
            _unpack(tmp_path, data)

    def test_no_archive(self, tmp_path):
        with pytest.raises(ValueError, match="it is not a tar or zip archive"):
            _unpack(tmp_path, b"hello")
        with pytest.raises(FileNotFoundError):
            extract_archive(tmp_path / "nowhere", tmp_path / "out")


def test_hashes(tmp_path):
    (tmp_path / "f").write_bytes(BODY)
    assert hash_file(tmp_path / "f") == SHA256 and hash_file(tmp_path / "f", "md5") == MD5
    assert validate_file(tmp_path / "f", SHA256) and validate_file(tmp_path / "f", MD5.upper(), "md5")
    assert not validate_file(tmp_path / "f", SHA256[::-1])


def test_importing_it_imports_no_network_and_no_progress_bar():
    program = "import sys, kerasnp.datasets, kerasnp.utils.file_utils; print(*sys.modules)"
    root = os.path.dirname(os.path.dirname(os.path.dirname(file_utils.__file__)))
    result = subprocess.run([sys.executable, "-c", program], cwd=root, capture_output=True, text=True, check=True)
    assert {"urllib.request", "tarfile", "tqdm"}.isdisjoint(result.stdout.split())


def test_a_long_download_says_where_from_and_shows_a_bar_on_a_terminal(tmp_path, monkeypatch, capsys):
    import io

    from kerasnp.utils import progress

    class Screen(io.StringIO):
        encoding = "utf-8"

        def isatty(self):
            return True

    source = tmp_path / "source.bin"
    source.write_bytes(bytes(3 << 20))
    monkeypatch.setattr(progress, "INTERVAL", 0.0)
    monkeypatch.setenv("TERM", "xterm")
    screen = Screen()
    monkeypatch.setattr("sys.stdout", screen)
    file_utils.get_file("a.bin", source.as_uri(), cache_dir=tmp_path / "one", cache_subdir="")
    assert screen.getvalue().startswith(f"Downloading data from {source.as_uri()}\n")
    assert "a.bin:" in screen.getvalue() and "/3.00M" in screen.getvalue()
    plain = io.StringIO()
    monkeypatch.setattr("sys.stdout", plain)
    file_utils.get_file("a.bin", source.as_uri(), cache_dir=tmp_path / "two", cache_subdir="")
    assert plain.getvalue() == f"Downloading data from {source.as_uri()}\n"
    assert capsys.readouterr().err == ""
