"""How light what a page shows is, and where its lines break, as the page itself finds out."""

from __future__ import annotations

LUMINANCE = """
const luminance = (colour) => {
  const [r, g, b] = colour.match(/[\\d.]+/g).map((part) => part / 255)
    .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
"""
BEHIND = """
const behind = (it) => {
  const colour = getComputedStyle(it).backgroundColor;
  return colour === "rgba(0, 0, 0, 0)" ? behind(it.parentElement) : colour;
};
"""
FAINT_TEXTS = f"""(enough) => {{ {LUMINANCE} {BEHIND}
  const hasText = (it) => [...it.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
  const contrast = (it) => {{
    const both = [getComputedStyle(it).color, behind(it)].map(luminance).sort((a, b) => b - a);
    return (both[0] + 0.05) / (both[1] + 0.05);
  }};
  return [...document.body.querySelectorAll("*")]
    .filter((it) => it.checkVisibility() && hasText(it) && contrast(it) < enough)
    .map((it) => it.outerHTML);
}}"""
LINES = """(it) => {
  const range = document.createRange(), lines = new Map();
  const walker = document.createTreeWalker(it, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode())
    for (let place = 0; place < node.length; place += 1) {
      range.setStart(node, place), range.setEnd(node, place + 1);
      const top = Math.round(range.getBoundingClientRect().top);
      lines.set(top, (lines.get(top) ?? "") + node.data[place]);
    }
  return [...lines.values()].map((line) => line.trim()).filter((line) => line);
}"""
"""The lines of an element's text, as they are shown."""
