"""An SMTP server on 127.0.0.1 that asks for a password and keeps the mails it got."""

import asyncio
import base64
import email
import email.policy
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage


@dataclass
class Mailbox:
    """The mails that came, and who logged in to send them."""

    user: str
    password: str
    mails: list[EmailMessage] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    """Commands that were not accepted."""

    def text(self, mail: EmailMessage) -> str:
        """Return the subject and every part of a mail as text."""
        parts = [part.get_content() for part in mail.walk() if part.get_content_maintype() == "text"]
        return "\n".join([str(mail["Subject"]), *parts])


class _Session:
    """One connection, command by command (RFC 5321, and AUTH PLAIN of RFC 4954)."""

    def __init__(self, mailbox: Mailbox, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._mailbox = mailbox
        self._reader = reader
        self._writer = writer
        self._known = False

    async def run(self) -> None:
        await self._say("220 mailbox")
        while line := (await self._reader.readline()).decode().strip():
            verb = line.partition(" ")[0].upper()
            if verb == "QUIT":
                await self._say("221 bye")
                return
            await self._say(await self._reply(verb, line))

    async def _reply(self, verb: str, line: str) -> str:
        if verb == "EHLO":
            return "250-mailbox\r\n250 AUTH PLAIN"
        if verb == "AUTH":
            wanted = f"\0{self._mailbox.user}\0{self._mailbox.password}"
            self._known = base64.b64decode(line.split()[2]).decode() == wanted
        elif verb == "DATA" and self._known:
            await self._say("354 go on")
            raw = await self._reader.readuntil(b"\r\n.\r\n")
            mail = email.message_from_bytes(raw[:-5].replace(b"\r\n..", b"\r\n."), policy=email.policy.default)
            self._mailbox.mails.append(mail)
        elif verb not in ("MAIL", "RCPT", "RSET", "NOOP"):
            self._known = False
        if not self._known:
            self._mailbox.refused.append(verb)
            return "535 refused"
        return "235 welcome" if verb == "AUTH" else "250 ok"

    async def _say(self, text: str) -> None:
        self._writer.write(text.encode() + b"\r\n")
        await self._writer.drain()


@contextmanager
def serving(mailbox: Mailbox) -> Iterator[str]:
    """Serve the mailbox; give its host and port."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    async def session(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await _Session(mailbox, reader, writer).run()
        finally:
            writer.close()

    server = asyncio.run_coroutine_threadsafe(asyncio.start_server(session, "127.0.0.1", 0), loop).result()
    try:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        loop.call_soon_threadsafe(server.close)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
