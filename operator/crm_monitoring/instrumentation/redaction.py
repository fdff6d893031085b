"""Keep credentials out of the log: fields named like one, and what looks like one inside any text.

Most lines hold none. Telling so is made cheap, because it is paid for every line: names and short texts that were found
clean are remembered, and a text without `:`, `=` or a space can only hold a token of a known format. A property test
checks that nothing is called clean that the rules would change.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Any
from uuid import UUID

MASK = "***"

_WORDS = (
    "password",
    "passwd",
    "passphrase",
    "secret",
    "authorization",
    "credential",
    "cookie",
    "privatekey",
    "apikey",
    "accesskey",
    "routingkey",
    "servicekey",
    "webhook",
)
"""A field whose name contains one is masked; punctuation and case do not matter."""

_ENDINGS = ("token", "pwd", "dsn", "signature", "sessionid")
"""A field whose name ends with one is masked."""

_NAME = (
    r"(?:password|passwd|passphrase|secret|credentials?|cookie|token\b|pwd\b|dsn\b|signature\b|session[_-]?id\b|"
    r"(?:private|api|access|routing|service)[_-]?key)"
)
_QUOTE = r"\\{0,4}[\"']"
_TOKEN_LIKE = r"(?=\S*(?:[0-9=+/._~-]|[a-z][A-Z]))"
"""At least one character that an ordinary word lacks."""

_RULES: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (r"-----BEGIN [A-Z ]*PRIVATE KEY-----(?s:.*?)(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", MASK),
        # https://user:password@host
        (r"(://)[^\s/@:]*:[^\s/@]+@", rf"\1{MASK}@"),
        # A webhook's address is its credential.
        (r"((?i:https?)://[^\s/\"'<>\\?]+/)(?=[^\s\"'<>]{0,300}(?i:hook))[^\s\"'<>\\]+", rf"\1{MASK}"),
        (r"((?i:https?)://(?i:[\w.-]*hook[\w.-]*)(?::\d+)?/)[^\s\"'<>\\]+", rf"\1{MASK}"),
        (
            rf"((?i:authorization)(?:{_QUOTE})?\s{{0,3}}[:=]\s{{0,3}}(?:{_QUOTE})?)(?:\w+\s+)?[^\s\"'\\,;}}]+",
            rf"\1{MASK}",
        ),
        (rf"\b((?i:bearer|basic))\s+{_TOKEN_LIKE}[^\s\"'\\,;}}]{{6,}}", rf"\1 {MASK}"),
        (
            rf"((?i:{_NAME})[\w-]{{0,32}}(?:{_QUOTE})?\s{{0,3}}[:=]\s{{0,3}})"
            rf"(?:\"[^\"]*(?:\"|\Z)|'[^']*(?:'|\Z)|\\{{1,4}}\"[^\"]*(?:\"|\Z)|[^\s,;&\"'}})\]]+)",
            rf"\1{MASK}",
        ),
        (r"([?&](?i:key|sig|code|auth)=)[^&\s\"'\\]+", rf"\1{MASK}"),
        # Formats of well-known providers: Stripe, Slack, GitHub, AWS, Google, SendGrid, JWT, Twilio, sk-.
        (
            r"\b(?:[sprw]k_(?:live|test)_\w{8,}|xox[a-z]-[\w-]{8,}|gh[pousr]_\w{20,}|A[KS]IA[0-9A-Z]{16}|AIza[\w-]{30,}"
            r"|SG\.[\w-]{10,200}\.[\w-]{10,}|eyJ[\w-]{8,2000}\.[\w-]{8,}(?:\.[\w-]*)?|SK[0-9a-f]{32}|sk-[\w-]{16,})",
            MASK,
        ),
    )
)

_ADDRESS = (re.compile(r"[\w.+-]{1,64}@([\w-]{1,63}(?:\.[\w-]{1,63})+)"), rf"{MASK}@\1")

_TOKEN_START = re.compile(r"[sprw]k_|xox|gh[pousr]_|A[KS]IA|AIza|SG\.|eyJ|SK|sk-")
_SIGN = re.compile(
    r"pass|secret|auth|cred|cookie|token|pwd|dsn|signature|session|key|sig=|code=|hook|bearer|basic|@|-----begin",
    re.IGNORECASE,
)
_SHORTEST = 12
"""Characters of the shortest text without `:` and `=` that a rule changes: `Basic` and six more."""

_MEMORY = 4096
"""Names, and texts, that are remembered as clean before all are forgotten."""
_LONGEST_REMEMBERED = 64
_HARMLESS = frozenset((int, float, bool, type(None), UUID, datetime, date))
"""Types whose values hold no text."""


class Redactor:
    """Replaces credentials by `***`, e-mail addresses too if asked for."""

    def __init__(self, *, addresses: bool = False) -> None:
        self._addresses = addresses
        self._clean_names: set[str] = set()
        self._clean_texts: set[str] = set()

    def is_clean(self, fields: Mapping[str, object]) -> bool:
        """Tell whether the fields certainly hold nothing to replace. Nested values are never called clean."""
        for name, value in fields.items():
            if name not in self._clean_names and not self._is_clean_name(name):
                return False
            if isinstance(value, str):
                if value not in self._clean_texts and not self._is_clean_text(value):
                    return False
            elif type(value) not in _HARMLESS:
                return False
        return True

    def are_clean(self, texts: Iterable[object]) -> bool:
        """Tell whether all are texts that certainly hold nothing to replace."""
        for text in texts:
            if type(text) is not str or (text not in self._clean_texts and not self._is_clean_text(text)):
                return False
        return True

    def redact(self, value: Any) -> Any:
        """Return a JSON value without credentials. Field names stay, as do true, false and null under any name."""
        if isinstance(value, str):
            return self.redact_text(value)
        if isinstance(value, dict):
            return {name: self._redact_field(name, inner) for name, inner in value.items()}
        if isinstance(value, list):
            return [self.redact(inner) for inner in value]
        return value

    def redact_text(self, text: str) -> str:
        """Return a text without credentials."""
        if text in self._clean_texts or self._is_clean_text(text):
            return text
        for pattern, replacement in _RULES:
            text = pattern.sub(replacement, text)
        return _ADDRESS[0].sub(_ADDRESS[1], text) if self._addresses else text

    def _redact_field(self, name: str, value: Any) -> Any:
        if value is None or isinstance(value, bool) or not is_sensitive(name):
            return self.redact(value)
        return MASK

    def _is_clean_name(self, name: str) -> bool:
        return not is_sensitive(name) and _remember(self._clean_names, name)

    def _is_clean_text(self, text: str) -> bool:
        if self._addresses and "@" in text:
            return False
        if ":" in text or "=" in text or (len(text) >= _SHORTEST and len(text.split(None, 1)) > 1):
            if _SIGN.search(text) or _TOKEN_START.search(text):
                return False
        elif len(text) >= _SHORTEST and _TOKEN_START.search(text):
            return False
        return len(text) > _LONGEST_REMEMBERED or _remember(self._clean_texts, text)


def is_sensitive(name: str) -> bool:
    """Tell whether a field's name says that its value is a credential."""
    plain = "".join(filter(str.isalnum, name)).lower()
    return plain == "auth" or plain.endswith(_ENDINGS) or any(word in plain for word in _WORDS)


def _remember(memory: set[str], text: str) -> bool:
    if len(memory) >= _MEMORY:
        memory.clear()
    memory.add(text)
    return True
