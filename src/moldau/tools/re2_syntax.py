"""Whether a regular expression is one of RE2's, which is what brokers take for subscriptions by
pattern (KIP-848), and if not, RE2/J's word for why."""

from __future__ import annotations

_LARGEST_REPEAT = 1000
_CATEGORIES = (
    " Any C Cc Cf Co Cs L Ll Lm Lo Lt Lu M Mc Me Mn N Nd Nl No P Pc Pd Pe Pf Pi Po Ps S Sc Sk Sm So"
    " Z Zl Zp Zs Arabic Armenian Bengali Bopomofo Braille Cherokee Common Coptic Cyrillic"
    " Devanagari Ethiopic Georgian Gothic Greek Gujarati Gurmukhi Han Hangul Hebrew Hiragana"
    " Inherited Kannada Katakana Khmer Lao Latin Malayalam Mongolian Myanmar Ogham Oriya Runic"
    " Sinhala Syriac Tamil Telugu Thaana Thai Tibetan Yi "
)
_POSIX = " alnum alpha ascii blank cntrl digit graph lower print punct space upper word xdigit "
_BAD_RANGE = "invalid character class range"
_BAD_ESCAPE = "invalid escape sequence"
_BAD_NAME = "invalid named capture"
_BAD_PERL = "invalid or unsupported Perl syntax"
_NO_BRACKET = "missing closing ]"


class _Wrong(Exception):
    pass


def re2_error(pattern: str) -> str | None:
    """None when the pattern is valid."""
    try:
        _Scan(pattern).run()
    except _Wrong as wrong:
        return str(wrong)
    return None


class _Scan:
    """Walks the pattern once. `atom` says whether a repetition could follow, `repeated` whether
    the last thing was one."""

    def __init__(self, pattern: str) -> None:
        self.text = pattern
        self.at = 0
        self.depth = 0
        self.atom = self.repeated = False
        self.names: set[str] = set()

    def run(self) -> None:
        while self.at < len(self.text):
            self._step(self.text[self.at])
        if self.depth:
            raise _Wrong("missing closing )")

    def _step(self, character: str) -> None:
        if character in "*+?":
            self.at += 1
            self._repeat()
        elif character == "{" and (end := self._counted()):
            self.at = end
            self._repeat()
        elif character == "|":
            self.at += 1
            self.atom = self.repeated = False
        elif character == "(":
            self._open()
        else:
            self._one(character)
            self.atom, self.repeated = True, False

    def _one(self, character: str) -> None:
        if character == "[":
            self._set()
        elif character == "\\":
            self._escape()
        else:
            self.at += 1
            if character == ")":
                self.depth -= 1
                if self.depth < 0:
                    raise _Wrong("regexp/syntax: internal error")

    def _repeat(self) -> None:
        if self.text[self.at : self.at + 1] == "?":
            self.at += 1
        if self.repeated:
            raise _Wrong("invalid nested repetition operator")
        if not self.atom:
            raise _Wrong("missing argument to repetition operator")
        self.repeated = True

    def _counted(self) -> int | None:
        """The end of `{n}`, `{n,}` or `{n,m}`; None when the brace is only a brace."""
        close = self.text.find("}", self.at)
        low, _, high = self.text[self.at + 1 : max(close, 0)].partition(",")
        if close < 0 or not low.isdigit() or (high and not high.isdigit()):
            return None
        least = int(low)
        most = int(high) if high else least
        if not least <= most <= _LARGEST_REPEAT:
            raise _Wrong("invalid repeat count")
        return close + 1

    def _open(self) -> None:
        self.atom = self.repeated = False
        rest = self.text[self.at :]
        if rest.startswith(("(?P<", "(?<")):
            self._named(rest)
        elif rest.startswith("(?"):
            self._flags(rest)
        else:
            self.at += 1
            self.depth += 1

    def _named(self, rest: str) -> None:
        begin, end = rest.index("<") + 1, rest.find(">")
        name = rest[begin:end] if end > 0 else ""
        if rest[begin:].startswith(("=", "!")):
            raise _Wrong(_BAD_NAME)
        if not (name.isascii() and name.replace("_", "a").isalnum()):
            raise _Wrong(_BAD_NAME)
        if name in self.names:
            raise _Wrong("duplicate capture group name")
        self.names.add(name)
        self.at += end + 1
        self.depth += 1

    def _flags(self, rest: str) -> None:
        for count, character in enumerate(rest[2:], 3):
            if character in ":)":
                self.at += count
                self.depth += character == ":"
                return
            if character not in "imsU-":
                break
        raise _Wrong(_BAD_PERL)

    def _set(self) -> None:
        self.at += 1
        if self.text[self.at : self.at + 1] == "^":
            self.at += 1
        first = True
        while first or self.text[self.at : self.at + 1] != "]":
            if self.at >= len(self.text):
                raise _Wrong(_NO_BRACKET)
            self._range()
            first = False
        self.at += 1

    def _range(self) -> None:
        rest = self.text[self.at :]
        if rest.startswith("[:") and (end := rest.find(":]")) > 0:
            if f" {rest[2:end].lstrip('^')} " not in _POSIX:
                raise _Wrong(_BAD_RANGE)
            self.at += end + 2
            return
        low = self._member()
        rest = self.text[self.at :]
        if low is not None and rest[:1] == "-" and rest[1:2] not in ("", "]"):
            self.at += 1
            high = self._member()
            if high is None or high < low:
                raise _Wrong(_BAD_RANGE)

    def _member(self) -> str | None:
        """One character of a set; None for a class such as \\d."""
        if self.at >= len(self.text):
            raise _Wrong(_NO_BRACKET)
        if self.text[self.at] == "\\":
            begin = self.at
            self._escape()
            return (
                self.text[begin + 1] if self.at == begin + 2 and not self._is_class(begin) else None
            )
        self.at += 1
        return self.text[self.at - 1]

    def _is_class(self, at: int) -> bool:
        return self.text[at + 1] in "dDsSwWpP"

    def _escape(self) -> None:
        self.at += 1
        rest = self.text[self.at :]
        if not rest:
            raise _Wrong("trailing backslash at end of expression")
        character = rest[0]
        if character == "Q":
            end = rest.find("\\E")
            self.at += len(rest) if end < 0 else end + 2
        elif character in "pP":
            self._category(rest)
        elif character == "x":
            self._hexadecimal(rest)
        elif character in "1234567":
            if rest[1:2] not in tuple("01234567"):
                raise _Wrong(_BAD_ESCAPE)
            self.at += 2
        elif character.isalnum() and character not in "0AzbBdDsSwWafnrtv":
            raise _Wrong(_BAD_ESCAPE)
        else:
            self.at += 1

    def _category(self, rest: str) -> None:
        if rest[1:2] == "{":
            end = rest.find("}")
            name = rest[2:end] if end > 0 else ""
            length = end + 1
        else:
            name, length = rest[1:2], 2
        if f" {name.lstrip('^')} " not in _CATEGORIES:
            raise _Wrong(_BAD_RANGE)
        self.at += length

    def _hexadecimal(self, rest: str) -> None:
        braced = rest[1:2] == "{"
        end = rest.find("}") if braced else 3
        digits = rest[2:end] if braced else rest[1:3]
        try:
            value = int(digits, 16)
        except ValueError:
            raise _Wrong(_BAD_ESCAPE) from None
        if value > 0x10FFFF or (not braced and len(digits) < 2):
            raise _Wrong(_BAD_ESCAPE)
        self.at += end + 1 if braced else end
