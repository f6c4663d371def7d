"""The settings that a plugin declares for itself as an attrs class.

You are in the settings room. A field ``keepalive`` of the plugin ``mqtt`` is read from an argument,
from the variable ``PYE2_MQTT_KEEPALIVE``, or from that variable in a ``.env`` file; the class's
default counts last. ``attrs.field(metadata={"secret": True})`` keeps a value out of messages,
``{"help": "…"}`` explains the field. ``{"opposite": "…"}`` gives what is true or false a second
variable, that means the opposite.
"""

from __future__ import annotations

import functools
import json
import re
import typing
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import attrs
from attrs import frozen

from pye2core.errors import SettingsError
from pye2core.settings.dotenv_files import read_environment

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cattrs import Converter

_T = TypeVar("_T")
_YES = frozenset({"true", "1", "yes", "on"})
_NO = frozenset({"false", "0", "no", "off"})


@frozen
class PluginSetting:
    """One setting of a plugin, for listings.

    Attributes:
        name: the field's name.
        variable: the environment variable.
        type_name: what is expected, in words.
        default: the value if none is given; ``attrs.NOTHING`` if one must be.
        help: the field's explanation.
        secret: whether its value must not be shown.
        opposite: a second environment variable, for the opposite of a value that is true or false;
            empty for none.
    """

    name: str
    variable: str
    type_name: str
    default: Any
    help: str = ""
    secret: bool = False
    opposite: str = ""

    @property
    def variables(self) -> tuple[str, ...]:
        """All environment variables that it is read from."""
        return (self.variable, self.opposite) if self.opposite else (self.variable,)


def plugin_settings(plugin_name: str, settings_class: type) -> tuple[PluginSetting, ...]:
    """What a plugin's settings class asks for, in the order of its fields.

    Example:
        >>> plugin_settings("mqtt", attrs.make_class("Settings", {"qos": attrs.field(default=1)}))
        (PluginSetting(name='qos', variable='PYE2_MQTT_QOS', ...),)
    """
    hints = typing.get_type_hints(settings_class)
    return tuple(
        PluginSetting(
            name=attribute.alias or attribute.name,
            variable=_variable(plugin_name, attribute.alias or attribute.name),
            type_name=_type_name(hints.get(attribute.name, Any)),
            default=attribute.default,
            help=attribute.metadata.get("help", ""),
            secret=bool(attribute.metadata.get("secret")),
            opposite=_opposite(plugin_name, attribute.metadata.get("opposite")),
        )
        for attribute in attrs.fields(settings_class)
        if attribute.init
    )


def load_plugin_settings(
    plugin_name: str,
    settings_class: type[_T],
    arguments: Mapping[str, Any] | None = None,
    environment: Mapping[str, str] | None = None,
) -> _T:
    """Make a plugin's settings object.

    Args:
        plugin_name: gives the variables their prefix: ``PYE2_<PLUGIN>_<FIELD>``.
        settings_class: an attrs class.
        arguments: values by field, which count most.
        environment: the variables to read; None for those of this process and of ``.env``.

    Raises:
        SettingsError: a value is missing, is not of its field's type, or the class refuses it;
            names the variable, what was given (unless that is a secret) and what is expected.
    """
    given = dict(arguments or {})
    variables = read_environment() if environment is None else environment
    hints = typing.get_type_hints(settings_class)
    values: dict[str, Any] = {}
    settings = plugin_settings(plugin_name, settings_class)
    for setting, attribute in zip(settings, _init_fields(settings_class), strict=True):
        expected = hints.get(attribute.name, Any)
        if setting.name in given:
            raw = given.pop(setting.name)
            values[setting.name] = _structured(raw, expected, setting, setting.name)
        elif any(variables.get(each) for each in setting.variables):
            values[setting.name] = _from_variables(setting, expected, variables)
        elif setting.default is attrs.NOTHING:
            raise _missing(plugin_name, setting)
    if given:
        raise _unknown(plugin_name, next(iter(given)), settings)
    return _constructed(plugin_name, settings_class, values, settings)


def _init_fields(settings_class: type) -> list[attrs.Attribute[Any]]:
    return [attribute for attribute in attrs.fields(settings_class) if attribute.init]


def prefix_of(plugin_name: str) -> str:
    """What a plugin's variables begin with.

    Example:
        >>> prefix_of("my-plug")
        'PYE2_MY_PLUG_'
    """
    return _variable(plugin_name, "")


def _variable(plugin_name: str, field_name: str) -> str:
    return re.sub(r"\W", "_", f"PYE2_{plugin_name}_{field_name}", flags=re.ASCII).upper()


def _opposite(plugin_name: str, name: str | None) -> str:
    return _variable(plugin_name, name) if name else ""


