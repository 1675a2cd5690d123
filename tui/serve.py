"""The dashboard in a browser of this machine: textual-serve behind a token, on the loopback address alone."""

from __future__ import annotations

import secrets
import shlex
import sys
from collections.abc import Awaitable, Callable
from typing import Any

from reframed.errors import ReframeError, UsageError

HOST = "127.0.0.1"
_COOKIE = "reframe_token"
_PORTS = range(1024, 65536)


def serve(arguments: list[str], port: int) -> int:
    """Serve `reframe ARGUMENTS` until Ctrl-C. Raises ReframeError without the extra `serve`, or if the port is taken."""
    if port not in _PORTS:
        raise UsageError(f"{port} is no port for this.", "From 1024 to 65535.")
    try:
        from textual_serve.server import Server
    except ImportError:
        raise ReframeError("The dashboard in a browser needs an extra.", 'pip install "reframe-media[serve]"') from None
    token = secrets.token_urlsafe(24)
    command = shlex.join([sys.executable, "-m", "reframed", *arguments])
    server = guarded(Server, command, port, token)
    print(f"The dashboard: http://{HOST}:{port}/?token={token}")  # noqa: T201 - for the person who started it
    print(f"From elsewhere: ssh -L {port}:{HOST}:{port} this-machine, then the same address. Ctrl-C ends it.")  # noqa: T201
    try:
        server.serve()
    except OSError as error:
        raise ReframeError(
            f"Port {port} cannot be used: {error.strerror or error}.", "Choose another with --port."
        ) from None
    return 0


def guarded(base: type[Any], command: str, port: int, token: str) -> Any:
    """A server on the loopback address that answers nobody without the token, or from another site."""
    from aiohttp import web

    @web.middleware  # type: ignore[untyped-decorator]
    async def guard(request: web.Request, handler: Callable[[web.Request], Awaitable[Any]]) -> Any:
        allowed = {f"{HOST}:{port}", f"localhost:{port}"}
        origin = request.headers.get("Origin", "")
        if request.host not in allowed or (origin and origin.partition("://")[2] not in allowed):
            raise web.HTTPForbidden(text="Only from this machine.")
        if secrets.compare_digest(request.query.get("token", "").encode(), token.encode()):
            if request.path == "/":
                answer = web.HTTPFound("/")
                answer.set_cookie(_COOKIE, token, httponly=True, samesite="Strict")
                raise answer
        elif not secrets.compare_digest(request.cookies.get(_COOKIE, "").encode(), token.encode()):
            raise web.HTTPForbidden(text="The address needs the token that `reframe tui --serve` printed.")
        return await handler(request)

    class Guarded(base):  # type: ignore[misc]
        async def _make_app(self) -> Any:
            app = await super()._make_app()
            app.middlewares.append(guard)
            return app

    return Guarded(command, host=HOST, port=port, title="Reframe")
