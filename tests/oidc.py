"""An OpenID Connect provider on this machine: discovery, the code flow with PKCE, signed tokens."""

import base64
import hashlib
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)


class Provider:
    """Its discovery, keys and tokens; ``person`` is who logs in at it. A code is good once, with its verifier."""

    def __init__(self) -> None:
        self.person: dict[str, Any] = {}
        self.challenges: dict[str, str] = {}
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                where = urlsplit(self.path)
                if where.path == "/authorize":
                    self.send_response(302)
                    self.send_header("Location", provider.let_in(where.query))
                    self.end_headers()
                else:
                    self.send(provider.answer(where.path))

            def do_POST(self) -> None:
                length = int(self.headers["Content-Length"])
                self.send(provider.token({k: v[0] for k, v in parse_qs(self.rfile.read(length).decode()).items()}))

            def send(self, body: dict[str, Any]) -> None:
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.end_headers()
                self.wfile.write(json.dumps(body).encode())

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def settings(self) -> dict[str, Any]:
        """What ``SOCIALACCOUNT_PROVIDERS`` is when VISANT_OIDC_URL names this provider."""
        app = {"provider_id": "sso", "name": "Acme ID", "client_id": "visant", "secret": "s3cret"}
        apps = [{**app, "settings": {"server_url": self.url}}]
        return {"openid_connect": {"APPS": apps, "OAUTH_PKCE_ENABLED": True}}

    def let_in(self, query: str) -> str:
        """Note the challenge, and return where the browser goes back to: everybody is logged in here."""
        asked = {name: values[0] for name, values in parse_qs(query).items()}
        code = f"code-{len(self.challenges)}"
        self.challenges[code] = asked["code_challenge"]
        return f"{asked['redirect_uri']}?{urlencode({'code': code, 'state': asked['state']})}"

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()

    def answer(self, path: str) -> dict[str, Any]:
        if path == "/keys":
            return {"keys": [json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(KEY.public_key())) | {"kid": "one"}]}
        if path == "/userinfo":
            return self.person
        names = {"authorization_endpoint": "authorize", "token_endpoint": "token", "jwks_uri": "keys"}
        return {"issuer": self.url, "userinfo_endpoint": f"{self.url}/userinfo"} | {
            name: f"{self.url}/{end}" for name, end in names.items()
        }

    def token(self, sent: dict[str, str]) -> dict[str, Any]:
        digest = hashlib.sha256(sent["code_verifier"].encode()).digest()
        assert self.challenges.pop(sent["code"]) == base64.urlsafe_b64encode(digest).decode().rstrip("=")
        claims = {"iss": self.url, "aud": "visant", "iat": int(time.time()), "exp": int(time.time()) + 60}
        signed = jwt.encode(claims | self.person, KEY, algorithm="RS256", headers={"kid": "one"})
        return {"access_token": "access", "token_type": "Bearer", "id_token": signed}
