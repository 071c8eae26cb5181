/** Chains of minutes, each link naming the one before it: flat arrays, in place of a small array per rider. */

export const noLink = -1;
const linksFirst = 16;

export class MinuteChains {
  /** Minute and link before it, of each link. */
  #links = new Int32Array(2 * linksFirst);
  #size = 0;

  add(minute: number, before: number): number {
    if (2 * this.#size === this.#links.length) {
      const links = new Int32Array(2 * this.#links.length);
      links.set(this.#links);
      this.#links = links;
    }
    this.#links[2 * this.#size] = minute;
    this.#links[2 * this.#size + 1] = before;
    return this.#size++;
  }

  minute(link: number): number {
    return this.#links[2 * link]!;
  }

  before(link: number): number {
    return this.#links[2 * link + 1]!;
  }

  setBefore(link: number, before: number): void {
    this.#links[2 * link + 1] = before;
  }

  /** Takes over a chain of others as far as its minutes are not before `least`; returns its link, if any is left. */
  copy(from: MinuteChains, link: number, least: number): number {
    let [first, last] = [noLink, noLink];
    for (let at = link; at !== noLink && from.minute(at) >= least; at = from.before(at)) {
      const added = this.add(from.minute(at), noLink);
      if (last === noLink) first = added;
      else this.setBefore(last, added);
      last = added;
    }
    return first;
  }
}
