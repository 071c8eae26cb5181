/**
 * ISO 8601 text → milliseconds since the epoch, by digits.
 *
 * `Date.parse` takes a time without a zone as local time and accepts much that is no date. Here no zone
 * means UTC, fractions finer than a millisecond are cut off, and 31 February is refused.
 */

const digit = (text: string, at: number): number => {
  const value = text.charCodeAt(at) - 48;
  return value >= 0 && value <= 9 ? value : NaN;
};
const pair = (text: string, at: number): number => digit(text, at) * 10 + digit(text, at + 1);

const daysInMonth = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/** Milliseconds, or null when the text is not a date and time between the years 1970 and 9999. */
export function parseTimestamp(text: string): number | null {
  const year = pair(text, 0) * 100 + pair(text, 2);
  const month = pair(text, 5);
  const day = pair(text, 8);
  const hour = pair(text, 11);
  const minute = pair(text, 14);
  const separator = text[10];
  if (text[4] !== "-" || text[7] !== "-" || text[13] !== ":" || (separator !== "T" && separator !== " ")) {
    return null;
  }
  const inRange = year >= 1970 && month >= 1 && month <= 12 && day >= 1 && day <= daysInMonth[month - 1]! &&
    hour <= 23 && minute <= 59;
  if (!inRange) return null;
  let at = 16;
  let second = 0;
  let millisecond = 0;
  if (text[at] === ":") {
    second = pair(text, at + 1);
    if (!(second <= 59)) return null;
    at += 3;
    if (text[at] === "." || text[at] === ",") {
      at++;
      let scale = 100;
      const from = at;
      for (; digit(text, at) >= 0; at++) {
        millisecond += digit(text, at) * Math.floor(scale);
        scale /= 10;
      }
      if (at === from || at - from > 9) return null;
    }
  }
  const offsetMinutes = parseZone(text, at);
  if (offsetMinutes === null) return null;
  const days = Date.UTC(year, month - 1, day);
  if (new Date(days).getUTCDate() !== day) return null;
  const ms = days + hour * 3_600_000 + minute * 60_000 + second * 1_000 + millisecond -
    offsetMinutes * 60_000;
  return ms >= 0 ? ms : null;
}

function parseZone(text: string, at: number): number | null {
  if (at === text.length) return 0;
  if (text[at] === "Z" || text[at] === "z") return at + 1 === text.length ? 0 : null;
  const sign = text[at] === "+" ? 1 : text[at] === "-" ? -1 : NaN;
  const minutesAt = text[at + 3] === ":" ? at + 4 : at + 3;
  const hours = pair(text, at + 1);
  const minutes = pair(text, minutesAt);
  if (!(hours <= 23 && minutes <= 59) || minutesAt + 2 !== text.length || Number.isNaN(sign)) return null;
  return sign * (hours * 60 + minutes);
}
