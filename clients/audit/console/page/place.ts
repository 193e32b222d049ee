/** Where the page is, as the end of its address: views can be linked to, and the browser's back button works. */
import type { ReportName } from '../answers.ts';

export const VIEWS = ['now', 'history', 'policy', 'evidence', 'cases'] as const;
type View = (typeof VIEWS)[number];

export interface PagePlace {
  readonly view: View;
  readonly question: string;
  /** What History shows of the answer; empty: its records. */
  readonly story: ReportName | '';
  /** The ends of a way; empty: not chosen. */
  readonly from: string;
  readonly to: string;
}

const STORIES: readonly ReportName[] = ['first-seen', 'probes', 'opened', 'way'];

export function placeOf(hash: string): PagePlace {
  const [name = '', query = ''] = hash.slice(1).split('?');
  const asked = new URLSearchParams(query);
  return {
    view: VIEWS.find((one) => one === name) ?? 'now',
    question: asked.get('q') ?? '',
    story: STORIES.find((one) => one === asked.get('as')) ?? '',
    from: asked.get('from') ?? '',
    to: asked.get('to') ?? '',
  };
}

/** `#history?q=…&as=way` */
export function addressOf(view: View, { question, story, from, to }: Partial<PagePlace> = {}): string {
  const asked = new URLSearchParams();
  for (const [name, value] of Object.entries({ q: question, as: story, from, to }))
    if (value !== undefined && value !== '') asked.set(name, value);
  return asked.size === 0 ? `#${view}` : `#${view}?${asked}`;
}

export function go(view: View, place: Partial<PagePlace>): void {
  location.hash = addressOf(view, place);
}
