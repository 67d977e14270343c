"""Studio's icons: strokes on a 24 by 24 grid, drawn for it."""

from lazulite.studio.html import Html, svg

_PATHS = {
    "home": "M4 11l8-7 8 7v9h-5v-6h-6v6H4z",
    "jobs": "M5 4h14v16H5zM9 9h6M9 13h6M9 17h3",
    "endpoints": "M12 21v-8M12 13a3 3 0 100-6 3 3 0 000 6zM6.3 15.7a8 8 0 010-11.4M17.7 4.3a8 8 0 010 11.4",
    "models": "M12 3l8 4.5v9L12 21l-8-4.5v-9zM4 7.5l8 4.5 8-4.5M12 12v9",
    "data": "M4 6c0-4 16-4 16 0s-16 4-16 0v12c0 4 16 4 16 0V6M4 12c0 4 16 4 16 0",
    "environments": "M12 3l9 5-9 5-9-5zM3 13l9 5 9-5",
    "components": "M4 4h7v7H4zM13 13h7v7h-7zM16.5 4v7M13 7.5h7M4 16.5h7",
    "compute": "M4 5h16v6H4zM4 13h16v6H4zM8 8h.01M8 16h.01",
    "datastores": "M3 7h7l2 3h9v9H3z",
    "schedules": "M12 21a9 9 0 100-18 9 9 0 000 18zM12 7v5l3 2",
    "registries": "M5 3h11l3 3v15H5zM9 9h6M9 13h6",
    "variables": "M8 4c-3 0-1 8-5 8 4 0 2 8 5 8M16 4c3 0 1 8 5 8-4 0-2 8-5 8",
    "network": "M12 3l8 3v6c0 5-4 8-8 9-4-1-8-4-8-9V6z",
    "coverage": "M4 12l5 5L20 6",
    "ship": "M12 15V3M7 8l5-5 5 5M4 15v5h16v-5",
    "search": "M11 18a7 7 0 100-14 7 7 0 000 14zM16 16l5 5",
    "theme": "M12 3v18a9 9 0 000-18zM12 21a9 9 0 010-18",
    "menu": "M4 6h16M4 12h16M4 18h16",
    "folder": "M3 6h7l2 3h9v10H3z",
    "file": "M6 3h8l4 4v14H6zM14 3v4h4",
    "copy": "M8 8h12v12H8zM4 16V4h12",
    "close": "M6 6l12 12M18 6L6 18",
    "download": "M12 3v12M7 10l5 5 5-5M4 20h16",
    "play": "M7 4l13 8-13 8z",
}


def icon(name: str) -> Html:
    """Returns an icon, as high as the text around it; decoration that screen readers pass over."""
    path = Html(f'<path d="{_PATHS[name]}"/>')
    return svg(path, class_="icon", viewBox="0 0 24 24", aria_hidden="true")
