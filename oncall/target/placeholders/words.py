"""A value as one word of a shell command, whatever it holds: what is shown is what is typed. Pure."""

UNQUOTED = frozenset("@%+=:,./_-")


def word(value: str, keep: str = "") -> str:
    """One word of a shell command; `keep` lets a pattern stay one.

    What cannot be seen is written as bytes in bash's own form: `$'a\\x0ab'`. So what is shown is what is typed.
    """
    if not value.isprintable():
        return "$'" + "".join(_seen(sign) for sign in value) + "'"
    if all(sign.isalnum() or sign in UNQUOTED for sign in value):
        return value or "''"
    if "'" not in value and not keep:
        return f"'{value}'"
    return "".join(sign if sign.isalnum() or sign in UNQUOTED or sign in keep else f"\\{sign}" for sign in value)


def _seen(sign: str) -> str:
    if sign.isprintable():
        return f"\\{sign}" if sign in "'\\" else sign
    return "".join(f"\\x{byte:02x}" for byte in sign.encode("utf-8", "surrogatepass"))
