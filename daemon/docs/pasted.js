// Reduces a message that is pasted whole into the search to the words that the page of messages has of it.
// The search wants all words of a query on one page, and names and numbers of a message are on none.
(() => {
  const page = new URL("reference/messages.html", document.currentScript.src);
  const filledIn = "…";
  const fewestWords = 5, fewestLetters = 8, enough = 0.6;
  const folded = (text) => text.replace(/\s+/g, " ").replace(/^[ .,:;()']+|[ .,:;()']+$/g, "").toLowerCase();
  let known;

  const read = async () => {
    const text = await (await fetch(page)).text();
    const rows = new DOMParser().parseFromString(text, "text/html").querySelectorAll("tbody tr");
    return [...rows].flatMap((row) => {
      const [message, said] = row.cells;
      return [message, ...said.querySelectorAll("em")].map((one) => one.textContent).filter((one) => / /.test(one.trim()));
    });
  };

  const beginning = (part, text) => {
    const words = part.split(" ");
    for (let count = words.length; count; count--) {
      const told = words.slice(0, count).join(" ");
      if (text.includes(told)) return told;
    }
    return "";
  };

  // The parts of the message that stand in the text, in their order; none if these are too few.
  const toldOf = (message, text) => {
    const parts = message.split(filledIn).map(folded).filter(Boolean), told = [];
    let place = 0;
    for (const part of parts) {
      const found = beginning(part, text.slice(place));
      place = text.indexOf(found, place) + found.length;
      told.push(found);
    }
    const size = (texts) => texts.join("").length;
    return size(told) >= Math.max(fewestLetters, enough * size(parts)) ? told : [];
  };

  const reduced = (pasted, messages) => {
    const text = folded(pasted);
    const all = messages.map((message) => toldOf(message, text));
    const best = all.reduce((one, other) => (other.join("").length > one.join("").length ? other : one), []);
    return best.join(" ").replace(/[^\p{L}\p{N}_]+/gu, " ").trim();
  };

  document.addEventListener("paste", (event) => {
    const input = event.composedPath()[0];
    const pasted = event.clipboardData?.getData("text") ?? "";
    if (input.getAttribute?.("role") !== "combobox" || pasted.trim().split(/\s+/).length < fewestWords) return;
    event.preventDefault();
    (known ??= read().catch(() => [])).then((messages) => {
      Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "value").set.call(input, reduced(pasted, messages) || pasted);
      input.dispatchEvent(new Event("input", { bubbles: true, composed: true }));
    });
  }, true);
})();
