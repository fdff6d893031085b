"""A credential in memory: it cannot be printed, logged or formatted by accident."""


class Sealed:
    """The bytes of one Secret key. Only `reveal` gives them out."""

    __slots__ = ("_value",)

    def __init__(self, value: bytes) -> None:
        self._value = value

    def reveal(self) -> bytes:
        """Return the credential. Call it only where the value is written to its one destination."""
        return self._value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sealed) and self._value == other._value

    def __hash__(self) -> int:
        return hash(self._value)

    def __repr__(self) -> str:
        return "Sealed(***)"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return "***"

    def __reduce__(self) -> tuple[object, ...]:
        raise TypeError("a sealed value is not to be pickled or copied")
