"""What is asked of every refusal."""

from django.http import HttpResponse

FIELDS = {"type", "title", "status", "detail", "code", "retryable", "keep_local", "request_id"}


def refused(answer: HttpResponse) -> tuple[int, str, bool, bool]:
    """Return status, code, ``retryable`` and ``keep_local`` of a problem, having checked its form (RFC 9457)."""
    assert answer.headers["Content-Type"] == "application/problem+json"
    body = answer.json()
    assert set(body) == FIELDS
    assert body["status"] == answer.status_code
    assert body["type"] == f"urn:visant:problem:{body['code']}"
    assert body["request_id"] == answer.headers["X-Request-ID"]
    assert body["title"]
    assert body["detail"]
    assert ("Retry-After" in answer.headers) is (answer.status_code in (429, 503))
    assert ("WWW-Authenticate" in answer.headers) is (answer.status_code == 401)
    return answer.status_code, body["code"], body["retryable"], body["keep_local"]
