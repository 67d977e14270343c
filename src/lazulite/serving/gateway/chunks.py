"""Bodies in HTTP's chunked coding: takes the coding off, strictly, as the bytes come, keeping nothing."""

from lazulite.errors import BadRequest

# A size line has at most 16 hexadecimal digits and some extension; a trailer is as short.
_LINE_LIMIT_BYTES = 4 << 10
_TRAILER_LIMIT = 64
_HEX = frozenset(b"0123456789abcdefABCDEF")


class ChunkReader:
    """Reads one chunked body. Once `is_complete`, `rest` holds what followed it.

    Source: RFC 9112 7.1. Extensions and trailers are read and forgotten.
    """

    def __init__(self) -> None:
        self.is_complete = False
        self.rest = b""
        self._line = self._size_line
        self._partial = b""  # a line whose end has not come
        self._left = 0  # bytes still to come of the present chunk's data
        self._trailers = 0

    def feed(self, data: bytes | memoryview) -> bytes:
        """Returns the part of the body that `data` holds. Raises BadRequest when the coding is broken."""
        data, self._partial = self._partial + bytes(data), b""
        pieces, at = [], 0
        while at < len(data) and not self.is_complete:
            if self._left:
                pieces.append(data[at : at + self._left])
                at += len(pieces[-1])
                self._left -= len(pieces[-1])
                continue
            end = data.find(b"\r\n", at)
            if (len(data) if end < 0 else end) - at > _LINE_LIMIT_BYTES:
                raise BadRequest("A line of the chunked body is too long.")
            if end < 0:
                self._partial, at = data[at:], len(data)
                break
            self._line(data[at:end])
            at = end + 2
        self.rest = data[at:]
        return b"".join(pieces)

    def _size_line(self, line: bytes) -> None:
        digits = line.partition(b";")[0].rstrip(b" \t")
        if not digits or len(digits) > 16 or not _HEX.issuperset(digits) or b"\r" in line or b"\n" in line:
            raise BadRequest(f"The chunk size {line[:32]!r} is not a hexadecimal number.")
        self._left = int(digits, 16)
        self._line = self._data_end if self._left else self._trailer

    def _data_end(self, line: bytes) -> None:
        if line:
            raise BadRequest("A chunk of the body is longer than its size says.")
        self._line = self._size_line

    def _trailer(self, line: bytes) -> None:
        self._trailers += 1
        if self._trailers > _TRAILER_LIMIT:
            raise BadRequest("The chunked body has too many trailers.")
        self.is_complete = not line
