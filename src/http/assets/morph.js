// Makes an element like another one, changing only what differs: what has the focus, is selected or scrolled stays.

/** @param {Element} from an element of the page @param {Element} to what it is to look like; is used up */
export function morph(from, to) {
  for (const { name, value } of to.attributes) if (from.getAttribute(name) !== value) from.setAttribute(name, value);
  for (const { name } of [...from.attributes]) if (!to.hasAttribute(name)) from.removeAttribute(name);
  morphChildren(from, to);
}

/** @param {Element} from @param {Element | DocumentFragment} to */
export function morphChildren(from, to) {
  let at = from.firstChild;
  for (const wanted of [...to.childNodes]) {
    if (at !== null && isSame(at, wanted)) {
      const next = at.nextSibling;
      if (at.nodeType === Node.ELEMENT_NODE) morph(/** @type {Element} */ (at), /** @type {Element} */ (wanted));
      else if (at.nodeValue !== wanted.nodeValue) at.nodeValue = wanted.nodeValue;
      at = next;
    } else {
      from.insertBefore(wanted, at);
    }
  }
  while (at !== null) {
    const next = at.nextSibling;
    at.remove();
    at = next;
  }
}

const isSame = (a, b) => a.nodeName === b.nodeName && (a.dataset?.key ?? "") === (b.dataset?.key ?? "");

/** Markup of the server as elements; rows of a table need a table around them while they are read. */
export function elementsOf(markup) {
  const holder = document.createElement("template");
  holder.innerHTML = markup;
  return holder.content;
}
