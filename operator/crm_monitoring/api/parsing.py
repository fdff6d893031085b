"""From the JSON of a resource to its model, or to a list of everything that is wrong with it."""

from collections.abc import Mapping
from typing import Any

import orjson
from pydantic import ValidationError

from crm_monitoring.api.v1alpha1 import CRMMonitoring
from crm_monitoring.errors import InvalidSpec, Problem


def parse(body: Mapping[str, Any]) -> CRMMonitoring:
    """Return the resource; raise InvalidSpec with every problem of the schema, each with the path of its field.

    Cross-field rules are `validation.validate`'s. Fields outside of metadata and spec are ignored.
    """
    document = {"metadata": body.get("metadata", {}), "spec": body.get("spec", {})}
    try:
        return CRMMonitoring.model_validate_json(orjson.dumps(document))
    except ValidationError as error:
        problems = [
            Problem(".".join(map(str, detail["loc"])), detail["msg"])
            for detail in error.errors(include_url=False, include_context=False, include_input=False)
        ]
    raise InvalidSpec(problems)
