"""Whether a page opens: its tags close in order, and its pictures can be decoded. Standard library only."""

import base64
import re
import struct
import zlib
from html.parser import HTMLParser

VOID = {"meta", "img", "br", "hr", "link", "input", "col"}


class _Tags(HTMLParser):
    def __init__(self):
        super().__init__()
        self.open, self.seen, self.wrong = [], set(), []

    def handle_starttag(self, tag, attributes):
        self.seen.add(tag)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.seen.add(tag)

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.wrong.append(f"</{tag}> at {self.getpos()}")


def decode_png(data):
    """(width, height) of a PNG whose pixels are all there."""
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    at, pixels, header = 8, b"", None
    while at < len(data):
        length, kind = struct.unpack(">I4s", data[at:at + 8])
        body = data[at + 8:at + 8 + length]
        assert zlib.crc32(kind + body) == struct.unpack(">I", data[at + 8 + length:at + 12 + length])[0]
        if kind == b"IHDR":
            header = struct.unpack(">IIBBBBB", body)
        if kind == b"IDAT":
            pixels += body
        at += 12 + length
    width, height, bits, colour = header[:4]
    bytes_per_pixel = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour]
    assert bits == 8 and len(zlib.decompress(pixels)) == height * (1 + width * bytes_per_pixel)
    return width, height


def check(text):
    """Number of pictures of the page."""
    tags = _Tags()
    tags.feed(text)
    tags.close()
    assert not tags.wrong and not tags.open, (tags.wrong, tags.open)
    assert {"html", "body", "table"} <= tags.seen, tags.seen
    pictures = re.findall(r'data:image/png;base64,([^"]+)"', text)
    for picture in pictures:
        decode_png(base64.b64decode(picture, validate=True))
    return len(pictures)
