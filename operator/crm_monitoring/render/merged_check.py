"""Would Alertmanager load this? The checks of `amtool check-config`, which is not there at run time, and some it lacks.

No message repeats a value, because a value may be a credential: messages say where and what.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from crm_monitoring.api import timezones
from crm_monitoring.contract import labels
from crm_monitoring.render import merged_document
from crm_monitoring.render.bundle import Fragment
from crm_monitoring.render.merged_document import MAX_BYTES, Owner
from crm_monitoring.render.mute_timings import WEEKDAYS
from crm_monitoring.render.receivers import SETTINGS
from crm_monitoring.render.secret_values import ENVIRONMENT_REFERENCE, SHAPES, value_problem

_ROUTE = frozenset(
    [
        "receiver",
        "matchers",
        "continue",
        "group_by",
        "group_wait",
        "group_interval",
        "repeat_interval",
        "mute_time_intervals",
        "routes",
    ]
)
_INHIBITION = frozenset(("source_matchers", "target_matchers", "equal"))
_DURATION = re.compile(r"([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?([0-9]+ms)?")
_MATCHER = re.compile(r'[a-zA-Z_][a-zA-Z0-9_]*(=|!=|=~|!~)"([^"\\\n]|\\["\\n])*"')
_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_TIME = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]|24:00")
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`|~-]+"
_ADDRESS = re.compile(rf"{_ATOM}(\.{_ATOM})*@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*")
_SMARTHOST = re.compile(r"[-A-Za-z0-9.]+:([0-9]{1,5})")
_ALLOWED_CONTROLS = str.maketrans("", "", "\n")


def check(fragment: Fragment) -> list[str]:
    """Return everything that is wrong with one fragment, alone and within an otherwise empty file."""
    try:
        owner = merged_document.owner(fragment)
        problems = [*_fragment_problems(fragment, owner), *_references(merged_document.document([fragment]))]
    except (ValueError, TypeError, AttributeError, KeyError):
        return ["it has not the form of a fragment"]
    return list(dict.fromkeys(problems))


def check_merged(content: bytes) -> list[str]:
    """Return everything that is wrong with a complete file: its size, its form, and names that are not defined."""
    if len(content) > MAX_BYTES:
        size = f"{len(content) / 1024:.0f} KiB"
        return [f"it has {size} and may have {MAX_BYTES // 1024} KiB; give some resources another secretName"]
    tree = merged_document.load(content)
    try:
        return list(dict.fromkeys(_references(tree)))
    except (TypeError, AttributeError, KeyError):
        return ["it has not the form of an alertmanager.yaml"]


def _fragment_problems(fragment: Fragment, owner: Owner) -> Iterator[str]:
    own = merged_document.identity_matchers(owner)
    if len(fragment.routes) != 1 or fragment.routes[0]["matchers"] != own:
        yield "routes: there must be one, and it must match the resource's identity and nothing else"
    for route in fragment.routes:
        yield from _route_problems("route", route)
        if not set(labels.IDENTITY) <= set(route["group_by"]):
            yield f"route.group_by: must contain {' and '.join(labels.IDENTITY)}"
    for index, receiver in enumerate(fragment.receivers):
        yield from _receiver_problems(f"receivers[{index}]", receiver)
    for index, rule in enumerate(fragment.inhibit_rules):
        yield from _inhibition_problems(f"inhibit_rules[{index}]", rule, own)
    for index, entry in enumerate(fragment.time_intervals):
        yield from _interval_problems(f"time_intervals[{index}]", entry, owner)
    for part in ("routes", "receivers", "inhibit_rules", "time_intervals"):
        yield from _text_problems(part, getattr(fragment, part))


def _route_problems(path: str, route: Mapping[str, Any]) -> Iterator[str]:
    yield from _unknown(path, route, _ROUTE)
    if type(route["continue"]) is not bool:
        yield f"{path}.continue: must be true or false"
    yield from _matcher_problems(f"{path}.matchers", route["matchers"])
    for name in ("group_wait", "group_interval", "repeat_interval"):
        duration = route.get(name, "1s")
        if not duration or not _DURATION.fullmatch(duration):
            yield f"{path}.{name}: is not a duration such as 30s"
        elif name != "group_wait" and not re.search("[1-9]", duration):
            yield f"{path}.{name}: must not be zero"
    yield from _label_problems(f"{path}.group_by", route.get("group_by", ()))
    for index, child in enumerate(route.get("routes", ())):
        yield from _route_problems(f"{path}.routes[{index}]", child)


def _receiver_problems(path: str, receiver: Mapping[str, Any]) -> Iterator[str]:
    kinds = receiver.keys() - {"name"}
    if len(kinds) > 1:
        yield f"{path}: must have one kind of integration"
    yield from _unknown(path, receiver, {"name", *SETTINGS})
    for kind in sorted(kinds & SETTINGS.keys()):
        if len(receiver[kind]) != 1:
            yield f"{path}.{kind}: must have one entry"
        for settings in receiver[kind]:
            yield from _unknown(f"{path}.{kind}", settings, SETTINGS[kind])
            yield from _setting_problems(f"{path}.{kind}", kind, settings)


def _setting_problems(path: str, kind: str, settings: Mapping[str, Any]) -> Iterator[str]:
    if type(settings.get("send_resolved")) is not bool:
        yield f"{path}.send_resolved: must be true or false"
    for shape in SHAPES:
        if shape.setting not in settings:
            required = shape.setting in SETTINGS[kind] and shape.setting != "auth_password"
            wrong = "is missing" if required else None
        else:
            wrong = value_problem(shape, settings[shape.setting])
        if wrong:
            yield f"{path}.{shape.setting}: {wrong}"
    if kind == "email_configs":
        yield from _email_problems(path, settings)


def _email_problems(path: str, settings: Mapping[str, Any]) -> Iterator[str]:
    for name in ("to", "from"):
        if not all(_ADDRESS.fullmatch(address) for address in settings[name].split(", ")):
            yield f"{path}.{name}: holds something that is not an e-mail address such as ops@example.com"
    port = _SMARTHOST.fullmatch(settings["smarthost"])
    if not port or not 0 < int(port[1]) < 65536:
        yield f"{path}.smarthost: must be host:port with a port from 1 to 65535"
    if ("auth_username" in settings) != ("auth_password" in settings):
        yield f"{path}: auth_username and auth_password need each other"
    if type(settings.get("require_tls")) is not bool:
        yield f"{path}.require_tls: must be true or false"


def _inhibition_problems(path: str, rule: Mapping[str, Any], identity: list[str]) -> Iterator[str]:
    yield from _unknown(path, rule, _INHIBITION)
    for side in ("source_matchers", "target_matchers"):
        yield from _matcher_problems(f"{path}.{side}", rule[side])
        if rule[side][: len(identity)] != identity or len(rule[side]) == len(identity):
            yield f"{path}.{side}: must begin with the resource's identity and go on"
    yield from _label_problems(f"{path}.equal", rule["equal"])
    if not set(labels.IDENTITY) <= set(rule["equal"]):
        yield f"{path}.equal: must contain {' and '.join(labels.IDENTITY)}"


def _interval_problems(path: str, entry: Mapping[str, Any], owner: Owner) -> Iterator[str]:
    yield from _unknown(path, entry, {"name", "time_intervals"})
    if merged_document.owner_of_name(entry["name"]) != owner:
        yield f"{path}.name: must begin with the resource's namespace and name"
    for interval in entry["time_intervals"]:
        yield from _unknown(path, interval, {"location", "times", "weekdays"})
        if interval["location"] not in timezones.NAMES:
            yield f"{path}.location: is not a time zone such as Europe/Berlin"
        if not set(interval.get("weekdays", ())) <= set(WEEKDAYS):
            yield f"{path}.weekdays: holds something that is not a day of the week"
        for times in interval.get("times", ()):
            yield from _unknown(path, times, {"start_time", "end_time"})
            start, end = times["start_time"], times["end_time"]
            if not _TIME.fullmatch(start) or not _TIME.fullmatch(end) or start >= end:
                yield f"{path}.times: start and end must be HH:MM, start before end"


def _unknown(path: str, mapping: Mapping[str, Any], known: Collection[str]) -> Iterator[str]:
    if not mapping.keys() <= set(known):
        yield f"{path}: holds a setting that is not one of ours"


def _matcher_problems(path: str, matchers: list[str]) -> Iterator[str]:
    if not matchers or not all(_MATCHER.fullmatch(matcher) for matcher in matchers):
        yield f'{path}: must hold matchers such as severity="high"'


def _label_problems(path: str, names: list[str]) -> Iterator[str]:
    if len(set(names)) != len(names) or not all(_LABEL.fullmatch(name) for name in names):
        yield f"{path}: must hold names of labels, each once"


def _text_problems(path: str, value: Any) -> Iterator[str]:
    if isinstance(value, str):
        if not value.translate(_ALLOWED_CONTROLS).isprintable():
            yield f"{path}: a text holds control characters"
        if ENVIRONMENT_REFERENCE.search(value):
            yield f"{path}: a text holds $(NAME), which prometheus-operator would replace by an environment variable"
    elif isinstance(value, Mapping):
        for name, below in value.items():
            yield from _text_problems(f"{path}.{name}", below)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _text_problems(path, item)
    elif type(value) is not bool:
        yield f"{path}: holds something that is neither text nor true nor false"


def _references(tree: Mapping[str, Any]) -> Iterator[str]:
    """Yield names that are used and not defined, or defined twice; Alertmanager refuses the whole file for one."""
    receivers = [receiver["name"] for receiver in tree["receivers"]]
    intervals = [interval["name"] for interval in tree["time_intervals"]]
    if len(set(receivers)) != len(receivers):
        yield "receivers: two have the same name"
    if len(set(intervals)) != len(intervals):
        yield "time_intervals: two have the same name"
    if tree["route"].get("matchers") or tree["route"].get("mute_time_intervals"):
        yield "route: the first one must match everything and be muted never"
    for route in _routes(tree["route"]):
        if route["receiver"] not in receivers:
            yield "routes: a receiver is used that is not defined"
        if not set(route.get("mute_time_intervals", ())) <= set(intervals):
            yield "routes: a mute timing is used that is not defined"


def _routes(route: Mapping[str, Any]) -> Iterable[Mapping[str, Any]]:
    yield route
    for child in route.get("routes", ()):
        yield from _routes(child)
