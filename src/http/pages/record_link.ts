/** Where a record stands in the log, as a link to the record itself. */
import { type Markup, markup } from "./markup.ts";

type Place = { topic: string; partition: number; offset: number };

export const recordPath = ({ topic, partition, offset }: Place): string =>
  `/records/${encodeURIComponent(topic)}/${partition}/${offset}`;

export const recordLink = (place: Place): Markup =>
  markup`<a class="mono" href="${recordPath(place)}">${place.topic}/${place.partition}/${place.offset}</a>`;
