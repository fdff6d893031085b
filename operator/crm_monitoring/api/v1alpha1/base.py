"""What every model of the resource shares: strictness, names, and the strings that stand for quantities."""

from typing import Annotated, ClassVar

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from crm_monitoring.api.v1alpha1 import patterns
from crm_monitoring.api.v1alpha1.rules import Advice, Rule


class Model(BaseModel):
    """A part of the resource: immutable, without unknown fields, and silent about the values it refused."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
        populate_by_name=True,
        strict=True,
    )

    rules: ClassVar[tuple[Rule, ...]] = ()
    advice: ClassVar[tuple[Advice, ...]] = ()


Duration = Annotated[str, Field(pattern=patterns.DURATION, min_length=1, max_length=24)]
"""A time such as `15s`, `10m` or `1h30m`."""

Ratio = Annotated[str, Field(pattern=patterns.RATIO, max_length=7)]
"""A percentage such as `95%` or `99.5%`."""

Count = Annotated[str, Field(pattern=patterns.COUNT, max_length=9)]
"""A whole number written as a string, such as `100`."""

Name = Annotated[str, Field(pattern=patterns.NAME, min_length=1, max_length=63)]
ObjectName = Annotated[str, Field(pattern=patterns.SUBDOMAIN, min_length=1, max_length=253)]
SecretKey = Annotated[str, Field(pattern=patterns.SECRET_KEY, min_length=1, max_length=253)]
LabelName = Annotated[str, Field(pattern=patterns.LABEL_NAME, min_length=1, max_length=64)]
LabelKey = Annotated[str, Field(pattern=patterns.LABEL_KEY, min_length=1, max_length=253)]
LabelValue = Annotated[str, Field(pattern=patterns.LABEL_VALUE, max_length=63)]
UrlPath = Annotated[str, Field(pattern=patterns.URL_PATH, min_length=1, max_length=256)]
Text = Annotated[str, Field(max_length=1024)]

Port = (
    Annotated[int, Field(ge=1, le=65535)]
    | Annotated[str, Field(pattern=patterns.PORT_NAME, min_length=1, max_length=15)]
)
"""A port by number or by name."""

PORT_HINT = "must be a port number from 1 to 65535, or the name of a port such as metrics (at most 15 characters)"


class SecretKeyRef(Model):
    """A key of a Secret in the namespace of the resource. Its value never appears in the resource or its status."""

    name: ObjectName = Field(description="Name of the Secret. It is looked for in the namespace of this resource only.")
    key: SecretKey = Field(description="Key within the Secret's data.")
