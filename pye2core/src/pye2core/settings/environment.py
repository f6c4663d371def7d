"""Where a session finds its broker: arguments, environment variables, ``.env``, PyE2's names.

You are in the settings room. Each setting is looked for in PyE2's ``config`` dictionary, then in
the constructor's arguments, then in ``PYE2_*``, ``AIXP_*`` and ``EE_*`` variables; a variable may
stand in the environment or in a ``.env`` file (PyE2 wire protocol, section 15).

A broker given as a URL is given whole: its port and its credentials are not made up from places
that count less than the URL's, so that a password is never sent to another broker than its own.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import evolve, field, frozen

from pye2core.errors import SettingsError
from pye2core.settings.broker import USUAL_SECURED_SCHEMES, BrokerAddress, parse_broker_url
from pye2core.settings.dotenv_files import read_environment
from pye2core.settings.tls import TLS_VARIABLES, TlsSettings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

DEFAULT_ROOT = "naeural"

_VARIABLES: tuple[dict[str, tuple[str, ...]], ...] = (
    {
        "broker": ("PYE2_BROKER",),
        "host": ("PYE2_HOST",),
        "port": ("PYE2_PORT",),
        "user": ("PYE2_USER",),
        "password": ("PYE2_PASSWORD",),
        "secured": ("PYE2_SECURED",),
        **{name: (variable,) for name, variable in TLS_VARIABLES.items()},
        "ca_file": (TLS_VARIABLES["ca_file"], "PYE2_CERT_PATH"),
        "root_topic": ("PYE2_ROOT_TOPIC",),
    },
    {
        "host": ("AIXP_HOSTNAME", "AIXP_HOST"),
        "port": ("AIXP_PORT",),
        "user": ("AIXP_USERNAME", "AIXP_USER"),
        "password": ("AIXP_PASSWORD", "AIXP_PASS", "AIXP_PWD"),
        "secured": ("AIXP_SECURED",),
        "ca_file": ("AIXP_CERT_PATH",),
    },
    {
        "host": ("EE_HOSTNAME", "EE_HOST"),
        "port": ("EE_PORT",),
        "user": ("EE_USERNAME", "EE_USER"),
        "password": ("EE_PASSWORD", "EE_PASS", "EE_PWD"),
        "secured": ("EE_SECURED",),
        "ca_file": ("EE_CERT_PATH",),
    },
)
"""The variables of each setting, strongest family first; within a family the first one set."""

_EVERY_VARIABLE = frozenset(
    name for family in _VARIABLES for names in family.values() for name in names
)

_ABOUT_TLS = ("PYE2_TLS", "PYE2_SSL", "PYE2_SECUR", "AIXP_SECUR", "EE_SECUR")
"""What no variable may begin with that means nothing: whoever wrote it believes in TLS."""

_CONFIG_KEYS = {
    "BROKER": "broker",
    "HOST": "host",
    "PORT": "port",
    "USER": "user",
    "PASS": "password",
    "SECURED": "secured",
    "CERT_PATH": "ca_file",
    "ROOT_TOPIC": "root_topic",
    "QOS": "qos",
}

_TEXTS = frozenset(
    {"broker", "host", "user", "password", "root_topic", "client_key_passphrase", "server_name"}
)
_TLS_FILES = {
    "ca_file": "an authority to trust instead of the system's",
    "client_certificate": "a certificate of our own for the broker",
    "client_key": "the key of a certificate of our own",
}
_TLS_TEXTS = {
    "client_key_passphrase": "the passphrase of a certificate's key",
    "server_name": "the name that the broker's certificate must have",
}
_ARGUMENT_LEVELS = 2
"""How many of the places where things are given are arguments: the first ones."""

_YES = frozenset({"true", "1", "yes", "on"})
_NO = frozenset({"false", "0", "no", "off", "none"})
_LARGEST_PORT = 65535


@frozen
class ClientSettings:
    """What a session needs to reach its network.

    Attributes:
        broker: where the broker is and how to get in.
        root_topic: the root of all channel names.
        environment: the variables that were looked at, those of the ``.env`` file included.
    """

    broker: BrokerAddress
    root_topic: str = DEFAULT_ROOT
    environment: dict[str, str] = field(factory=dict, repr=False)


@frozen
class _Given:
    """A value and where it was given, as the user would write it."""

    value: Any
    where: str


_Level = dict[str, _Given]


def client_key_path() -> Path:
    """The file of the client's key: of the working folder, as with PyE2."""
    return Path("_local_cache") / "_data" / "_pk_sdk.pem"


