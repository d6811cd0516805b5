"""moto's S3, which accepts any signature, behind a door that checks them as S3 does.

Signed headers, presigned URLs (expiry, tampering) and the policies of presigned POSTs are verified (AWS Signature
Version 4); then the request is passed on.
"""

import base64
import datetime as dt
import hashlib
import hmac
import io
import json
from typing import Any
from urllib.parse import parse_qsl, quote, unquote_to_bytes

from werkzeug.formparser import parse_form_data

UNSIGNED = "UNSIGNED-PAYLOAD"
LONGEST_SECONDS = 604_800
SKEW = dt.timedelta(minutes=15)


class Refused(Exception):
    def __init__(self, status: int, code: str, message: str = "") -> None:
        self.status, self.code, self.message = status, code, message


class StrictS3:
    """``keys``: secrets by access key. One of ``makes_no_buckets`` may use buckets, but not make any."""

    def __init__(self, app: Any, keys: dict[str, str], makes_no_buckets: tuple[str, ...] = ()) -> None:
        self.app, self.keys, self.makes_no_buckets = app, keys, makes_no_buckets

    def __call__(self, env: dict[str, Any], start: Any) -> Any:
        try:
            if not env["PATH_INFO"].startswith("/moto-api"):
                self._check(env)
        except Refused as refusal:
            return answer_error(start, refusal.status, refusal.code, refusal.message)
        return self.app(env, start)

    def _check(self, env: dict[str, Any]) -> None:
        query = parse_qsl(env.get("QUERY_STRING", ""), keep_blank_values=True)
        authorization = env.get("HTTP_AUTHORIZATION", "")
        if any(name == "X-Amz-Signature" for name, _ in query):
            self._check_presigned(env, query)
        elif authorization.startswith("AWS4-HMAC-SHA256 "):
            self._check_header(env, query, authorization)
        elif env["REQUEST_METHOD"] == "POST" and env.get("CONTENT_TYPE", "").startswith("multipart/form-data"):
            self._check_post(env)
        elif env["REQUEST_METHOD"] != "OPTIONS":
            raise Refused(403, "AccessDenied")

    def _check_presigned(self, env: dict[str, Any], query: list[tuple[str, str]]) -> None:
        told = dict(query)
        if not 1 <= int(told["X-Amz-Expires"]) <= LONGEST_SECONDS:
            raise Refused(400, "AuthorizationQueryParametersError")
        signed_at = _moment(told["X-Amz-Date"])
        if _now() > signed_at + dt.timedelta(seconds=int(told["X-Amz-Expires"])):
            raise Refused(403, "AccessDenied", "Request has expired")
        if signed_at > _now() + SKEW:
            raise Refused(403, "AccessDenied", "Request is not yet valid")
        self._verify(
            env,
            [(name, value) for name, value in query if name != "X-Amz-Signature"],
            told["X-Amz-Credential"],
            told["X-Amz-SignedHeaders"].split(";"),
            told["X-Amz-Date"],
            told["X-Amz-Signature"],
            UNSIGNED,
        )

    def _check_header(self, env: dict[str, Any], query: list[tuple[str, str]], authorization: str) -> None:
        parts = dict(part.strip().split("=", 1) for part in authorization[17:].split(","))
        date, digest = env["HTTP_X_AMZ_DATE"], env.get("HTTP_X_AMZ_CONTENT_SHA256", UNSIGNED)
        if abs(_now() - _moment(date)) > SKEW:
            raise Refused(403, "RequestTimeTooSkewed")
        self._verify(
            env, query, parts["Credential"], parts["SignedHeaders"].split(";"), date, parts["Signature"], digest
        )
        if len(digest) == 64 and hashlib.sha256(_body(env)).hexdigest() != digest:
            raise Refused(400, "XAmzContentSHA256Mismatch")
        if env["REQUEST_METHOD"] == "POST" and ("delete", "") in query:
            self._check_md5(env)
        makes_bucket = env["REQUEST_METHOD"] == "PUT" and "/" not in env["PATH_INFO"].strip("/")
        if makes_bucket and parts["Credential"].split("/")[0] in self.makes_no_buckets:
            raise Refused(403, "AccessDenied", "This account may not make buckets.")

    def _check_md5(self, env: dict[str, Any]) -> None:
        """As all do who know no other checksums; S3 itself would take one of those."""
        if "HTTP_CONTENT_MD5" not in env:
            raise Refused(400, "MissingContentMD5", "Missing required header for this request: Content-MD5.")
        digest = hashlib.md5(_body(env), usedforsecurity=False).digest()
        if base64.b64decode(env["HTTP_CONTENT_MD5"]) != digest:
            raise Refused(400, "BadDigest", "The Content-MD5 you specified did not match what we received.")

    def _verify(
        self,
        env: dict[str, Any],
        query: list[tuple[str, str]],
        credential: str,
        signed: list[str],
        date: str,
        signature: str,
        digest: str,
    ) -> None:
        key, day, region, service, _ = credential.rsplit("/", 4)
        if "host" not in signed:
            raise Refused(403, "AccessDenied")
        path = env.get("RAW_URI") or env.get("REQUEST_URI") or quote(env["PATH_INFO"].encode("latin1"))
        canonical = "\n".join(
            [
                env["REQUEST_METHOD"],
                quote(unquote_to_bytes(path.split("?")[0]), safe="/-_.~"),
                "&".join(sorted(f"{_encode(name)}={_encode(value)}" for name, value in query)),
                "".join(f"{name}:{' '.join(_header(env, name).split())}\n" for name in signed),
                ";".join(signed),
                digest,
            ]
        )
        scope = f"{day}/{region}/{service}/aws4_request"
        to_sign = "\n".join(["AWS4-HMAC-SHA256", date, scope, hashlib.sha256(canonical.encode()).hexdigest()])
        wanted = self._sign(key, day, region, to_sign, service)
        if not hmac.compare_digest(wanted, signature) or not date.startswith(day):
            raise Refused(403, "SignatureDoesNotMatch")

    def _sign(self, key: str, day: str, region: str, text: str, service: str = "s3") -> str:
        if key not in self.keys:
            raise Refused(403, "InvalidAccessKeyId")
        made = ("AWS4" + self.keys[key]).encode()
        for part in (day, region, service, "aws4_request"):
            made = hmac.new(made, part.encode(), hashlib.sha256).digest()
        return hmac.new(made, text.encode(), hashlib.sha256).hexdigest()

    def _check_post(self, env: dict[str, Any]) -> None:
        _, form, files = parse_form_data({**env, "wsgi.input": io.BytesIO(_body(env))})
        fields = {name.lower(): value for name, value in form.items()}
        if "policy" not in fields:
            raise Refused(403, "AccessDenied")
        key, day, region, *_ = fields["x-amz-credential"].split("/")
        wanted = self._sign(key, day, region, fields["policy"])
        if not hmac.compare_digest(wanted, fields.get("x-amz-signature", "")):
            raise Refused(403, "SignatureDoesNotMatch")
        policy = json.loads(base64.b64decode(fields["policy"]))
        if _now() > dt.datetime.fromisoformat(policy["expiration"].replace("Z", "+00:00")):
            raise Refused(403, "AccessDenied", "Invalid according to Policy: Policy expired.")
        fields["bucket"] = env["PATH_INFO"].strip("/").split("/")[0]
        content = next(iter(files.values())).read()
        _check_policy(policy, fields, len(content))
        told = fields.get("x-amz-checksum-sha256")
        if told and base64.b64encode(hashlib.sha256(content).digest()).decode() != told:
            raise Refused(400, "BadDigest", "The SHA256 you specified did not match the calculated checksum.")


