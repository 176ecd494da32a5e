"""HTML from templates/: everything that is put in is escaped, whatever it says."""

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from pipeline.web.charts import percent
from pipeline.web.words import age, change, count, day, duration, moment

HERE = Path(__file__).parent
STATIC = HERE / "static"
LOGIN_STYLE = (STATIC / "login.css").read_text(encoding="utf-8")


def render(template: str, **values: Any) -> str:
    """A template as HTML."""
    return _PAGES.get_template(template).render(values)


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "count": count,
        "percent": percent,
        "day": day,
        "moment": moment,
        "age": age,
        "duration": duration,
    }
    environment.globals |= {"change": change, "login_style": LOGIN_STYLE}
    return environment


_PAGES = _environment()