def client_settings(
    *,
    broker: str | None = None,
    host: str | None = None,
    port: int | str | None = None,
    user: str | None = None,
    password: str | None = None,
    secured: bool | str | None = None,
    cert_path: str | os.PathLike[str] | None = None,
    root_topic: str | None = None,
    tls: TlsSettings | None = None,
    config: Mapping[str, Any] | None = None,
    dotenv_path: str | os.PathLike[str] | None = None,
    environment: Mapping[str, str] | None = None,
    secured_schemes: Mapping[str, str] = USUAL_SECURED_SCHEMES,
) -> ClientSettings:
    """Find the broker and what belongs to it.

    Args:
        broker: the broker as a URL.
        host: the broker's host, PyE2's way; a URL is taken as ``broker``.
        port: the broker's port; the scheme's usual one if nothing says otherwise.
        user: None, here and everywhere else, for an anonymous connection.
        password: belongs to ``user``.
        secured: whether to use TLS.
        cert_path: the file of the authority to trust; the system's if nothing says otherwise.
        root_topic: the root of all channel names.
        tls: how TLS connections are checked; what it leaves open is looked for elsewhere.
        config: PyE2's dictionary, which wins over all else.
        dotenv_path: the ``.env`` file; see ``find_dotenv`` for where it is looked for otherwise.
        environment: the variables to read; None for those of this process and of ``.env``.
        secured_schemes: for each plain scheme the one that is the same over TLS, as the installed
            transports have them.

    Raises:
        SettingsError: no broker is given anywhere, or something given cannot be used.
        BrokerUrlError: the broker's address cannot be understood.

    Example:
        >>> client_settings(broker="mqtt://me:secret@broker.lan", environment={}).broker.url
        'mqtt://me@broker.lan'
    """
    variables = read_environment(dotenv_path) if environment is None else dict(environment)
    if secured == "":
        raise SettingsError("secured is '' and should be true or false", setting="secured")
    arguments = {
        "broker": broker,
        "host": host,
        "port": port,
        "user": user,
        "password": password,
        "secured": secured,
        "root_topic": root_topic,
    }
    _check_variables(variables)
    levels = [
        _config_level(config or {}),
        {**_argument_level(arguments), **_tls_level(tls, cert_path)},
        *(_variable_level(family, variables) for family in _VARIABLES),
    ]
    return ClientSettings(
        broker=_broker(levels, secured_schemes),
        root_topic=_root_topic(levels),
        environment=variables,
    )


# --- where things are given -----------------------------------------------------------------------


def _config_level(config: Mapping[str, Any]) -> _Level:
    level: _Level = {}
    for key, value in config.items():
        name = _CONFIG_KEYS.get(str(key).upper())
        if name is None:
            raise _unknown_config_key(str(key))
        if value is not None and value != "":
            level[name] = _Given(value, f"config[{key!r}]")
    _check_quality_of_service(level.get("qos"))
    _check_texts(level)
    return _with_url_as_broker(level)


