"""What every model of the resource shares: strictness, names, and the strings that stand for quantities."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

DURATION_PATTERN = r"^([0-9]{1,6}(ms|s|m|h)){1,4}$"
RATIO_PATTERN = r"^(100|[0-9]{1,2}([.][0-9]{1,3})?)%$"
COUNT_PATTERN = r"^[0-9]{1,9}$"
NAME_PATTERN = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
SUBDOMAIN_PATTERN = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*$"
SECRET_KEY_PATTERN = r"^[-._a-zA-Z0-9]+$"
LABEL_NAME_PATTERN = r"^[a-zA-Z_][a-zA-Z0-9_]*$"
LABEL_KEY_PATTERN = r"^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$"
LABEL_VALUE_PATTERN = r"^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$"
PATH_PATTERN = r"^/[-A-Za-z0-9._~!$&'()*+,;=:@%/]*$"


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


Duration = Annotated[str, Field(pattern=DURATION_PATTERN, max_length=24)]
"""A time such as `15s`, `10m` or `1h30m`."""

Ratio = Annotated[str, Field(pattern=RATIO_PATTERN, max_length=8)]
"""A percentage such as `95%` or `99.5%`."""

Count = Annotated[str, Field(pattern=COUNT_PATTERN, max_length=9)]
"""A whole number written as a string, such as `100`."""

Name = Annotated[str, Field(pattern=NAME_PATTERN, min_length=1, max_length=63)]
ObjectName = Annotated[str, Field(pattern=SUBDOMAIN_PATTERN, min_length=1, max_length=253)]
SecretKey = Annotated[str, Field(pattern=SECRET_KEY_PATTERN, min_length=1, max_length=253)]
LabelName = Annotated[str, Field(pattern=LABEL_NAME_PATTERN, min_length=1, max_length=64)]
LabelKey = Annotated[str, Field(pattern=LABEL_KEY_PATTERN, min_length=1, max_length=317)]
LabelValue = Annotated[str, Field(pattern=LABEL_VALUE_PATTERN, max_length=63)]
UrlPath = Annotated[str, Field(pattern=PATH_PATTERN, min_length=1, max_length=256)]
Text = Annotated[str, Field(max_length=1024)]

Port = (
    Annotated[int, Field(ge=1, le=65535)]
    | Annotated[str, Field(pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", max_length=15)]
)
"""A port by number or by name."""


class SecretKeyRef(Model):
    """A key of a Secret in the namespace of the resource. Its value never appears in the resource or its status."""

    name: ObjectName = Field(description="Name of the Secret. It is looked for in the namespace of this resource only.")
    key: SecretKey = Field(description="Key within the Secret's data.")
