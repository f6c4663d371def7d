"""What a callback is given: the fields of a payload or of a notification, and who said them."""

from __future__ import annotations

import base64
import binascii
import importlib
import io
from collections import UserDict
from typing import TYPE_CHECKING, Any, Self

from pye2core.errors import NotProvided, Pye2Error
from pye2core.messages import InstancePath

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pye2core.messages import Notification, PayloadMessage

_NOWHERE = InstancePath()


class Payload(UserDict[str, Any]):
    """A message of an instance, as a dictionary of its fields (upper-case keys).

    Attributes:
        sender: the address of the node that signed it.
        verified: whether that signature was checked and is good.
        path: the pipeline, signature and instance that it is about.
        digest: identifies the message: the same for all who are given it; empty where it was not
            received.

    Example:
        >>> payload = Payload({"EXEC_RESULT": 3}, sender="0xai_…", verified=True)
        >>> payload["EXEC_RESULT"], payload.verified
        (3, True)
    """

    def __init__(
        self,
        fields: Mapping[str, Any] | None = None,
        *,
        sender: str = "",
        verified: bool = False,
        path: InstancePath = _NOWHERE,
        digest: str = "",
    ) -> None:
        super().__init__()
        self.data = dict(fields or {})  # at once: UserDict copies key by key
        self.sender = sender
        self.verified = verified
        self.path = path
        self.digest = digest

    @classmethod
    def of(cls, message: PayloadMessage | Notification) -> Self:
        """What a received message says.

        Each who is given it has a dictionary of its own, but what the fields hold is shared, and is
        to be copied before it is changed: copying a large message takes longer than reading it.
        """
        origin = message.origin
        return cls(
            message.fields,
            sender=origin.sender if origin is not None else "",
            verified=origin is not None and origin.verified,
            path=message.path,
            digest=origin.digest if origin is not None else "",
        )

    def get_images_as_PIL(self, key: str = "IMG") -> list[Any]:  # noqa: N802 - PyE2's name
        """The images that the payload carries, as Pillow's images.

        Args:
            key: the field: one image in base64, or a list of them.

        Returns:
            The images; ``[None]`` if there is no such field.

        Raises:
            NotProvided: Pillow is not installed.
            Pye2Error: the field holds no image.
        """
        value = self.data.get(key)
        texts = value if isinstance(value, list) else [value]
        return [_image(text, key) for text in texts]

    def get_images_as_np(self, key: str = "IMG") -> list[Any]:
        """The images that the payload carries, as numpy arrays.

        Args:
            key: the field: one image in base64, or a list of them.

        Returns:
            The arrays; ``[None]`` if there is no such field.

        Raises:
            NotProvided: Pillow or numpy is not installed.
            Pye2Error: the field holds no image.
        """
        try:
            import numpy as np
        except ImportError as error:
            raise _not_installed("numpy", "numpy") from error
        images = self.get_images_as_PIL(key)
        return [None if image is None else np.asarray(image) for image in images]


def _image(text: Any, key: str) -> Any:
    if text is None:
        return None
    try:
        pillow = importlib.import_module("PIL.Image")
    except ImportError as error:
        raise _not_installed("Pillow", "pillow") from error
    try:
        image = pillow.open(io.BytesIO(base64.b64decode(text)))
        image.load()
    except (OSError, TypeError, ValueError, binascii.Error) as error:
        raise Pye2Error(
            f"the field {key!r} of the payload holds no image that can be read: {error}; give the"
            " key of a field that does"
        ) from error
    return image


def _not_installed(library: str, distribution: str) -> NotProvided:
    return NotProvided(
        f"images need {library}, which is not installed; `pip install {distribution}` brings it",
        kind="library",
        name=library,
    )
