"""What hooks return: frozen descriptions of what a plugin offers.

A descriptor is light. What it describes is named by an import string (``"module:object"``) and
imported when it is first used.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Any

from attrs import field, frozen, validators

from pye2core.abc import TransportFeatures

if TYPE_CHECKING:
    from collections.abc import Callable

_NAME = validators.matches_re(r"[A-Za-z0-9_.+-]{1,128}")
_SCHEMES = validators.and_(
    validators.min_len(1),
    validators.deep_iterable(
        validators.matches_re(r"[A-Za-z][A-Za-z0-9.+-]*"), validators.instance_of(tuple)
    ),
)
_IMPORT_STRING = validators.matches_re(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")


@frozen
class TransportDescriptor:
    """A way to reach a broker.

    Attributes:
        name: "mqtt".
        schemes: URL schemes that it serves: ("mqtt", "mqtts"). No two plugins can serve one.
        implementation: import string of a ``pye2core.abc.Transport``.
        default_ports: the port for each scheme, where a URL names none.
        features: what it can do; the same as the implementation's.
        settings: import string of an attrs class with its own settings, if it has any; they are
            read from ``PYE2_<PLUGIN>_<FIELD>``.
        secured_schemes: for each plain scheme, the one that is the same over TLS:
            ``{"mqtt": "mqtts"}``; one that has no plain one stands for itself. With these, a
            broker's address has TLS settings, and ``secured=True`` turns the plain one into the
            other.

    Example:
        >>> TransportDescriptor(
        ...     "carrier", ("pigeon",), "my_pigeons.loft:Pigeons", {"pigeon": 1149}
        ... ).default_ports["pigeon"]
        1149
    """

    name: str = field(validator=_NAME)
    schemes: tuple[str, ...] = field(validator=_SCHEMES)
    implementation: str = field(validator=_IMPORT_STRING)
    default_ports: dict[str, int] = field(factory=dict)
    features: TransportFeatures = TransportFeatures()
    settings: str | None = field(default=None, validator=validators.optional(_IMPORT_STRING))
    secured_schemes: dict[str, str] = field(factory=dict)


@frozen
class SerializerDescriptor:
    """A wire dialect.

    Attributes:
        name: "pye2".
        implementation: import string of a ``pye2core.abc.Serializer``.
        strength: of two dialects that a peer is known to speak, the higher one is used; of all that
            are installed, the lowest is used for peers of whom nothing is known. PyE2's has 0, so
            that a dialect that does not say is used only with peers that speak it.
        settings: import string of an attrs class with its own settings, if it has any; they are
            read from ``PYE2_<PLUGIN>_<FIELD>``.
        remembers: whether it keeps something for longer than a process lives: it is given a
            ``pye2core.abc.DialectMemory`` as ``memory=`` then.
        has_expiry: whether messages expire in it: where a node speaks it, it is given that node's
            ``pye2core.clock.Clock`` as ``clock=`` then, which says whether the time is known.
    """

    name: str = field(validator=_NAME)
    implementation: str = field(validator=_IMPORT_STRING)
    strength: int = 1
    settings: str | None = field(default=None, validator=validators.optional(_IMPORT_STRING))
    remembers: bool = False
    has_expiry: bool = False


@frozen
class FormatterDescriptor:
    """A shaping of message bodies within a dialect.

    Attributes:
        name: "raw".
        dialect: the serializer that it belongs to: "pye2".
        implementation: import string of what that serializer expects.
    """

    name: str = field(validator=_NAME)
    dialect: str = field(validator=_NAME)
    implementation: str = field(validator=_IMPORT_STRING)


class Role(Enum):
    """What the kernel's convenience methods look for, so that it knows no signature by name."""

    CUSTOM_CODE = "custom code"
    SINGLE_RUN = "single run"
    CHAIN_JOB = "chain job"
    CALLS = "calls"


