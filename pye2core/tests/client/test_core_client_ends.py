"""The end of an instance's object: it is told, so that nothing that it holds outlives it."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest
from client_support import PATIENCE, FakeNode

from pye2core import Instance, Pipeline, Session
from pye2core.messages import PipelineConfig

if TYPE_CHECKING:
    from collections.abc import Callable

PLAIN = "PUPPET_PLAIN_01"


class Holder(Instance):
    """An instance that notes its end."""

    def __init__(self, pipeline: Pipeline, signature: str, instance_id: str) -> None:
        super().__init__(pipeline, signature, instance_id)
        self.has_ended = threading.Event()

    def ended(self) -> None:
        self.has_ended.set()


def close_session(holder: Holder, node: FakeNode) -> None:
    holder.pipeline.session.close()


def close_pipeline(holder: Holder, node: FakeNode) -> None:
    holder.pipeline.close(timeout=PATIENCE)


def remove(holder: Holder, node: FakeNode) -> None:
    holder.close()
    holder.pipeline.deploy(timeout=PATIENCE)


def make_its_pipeline_anew(holder: Holder, node: FakeNode) -> None:
    holder.pipeline.is_own = False
    holder.pipeline.session.create_pipeline(node=node.address, name="p")


def convert(holder: Holder, node: FakeNode) -> None:
    holder.convert_to_specialized_class(Instance)


def have_another_client_close_what_nobody_listens_to(holder: Holder, node: FakeNode) -> None:
    holder.pipeline.is_own = False
    del node.running["p"]
    node.beat()


@pytest.fixture
def holder(session: Session, node: FakeNode) -> Holder:
    """An instance that runs."""
    pipeline = session.create_pipeline(node=node.address, name="p")
    made = pipeline.create_plugin_instance(signature=PLAIN, instance_id="i")
    pipeline.deploy(timeout=PATIENCE)
    return made.convert_to_specialized_class(Holder)


@pytest.mark.parametrize(
    "end",
    [
        close_session,
        close_pipeline,
        remove,
        make_its_pipeline_anew,
        convert,
        have_another_client_close_what_nobody_listens_to,
    ],
)
def test_whatever_ends_an_instance_it_is_told(
    holder: Holder, node: FakeNode, end: Callable[[Holder, FakeNode], None]
) -> None:
    assert not holder.has_ended.is_set()

    end(holder, node)

    assert holder.has_ended.wait(PATIENCE)


def test_what_lives_on_is_not_told(holder: Holder, node: FakeNode) -> None:
    node.running["other"] = PipelineConfig("other")

    holder.update_instance_config(speed=2)
    holder.pipeline.deploy(timeout=PATIENCE)

    assert not holder.has_ended.is_set()
