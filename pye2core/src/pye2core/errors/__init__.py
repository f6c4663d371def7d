"""Every error that pye2 raises, as one tree.

::

    Pye2Error
    ├── SettingsError                    a setting is missing or cannot be used
    │   └── BrokerUrlError
    ├── PluginError                      something about an installed plugin
    │   ├── PluginBroken
    │   └── PluginConflict
    ├── NotProvided                      no installed plugin offers what was asked for
    │   ├── UnknownTransport
    │   ├── UnknownSignature
    │   └── UnknownPreset
    ├── PresetParameterError
    ├── IdentityError
    │   ├── KeyFileError
    │   ├── InvalidAddress
    │   ├── BadSignature
    │   └── DecryptionFailed
    ├── TransportError
    │   ├── BrokerUnreachable
    │   ├── CredentialsRefused
    │   ├── NotConnected
    │   └── MessageTooLarge
    ├── MessageRejected                  an inbound message that is not acted on
    ├── DialectUnusable                  a peer that cannot be spoken to as strongly as before
    ├── CodeError                        custom code that cannot be sent or run
    │   ├── CodeRefused
    │   ├── CallTimedOut
    │   └── SandboxDied
    ├── ClientError
    │   ├── NodeNotOnline
    │   ├── NoNodeOnline
    │   ├── PipelineNotFound
    │   ├── InstanceNotFound
    │   ├── AlreadyExists
    │   ├── ConfigurationPending
    │   ├── ConfirmationTimeout
    │   ├── DeployFailed
    │   │   └── SignatureNotOnNode
    │   ├── JobFailedError
    │   └── PairingFailed
    └── NodeError
        ├── HomeInUse
        └── InvalidConfiguration
            ├── GrantMissing
            └── DelegationRefused

Each says what happened, to what, and what to do next, and carries as attributes what a program
needs to decide. Add one only when some caller would handle it differently.

You are at the door of the errors, and whoever raises or catches one imports it from here. Behind it
they stand by what they are about, in the order of the tree: ``settings``, ``plugins``,
``identity``, ``connection`` (the broker, and the messages that come from it), ``code``, ``client``
and ``node``; ``base`` has the root.
"""

from __future__ import annotations

from pye2core.errors.base import Pye2Error
from pye2core.errors.client import (
    AlreadyExists,
    ClientError,
    ConfigurationPending,
    ConfirmationTimeout,
    DeployFailed,
    InstanceNotFound,
    JobFailedError,
    NodeNotOnline,
    NoNodeOnline,
    PairingFailed,
    PipelineNotFound,
    SignatureNotOnNode,
)
from pye2core.errors.code import CallTimedOut, CodeError, CodeRefused, SandboxDied
from pye2core.errors.connection import (
    BrokerUnreachable,
    CredentialsRefused,
    DialectUnusable,
    MessageRejected,
    MessageTooLarge,
    NotConnected,
    TransportError,
)
from pye2core.errors.identity import (
    BadSignature,
    DecryptionFailed,
    IdentityError,
    InvalidAddress,
    KeyFileError,
)
from pye2core.errors.node import (
    DelegationRefused,
    GrantMissing,
    HomeInUse,
    InvalidConfiguration,
    NodeError,
)
from pye2core.errors.plugins import (
    NotProvided,
    PluginBroken,
    PluginConflict,
    PluginError,
    PresetParameterError,
    UnknownPreset,
    UnknownSignature,
    UnknownTransport,
)
from pye2core.errors.settings import BrokerUrlError, SettingsError

__all__ = [  # noqa: RUF022 - in the order of the tree, which is that of the documentation
    "Pye2Error",
    "SettingsError",
    "BrokerUrlError",
    "PluginError",
    "PluginBroken",
    "PluginConflict",
    "NotProvided",
    "UnknownTransport",
    "UnknownSignature",
    "UnknownPreset",
    "PresetParameterError",
    "IdentityError",
    "KeyFileError",
    "InvalidAddress",
    "BadSignature",
    "DecryptionFailed",
    "TransportError",
    "BrokerUnreachable",
    "CredentialsRefused",
    "NotConnected",
    "MessageTooLarge",
    "MessageRejected",
    "DialectUnusable",
    "CodeError",
    "CodeRefused",
    "CallTimedOut",
    "SandboxDied",
    "ClientError",
    "NodeNotOnline",
    "NoNodeOnline",
    "PipelineNotFound",
    "InstanceNotFound",
    "AlreadyExists",
    "ConfigurationPending",
    "ConfirmationTimeout",
    "DeployFailed",
    "SignatureNotOnNode",
    "JobFailedError",
    "PairingFailed",
    "NodeError",
    "HomeInUse",
    "InvalidConfiguration",
    "GrantMissing",
    "DelegationRefused",
]

for _name in __all__:
    # So that a traceback shows the name to import.
    globals()[_name].__module__ = __name__
del _name
