"""Either backend may do the arithmetic: both give the same answers, and a process keeps to one."""

import subprocess
import sys
import textwrap
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hashes import SHA256
from hypothesis import example, given
from hypothesis import strategies as st

from pye2core.errors import Pye2Error, SettingsError
from pye2core.identity import Identity, backend_coincurve, backend_cryptography
from pye2core.identity.backends import BACKEND_VARIABLE, Backend, chosen_backend
from pye2core.identity.curve import ORDER, decode_signature

BACKENDS: list[Backend] = [backend_coincurve, backend_cryptography]
PRIVATE_VALUES = st.integers(1, ORDER - 1)
NUMBERS = st.integers(1, ORDER - 1)


def run_python(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def nothing_chosen(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    chosen_backend.cache_clear()
    yield monkeypatch
    chosen_backend.cache_clear()


@given(PRIVATE_VALUES)
@example(1)
@example(ORDER - 1)
def test_both_derive_the_same_public_key(private_value: int) -> None:
    one, other = (backend.signing_key(private_value).public_key for backend in BACKENDS)

    assert one == other


@given(PRIVATE_VALUES, st.binary())
def test_both_write_the_same_signature_and_verify_it(private_value: int, data: bytes) -> None:
    keys = [backend.signing_key(private_value) for backend in BACKENDS]

    one, other = (key.sign_digest(sha256(data).digest()) for key in keys)

    assert one == other
    for backend in BACKENDS:
        assert backend.verifies(keys[0].public_key, *decode_signature(one), sha256(data).digest())


@given(PRIVATE_VALUES, st.binary())
def test_both_verify_what_openssl_signs_with_a_large_s_too(private_value: int, data: bytes) -> None:
    openssl_key = ec.derive_private_key(private_value, ec.SECP256K1())
    r, s = decode_signature(openssl_key.sign(data, ec.ECDSA(SHA256())))
    public_key = backend_coincurve.signing_key(private_value).public_key

    for backend in BACKENDS:
        assert backend.verifies(public_key, r, s, sha256(data).digest())
        assert backend.verifies(public_key, r, ORDER - s, sha256(data).digest())


@given(PRIVATE_VALUES, NUMBERS, NUMBERS, st.binary())
@example(1, 1, 1, b"")
@example(1, ORDER - 1, ORDER - 1, b"")
def test_neither_verifies_numbers_that_sign_nothing(
    private_value: int, r: int, s: int, data: bytes
) -> None:
    public_key = backend_coincurve.signing_key(private_value).public_key

    digest = sha256(data).digest()

    assert [backend.verifies(public_key, r, s, digest) for backend in BACKENDS] == [False, False]


@given(st.binary(), st.binary())
def test_both_give_one_verdict_on_a_signature_of_other_data(signed: bytes, data: bytes) -> None:
    key = backend_coincurve.signing_key(7)
    r, s = decode_signature(key.sign_digest(sha256(signed).digest()))

    for backend in BACKENDS:
        assert backend.verifies(key.public_key, r, s, sha256(data).digest()) == (signed == data)


@pytest.mark.parametrize("backend", BACKENDS, ids=lambda backend: backend.name)
def test_a_key_shows_no_secret(backend: Backend) -> None:
    shown = repr(backend.signing_key(0x1234567890ABCDEF))

    assert "1234567890" not in shown
    assert str(0x1234567890ABCDEF) not in shown


def test_an_openssl_without_deterministic_nonces_still_signs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class OldEcdsa(ec.ECDSA):
        def __init__(self, algorithm: Prehashed, *, deterministic_signing: bool = False) -> None:
            if deterministic_signing:
                raise UnsupportedAlgorithm("not in this OpenSSL")
            super().__init__(algorithm)

    backend_cryptography._signature_algorithm.cache_clear()
    monkeypatch.setattr(ec, "ECDSA", OldEcdsa)
    key = backend_cryptography.signing_key(7)
    digest = sha256(b"data").digest()

    signature = key.sign_digest(digest)

    backend_cryptography._signature_algorithm.cache_clear()
    assert backend_coincurve.verifies(key.public_key, *decode_signature(signature), digest)


def test_coincurve_is_chosen_where_it_is_installed(nothing_chosen: pytest.MonkeyPatch) -> None:
    nothing_chosen.delenv(BACKEND_VARIABLE, raising=False)

    assert chosen_backend().name == "coincurve"


@pytest.mark.parametrize("name", ["coincurve", "cryptography"])
def test_the_variable_chooses(nothing_chosen: pytest.MonkeyPatch, name: str) -> None:
    nothing_chosen.setenv(BACKEND_VARIABLE, name)

    assert chosen_backend().name == name


def test_an_unknown_choice_says_what_there_is(nothing_chosen: pytest.MonkeyPatch) -> None:
    nothing_chosen.setenv(BACKEND_VARIABLE, "openssl")

    with pytest.raises(SettingsError, match=r"coincurve.*cryptography") as caught:
        Identity.generate()

    assert isinstance(caught.value, Pye2Error)
    assert caught.value.setting == BACKEND_VARIABLE


WITHOUT_COINCURVE = """
    import sys
    sys.modules["coincurve"] = None  # as if it were not installed
    import pye2core.identity as identity
    from pye2core.identity.backends import chosen_backend
    from pye2core.errors import SettingsError
    try:
        print(chosen_backend().name)
        one = identity.Identity.generate()
        identity.verify(one.address, one.sign(b"data"), b"data")
    except SettingsError as error:
        print(error)
"""


def test_cryptography_serves_silently_where_coincurve_is_not_installed() -> None:
    done = run_python(WITHOUT_COINCURVE)

    assert (done.stdout, done.stderr) == ("cryptography\n", "")


def test_asking_for_coincurve_where_it_is_not_installed_says_what_to_install() -> None:
    done = run_python(WITHOUT_COINCURVE, **{BACKEND_VARIABLE: "coincurve"})

    assert "pip install coincurve" in done.stdout


@pytest.mark.parametrize(
    "failure", ["raise ImportError('no such library')", "import missing_part_of_it"]
)
def test_a_broken_coincurve_is_reported_and_done_without(tmp_path: Path, failure: str) -> None:
    (tmp_path / "coincurve.py").write_text(failure)

    done = run_python(
        """
        from pye2core.identity.backends import chosen_backend
        print(chosen_backend().name)
        """,
        PYTHONPATH=str(tmp_path),
    )

    assert done.stdout == "cryptography\n"
    assert "coincurve is installed but" in done.stderr


def test_importing_the_room_loads_no_crypto_library() -> None:
    done = run_python(
        """
        import sys
        import pye2core.identity
        heavy = {"cryptography", "coincurve", "numpy", "cattrs", "secrets"}
        print(heavy & set(sys.modules))
        """
    )

    assert (done.stdout, done.stderr) == ("set()\n", "")
