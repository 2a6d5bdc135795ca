"""Every reason for which this folder refuses bytes, one constant each, grouped as a message is read.

A status is what a client is answered; reasons that only an agency can give carry 502.
"""

from __future__ import annotations

from typing import Final

from gateway.wire.malformed import Refusal

# ---- the head as a whole
NOT_HTTP: Final = Refusal(400, "not-http", "RFC 9112 section 3", "the first byte cannot begin a message")
BARE_LF: Final = Refusal(400, "bare-lf", "RFC 9112 section 2.2", "LF without CR before it")
BARE_CR: Final = Refusal(400, "bare-cr", "RFC 9112 section 2.2", "CR without LF after it")
HEAD_BOUNDARY: Final = Refusal(400, "head-boundary", "RFC 9112 section 2.1", "the head does not end in one empty line")
START_LINE_TOO_LONG: Final = Refusal(414, "start-line-too-long", "RFC 9112 section 3", "the first line is too long")
HEAD_TOO_LARGE: Final = Refusal(431, "head-too-large", "RFC 9110 section 5.4", "the head has too many bytes")
TOO_MANY_FIELDS: Final = Refusal(431, "too-many-fields", "RFC 9110 section 5.4", "the head has too many fields")

# ---- request line
REQUEST_LINE: Final = Refusal(400, "request-line", "RFC 9112 section 3", "not three parts with one space between")
BAD_METHOD: Final = Refusal(400, "bad-method", "RFC 9110 section 9.1", "the method is not a token")
METHOD_TOO_LONG: Final = Refusal(501, "method-too-long", "RFC 9112 section 3", "no method has such a long name")
CONNECT: Final = Refusal(501, "connect", "RFC 9110 section 9.3.6", "no tunnels are opened here")
BAD_VERSION: Final = Refusal(400, "bad-version", "RFC 9112 section 2.3", "the version is not of the form HTTP/1.1")
OTHER_VERSION: Final = Refusal(505, "other-version", "RFC 9110 section 15.6.6", "only HTTP/1.0 and HTTP/1.1 are spoken")

# ---- request target
TARGET_TOO_LONG: Final = Refusal(414, "target-too-long", "RFC 9112 section 3", "the request target is too long")
TARGET_FORM: Final = Refusal(400, "target-form", "RFC 9112 section 3.2", "the request target has a form of no use here")
BAD_SCHEME: Final = Refusal(400, "bad-scheme", "RFC 9110 section 4.2", "the scheme is neither http nor https")
USERINFO: Final = Refusal(400, "userinfo", "RFC 9110 section 4.2.4", "a user name stands before the host")
BAD_PATH: Final = Refusal(400, "bad-path", "RFC 3986 section 3.3", "the path has no one reading")
BAD_QUERY: Final = Refusal(400, "bad-query", "RFC 3986 section 3.4", "the query has a byte it may not have")

# ---- field lines
FOLDED_LINE: Final = Refusal(400, "folded-line", "RFC 9112 section 5.2", "a line begins with white space")
SPACE_BEFORE_COLON: Final = Refusal(
    400, "space-before-colon", "RFC 9112 section 5.1", "white space between a field's name and its colon"
)
NO_COLON: Final = Refusal(400, "no-colon", "RFC 9112 section 5", "a field line without a colon")
EMPTY_NAME: Final = Refusal(400, "empty-name", "RFC 9110 section 5.1", "a field without a name")
BAD_NAME: Final = Refusal(400, "bad-name", "RFC 9110 section 5.1", "a field's name is not a token")
NUL_BYTE: Final = Refusal(400, "nul-byte", "RFC 9110 section 5.5", "a NUL byte in a field line")
CONTROL_BYTE: Final = Refusal(400, "control-byte", "RFC 9110 section 5.5", "a control byte in a field line")

# ---- Host
MISSING_HOST: Final = Refusal(400, "missing-host", "RFC 9112 section 3.2", "an HTTP/1.1 request without Host")
SEVERAL_HOSTS: Final = Refusal(400, "several-hosts", "RFC 9112 section 3.2", "more than one Host")
BAD_HOST: Final = Refusal(400, "bad-host", "RFC 9112 section 3.2", "not a host with an optional port")
HOST_MISMATCH: Final = Refusal(400, "host-mismatch", "RFC 9112 section 3.2.2", "Host differs from the request target's")

