"""A key file is made once, for its owner only, and never replaced."""

import contextlib
import errno
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pye2core.errors import KeyFileError
from pye2core.identity import (
    Identity,
    KeyFile,
    create_key_file,
    load_key,
    load_or_create_key,
    open_key_file,
    replace_key,
)

START_TOGETHER = """
import sys
from pathlib import Path
from pye2core.identity import load_or_create_key
print("ready", flush=True)
sys.stdin.readline()
print(load_or_create_key(Path(sys.argv[1])).address)
"""
only_posix = pytest.mark.skipif(os.name != "posix", reason="modes of files are POSIX's")
not_root = pytest.mark.skipif(
    os.name == "posix" and os.geteuid() == 0, reason="root may read and write everything"
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "_local_cache" / "_data" / "_pk_sdk.pem"


class TestTheFirstStart:
    def test_a_missing_key_is_made_with_its_folders(self, path: Path) -> None:
        identity = load_or_create_key(path)

        assert load_key(path) == identity

    def test_it_is_the_same_key_at_the_second_start(self, path: Path) -> None:
        assert load_or_create_key(path) == load_or_create_key(path)

    def test_another_file_has_another_key(self, path: Path) -> None:
        other = path.with_name("other.pem")

        assert load_or_create_key(path) != load_or_create_key(other)

    @only_posix
    def test_only_the_owner_may_read_it(self, path: Path) -> None:
        load_or_create_key(path)

        assert stat.S_IMODE(path.stat().st_mode) == 0o600

    def test_nothing_but_the_key_is_left_in_the_folder(self, path: Path) -> None:
        load_or_create_key(path)

        assert list(path.parent.iterdir()) == [path]

    def test_pye2_can_load_it(self, path: Path) -> None:
        load_or_create_key(path)

        assert path.read_bytes().startswith(b"-----BEGIN PRIVATE KEY-----\n")
        assert load_pem_private_key(path.read_bytes(), password=None) is not None

    def test_it_can_be_protected_by_a_password(self, path: Path) -> None:
        identity = load_or_create_key(path, "word")

        assert load_key(path, "word") == identity
        assert b"ENCRYPTED" in path.read_bytes()

    def test_a_password_that_cannot_protect_leaves_no_file(self, path: Path) -> None:
        with pytest.raises(KeyFileError, match="password"):
            load_or_create_key(path, "")

        assert not path.exists()

    def test_a_new_key_is_nothing_to_warn_about(
        self, path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        load_or_create_key(path)

        assert not caplog.records


class TestStartingTogether:
    def test_processes_that_start_together_end_with_one_key(self, path: Path) -> None:
        processes = [
            subprocess.Popen(
                [sys.executable, "-c", START_TOGETHER, str(path)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for _ in range(4)
        ]
        for process in processes:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"

        for process in processes:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        addresses = {process.communicate()[0].strip() for process in processes}

        assert addresses == {load_key(path).address}
        assert list(path.parent.iterdir()) == [path]

    def test_a_key_that_another_process_made_in_the_meantime_is_used(
        self, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        others = Identity.generate()
        real_link = os.link

        def another_process_was_faster(source: Path, target: Path) -> None:
            target.write_bytes(others.to_pem())
            target.chmod(0o600)
            real_link(source, target)

        monkeypatch.setattr(os, "link", another_process_was_faster)

        assert load_or_create_key(path) == others
        assert path.read_bytes() == others.to_pem()
        assert list(path.parent.iterdir()) == [path]


class TestAFileSystemWithoutHardLinks:
    @pytest.fixture(autouse=True)
    def no_links(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def refuse(source: Path, target: Path) -> None:
            raise OSError(errno.EPERM, "Operation not permitted")

        monkeypatch.setattr(os, "link", refuse)

    def test_a_key_is_made_all_the_same(self, path: Path) -> None:
        identity = load_or_create_key(path)

        assert load_key(path) == identity
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0 or os.name != "posix"
        assert list(path.parent.iterdir()) == [path]

    def test_half_a_key_is_never_left(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        real_fsync = os.fsync
        synced: list[int] = []

        def fail_the_second_time(descriptor: int) -> None:
            synced.append(descriptor)
            if len(synced) == 2:
                raise OSError(errno.ENOSPC, "No space left on device")
            real_fsync(descriptor)

        monkeypatch.setattr(os, "fsync", fail_the_second_time)

        with pytest.raises(KeyFileError, match="No space left"):
            load_or_create_key(path)

        assert list(path.parent.iterdir()) == []


class TestAFileThatCannotBeUsed:
    @pytest.mark.parametrize("content", [b"", b"not a key", b"\x00\xff" * 100])
    def test_a_corrupt_file_is_reported_and_left_alone(self, path: Path, content: bytes) -> None:
        path.parent.mkdir(parents=True)
        path.write_bytes(content)
        path.chmod(0o600)

        with pytest.raises(KeyFileError, match="left as it is") as caught:
            load_or_create_key(path)

        assert path.read_bytes() == content
        assert caught.value.path == path
        assert str(path) in str(caught.value)
        assert "move it away" in str(caught.value)

    @pytest.mark.parametrize(
        ("made_with", "opened_with", "said"),
        [("right", "wrong", "is wrong"), ("right", None, "none was given"), (None, "word", "not")],
    )
    def test_a_password_that_does_not_fit_leaves_the_file_alone(
        self, path: Path, made_with: str | None, opened_with: str | None, said: str
    ) -> None:
        load_or_create_key(path, made_with)
        before = path.read_bytes()

        with pytest.raises(KeyFileError, match=said):
            load_or_create_key(path, opened_with)

        assert path.read_bytes() == before

    @given(at=st.integers(0, 10_000), damage=st.binary(max_size=4), cut=st.integers(0, 4))
    @settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
    def test_a_damaged_file_is_never_changed(
        self, tmp_path: Path, at: int, damage: bytes, cut: int
    ) -> None:
        pem = Identity.from_private_value(7).to_pem()
        start = at % len(pem)
        damaged = pem[:start] + damage + pem[start + cut :]
        path = tmp_path / "key.pem"
        path.write_bytes(damaged)
        path.chmod(0o600)

        # Some damage does no harm: a changed line end, for example.
        with contextlib.suppress(KeyFileError):
            load_or_create_key(path)

        assert path.read_bytes() == damaged

    def test_a_missing_file_is_not_made_by_load_key(self, path: Path) -> None:
        with pytest.raises(KeyFileError, match="No such file"):
            load_key(path)

        assert not path.parent.exists()

    def test_a_folder_in_its_place_is_reported(self, path: Path) -> None:
        path.mkdir(parents=True)

        with pytest.raises(KeyFileError, match="name another path"):
            load_or_create_key(path)

        assert path.is_dir()

    def test_a_file_in_the_place_of_its_folder_is_reported(self, path: Path) -> None:
        path.parent.parent.mkdir()
        path.parent.write_text("in the way")

        with pytest.raises(KeyFileError, match="name another path"):
            load_or_create_key(path)

        assert path.parent.read_text() == "in the way"

    @only_posix
    def test_a_dangling_link_is_not_written_through(self, path: Path) -> None:
        path.parent.mkdir(parents=True)
        path.symlink_to(path.with_name("gone.pem"))

        with pytest.raises(KeyFileError, match="No such file"):
            load_or_create_key(path)

        assert path.is_symlink()
        assert not path.exists()

    @only_posix
    @not_root
    def test_a_file_that_may_not_be_read_is_reported(self, path: Path) -> None:
        load_or_create_key(path)
        path.chmod(0)

        with pytest.raises(KeyFileError, match="Permission denied"):
            load_or_create_key(path)

    @only_posix
    @not_root
    def test_a_folder_that_may_not_be_written_to_is_reported(self, path: Path) -> None:
        path.parent.mkdir(parents=True, mode=0o500)

        with pytest.raises(KeyFileError, match="Permission denied"):
            load_or_create_key(path)


@only_posix
class TestAFileThatOthersCanGetAt:
    @pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o620, 0o601])
    def test_it_is_refused_with_what_to_run(self, path: Path, mode: int) -> None:
        load_or_create_key(path)
        path.chmod(mode)
        before = path.read_bytes()

        for load in (load_key, load_or_create_key, open_key_file):
            with pytest.raises(KeyFileError) as caught:
                load(path)

            assert f"its mode is {mode:03o}" in str(caught.value)
            assert f"`chmod 600 {path}`" in str(caught.value)
            assert caught.value.path == path
        assert path.read_bytes() == before
        assert stat.S_IMODE(path.stat().st_mode) == mode

    def test_what_it_says_to_run_can_be_run(self, tmp_path: Path) -> None:
        path = tmp_path / "a folder; of mine" / "it's.pem"
        identity = load_or_create_key(path)
        path.chmod(0o644)
        with pytest.raises(KeyFileError) as caught:
            load_key(path)
        command = str(caught.value).split("`")[1]

        subprocess.run(["sh", "-c", command], check=True)

        assert load_key(path) == identity

    @pytest.mark.parametrize("mode", [0o600, 0o400, 0o700])
    def test_its_owner_s_own_permissions_are_his_business(self, path: Path, mode: int) -> None:
        identity = load_or_create_key(path)
        path.chmod(mode)

        assert open_key_file(path) == KeyFile(path, mode, is_protected=False, identity=identity)

    def test_no_umask_widens_a_new_file(self, path: Path) -> None:
        before = os.umask(0)
        try:
            load_or_create_key(path)
        finally:
            os.umask(before)

        assert stat.S_IMODE(path.stat().st_mode) == 0o600


@only_posix
class TestAFileSystemWithoutPermissions:
    """As FAT, where whatever is made can be read by everybody."""

    @pytest.fixture(autouse=True)
    def everything_is_open(self, monkeypatch: pytest.MonkeyPatch) -> None:
        real_open = os.open

        def make_readable(path: str, flags: int, mode: int = 0o777) -> int:
            descriptor = real_open(path, flags, mode)
            if flags & os.O_CREAT:
                os.fchmod(descriptor, 0o755)
            return descriptor

        monkeypatch.setattr(os, "open", make_readable)

    def test_no_key_is_left_where_all_can_read_it(self, path: Path) -> None:
        with pytest.raises(KeyFileError, match="umask=077"):
            load_or_create_key(path)

        assert list(path.parent.iterdir()) == []


class TestReplacing:
    def test_the_new_key_takes_the_place_and_the_old_one_stays_beside_it(self, path: Path) -> None:
        old, new = load_or_create_key(path), Identity.generate()
        before, beside = path.read_bytes(), path.with_name("old.pem")

        replace_key(path, new, keep_old_as=beside)

        assert load_key(path) == new
        assert load_key(beside) == old
        assert beside.read_bytes() == before
        assert sorted(path.parent.iterdir()) == sorted([path, beside])

    def test_another_password_for_the_same_key_keeps_nothing_of_the_file_before(
        self, path: Path
    ) -> None:
        identity = load_or_create_key(path)

        replace_key(path, identity, "word")

        assert load_key(path, "word") == identity
        assert list(path.parent.iterdir()) == [path]
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0 or os.name != "posix"

    def test_an_old_key_is_not_written_over(self, path: Path) -> None:
        old = load_or_create_key(path)
        beside = path.with_name("old.pem")
        beside.write_text("an older one")

        with pytest.raises(KeyFileError, match="cannot be replaced"):
            replace_key(path, Identity.generate(), keep_old_as=beside)

        assert load_key(path) == old
        assert beside.read_text() == "an older one"

    def test_without_hard_links_the_old_key_is_copied(
        self, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(source: Path, target: Path) -> None:
            raise OSError(errno.EPERM, "Operation not permitted")

        old, beside = load_or_create_key(path), path.with_name("old.pem")
        monkeypatch.setattr(os, "link", refuse)

        replace_key(path, Identity.generate(), keep_old_as=beside)

        assert load_key(beside) == old
        assert load_key(path) != old

    def test_a_link_stays_a_link(self, path: Path, tmp_path: Path) -> None:
        real = tmp_path / "real.pem"
        load_or_create_key(real)
        path.parent.mkdir(parents=True)
        path.symlink_to(real)
        new = Identity.generate()

        replace_key(path, new)

        assert path.is_symlink()
        assert load_key(real) == new

    def test_where_there_is_no_key_there_is_none_to_replace(self, path: Path) -> None:
        with pytest.raises(KeyFileError, match="No such file"):
            replace_key(path, Identity.generate())

        assert not path.exists()

    def test_a_password_that_cannot_protect_replaces_nothing(self, path: Path) -> None:
        old = load_or_create_key(path)

        with pytest.raises(KeyFileError, match=r"not replaced.*password"):
            replace_key(path, Identity.generate(), "")

        assert load_key(path) == old


class TestMakingOneByHand:
    def test_a_key_that_is_given_is_written(self, path: Path) -> None:
        identity = Identity.generate()

        create_key_file(path, identity, "word")

        assert load_key(path, "word") == identity
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0 or os.name != "posix"

    def test_a_file_that_is_there_is_never_written_over(self, path: Path) -> None:
        path.parent.mkdir(parents=True)
        path.write_bytes(b"mine")

        with pytest.raises(KeyFileError, match="already"):
            create_key_file(path, Identity.generate())

        assert path.read_bytes() == b"mine"
