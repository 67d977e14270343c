"""HTML as Python calls: `tr(td("a", class_="name"))`. All text is escaped; only what these functions made is markup."""

from collections.abc import Callable, Iterable
from html import escape


class Html(str):
    """Text that is markup already. Whatever else is put into an element is escaped."""

    __slots__ = ()


Attribute = str | int | float | bool | None
Child = Attribute | Iterable["Child"]
Element = Callable[..., Html]

NOTHING = Html("")
_VOID = frozenset({"br", "hr", "img", "input", "link", "meta", "wbr"})  # those of HTML; within SVG everything is closed


def text(child: Child) -> str:
    """Returns a child as markup: escaped unless it is Html, "" for None and booleans, one after another for several."""
    if isinstance(child, Html):
        return child
    if isinstance(child, str):
        return escape(child)
    if child is None or isinstance(child, bool):
        return ""
    if isinstance(child, int | float):
        return str(child)
    return "".join(map(text, child))


def join(*children: Child) -> Html:
    """Puts children side by side."""
    return Html(text(children))


def element(name: str) -> Element:
    """Makes the function of one element.

    Its arguments are the children, its keywords the attributes: `class_` is `class`, `data_key` is `data-key`; True
    stands alone, None and False leave an attribute out.
    """
    opening, closing = f"<{name}", "" if name in _VOID else f"</{name}>"

    def make(*children: Child, **attributes: Attribute) -> Html:
        inside = text(children) if children else ""
        return Html(f"{opening}{_attributes(attributes)}>{inside}{closing}")

    make.__name__ = name
    return make


def _attributes(attributes: dict[str, Attribute]) -> str:
    printed = ""
    for name, value in attributes.items():
        if value is None or value is False:
            continue
        spelled = name.rstrip("_").replace("_", "-")
        printed += f" {spelled}" if value is True else f' {spelled}="{escape(str(value))}"'
    return printed


a = element("a")
article = element("article")
aside = element("aside")
audio = element("audio")
body = element("body")
button = element("button")
circle = element("circle")
code = element("code")
dd = element("dd")
details = element("details")
dialog = element("dialog")
div = element("div")
dl = element("dl")
dt = element("dt")
fieldset = element("fieldset")
form = element("form")
g = element("g")
h1 = element("h1")
h2 = element("h2")
h3 = element("h3")
head = element("head")
header = element("header")
html = element("html")
iframe = element("iframe")
img = element("img")
input_ = element("input")
kbd = element("kbd")
label = element("label")
legend = element("legend")
li = element("li")
link = element("link")
main = element("main")
meta = element("meta")
nav = element("nav")
ol = element("ol")
option = element("option")
p = element("p")
path_ = element("path")
pre = element("pre")
progress = element("progress")
rect = element("rect")
script = element("script")
section = element("section")
select = element("select")
small = element("small")
span = element("span")
strong = element("strong")
summary = element("summary")
svg = element("svg")
table = element("table")
tbody = element("tbody")
td = element("td")
text_ = element("text")
textarea = element("textarea")
th = element("th")
thead = element("thead")
time = element("time")
title_ = element("title")
tr = element("tr")
tspan = element("tspan")
ul = element("ul")
video = element("video")
wbr = element("wbr")
