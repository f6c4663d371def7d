"""The closed vocabularies of messages: actions, kinds and codes of notifications.

Numbers and names are those of the PyE2 wire protocol, sections 6 and 10; users see them too.
"""

from __future__ import annotations

from enum import Enum, IntEnum


class Action(Enum):
    """What a command asks a node to do."""

    UPDATE_PIPELINE = "update pipeline"
    UPDATE_INSTANCES = "update instances"
    UPDATE_INSTANCE = "update instance"
    PIPELINE_COMMAND = "pipeline command"
    ARCHIVE_PIPELINE = "archive pipeline"
    ARCHIVE_ALL = "archive all pipelines"
    DELETE_PIPELINE = "delete pipeline"
    DELETE_ALL = "delete all pipelines"
    RELOAD = "reload configuration from disk"
    STOP = "stop"
    RESTART = "restart"
    FULL_HEARTBEAT = "send a full heartbeat"
    TIMERS_HEARTBEAT = "send a heartbeat with timers only"
    SIMPLE_HEARTBEAT = "send a simple heartbeat"
    PAIR = "pair"


SIGNS_OF_LIFE = frozenset({Action.FULL_HEARTBEAT, Action.TIMERS_HEARTBEAT, Action.SIMPLE_HEARTBEAT})
"""The actions that only ask a node to show itself."""

OPEN_TO_ALL = SIGNS_OF_LIFE | {Action.PAIR}
"""The actions that nodes take of strangers: in clear, and in the dialect that everybody speaks."""


class Capability(Enum):
    """What a peer understands, or does, beyond PyE2's protocol; it says so itself."""

    INBOX = "what is for one client alone goes to its own inbox"
    BRIEF_HEARTBEATS = "most heartbeats are brief ones"
    LAST_WILL = "the broker tells when its connection is lost"
    ROLL_CALL = "it answers who asks all nodes at once"


class Presence(Enum):
    """What a heartbeat says about whether its node is there."""

    ONLINE = "online"
    LEAVING = "goes offline in good order"
    LOST = "its connection was lost; the broker says so, and it may come back"


class NotificationKind(Enum):
    """How serious a notification is."""

    NORMAL = "NORMAL"
    EXCEPTION = "EXCEPTION"
    EMAIL = "EMAIL"
    ABNORMAL = "ABNORMAL FUNCTIONING"


class NotificationCode(IntEnum):
    """What a notification confirms; the same number, negative, says that it failed."""

    PIPELINE_OK = 1
    PIPELINE_FAILED = -1
    PIPELINE_DATA_OK = 2
    PIPELINE_DATA_FAILED = -2
    PIPELINE_DCT_CONFIG_OK = 3
    PIPELINE_DCT_CONFIG_FAILED = -3
    PIPELINE_ARCHIVE_OK = 4
    PIPELINE_ARCHIVE_FAILED = -4
    PLUGIN_CONFIG_OK = 100
    PLUGIN_CONFIG_FAILED = -100
    PLUGIN_INSTANCE_COMMAND_OK = 101
    PLUGIN_INSTANCE_COMMAND_FAILED = -101
    PLUGIN_PAUSE_OK = 110
    PLUGIN_PAUSE_FAILED = -110
    PLUGIN_RESUME_OK = 111
    PLUGIN_RESUME_FAILED = -111
    PLUGIN_WORKING_HOURS_SHIFT_START = 112
    PLUGIN_WORKING_HOURS_SHIFT_END = 113
    PLUGIN_CONFIG_IN_PAUSE_OK = 120
    PLUGIN_CONFIG_IN_PAUSE_FAILED = -120
    PLUGIN_DELAYED = -999
    COMMS_OK = 1000
    COMM_RECEIVED_BAD_COMMAND = -5000
    SERVING_START_OK = 10000
    SERVING_START_FAILED = -10000
    SERVING_START_FATAL = -99999