def _unknown_config_key(key: str) -> SettingsError:
    import difflib

    near = difflib.get_close_matches(key.upper(), _CONFIG_KEYS, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"it can have {', '.join(_CONFIG_KEYS)}"
    return SettingsError(
        f"config has the key {key!r}, which means nothing here; {hint}", setting=key
    )


def _check_quality_of_service(given: _Given | None) -> None:
    # Everything is sent so that it arrives at least once, whatever lesser quality is asked for.
    if given is not None and str(given.value) not in {"0", "1", "2"}:
        raise _unusable(given, "0, 1 or 2")


def _argument_level(arguments: Mapping[str, Any]) -> _Level:
    given = {
        name: _Given(value, name)
        for name, value in arguments.items()
        if value is not None and value != ""
    }
    _check_texts(given)
    return _with_url_as_broker(given)


def _tls_level(tls: TlsSettings | None, cert_path: object) -> _Level:
    if tls is not None and not isinstance(tls, TlsSettings):
        raise SettingsError(f"tls is {tls!r} and should be a TlsSettings, or None", setting="tls")
    values = {} if tls is None else {name: getattr(tls, name) for name in TLS_VARIABLES}
    level = {name: _Given(each, f"tls.{name}") for name, each in values.items() if each is not None}
    if cert_path is None or cert_path == "":
        return level
    if "ca_file" in level:
        raise SettingsError(
            "cert_path and tls.ca_file both name an authority; leave one away", setting="cert_path"
        )
    return {**level, "ca_file": _Given(cert_path, "cert_path")}


def _check_variables(variables: Mapping[str, str]) -> None:
    """Refuse a misspelt variable by which somebody believes to have TLS, or to have it checked."""
    known = sorted(name for name in _EVERY_VARIABLE if name.startswith(_ABOUT_TLS))
    for name, value in variables.items():
        if value and name.startswith(_ABOUT_TLS) and name not in known:
            raise SettingsError(
                f"the variable {name} means nothing here; about TLS there are {', '.join(known)}."
                " TLS is asked for by the broker's address (mqtts://, amqps://), or by"
                " PYE2_SECURED=true. Correct the variable, or leave it away.",
                setting=name,
            )


def _check_texts(level: _Level) -> None:
    """Refuse what has a text of some kind only because everything has: ``str(["host"])``.

    What was given is not told: it may be a password.
    """
    for name in _TEXTS & level.keys():
        given = level[name]
        if not isinstance(given.value, str | int) or isinstance(given.value, bool):
            raise SettingsError(
                f"{given.where} is of type {type(given.value).__name__} and should be a text",
                setting=given.where,
            )
        try:
            str(given.value).encode()
        except UnicodeEncodeError:
            message = f"{given.where} is no Unicode: it has half of a surrogate pair; remove it"
            raise SettingsError(message, setting=given.where) from None


def _variable_level(family: Mapping[str, Sequence[str]], variables: Mapping[str, str]) -> _Level:
    level: _Level = {}
    for setting, names in family.items():
        for name in names:
            if variables.get(name):
                level[setting] = _Given(variables[name], name)
                break
    return _with_url_as_broker(level)


def _with_url_as_broker(level: _Level) -> _Level:
    """Take a host that is a URL as the broker."""
    host = level.get("host")
    if host is None or "://" not in str(host.value):
        return level
    if "broker" in level:
        raise SettingsError(
            f"{level['broker'].where} and {host.where} both name a broker; leave one away",
            setting=host.where,
        )
    return {**{name: given for name, given in level.items() if name != "host"}, "broker": host}


# --- putting them together ------------------------------------------------------------------------


def _broker(levels: Sequence[_Level], secured_schemes: Mapping[str, str]) -> BrokerAddress:
    for place, level in enumerate(levels):
        if "broker" in level:
            url, beside = str(level["broker"].value), _strongest(levels[: place + 1])
        elif "host" in level:
            url, beside = _url_of_host(level["host"]), _strongest(levels)
        else:
            continue
        address = parse_broker_url(url, secured_schemes=secured_schemes)
        secured = _secured(_completed(address, beside), beside, secured_schemes)
        everywhere = _strongest(levels)
        if secured.tls is not None:
            return evolve(secured, tls=_tls_settings(everywhere))
        if secured.scheme in secured_schemes:
            _check_nothing_is_for_tls(
                secured,
                everywhere,
                by_variable=place >= _ARGUMENT_LEVELS,
                secured_scheme=secured_schemes[secured.scheme],
            )
        return secured
    raise SettingsError(
        'no broker is given: write Session("mqtt://broker.lan:1883"), or set PYE2_BROKER (or'
        " EE_HOSTNAME, EE_PORT, EE_USERNAME, EE_PASSWORD) in the environment or in a .env file."
        " `pye2 up` starts a broker and nodes on this machine.",
        setting="broker",
    )


def _strongest(levels: Sequence[_Level]) -> _Level:
    merged: _Level = {}
    for level in reversed(levels):
        merged.update(level)
    return merged


def _url_of_host(given: _Given) -> str:
    host = str(given.value).strip()
    if host.count(":") > 1 and not host.startswith("["):
        host = f"[{host}]"
    return f"mqtt://{host}"


def _completed(address: BrokerAddress, given: _Level) -> BrokerAddress:
    if "port" in given:
        address = evolve(address, port=_port(given["port"]))
    if "user" in given:
        user = str(given["user"].value)
        # Another user's password is not this one's.
        password = address.password if user == address.user else None
        address = evolve(address, user=user, password=password)
    if "password" in given:
        address = evolve(address, password=str(given["password"].value))
    if address.password is not None and address.user is None:
        raise SettingsError(
            f"there is a password for {address.url} but no user name; give both, or neither for an"
            " anonymous connection",
            setting="user",
        )
    return address


def _port(given: _Given) -> int:
    text = str(given.value).strip()
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= _LARGEST_PORT):
        raise _unusable(given, f"a number from 1 to {_LARGEST_PORT}")
    return int(text)


