// What is said aloud: a log, of which a screen reader speaks every new line. A line that took the place of the one
// before would silence it whenever two things happen at once.
const log = document.getElementById("announce");
const saidMax = 5;
const keptMax = 20;

/** The first of `news`, and how many more there are. */
export function announce(...news) {
  const more = news.length - saidMax;
  for (const text of [...news.slice(0, saidMax), ...(more > 0 ? [`and ${more} more`] : [])]) {
    const line = document.createElement("p");
    line.textContent = text;
    log.append(line);
  }
  while (log.children.length > keptMax) log.firstElementChild.remove();
}
