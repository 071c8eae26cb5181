/** The dashboards of deploy/grafana as a test asks them: their panels, what each asks, and of which source. */
import { filesMatching } from "../tidy/tree.ts";

export type Target = { refId: string; rawSql?: string; format?: number; expr?: string };
export type Panel = {
  id: number;
  title: string;
  description: string;
  type: string;
  datasource: { uid: string };
  gridPos: { x: number; y: number; w: number; h: number };
  targets: Target[];
  fieldConfig: {
    defaults: { unit: string; thresholds: { steps: unknown[] } };
    overrides: { matcher: { id: string; options: string } }[];
  };
  transformations?: { options: { include: { pattern: string } } }[];
};
export type Dashboard = {
  uid: string;
  title: string;
  refresh: string;
  panels: Panel[];
  annotations: { list: { datasource: { uid: string }; target: Target }[] };
  templating: { list: { name: string; query: Target; datasource: { uid: string }; multi: boolean }[] };
};

export const dashboards: Dashboard[] = filesMatching(/^deploy\/grafana\/dashboards\/.*\.json$/).map((
  { text },
) => JSON.parse(text));

export type Asked = { where: string; panel: Panel | null; target: Target };

/** Everything that a dashboard asks: panels, marks, variables. */
export const askedBy = ({ uid, panels, annotations, templating }: Dashboard): Asked[] => [
  ...panels.flatMap((panel) =>
    panel.targets.map((target) => ({ where: `${uid}: ${panel.title}`, panel, target }))
  ),
  ...annotations.list.map(({ target }) => ({ where: `${uid}: marks`, panel: null, target })),
  ...templating.list.map(({ name, query }) => ({ where: `${uid}: ${name}`, panel: null, target: query })),
];

const sent = dashboards.flatMap(askedBy);

export const sqlAsked = sent.filter(({ target }) => target.rawSql !== undefined);
export const promqlAsked = sent.filter(({ target }) => target.expr !== undefined);
