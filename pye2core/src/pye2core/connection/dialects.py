"""The wire dialects of this process: which one a message is in, and in which a peer is answered."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from attrs import evolve

from pye2core.abc import Serializer
from pye2core.connection.dialect_memory import VolatileMemory
from pye2core.connection.rejections import MOST_WARNINGS
from pye2core.connection.speakers import MOST_STRANGERS, Speakers
from pye2core.errors import DialectUnusable, MessageRejected, PluginBroken
from pye2core.identity import is_address
from pye2core.messages import OPEN_TO_ALL, Command, Heartbeat, Introduction, Presence

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pye2core.abc import DialectMemory, SealedMessage
    from pye2core.clock import Clock
    from pye2core.connection.speakers import Speaker
    from pye2core.descriptors import SerializerDescriptor
    from pye2core.identity import Identity
    from pye2core.messages import Message
    from pye2core.plugins import PluginRegistry

_log = logging.getLogger("pye2core.connection")

_HOW_TO_FORGET = "pye2 wire forget {address} --key FILE (of this side's key)"


class Dialects:
    """Chooses the serializer for what comes in and for what goes out.

    Args:
        serializers: the dialects, the weakest first; that one is used where nothing is known.
        missing: those that are installed and cannot be used, by name, each with its plugin.
        names: of the dialects; needed where peers introduce themselves.
        memory: keeps who speaks what.
    """

    def __init__(
        self,
        serializers: Sequence[Serializer],
        missing: Mapping[str, str] | None = None,
        *,
        names: Sequence[str] = (),
        memory: DialectMemory | None = None,
    ) -> None:
        self._serializers = tuple(serializers)
        self._missing = missing or {}
        self._reported: set[int] = set()
        self._in_vain: set[str] = set()
        self._names = tuple(names) or tuple(str(place) for place in range(len(serializers)))
        self._is_crowded = False
        self._speakers = Speakers(VolatileMemory() if memory is None else memory, self._let_go)
        for address, speaker in self._speakers:
            self._remind(address, speaker)

    def _remind(self, address: str, speaker: Speaker) -> None:
        """Tell the serializers what was known of a peer when this process began."""
        for name, text in speaker.introductions.items():
            if name in self._names:
                try:
                    self._serializers[self._names.index(name)].learn(address, text)
                except MessageRejected as error:
                    _log.info("what is remembered of %s is of no use now: %s", address, error)

    def _let_go(self, stranger: str) -> None:
        """Forget what a peer told of itself that had to make room, and say so the first time."""
        for each in self._serializers:
            each.forget(stranger)
        if not self._is_crowded:
            self._is_crowded = True
            _log.warning(
                "more than %s peers that we never spoke with have told how they are spoken to:"
                " those heard from longest ago are forgotten, and spoken to in PyE2's dialect until"
                " they tell it again. Perhaps somebody makes up keys: see who may publish on this"
                " broker (told once)",
                f"{MOST_STRANGERS:,}",
            )

    @classmethod
    def installed(
        cls,
        registry: PluginRegistry,
        *,
        node_name: str | None = None,
        environment: Mapping[str, str] | None = None,
        memory: Callable[[], DialectMemory] = VolatileMemory,
        clock: Clock | None = None,
    ) -> Dialects:
        """All that plugins offer and that can be used; what cannot be is a warning.

        Args:
            registry: the plugins.
            node_name: the name of the node that speaks; None for a client.
            environment: what the dialects' settings are read from; None for the variables of this
                process and of ``.env``.
            memory: gives what keeps the dialects' keys, and who speaks what; called where one of
                them has something to keep. Without it that is kept as long as this process lives.
            clock: says what has expired, and whether the time is known; None for this machine's.

        Raises:
            NotProvided: none is offered.
            PluginBroken: of those that are, none can be used; of several the first is told.
            PluginConflict: none is offered by one plugin alone.
            SettingsError: a setting cannot be used.
        """
        descriptors = registry.serializers()
        shared = memory() if any(each.remembers for each in descriptors) else None
        made: dict[str, Serializer] = {}
        broken: dict[str, PluginBroken] = {}
        for descriptor in descriptors:
            try:
                made[descriptor.name] = made_serializer(
                    registry, descriptor, node_name, environment, shared, clock
                )
            except PluginBroken as error:
                broken[descriptor.name] = error
        if not made:
            raise next(iter(broken.values()))
        for name, why in broken.items():
            _log.warning("the wire dialect %r is neither spoken nor understood: %s", name, why)
        missing = {name: why.plugin for name, why in broken.items()}
        return cls(list(made.values()), missing, names=list(made), memory=shared)

    # --- to a peer --------------------------------------------------------------------------------

    def for_peer(self, address: str | None) -> Serializer:
        """The strongest dialect that this peer is known to speak.

        Raises:
            DialectUnusable: it is installed here, and broken.
        """
        place = self._place_for(address)
        if place == len(self._names):
            raise self._broken_here(address or "")
        return self._serializers[place]

    def speaks_stronger(self, address: str) -> bool:
        """Whether a peer is known to speak a stronger dialect than everybody does."""
        return self._place_for(address) > 0

    def _place_for(self, address: str | None) -> int:
        speaker = None if address is None else self._speakers.get(address)
        if speaker is None:
            return 0
        return max(map(self._place_of, (speaker.heard, *speaker.introductions)), default=0)

    def _place_of(self, name: str) -> int:
        """How strong a dialect is; what is broken here is stronger than all that can be used."""
        if name in self._missing:
            return len(self._names)
        return self._names.index(name) if name in self._names else 0

    def seal(self, message: Message, identity: Identity, encrypt_for: str | None) -> bytes:
        """The bytes of a message, in the strongest dialect that its receiver is known to speak.

        What is for everybody, and what anybody may ask, is in the weakest.

        Raises:
            DialectUnusable: its receiver speaks a stronger dialect and cannot be spoken to in it.
            InvalidAddress: ``encrypt_for`` is not an address.
            TypeError: the message holds what the dialect cannot carry.
        """
        peer = _receiver_of(message, encrypt_for)
        introduced = self._introducing(message, identity)
        try:
            return self._sealed(introduced, identity, peer, encrypt_for)
        except DialectUnusable:
            if peer is None or not self._speakers.was_forgotten(peer):
                raise
            for each in self._serializers:
                each.forget(peer)
            return self._sealed(introduced, identity, peer, encrypt_for)

    def _sealed(
        self, message: Message, identity: Identity, peer: str | None, encrypt_for: str | None
    ) -> bytes:
        serializer, place = self.for_peer(peer), self._place_for(peer)
        if peer is not None and place:
            self._require_not_withdrawn(peer, self._names[place])
        data = serializer.seal(message, identity, encrypt_for=encrypt_for)
        if peer is not None and place:
            self._speakers.keep(peer)
        return data

    def _broken_here(self, peer: str) -> DialectUnusable:
        dialects = ", ".join(repr(each) for each in self._missing)
        return DialectUnusable(
            f"nothing was sent to {peer}: it speaks a dialect that is installed here and cannot be"
            f" used ({dialects}), and it is not spoken to in a weaker one. See what is broken with"
            " `pye2 plugins doctor`; to go on without, have that forgotten with"
            f" {_HOW_TO_FORGET.format(address=peer)}",
            address=peer,
            dialect=next(iter(self._missing)),
        )

    def _require_not_withdrawn(self, peer: str, dialect: str) -> None:
        speaker = self._speakers.get(peer)
        if speaker is None or dialect not in speaker.withdrawn:
            return
        raise DialectUnusable(
            f"nothing was sent to {peer}: it used to speak the dialect {dialect!r}, its newest"
            " heartbeat no longer says so, and it is not spoken to in a weaker one. If its owner"
            " removed the plugin on purpose, have that forgotten here with"
            f" {_HOW_TO_FORGET.format(address=peer)}; otherwise install the plugin there again.",
            address=peer,
            dialect=dialect,
        )

    def _introducing(self, message: Message, identity: Identity) -> Message:
        """The message, which tells of the dialects that can be spoken to us."""
        if not isinstance(message, Command | Heartbeat) or not _introduces(message):
            return message
        told = []
        for name, serializer in zip(self._names, self._serializers, strict=True):
            text = serializer.introduction(identity)
            if text is not None:
                told.append(Introduction(name, text))
        return evolve(message, introductions=tuple(told)) if told else message

    # --- from a peer ------------------------------------------------------------------------------

    def recognise(self, data: bytes) -> bool:
        """Whether any dialect takes these bytes for a message of its own."""
        return any(each.recognises(data) for each in self._serializers)

    def name_of(self, place: int) -> str:
        """What the dialect at a place, as :meth:`parse` gives it, is called."""
        return self._names[place]

    def parse(self, data: bytes) -> tuple[int, SealedMessage]:
        """Read the shape of a message with the dialect that recognises it.

        Returns:
            The dialect's place among the dialects, for :meth:`heard`, and the sealed message.

        Raises:
            MessageRejected: no dialect recognises it, or the one that does cannot read it.
        """
        for place, serializer in enumerate(self._serializers):
            if self._is_recognised(place, serializer, data):
                return place, serializer.parse(data)
        raise MessageRejected(
            f"no wire dialect that is in use here recognises it{self._suspects()}", reason="shape"
        )

    def _is_recognised(self, place: int, serializer: Serializer, data: bytes) -> bool:
        try:
            return serializer.recognises(data)
        except MessageRejected:
            raise
        except Exception as error:  # noqa: BLE001 - the dialects after it may well know these bytes
            if place not in self._reported:
                self._reported.add(place)
                _log.exception(
                    "%s raised %s in recognises(), which must not be: what it would have read may"
                    " be lost (reported once)",
                    type(serializer).__qualname__,
                    type(error).__name__,
                )
            return False

    def _suspects(self) -> str:
        if not self._missing:
            return ""
        told = ", ".join(f"{name!r} of the plugin {self._missing[name]}" for name in self._missing)
        return f"; what cannot be used here is {told}: see `pye2 plugins doctor`"

    def require_strength(self, sealed: SealedMessage, place: int) -> None:
        """Refuse what is for us alone, in a weaker dialect than its sender has used for that.

        Only what was verified is worth it. Heartbeats and all else that is for everybody, and
        questions that anybody may ask, are in the weakest dialect in any case.

        Raises:
            MessageRejected: reason "downgrade".
        """
        if sealed.asks_for_sign_of_life or sealed.asks_to_pair:
            return
        if not (sealed.is_command or sealed.is_encrypted):
            return
        speaker = self._speakers.get(sealed.sender)
        if speaker is None or place >= self._place_of(speaker.confides):
            return
        if self._speakers.was_forgotten(sealed.sender):
            return
        raise MessageRejected(
            f"it is in the dialect {self._names[place]!r}, and {sealed.sender} has spoken the"
            f" stronger dialect {speaker.confides!r} to us before: either somebody weakened or"
            " repeats what it says, or the plugin of that dialect was removed there. Install it"
            f" there again, or have that forgotten here with"
            f" {_HOW_TO_FORGET.format(address=sealed.sender)}",
            reason="downgrade",
            sender=sealed.sender,
        )

    def heard(self, sender: str, place: int) -> None:
        """Remember that a verified message of ``sender`` came in this dialect."""
        if not place:
            return
        speaker = self._speakers.of(sender)
        if place > self._place_of(speaker.heard):
            speaker.heard = self._names[place]

    def take_in(self, message: Message, place: int) -> None:
        """Remember what a message that was verified and opened tells of how to speak to its sender.

        Args:
            message: the message, with its origin.
            place: its dialect's.
        """
        origin = message.origin
        if origin is None:
            return
        if isinstance(message, Command | Heartbeat) and _introduces(message):
            self._learn(message)
        speaker = self._speakers.get(origin.sender)
        if speaker is not None and origin.encrypted and place > self._place_of(speaker.confides):
            speaker.confides = self._names[place]
            # Everybody can encrypt something for us. A command was let in; of all else only what
            # comes from whom we have spoken with is worth the disk.
            if isinstance(message, Command) or self._speakers.is_kept(origin.sender):
                self._speakers.keep(origin.sender)

    def _learn(self, message: Command | Heartbeat) -> None:
        origin = message.origin
        assert origin is not None
        told = {each.dialect: each.text for each in message.introductions}
        known, said_at = self._speakers.get(origin.sender), origin.sent_at
        if not told and known is None:
            return
        # What was said before, and is repeated by somebody, takes nothing back, and brings no key
        # back that may be gone.
        if known is not None and said_at is not None and said_at < known.introduced_at:
            return
        speaker = self._speakers.of(origin.sender)
        for name, text in told.items():
            if name in self._names and self._believes(origin.sender, name, text):
                speaker.introductions[name] = text
                speaker.introduced_at = said_at or speaker.introduced_at
        # PyE2's commands do not say when they were sent: those of them that are old take nothing
        # back, either.
        if said_at is not None and (told or _takes_back(message)):
            speaker.withdrawn = frozenset(speaker.introductions) - frozenset(told)

    def _believes(self, sender: str, dialect: str, text: str) -> bool:
        try:
            self._serializers[self._names.index(dialect)].learn(sender, text)
        except MessageRejected as error:
            level = logging.WARNING if self._is_news_of(sender) else logging.DEBUG
            _log.log(level, "%s tells of the dialect %r in vain: %s", sender, dialect, error)
            return False
        return True

    def _is_news_of(self, sender: str) -> bool:
        """Whether nothing was said of this sender yet, and of few others: senders are made up."""
        if sender in self._in_vain or len(self._in_vain) >= MOST_WARNINGS:
            return False
        self._in_vain.add(sender)
        return True


def _introduces(message: Command | Heartbeat) -> bool:
    """Whether such a message tells of the dialects that its sender speaks."""
    if isinstance(message, Command):
        return True
    return not message.is_brief and message.presence is Presence.ONLINE


def _takes_back(message: Command | Heartbeat) -> bool:
    """Whether it means something that such a message tells of no dialect.

    A question for a sign of life, or to be paired, may come from another program of the same
    identity.
    """
    return isinstance(message, Heartbeat) or message.action not in OPEN_TO_ALL


def _receiver_of(message: Message, encrypt_for: str | None) -> str | None:
    """The peer whose dialect a message is to be in; None for the weakest."""
    if isinstance(message, Command):
        if message.action in OPEN_TO_ALL and encrypt_for is None:
            return None
        if encrypt_for is None and is_address(message.target):
            return message.target
    return encrypt_for


def made_serializer(
    registry: PluginRegistry,
    descriptor: SerializerDescriptor,
    node_name: str | None = None,
    environment: Mapping[str, str] | None = None,
    memory: DialectMemory | None = None,
    clock: Clock | None = None,
) -> Serializer:
    """One dialect, as a node or a client uses it.

    Args:
        registry: the plugins.
        descriptor: which dialect.
        node_name: the name of the node that speaks; None for a client.
        environment: what its settings are read from; None for the variables of this process and of
            ``.env``.
        memory: where it keeps what outlives this process, if it keeps anything; None for as long as
            this process lives.
        clock: says what has expired, where something can; None for this machine's.

    Raises:
        PluginBroken: it cannot be imported, or not be made; names the plugin and what to do.
        SettingsError: a setting cannot be used.
    """
    settings = registry.settings_of(descriptor, environment)
    kept = (memory or VolatileMemory()) if descriptor.remembers else None
    dating = clock if descriptor.has_expiry else None
    own = {"node_name": node_name, "settings": settings, "memory": kept, "clock": dating}
    given = {name: each for name, each in own.items() if each is not None}
    made: Serializer = registry.make(Serializer, descriptor, descriptor.implementation, **given)
    return made