def _secured(
    address: BrokerAddress, given: _Level, secured_schemes: Mapping[str, str]
) -> BrokerAddress:
    """The address with a scheme that is TLS, if TLS is asked for by either."""
    wanted = _truth(given["secured"]) if "secured" in given else address.tls is not None
    if not wanted and address.tls is not None:
        raise SettingsError(
            f"{given['secured'].where} says that the connection is not secured, but"
            f" {address.url} is a secured one; change one of them",
            setting=given["secured"].where,
        )
    if wanted and address.tls is None:
        scheme = secured_schemes.get(address.scheme)
        if scheme is None:
            raise SettingsError(
                f"{given['secured'].where} asks for TLS, which {address.scheme}:// does not have",
                setting=given["secured"].where,
            )
        address = evolve(address, scheme=scheme, tls=TlsSettings())
    return address


def _tls_settings(given: _Level) -> TlsSettings:
    """How to check the connection: from every place, as no other broker is trusted by it."""
    paths = {name: _file(given.get(name), what) for name, what in _TLS_FILES.items()}
    texts = {name: str(given[name].value) for name in _TLS_TEXTS if name in given}
    return TlsSettings(
        ca_file=paths["ca_file"],
        client_certificate=paths["client_certificate"],
        client_key=paths["client_key"],
        client_key_passphrase=texts.get("client_key_passphrase"),
        server_name=texts.get("server_name"),
    )


def _check_nothing_is_for_tls(
    address: BrokerAddress, given: _Level, *, by_variable: bool, secured_scheme: str
) -> None:
    """Refuse what would not be asked for: whoever gives it believes in TLS.

    Variables may serve several brokers: PyE2's, and all of them where the broker is given by an
    argument or is on this machine, are not taken for a wish to have this one secured.
    """
    for name, what in {**_TLS_FILES, **_TLS_TEXTS}.items():
        where = given[name].where if name in given else ""
        is_variable = where in _EVERY_VARIABLE
        is_wish = by_variable and where in TLS_VARIABLES.values() and not address.is_on_this_machine
        if where and (is_wish or not is_variable):
            raise SettingsError(
                f"{where} names {what}, but the connection to {address.url} is not secured, so that"
                f" nobody would ask for it; add secured=True (or write {secured_scheme}://), or"
                f" leave {where} away",
                setting=where,
            )


def _truth(given: _Given) -> bool:
    if isinstance(given.value, bool):
        return given.value
    text = str(given.value).strip().lower()
    if text in _YES or text in _NO:
        return text in _YES
    raise _unusable(given, "true or false")


def _file(given: _Given | None, what: str) -> Path | None:
    if given is None:
        return None
    if not isinstance(given.value, str | os.PathLike):
        raise _unusable(given, "the path of a file")
    path = Path(given.value)
    if not path.is_file():
        raise SettingsError(
            f"{given.where} names {str(path)!r}, which is no file (looked from {Path.cwd()}); it"
            f" should name {what}, or be left away",
            setting=given.where,
        )
    return path


def _root_topic(levels: Sequence[_Level]) -> str:
    given = _strongest(levels).get("root_topic")
    if given is None:
        return DEFAULT_ROOT
    root = str(given.value).strip("/")
    if not root or any(character in root for character in "+#*\0"):
        raise _unusable(given, "a name without +, #, * and NUL")
    return root


def _unusable(given: _Given, expected: str) -> SettingsError:
    return SettingsError(
        f"{given.where} is {given.value!r} and should be {expected}", setting=given.where
    )
