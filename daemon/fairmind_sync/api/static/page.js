// Keeps the page live: fetches it again every two seconds and swaps the parts that changed.
"use strict";

const INTERVAL_MS = 2000;
const parts = () => document.querySelectorAll("[data-live]");

function isInUse(part) {
  const active = document.activeElement;
  const isTyping = part.contains(active) && active.matches("input, select");
  return isTyping || part.querySelector("details[open], input:checked") !== null;
}

function swap(part, fresh) {
  if (part.innerHTML === fresh.innerHTML || isInUse(part)) return;
  const focused = part.contains(document.activeElement) ? document.activeElement.id : "";
  part.innerHTML = fresh.innerHTML;
  if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
}

async function refresh() {
  if (document.visibilityState !== "visible") return;
  const reply = await fetch(location.href, { headers: { Accept: "text/html" } });
  if (reply.redirected) {
    location.reload(); // signed out meanwhile
    return;
  }
  if (!reply.ok) throw new Error(reply.statusText);
  const page = new DOMParser().parseFromString(await reply.text(), "text/html");
  for (const part of parts()) {
    const fresh = page.getElementById(part.id);
    if (fresh) swap(part, fresh);
  }
}

function tellIfStale(isStale) {
  const words = isStale ? "The daemon doesn't answer; this page may be out of date." : "";
  const notice = document.getElementById("stale");
  if (notice.textContent !== words) notice.textContent = words;
  notice.classList.toggle("notice", isStale);
}

async function keepLive() {
  try {
    await refresh();
    tellIfStale(false);
  } catch {
    tellIfStale(true); // the daemon is away; the page shows what it last knew
  }
  setTimeout(keepLive, INTERVAL_MS);
}

if (parts().length) setTimeout(keepLive, INTERVAL_MS);