@frozen
class SignatureDescriptor:
    """A plugin signature, with its two sides.

    Attributes:
        name: "CUSTOM_EXEC_01".
        client: import string of a ``pye2core.Instance`` subclass; None for the plain ``Instance``.
        runner: import string of a ``pye2core.abc.Runner``; None where it only has a client's side.
        settings: import string of an attrs class that describes the instance settings, by
            lower-case name, for ``pye2 plugins info``. Checking them is the runner's work.
        role: which of the kernel's convenience methods it serves, if any.
        confidential: keys whose values are code or requests and are published only as digests.
        version: of the signature, as nodes report it.
        in_sandbox: import string of a ``pye2core.abc.InSandbox``, with which the runner exchanges
            bytes. Every process in which a node runs code has its module loaded: it is to need
            little memory and nothing that is loaded later.
        private: whether each instance is its client's alone: nobody else may tell it anything or
            change its settings, and what it says is for that client. For signatures that take
            code in commands. Whoever is allowed may still end it, with its pipeline.
    """

    name: str = field(validator=_NAME)
    client: str | None = field(default=None, validator=validators.optional(_IMPORT_STRING))
    runner: str | None = field(default=None, validator=validators.optional(_IMPORT_STRING))
    settings: str | None = field(default=None, validator=validators.optional(_IMPORT_STRING))
    role: Role | None = None
    confidential: tuple[str, ...] = ()
    version: str = "1.0"
    in_sandbox: str | None = field(default=None, validator=validators.optional(_IMPORT_STRING))
    private: bool = False


class Stage(Enum):
    """What a preset stands for: one of a job's functions, or a whole job."""

    PROCESS = "process"
    FINISH = "finish"
    AGGREGATE = "aggregate"
    WORKER = "worker"
    JOB = "job"


@frozen
class PresetDescriptor:
    """A named, parametrised piece of a distributed job, or a whole one.

    Attributes:
        name: "FINISH_CONDITION___AGGREGATED_DATA_MORE_THAN_X", "primes-sieve".
        stage: what it stands for.
        implementation: import string of a function whose source is sent; for a whole job, of an
            attrs class with checked parameters and a method ``stages() -> JobStages``.
        summary: one line for listings.
        parameters: names that must be in ``FINISH_CONDITION_KWARGS``.
        progress: import string of a function ``(plugin, collected_data)`` that gives a percentage,
            sent beside a finish stage.
    """

    name: str = field(validator=_NAME)
    stage: Stage = field(validator=validators.instance_of(Stage))
    implementation: str = field(validator=_IMPORT_STRING)
    summary: str = ""
    parameters: tuple[str, ...] = ()
    progress: str | None = field(default=None, validator=validators.optional(_IMPORT_STRING))


@frozen
class JobStages:
    """The functions of a whole job and what they are told.

    Attributes:
        worker: runs on the workers again and again: ``(plugin)``.
        process: what to keep of a worker's data: ``(plugin, job_id, collected_data, data)``.
        finish: whether it is done: ``(plugin, collected_data)``.
        aggregate: the result: ``(plugin, collected_data)``.
        progress: a percentage: ``(plugin, collected_data)``; None where it cannot be known.
        finish_kwargs: what the finish stage reads as ``plugin.cfg_finish_condition_kwargs``.
        worker_config: settings of the workers' instances, read as ``plugin.cfg_*``.
        workers: how many nodes share the work.
    """

    worker: Callable[..., Any] | str
    process: Callable[..., Any] | str
    finish: Callable[..., Any] | str
    aggregate: Callable[..., Any] | str
    progress: Callable[..., Any] | str | None = None
    finish_kwargs: dict[str, Any] = field(factory=dict)
    worker_config: dict[str, Any] = field(factory=dict)
    workers: int = 2


@frozen
class CliCommandDescriptor:
    """A subcommand of the ``pye2`` command.

    Attributes:
        name: what is typed after ``pye2``.
        implementation: import string of a ``click.Command``.
        summary: one line for ``pye2 --help``, so that listing does not import it.
    """

    name: str = field(validator=_NAME)
    implementation: str = field(validator=_IMPORT_STRING)
    summary: str = ""


Descriptor = (
    TransportDescriptor
    | SerializerDescriptor
    | FormatterDescriptor
    | SignatureDescriptor
    | PresetDescriptor
    | CliCommandDescriptor
)