def _check_policy(policy: dict[str, Any], fields: dict[str, str], size: int) -> None:
    covered = {"policy", "x-amz-signature", "file", "bucket"}
    for condition in policy["conditions"]:
        kind, name, value = ("eq", *next(iter(condition.items()))) if isinstance(condition, dict) else condition
        if kind == "content-length-range":
            if size < int(name):
                raise Refused(400, "EntityTooSmall")
            if size > int(value):
                raise Refused(400, "EntityTooLarge")
            continue
        name = name.lstrip("$").lower()
        covered.add(name)
        given = fields.get(name, "")
        if not (given == value if kind == "eq" else given.startswith(value)):
            raise Refused(403, "AccessDenied", f"Invalid according to Policy: {name}")
    extra = sorted(name for name in fields if name not in covered and not name.startswith("x-ignore-"))
    if extra:
        raise Refused(403, "AccessDenied", f"Invalid according to Policy: Extra input fields: {extra}")


def answer_error(start: Any, status: int, code: str, message: str = "") -> list[bytes]:
    body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>{message}</Message></Error>".encode()
    start(f"{status} X", [("Content-Type", "application/xml"), ("Content-Length", str(len(body)))])
    return [body]


def _body(env: dict[str, Any]) -> bytes:
    body: bytes = env["wsgi.input"].read(int(env.get("CONTENT_LENGTH") or 0))
    env["wsgi.input"] = io.BytesIO(body)
    return body


def _header(env: dict[str, Any], name: str) -> str:
    plain = {"content-type": "CONTENT_TYPE", "content-length": "CONTENT_LENGTH"}
    return str(env.get(plain.get(name, "HTTP_" + name.upper().replace("-", "_")), ""))


def _encode(text: str) -> str:
    return quote(text, safe="-_.~")


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def _moment(text: str) -> dt.datetime:
    return dt.datetime.strptime(text, "%Y%m%dT%H%M%SZ").replace(tzinfo=dt.UTC)