def _from_variables(setting: PluginSetting, expected: Any, variables: Mapping[str, str]) -> Any:
    """The value that one variable gives, or that both of them agree on."""
    given = {
        name: _structured(variables[name], expected, setting, name)
        for name in setting.variables
        if variables.get(name)
    }
    if setting.opposite in given:
        given[setting.opposite] = not given[setting.opposite]
    values = list(given.values())
    if values[0] != values[-1]:
        raise SettingsError(
            f"{' and '.join(f'{name}={variables[name]}' for name in given)} contradict each other;"
            " leave one away",
            setting=setting.variable,
        )
    return values[0]


# --- values ---------------------------------------------------------------------------------------


def _structured(raw: Any, expected: Any, setting: PluginSetting, where: str) -> Any:
    try:
        return _converter().structure(raw, expected)
    except Exception as error:  # cattrs wraps what the class's own hooks raise, whatever it is
        if setting.secret:
            raise _unusable(raw, setting, where) from None
        raise _unusable(raw, setting, where) from error


@functools.cache
def _converter() -> Converter:
    from cattrs import Converter

    converter = Converter(forbid_extra_keys=True)
    converter.register_structure_hook(bool, _as_bool)
    converter.register_structure_hook(int, _as_int)
    converter.register_structure_hook(float, _as_float)
    converter.register_structure_hook(str, _as_str)
    converter.register_structure_hook(Path, lambda raw, _: Path(raw))
    _read_collections_from_text(converter)
    return converter


def _read_collections_from_text(converter: Converter) -> None:
    """Let a variable hold a list (``a, b``, or JSON), a dictionary or an object (JSON)."""

    def holds_several(expected: Any) -> bool:
        origin = typing.get_origin(expected) or expected
        return attrs.has(origin) or origin in {list, tuple, set, frozenset, dict}

    def wrap(expected: Any) -> Any:
        structure = plain.get_structure_hook(expected)
        return lambda raw, kind: structure(_unpacked(raw, kind), kind)

    plain = converter.copy()
    converter.register_structure_hook_factory(holds_several, wrap)


def _unpacked(raw: Any, expected: Any) -> Any:
    if not isinstance(raw, str):
        return raw
    origin = typing.get_origin(expected) or expected
    if raw.lstrip().startswith(("[", "{")) or origin is dict or attrs.has(origin):
        return json.loads(raw)
    return [item.strip() for item in raw.split(",") if item.strip()]


def _as_bool(raw: Any, _: Any) -> bool:
    if isinstance(raw, bool):
        return raw
    text = raw.strip().lower() if isinstance(raw, str) else ""
    if text in _YES or text in _NO:
        return text in _YES
    raise ValueError("neither true nor false")


def _as_int(raw: Any, _: Any) -> int:
    if isinstance(raw, str) or (isinstance(raw, int) and not isinstance(raw, bool)):
        return int(raw)
    raise TypeError("not a whole number")


def _as_float(raw: Any, _: Any) -> float:
    if isinstance(raw, bool):
        raise TypeError("not a number")
    return float(raw)


def _as_str(raw: Any, _: Any) -> str:
    if isinstance(raw, str):
        return raw
    raise TypeError("not a text")


# --- messages -------------------------------------------------------------------------------------


def _type_name(expected: Any) -> str:
    if isinstance(expected, type) and issubclass(expected, Enum):
        return "one of " + ", ".join(repr(each.value) for each in expected)
    if isinstance(expected, type) and typing.get_origin(expected) is None:
        return expected.__name__
    return str(expected).replace("typing.", "").replace("NoneType", "None")


def _unusable(raw: Any, setting: PluginSetting, where: str) -> SettingsError:
    shown = "a value (not shown: it is a secret)" if setting.secret else repr(raw)
    return SettingsError(
        f"{where} is {shown} and should be of the type {setting.type_name}"
        + (f": {setting.help}" if setting.help else ""),
        setting=where,
    )


def _missing(plugin_name: str, setting: PluginSetting) -> SettingsError:
    return SettingsError(
        f"the plugin {plugin_name} needs {setting.name} ({setting.type_name}): set"
        f" {setting.variable} in the environment or in a .env file",
        setting=setting.variable,
    )


def _unknown(plugin_name: str, name: str, settings: tuple[PluginSetting, ...]) -> SettingsError:
    known = ", ".join(setting.name for setting in settings) or "none"
    return SettingsError(
        f"the plugin {plugin_name} has no setting {name!r}; it has: {known}", setting=name
    )


def _constructed(
    plugin_name: str,
    settings_class: type[_T],
    values: dict[str, Any],
    settings: tuple[PluginSetting, ...],
) -> _T:
    try:
        return settings_class(**values)
    except (ValueError, TypeError) as error:
        # attrs's own validators quote the name of the field, and add objects that say nothing.
        why = str(error.args[0]) if error.args else type(error).__name__
        blamed = next((each for each in settings if f"'{each.name}'" in why), None)
        if blamed is None:
            message = f"the plugin {plugin_name} cannot use its settings: {why}"
            raise SettingsError(message, setting=plugin_name) from error
        if blamed.secret:
            why = "it refuses the value (not shown: it is a secret)"
        raise SettingsError(
            f"{blamed.variable} cannot be used: {why}", setting=blamed.variable
        ) from (None if blamed.secret else error)
