"""What a job's workers run, which its client delegates to the main node.

On the client's side. Everything that workers could take for code has its digest here: the function,
and what of their other settings their signature calls confidential.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pye2core.code import read_grants
from pye2core.delegations import DAYS, LONGEST, DelegatedWork, code_digest
from pye2core.errors import NotProvided, PluginError, SettingsError
from pye2core.messages import GRANTS, is_digest, upper_keys

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pye2core.plugins import PluginRegistry

DELEGATION_DAYS: Final = "DELEGATION_DAYS"

_CODE: Final = "CUSTOM_CODE_REMOTE_NODE"
_SIGNATURES: Final = ("NODE_SIGNATURE", "NODE_PLUGIN_SIGNATURE")
_USUAL_SIGNATURE: Final = "CUSTOM_EXEC_01"


def delegated_work(settings: Mapping[str, Any], registry: PluginRegistry) -> DelegatedWork | None:
    """What a delegation for a job with these settings has to cover; None if it cannot be known.

    Raises:
        SettingsError: it is to be good for what is no number of days.
    """
    signature = next((settings[key] for key in _SIGNATURES if settings.get(key)), _USUAL_SIGNATURE)
    config = upper_keys(settings.get("NODE_PLUGIN_CONFIG") or {})
    code = [settings.get(_CODE), *_code_in(config, str(signature), registry)]
    if any(each is None or is_digest(each) for each in code):
        return None
    try:
        grants = read_grants(config.get(GRANTS))
    except ValueError:
        return None  # every node refuses it, and says why
    return DelegatedWork(
        (str(signature).upper(),),
        tuple(sorted({code_digest(each) for each in code})),
        grants,
        _days_in(settings),
    )


def _code_in(config: Mapping[str, Any], signature: str, registry: PluginRegistry) -> Iterator[Any]:
    """What of the workers' own settings is code."""
    try:
        confidential = registry.signature(signature).confidential
    except (NotProvided, PluginError):
        return  # nobody here knows what such workers take
    yield from (config[key] for key in confidential if key in config)


def _days_in(settings: Mapping[str, Any]) -> float:
    days = settings.get(DELEGATION_DAYS)
    if days is None:
        return DAYS
    is_number = isinstance(days, int | float) and not isinstance(days, bool)
    if is_number and 0 < days <= LONGEST.days:
        return float(days)
    raise SettingsError(
        f"delegation_days is {days!r:.60} and should be a number of days, at most {LONGEST.days}",
        setting=DELEGATION_DAYS.lower(),
    )
