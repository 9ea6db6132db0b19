"""What most programs do: render, build and send each message by itself. Shown beside, for scale."""

from __future__ import annotations

import smtplib
import time
from collections.abc import Callable
from email.message import EmailMessage

from jinja2 import Environment


def composer(html: str, text: str) -> Callable[[str], EmailMessage]:
    """Return what renders two templates and builds a message, for each address anew."""
    environment = Environment(autoescape=True)
    html_template = environment.from_string("{% raw %}" + html + "{% endraw %}{{ name }}")
    text_template = environment.from_string("{% raw %}" + text + "{% endraw %}{{ name }}")

    def compose(address: str) -> EmailMessage:
        message = EmailMessage()
        message["From"] = "digest@example.jp"
        message["To"] = address
        message["Subject"] = "まちのデジタル便り"
        message.set_content(text_template.render(name="読者"))
        message.add_alternative(html_template.render(name="読者"), subtype="html")
        return message

    return compose


def loop(port: int, compose: Callable[[str], EmailMessage], count: int) -> float:
    """Send ``count`` messages one after the other over one connection; return messages a second."""
    began = time.perf_counter()
    with smtplib.SMTP("127.0.0.1", port) as connection:
        for number in range(count):
            connection.send_message(compose(f"reader{number}@example.jp"))
    return count / (time.perf_counter() - began)
