"""Hides secrets in texts: known ones in any encoding, and what looks like one (passwords in URLs, tokens);
says which names mean a secret. Pure.

What is known to be secret is hidden in whatever form it stands: as it is, escaped, percent-encoded, within
base64, or cut off. What looks like a secret is hidden without being known: user and password in an address,
what a parameter or field holds whose name says so, what follows Basic or Bearer.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from urllib.parse import unquote, unquote_plus

HIDDEN = "[hidden]"
SHORTEST_PASSWORD = 8
"""Characters; a password as short as a word stays readable, or logs would lose that word everywhere."""
_SHORTEST_MIXED = 5
"""Characters of a password that is no word, because it holds more than letters and more than digits."""

_NAME = (
    r"(?:[\w.-]{0,80}(?:pass(?:wd|word|phrase|code|file)|pwd|secret|token|api[_-]?key|access[_-]?key"
    r"|private[_-]?key|account[_-]?key|credential)[\w.-]{0,80}|pass)"
)
_NAME_IN_A_QUERY = r"[\w.-]{0,80}(?:key|pass|pw|auth|sig|signature|code|jwt|session|sid)"
_OF_A_PLACE = r"(?:OLD)?PWD|.*(?:file|path|dir|directory|folder|url|uri|host|name|id|type)"
_USERINFO = r"(?<=://)(?:[^/?#:]*:(?!\d+[/?#]).*|[^/?#]*)"
_QUOTE = r"""\\{0,8}["']"""
_VALUE = r"""(?:'(?:[^'\\]|\\.)*'|"[^"]*"|(?:[^\s"'<>&;,()\\]|\\\\|'(?=[^\s"'<>&;,()\\\]}]))*)"""
_NOT_HIDDEN = r"(?! ?\[hidden\])"
_ESCAPES = frozenset("%\\&+")
_OF_HTML = {"&": "amp|#38|#x26", "<": "lt|#60|#x3c", ">": "gt|#62|#x3e", '"': "quot|#34|#x22"} | {
    "'": "apos|#39|#x27"
}
_CUT_OFF = re.compile(r"-[0-9a-f]{12}(?![0-9a-f])|\.\.\.|…|$")
"""What follows a text that was shortened: the mark of `text.shorten`, an ellipsis, or nothing."""
_SHORTEST_CORE = 6
"""Characters of base64, less than which stand in many a word."""
_SHOWS = 8
"""So many first characters of a secret show it, where the rest is cut off."""


def to_hide(secrets: Iterable[str], passwords: Iterable[str]) -> tuple[str, ...]:
    """Returns the texts to hide: each secret, and each password that could not be a word.

    A key is sent without the white space at its ends.
    """
    given = [*secrets, *(one for one in passwords if not _is_like_a_word(one.strip()))]
    longest_first = sorted({one.strip() for one in given} - {""}, key=len, reverse=True)
    return tuple(longest_first)


def is_secret_name(name: str) -> bool:
    """Returns whether a variable or parameter of this name holds a secret, and not where a secret is."""
    return _is_like(_NAME, name) and not _is_like(_OF_A_PLACE, name)


def passwords_in(address: str) -> list[str]:
    """Returns the secrets in an address, as written and decoded: of the user, and of parameters."""
    found = []
    if userinfo := re.search(rf"{_USERINFO}(?=@)", address):
        found.append(userinfo[0].partition(":")[2] or userinfo[0])
    for name, value in re.findall(r"[?&]([^=&#]+)=([^&#]*)", address):
        if _is_like(_NAME, name) or _is_like(_NAME_IN_A_QUERY, name):
            found.append(value)
    return [form for one in found for form in (one, unquote(one), unquote_plus(one))]


def redact(text: str, secrets: tuple[str, ...] = ()) -> str:
    """Returns the text with `HIDDEN` for each given secret, in any form, and for what looks like a secret."""
    is_escaped = not _ESCAPES.isdisjoint(text)
    folded = text.replace("-", "+").replace("_", "/")
    for secret in secrets:
        forms = _forms(secret)
        text = text.replace(secret, HIDDEN)
        if is_escaped:
            text = forms.escaped.sub(HIDDEN, text)
        if forms.cores and ("%2" in text or any(core in folded for core in forms.cores)):
            text = forms.encoded.sub(HIDDEN, text)
        text = _without_beginning(text, secret)
    return hide_by_form(text)


def hide_by_form(text: str) -> str:
    """Returns the text with `HIDDEN` for what looks like a secret."""
    lower = text.lower()
    for look in _looks():
        if any(word in lower for word in look.words):
            text = look.pattern.sub(look.instead, text)
    return text


def without_user(uri: str) -> str:
    """Returns the address without user and password, and without the values of secret parameters."""
    return hide_by_form(re.sub(rf"{_USERINFO}@", "", uri))


@dataclass(frozen=True, slots=True)
class _Look:
    """What a secret looks like; a text without any of the words, in lower case, holds no such secret."""

    words: tuple[str, ...]
    pattern: re.Pattern[str]
    instead: str = rf"\1{HIDDEN}"


def _look(words: str, pattern: str, **more: str) -> _Look:
    return _Look(tuple(words.split()), re.compile(pattern, re.IGNORECASE), **more)


@lru_cache(maxsize=1)
def _looks() -> tuple[_Look, ...]:
    """Compiled at the first use: a process that only saves seldom has one."""
    return (
        # Basic dXNlcjpwYXNz, also in a URL; but not "Basic authentication"
        _look(
            "basic bearer",
            rf"\b((?:basic|bearer)(?:[\s:=+]|%20|{_QUOTE})+)"
            rf"{_NOT_HIDDEN}(?!(?:auth\w*|tokens?|access|realm|credentials?|scheme|or|and|is)\b)"
            r"""[^\s"'<>,;\\&\]})]+""",
        ),
        # a header that holds credentials, whatever their scheme
        _look(
            "authorization cookie x-",
            r"\b(((?:proxy-)?authorization|(?:set-)?cookie|x-[\w-]{0,40}(?:key|token|auth|secret)[\w-]{0,40})"
            rf"""(?:{_QUOTE})?\s*[:=]\s*{_NOT_HIDDEN}[\[(]?(?:b?{_QUOTE})?){_NOT_HIDDEN}(?!(?:basic|bearer)\b)"""
            r"""[^\s"'<>\\][^\r\n"'<>\\]*""",
        ),
        # "password": "x"
        _look(
            "pass pwd secret token api access private account credential",
            rf"""(({_QUOTE}){_NAME}\2\s*:\s*({_QUOTE}))(?!\3){_NOT_HIDDEN}.*?(?<!\\)(?=\3)""",
        ),
        # password=x, also quoted as libpq has it, and ?key=x
        _look(
            "= %3d",
            rf"((?<![\w.%-]){_NAME} ?(?:=|%3D){_NOT_HIDDEN} ?|[?&;]{_NAME_IN_A_QUERY}={_NOT_HIDDEN}){_VALUE}",
        ),
        # ://user:password@, also with '@' or '/' in the password, and ://token@; ***@ is hidden already, and
        # PostgreSQL's user alone is no secret
        _look(
            "://",
            r"""(?<=://)(?![^/\s@]{0,999}:\*\*\*@|\[hidden\]@)"""
            r"""(?:(?<!psycopg://)(?<!postgresql://)[^/?#\s"'<>]{1,999}"""
            r"""|[^/?#\s"'<>:@]{0,99}:(?!\d+[/?#])[^\s"'<>]{0,999})(?=@)""",
            instead=HIDDEN,
        ),
        _look(
            "%3a%2f%2f", r"""(?<=%3A%2F%2F)(?:(?!%2F)[^\s"'<>&]){1,999}?(?=%40)""", instead=HIDDEN
        ),
    )


def _is_like(pattern: str, name: str) -> bool:
    return re.fullmatch(pattern, name, re.IGNORECASE) is not None


def _is_like_a_word(password: str) -> bool:
    is_mixed = not (password.isalpha() or password.isdigit())
    return len(password) < (_SHORTEST_MIXED if is_mixed else SHORTEST_PASSWORD)


def _without_beginning(text: str, secret: str) -> str:
    """Hides a secret whose end is cut off."""
    at = text.find(secret[:_SHOWS]) if len(secret) > _SHOWS else -1
    while at >= 0:
        end = at
        while end - at < len(secret) and text[end : end + 1] == secret[end - at]:
            end += 1
        if _CUT_OFF.match(text, end):
            text = text[:at] + HIDDEN + text[end:]
        at = text.find(secret[:_SHOWS], at + 1)
    return text


class _Forms:
    """How one secret may be written; patterns are made when a text could need them."""

    def __init__(self, secret: str) -> None:
        self._secret = secret
        self.cores = tuple(dict.fromkeys(_base64_cores(secret)))

    @cached_property
    def escaped(self) -> re.Pattern[str]:
        return re.compile("".join(map(_any_form, self._secret)), re.IGNORECASE)

    @cached_property
    def encoded(self) -> re.Pattern[str]:
        cores = "|".join("".join(map(_any_form_of_base64, core)) for core in self.cores)
        around = "[A-Za-z0-9+/_-]"
        return re.compile(rf"{around}{{0,200}}(?:{cores}){around}*(?:=|%3[Dd])*")


@lru_cache(maxsize=1024)
def _forms(secret: str) -> _Forms:
    return _Forms(secret)


def _any_form(char: str) -> str:
    """Returns a pattern for the character itself, percent-encoded, and escaped as JSON, Python or HTML do."""
    forms = [
        f"(?-i:{re.escape(char)})",
        "".join(_percent(one) for one in char.encode(errors="replace")),
    ]
    if char == " ":
        forms.append(r"\+")
    if char in _OF_HTML:
        forms.append(f"&(?:{_OF_HTML[char]});")
    if not char.isalnum() or not char.isascii():
        units = char.encode("utf-16-be", "surrogatepass").hex()
        forms.append("".join(rf"\\+u{units[at : at + 4]}" for at in range(0, len(units), 4)))
        forms.append(rf"\\+(?-i:{re.escape(char)})")
        forms.append(rf"\\+x{ord(char):02x}")
        forms.append("".join(rf"\\+x{one:02x}" for one in char.encode(errors="replace")))
    return f"(?:{'|'.join(forms)})"


def _percent(byte: int) -> str:
    return f"%(?:25)*{byte:02x}"


def _base64_cores(secret: str) -> Iterable[str]:
    """Yields what base64 of a text with the secret holds, for each place of its first byte among three."""
    given = secret.encode(errors="replace")
    for before in range(3):
        first, last = -(-before * 8 // 6), (before + len(given)) * 8 // 6
        if last - first >= _SHORTEST_CORE:
            yield b64encode(b"\0" * before + given).decode()[first:last]


def _any_form_of_base64(char: str) -> str:
    return {"+": "(?:[+-]|%2[Bb])", "/": "(?:[/_]|%2[Ff])"}.get(char, char)