# ---- framing and connection
BAD_LENGTH: Final = Refusal(400, "bad-length", "RFC 9112 section 6.3", "Content-Length is not plain digits")
LENGTH_OVERFLOW: Final = Refusal(400, "length-overflow", "RFC 9110 section 8.6", "Content-Length has too many digits")
SEVERAL_LENGTHS: Final = Refusal(400, "several-lengths", "RFC 9112 section 6.3", "more than one Content-Length")
LENGTH_AND_CODING: Final = Refusal(
    400, "length-and-coding", "RFC 9112 section 6.1", "Content-Length beside Transfer-Encoding"
)
BAD_CODING: Final = Refusal(400, "bad-coding", "RFC 9112 section 6.3", "chunked is not the last transfer coding, once")
UNKNOWN_CODING: Final = Refusal(501, "unknown-coding", "RFC 9112 section 6.1", "a transfer coding besides chunked")
SEVERAL_CODINGS: Final = Refusal(400, "several-codings", "RFC 9112 section 6.1", "more than one Transfer-Encoding")
CODING_IN_HTTP_10: Final = Refusal(400, "coding-in-http-10", "RFC 9112 section 6.1", "Transfer-Encoding in HTTP/1.0")
BAD_OPTION: Final = Refusal(400, "bad-option", "RFC 9110 section 7.6.1", "a connection option is not a token")
BAD_UPGRADE: Final = Refusal(400, "bad-upgrade", "RFC 9110 section 7.8", "an upgrade is not a protocol's name")
EXPECTATION: Final = Refusal(417, "expectation", "RFC 9110 section 10.1.1", "an expectation besides 100-continue")

# ---- bodies
BAD_CHUNK_SIZE: Final = Refusal(400, "bad-chunk-size", "RFC 9112 section 7.1", "a chunk's size is not plain hex digits")
CHUNK_OVERFLOW: Final = Refusal(400, "chunk-overflow", "RFC 9112 section 7.1", "a chunk's size has too many digits")
BAD_CHUNK_EXTENSION: Final = Refusal(400, "bad-chunk-extension", "RFC 9112 section 7.1.1", "a broken chunk extension")
CHUNK_LINE_TOO_LONG: Final = Refusal(
    400, "chunk-line-too-long", "RFC 9112 section 7.1.1", "a chunk's first line is too long"
)
EXTENSIONS_TOO_LARGE: Final = Refusal(
    400, "extensions-too-large", "RFC 9112 section 7.1.1", "chunk extensions add up to too many bytes"
)
CHUNK_END: Final = Refusal(400, "chunk-end", "RFC 9112 section 7.1", "a chunk's bytes are not followed by CRLF")
TRAILERS_TOO_LARGE: Final = Refusal(431, "trailers-too-large", "RFC 9112 section 7.1.2", "trailers have too many bytes")
TOO_MANY_TRAILERS: Final = Refusal(431, "too-many-trailers", "RFC 9112 section 7.1.2", "too many trailer fields")
FORBIDDEN_TRAILER: Final = Refusal(
    400, "forbidden-trailer", "RFC 9110 section 6.5.1", "a field that frames or routes stands in the trailers"
)
BODY_TOO_LARGE: Final = Refusal(413, "body-too-large", "RFC 9110 section 15.5.14", "the body has too many bytes")
TRUNCATED: Final = Refusal(400, "truncated", "RFC 9112 section 8", "the connection ended within a body")

# ---- what only an agency can get wrong
STATUS_LINE: Final = Refusal(502, "status-line", "RFC 9112 section 4", "not version, status, space and reason")
BAD_STATUS: Final = Refusal(502, "bad-status", "RFC 9110 section 15", "the status is not within 100 to 599")
BODY_WHERE_NONE_MAY_BE: Final = Refusal(
    502, "body-where-none-may-be", "RFC 9112 section 6.1", "framing for a body on a 1xx or 204 answer"
)
SWITCH_TO_NOTHING: Final = Refusal(
    502, "switch-to-nothing", "RFC 9110 section 15.2.2", "101 without Upgrade and `Connection: upgrade`"
)
