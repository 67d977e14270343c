"""A blob server that does nothing: takes any bytes, keeps none, answers zeros. The distance to it is ours to lose.

python nothing.py PORT SMALL_BYTES BIG_BYTES LISTED
"""

import asyncio
import re
import sys

import httptools
import uvloop

_HEAD = (
    b"HTTP/1.1 %s\r\nx-ms-version: 2024-11-04\r\nx-ms-request-id: 1\r\nDate: Sat, 21 Nov 2026 00:00:00 GMT\r\n"
    b'ETag: "0x8DD000000000000"\r\nLast-Modified: Sat, 21 Nov 2026 00:00:00 GMT\r\n'
    b"x-ms-blob-type: BlockBlob\r\nx-ms-request-server-encrypted: true\r\n%sContent-Length: %d\r\n\r\n"
)
_ITEM = (
    "<Blob><Name>l/{:05d}</Name><Properties><Creation-Time>Sat, 21 Nov 2026 00:00:00 GMT</Creation-Time>"
    "<Last-Modified>Sat, 21 Nov 2026 00:00:00 GMT</Last-Modified><Etag>0x8DD000000000000</Etag>"
    "<Content-Length>100</Content-Length><Content-Type>application/octet-stream</Content-Type>"
    "<BlobType>BlockBlob</BlobType><LeaseStatus>unlocked</LeaseStatus><LeaseState>available</LeaseState>"
    "</Properties></Blob>"
)
_PAGE = 5000
_ZEROS = memoryview(bytes(32 << 20))


class Nothing(asyncio.Protocol):
    """One connection."""

    sizes: tuple[int, int, int]

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._transport = transport
        self._parser = httptools.HttpRequestParser(self)
        self._url, self._range = b"", None

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_begin(self) -> None:
        self._url, self._range = b"", None

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        if name.lower() == b"x-ms-range":
            self._range = re.match(rb"bytes=(\d+)-(\d+)", value)

    def on_message_complete(self) -> None:
        if self._parser.get_method() == b"PUT":
            self._answer(b"201 Created", b"")
        elif b"comp=list" in self._url:
            self._list()
        else:
            self._get()

    def _list(self) -> None:
        marker = re.search(rb"marker=(\d+)", self._url)
        start = int(marker[1]) if marker else 0
        end = min(start + _PAGE, self.sizes[2])
        items = "".join(_ITEM.format(number) for number in range(start, end))
        following = str(end) if end < self.sizes[2] else ""
        body = f"<EnumerationResults><Blobs>{items}</Blobs><NextMarker>{following}</NextMarker></EnumerationResults>"
        self._answer(b"200 OK", body.encode(), b"Content-Type: application/xml\r\n")

    def _get(self) -> None:
        size = self.sizes[1] if b"/big" in self._url else self.sizes[0]
        first, last = (int(self._range[1]), int(self._range[2])) if self._range else (0, size - 1)
        last = min(last, size - 1)
        span = b"Content-Range: bytes %d-%d/%d\r\n" % (first, last, size)
        self._answer(b"206 Partial Content", _ZEROS[: last - first + 1], span)

    def _answer(self, status: bytes, body: "bytes | memoryview", headers: bytes = b"") -> None:
        self._transport.write(_HEAD % (status, headers, len(body)))
        if body:
            self._transport.write(body)


async def main(port: int, *sizes: int) -> None:
    """Serves until killed."""
    Nothing.sizes = (sizes[0], sizes[1], sizes[2])
    server = await asyncio.get_running_loop().create_server(Nothing, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main(*map(int, sys.argv[1:])))
