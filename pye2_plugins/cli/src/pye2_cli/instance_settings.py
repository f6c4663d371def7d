"""What every instance can be told, whatever its signature: nodes see to it themselves.

PyE2 wire protocol, section 7. Words for whoever writes a configuration; signatures describe their
own settings by classes.
"""

from __future__ import annotations

from attrs import frozen

from pye2core.messages import FORMATTER, GRANTS


@frozen
class CommonSetting:
    """A setting that all instances have.

    Attributes:
        name: its key in an instance's configuration.
        default: what counts where it is not given, in words.
        help: what it does.
    """

    name: str
    default: str
    help: str


COMMON_SETTINGS = (
    CommonSetting(
        "PROCESS_DELAY",
        "the signature's",
        "seconds from the start of one run to the next, where the signature runs again and again",
    ),
    CommonSetting(
        "EXEC_TIMEOUT", "60", "seconds that one call may take, at most what the node's owner allows"
    ),
    CommonSetting(
        "ENCRYPT_PAYLOAD",
        "None",
        "encrypt payloads for whoever created the pipeline; None: if it speaks our own dialect",
    ),
    CommonSetting(
        FORMATTER, "None", "the formatter of its payloads: `pye2 plugins` lists formatters"
    ),
    CommonSetting("TAGS", "''", "copied into payloads"),
    CommonSetting("ID_TAGS", "[]", "copied into payloads"),
    CommonSetting(
        GRANTS,
        "None",
        'what its code asks for besides computing: {"network": true, "modules": ["pandas"]}, …',
    ),
    CommonSetting("FORCED_PAUSE", "False", "it does not run; it still takes settings and commands"),
    CommonSetting(
        "WORKING_HOURS",
        "None",
        'when it runs: [["08:00", "17:30"], …] for every day, or {"MON": [["08:00", "17:30"]], …}',
    ),
    CommonSetting(
        "WORKING_HOURS_TIMEZONE", "UTC", "the time zone of its working hours, as Europe/Prague"
    ),
    CommonSetting("IGNORE_WORKING_HOURS", "False", "it runs outside of its working hours, too"),
)
