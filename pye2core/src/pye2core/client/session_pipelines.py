"""How a session makes and finds pipelines and jobs.

You are in the client room; what pipelines are known is in ``pipelines``, what one is in
``pipeline``.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, cast

from pye2core.client import jobs
from pye2core.client.arguments import (
    AT_ONCE,
    check_callbacks,
    check_flags,
    check_names,
    check_node,
    check_seconds,
    check_settings,
)
from pye2core.client.delegating import with_delegations
from pye2core.client.session_calls import SessionCalls
from pye2core.client.signatures import instances_in
from pye2core.errors import AlreadyExists, PipelineNotFound, TransportError
from pye2core.messages import PipelineConfig
from pye2core.messages.configuration import VOID, upper_keys

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime

    from pye2core.client.deployment import DeployedPipeline
    from pye2core.client.instance import Instance, OnData, OnNotification
    from pye2core.client.pipeline import Pipeline
    from pye2core.client.session import Session

    Code = Callable[..., Any] | str

_log = logging.getLogger("pye2core.client")


class SessionPipelines(SessionCalls):
    """The part of a session that makes and finds pipelines."""

    # --- making and finding -----------------------------------------------------------------------

    def create_pipeline(
        self,
        *,
        node: str,
        name: str,
        data_source: str = VOID,
        config: Mapping[str, Any] | None = None,
        plugins: Iterable[Mapping[str, Any]] = (),
        on_data: OnData | None = None,
        on_notification: OnNotification | None = None,
        max_wait_time: float = 0,
        **kwargs: Any,
    ) -> Pipeline:
        """Make a pipeline; ``pipeline.deploy()`` sends it, and replaces one that the node has.

        Args:
            node: the node, by name or address.
            name: the pipeline's name, unique on its node.
            data_source: where its data comes from; "Void" for nothing.
            config: settings of the data source, keys in any case.
            plugins: instances, in PyE2's form.
            on_data: called with ``(pipeline, signature, instance_id, payload)``.
            on_notification: called with ``(pipeline, payload)``.
            max_wait_time: seconds to wait for the node.
            kwargs: further settings of the data source.

        Raises:
            NodeNotOnline: the node has not been heard from; lists who has.
            AlreadyExists: this session has made such a pipeline and not closed it.
            SettingsError: ``plugins`` is not of PyE2's form, or something else cannot be used.
        """
        check_names(name=name, data_source=data_source)
        check_settings(config=config)
        check_callbacks(on_data=on_data, on_notification=on_notification)
        instances = instances_in(plugins)
        address = self._address_of(node, max_wait_time)
        made_before = self.known_pipelines.get(address, name)
        if made_before is not None and made_before.is_forsaken:
            made_before.close()
        elif made_before is not None and made_before.is_own and not made_before.is_gone:
            raise AlreadyExists(
                f"this session has a pipeline {name!r} on {node} already; close() it first, give"
                " the new one another name, or use create_or_attach_to_pipeline",
                name=name,
            )
        settings = {**upper_keys(config or {}), **upper_keys(kwargs)}
        instances = with_delegations(instances, self._session, name, address)
        wanted = PipelineConfig(name, data_source, instances, settings)
        pipeline = self._pipeline(address, wanted)
        pipeline.is_own = True
        pipeline.attach(on_data, on_notification)
        return self.known_pipelines.add(pipeline)

    def attach_to_pipeline(
        self,
        *,
        node: str,
        name: str,
        on_data: OnData | None = None,
        on_notification: OnNotification | None = None,
        max_wait_time: float = 0,
    ) -> Pipeline:
        """Find a pipeline that runs, wherever it was made, and add callbacks.

        Args:
            node: the node, by name or address.
            name: the pipeline's name.
            on_data: called with ``(pipeline, signature, instance_id, payload)``.
            on_notification: called with ``(pipeline, payload)``.
            max_wait_time: seconds to wait for the node, and for the pipeline on it.

        Raises:
            NodeNotOnline: the node has not been heard from; lists who has.
            PipelineNotFound: the node does not run it; lists what it runs.
            SettingsError: something given cannot be used.
        """
        check_names(name=name)
        check_callbacks(on_data=on_data, on_notification=on_notification)
        address = self._address_of(node, max_wait_time)
        if max_wait_time > 0:
            reported = self.known_pipelines.reported
            self.peers.wait_until(lambda: name in reported(address), max_wait_time)
        active = self.get_active_pipelines(address) or {}
        if name not in active:
            raise PipelineNotFound(
                f"the node {node} runs no pipeline {name!r}; it runs:"
                f" {', '.join(sorted(active)) or 'none'}",
                node=address,
                pipeline=name,
            )
        pipeline = active[name]
        pipeline.is_own = True
        pipeline.attach(on_data, on_notification)
        return pipeline

    def create_or_attach_to_pipeline(
        self,
        *,
        node: str,
        name: str,
        data_source: str = VOID,
        config: Mapping[str, Any] | None = None,
        plugins: Iterable[Mapping[str, Any]] = (),
        on_data: OnData | None = None,
        on_notification: OnNotification | None = None,
        max_wait_time: float = 0,
        **kwargs: Any,
    ) -> Pipeline:
        """The pipeline of that name as it runs, or else a new one.

        Raises:
            NodeNotOnline: the node has not been heard from; lists who has.
            SettingsError: ``plugins`` is not of PyE2's form, or something else cannot be used.
        """
        try:
            return self.attach_to_pipeline(
                node=node,
                name=name,
                on_data=on_data,
                on_notification=on_notification,
                max_wait_time=max_wait_time,
            )
        except PipelineNotFound:
            return self.create_pipeline(
                node=node,
                name=name,
                data_source=data_source,
                config=config,
                plugins=plugins,
                on_data=on_data,
                on_notification=on_notification,
                **kwargs,
            )

    def get_active_pipelines(self, node: str) -> dict[str, Pipeline] | None:
        """The pipelines that a node runs, by name.

        What its newest heartbeat says, with what was confirmed to this session since.

        Args:
            node: the node, by name or address.

        Returns:
            The pipelines; None if the node is not online.

        Raises:
            SettingsError: ``node`` is neither a name nor an address.
        """
        check_node(node)
        heartbeat = self.peers.heartbeat(node)
        if heartbeat is None:
            return None
        address = heartbeat.address
        active = self.known_pipelines.deployed(address)
        for name, config in self.known_pipelines.reported(address).items():
            if name not in active and not (found := self._attached(address, config)).is_gone:
                active[name] = found
        return active

    def _attached(self, address: str, config: PipelineConfig) -> Pipeline:
        known = self.known_pipelines.get(address, config.name)
        if known is not None:
            return known
        new = self._pipeline(address, config, on_node=config)
        return self.known_pipelines.add_if_new(new)

    def _pipeline(
        self, address: str, proposed: PipelineConfig, on_node: PipelineConfig | None = None
    ) -> Pipeline:
        # Loaded with the first pipeline: a session that only calls functions has none.
        from pye2core.client.pipeline import Pipeline
        from pye2core.client.staging import Staging

        return Pipeline(self._session, address, Staging(proposed, on_node=on_node))

    @property
    def _session(self) -> Session:
        # This class is a part of the session, and there is no other object of it.
        return cast("Session", self)

    def _address_of(self, node: str, max_wait_time: float) -> str:
        check_node(node)
        check_seconds(AT_ONCE, max_wait_time=max_wait_time)
        if max_wait_time > 0:
            self.wait_for_node(node, max_wait_time, verbose=False)
        return self.peers.resolve(node)

    def forget_pipeline(self, pipeline: DeployedPipeline, said_at: datetime | None = None) -> None:
        """Know a pipeline no longer: it was closed.

        Args:
            pipeline: which one.
            said_at: when its node said so, by the node's clock, if it did.
        """
        self.known_pipelines.forget(pipeline, said_at)

    # --- distributed jobs -------------------------------------------------------------------------

    def create_chain_dist_custom_job(  # noqa: PLR0917 - PyE2 takes them by position
        self,
        main_node_process_real_time_collected_data: Code,
        main_node_finish_condition: Code,
        main_node_finish_condition_kwargs: Mapping[str, Any] | None,
        main_node_aggregate_collected_data: Code,
        worker_node_code: Code,
        nr_remote_worker_nodes: int,
        node: str | None = None,
        worker_node_plugin_config: Mapping[str, Any] | None = None,
        worker_node_pipeline_config: Mapping[str, Any] | None = None,
        on_data: OnData | None = None,
        on_notification: OnNotification | None = None,
        deploy: bool = False,  # noqa: FBT001, FBT002 - PyE2 takes it by position
        *,
        node_addr: str | None = None,
        **kwargs: Any,
    ) -> tuple[Pipeline, Instance]:
        """Make a job that a main node splits among other nodes.

        Args:
            main_node_process_real_time_collected_data: what to keep of a worker's data; a function
                ``(plugin, job_id, collected_data, data)``, source as text, or a preset's name.
            main_node_finish_condition: whether it is done: ``(plugin, collected_data)``.
            main_node_finish_condition_kwargs: what that function needs to know.
            main_node_aggregate_collected_data: the result: ``(plugin, collected_data)``.
            worker_node_code: what the workers run again and again: ``(plugin)``.
            nr_remote_worker_nodes: how many workers share the work.
            node: the main node, by name or address; the least busy one that allows this client and
                can serve jobs if none is named.
            worker_node_plugin_config: settings of the workers' instances.
            worker_node_pipeline_config: settings of the workers' pipelines.
            on_data: called with ``(pipeline, payload)`` for partial results and the last one.
            on_notification: called with ``(pipeline, payload)``.
            deploy: whether to deploy it at once.
            node_addr: another name of ``node``.
            kwargs: what else the installed job plugin understands.

        Returns:
            The job's pipeline, under a random name, and its instance.

        Raises:
            NodeNotOnline: the node has not been heard from; lists who has.
            NoNodeOnline: none was named and none can be used; says what to check.
            CodeError: one of the functions cannot be read back or is refused.
            UnknownPreset: a name stands for no installed preset.
            PresetParameterError: a preset lacks a parameter.
            UnknownSignature: no installed plugin offers distributed jobs; says what to install.
            SettingsError: something given cannot be used.
            ConfirmationTimeout, DeployFailed: as ``pipeline.deploy()``, if that was asked for; the
                node is told to close what it may have started.
        """
        if node is not None and node_addr is not None:
            raise TypeError("create_chain_dist_custom_job() takes node or node_addr, not both")
        check_flags(deploy=deploy)
        named = node if node is not None else node_addr
        main_node = named if named is not None else self._node_for_a_job()
        pipeline = self.create_pipeline(node=main_node, name=jobs.random_name())
        try:
            instance = pipeline.create_chain_dist_custom_plugin_instance(
                main_node_process_real_time_collected_data=(
                    main_node_process_real_time_collected_data
                ),
                main_node_finish_condition=main_node_finish_condition,
                main_node_finish_condition_kwargs=main_node_finish_condition_kwargs,
                main_node_aggregate_collected_data=main_node_aggregate_collected_data,
                worker_node_code=worker_node_code,
                nr_remote_worker_nodes=nr_remote_worker_nodes,
                worker_node_plugin_config=worker_node_plugin_config,
                worker_node_pipeline_config=worker_node_pipeline_config,
                on_data=on_data,
                on_notification=on_notification,
                **kwargs,
            )
            if deploy:
                pipeline.deploy()
        except BaseException:
            _abandon(pipeline)
            raise
        return pipeline, instance

    def _node_for_a_job(self) -> str:
        from pye2core.descriptors import Role

        signature = self.registry.signature_for(Role.CHAIN_JOB).name
        return jobs.least_busy_node(self.peers, signature)

    def create_job(
        self,
        preset_name: str,
        /,
        *,
        node: str | None = None,
        on_data: OnData | None = None,
        on_notification: OnNotification | None = None,
        deploy: bool = True,
        **parameters: Any,
    ) -> tuple[Pipeline, Instance]:
        """Make a job that is a preset as a whole.

        Args:
            preset_name: the preset, for example "primes"; ``pye2 plugins`` lists them.
            node: the main node, by name or address; the least busy one that allows this client if
                none is named.
            on_data: called with ``(pipeline, payload)`` for partial results and the last one.
            on_notification: called with ``(pipeline, payload)``.
            deploy: whether to deploy it at once.
            parameters: the preset's parameters.

        Returns:
            The job's pipeline, under a random name, and its instance.

        Raises:
            UnknownPreset: no installed plugin offers it; says what to install.
            PresetParameterError: it is no whole job, or cannot use the parameters.
            NodeNotOnline, NoNodeOnline, ConfirmationTimeout, DeployFailed: as for
                :meth:`create_chain_dist_custom_job`.

        Example:
            >>> session.create_job("primes", upto=1000, workers=2, on_data=show)
        """
        from pye2core.plugins import stages_of

        check_names(preset_name=preset_name)
        stages = stages_of(self.registry, preset_name, parameters)
        return self.create_chain_dist_custom_job(
            **jobs.arguments_of(stages),
            node=node,
            on_data=on_data,
            on_notification=on_notification,
            deploy=deploy,
        )


def _abandon(pipeline: Pipeline) -> None:
    """Close a job that its maker is never given: nobody else could, and it might run for ever."""
    try:
        pipeline.close(wait_confirmation=False)
    except TransportError as error:
        _log.warning("the job %s may still run: %s", pipeline.name, error)
