// The keyboard: Ctrl+K looks something up; arrows (or j and k) go from line to line of a table once one has the focus.
// Single letters do nothing elsewhere: whoever dictates text must not trip over them.

function step(from, by) {
  const links = [...from.closest("[data-part]").querySelectorAll("a.line")];
  const next = links[links.indexOf(from) + by];
  next?.focus();
  next?.scrollIntoView({ block: "nearest" });
}

document.addEventListener("keydown", (event) => {
  const at = document.activeElement;
  if (event.key === "k" && (event.ctrlKey || event.metaKey)) {
    document.getElementById("q").focus();
  } else if (event.ctrlKey || event.metaKey || event.altKey) {
    return;
  } else if (event.key === "Escape" && at.id === "q") {
    at.blur();
  } else if (at.matches("[data-part] a.line") && ["j", "ArrowDown", "k", "ArrowUp"].includes(event.key)) {
    step(at, event.key === "j" || event.key === "ArrowDown" ? 1 : -1);
  } else {
    return;
  }
  event.preventDefault();
});
