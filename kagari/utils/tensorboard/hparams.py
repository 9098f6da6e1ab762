"""What a run was trained with, and how good it became: TensorBoard's table of hyperparameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from google.protobuf import struct_pb2

from ...eager import Tensor
from .arrays import as_array
from .library import part, proto

Summary, SummaryMetadata = proto("summary").Summary, proto("summary").SummaryMetadata
api, plugin_data, metadata = (part(f"plugins.hparams.{name}") for name in ("api_pb2", "plugin_data_pb2", "metadata"))


def _value(value: Any) -> tuple[str, Any]:
    """The kind of a hyperparameter and its value as a message. Booleans are numbers, as TensorBoard shows them."""
    if isinstance(value, int | float):
        return "DATA_TYPE_FLOAT64", struct_pb2.Value(number_value=value)
    if isinstance(value, str):
        return "DATA_TYPE_STRING", struct_pb2.Value(string_value=value)
    if isinstance(value, Tensor):
        return "DATA_TYPE_FLOAT64", struct_pb2.Value(number_value=as_array(value).reshape(-1)[0])
    raise ValueError("value should be one of int, float, str, bool, or torch.Tensor")


def _domain(name: str, value: Any, domains: Mapping[str, Sequence[Any]]) -> Any:
    if name not in domains:
        return None
    if isinstance(value, Tensor):
        raise TypeError(
            f"parameter: hparam_domain_discrete[{name}] is for a number, a text or a boolean, not a tensor."
        )
    return struct_pb2.ListValue(values=[_value(d)[1] for d in domains[name]])


def hparams(
    hparam_dict: Mapping[str, Any],
    metric_dict: Mapping[str, Any],
    hparam_domain_discrete: Mapping[str, Sequence[Any]] | None = None,
) -> tuple[Any, Any, Any]:
    """The messages of an experiment, and of the beginning and the end of a run of it.

    Args:
        hparam_dict (dict): the hyperparameters: numbers, texts, booleans or tensors of one number. ``None`` is left
            out.
        metric_dict (dict): the results; their names alone matter here.
        hparam_domain_discrete (dict, optional): for a hyperparameter, the list of values that it may have.

    Raises TypeError where these are no dictionaries and where a list has values of another type, ValueError for
    another hyperparameter.
    """
    if not isinstance(hparam_dict, dict) or not isinstance(metric_dict, dict):
        raise TypeError("hparam_dict and metric_dict should be dictionary.")
    domains = hparam_domain_discrete or {}
    if not isinstance(domains, dict):
        raise TypeError("parameter: hparam_domain_discrete should be a dictionary, nothing logged.")
    for name, values in domains.items():
        kind = type(hparam_dict.get(name, None))
        if not isinstance(values, list) or name not in hparam_dict or not all(isinstance(v, kind) for v in values):
            raise TypeError(
                f"parameter: hparam_domain_discrete[{name}] should be a list of same type as hparam_dict[{name}]."
            )
    start, infos = plugin_data.SessionStartInfo(), []
    for name, value in hparam_dict.items():
        if value is None:
            continue
        dtype, message = _value(value)
        start.hparams[name].CopyFrom(message)
        infos.append(api.HParamInfo(name=name, type=dtype, domain_discrete=_domain(name, value, domains)))
    metrics = [api.MetricInfo(name=api.MetricName(tag=name)) for name in metric_dict]
    experiment = api.Experiment(hparam_infos=infos, metric_infos=metrics)
    end = plugin_data.SessionEndInfo(status=api.Status.Value("STATUS_SUCCESS"))
    return (
        _shown(metadata.EXPERIMENT_TAG, experiment=experiment),
        _shown(metadata.SESSION_START_INFO_TAG, session_start_info=start),
        _shown(metadata.SESSION_END_INFO_TAG, session_end_info=end),
    )


def _shown(tag: str, **content: Any) -> Any:
    data = plugin_data.HParamsPluginData(version=metadata.PLUGIN_DATA_VERSION, **content).SerializeToString()
    about = SummaryMetadata(plugin_data=SummaryMetadata.PluginData(plugin_name=metadata.PLUGIN_NAME, content=data))
    return Summary(value=[Summary.Value(tag=tag, metadata=about)])


__all__ = ["hparams"]
