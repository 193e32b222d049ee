/** The meaning of a placeholder, by its name: `<domain>` is completed with the domains of the inventory. */

export const VALUE_KINDS = ['domains', 'labels', 'subjects', 'classes', 'events'] as const;
export type ValueKind = (typeof VALUE_KINDS)[number];

/** One word for one thing: a new option that takes a domain calls its placeholder `domain` and is completed. */
const KINDS: ReadonlyMap<string, ValueKind> = new Map([
  ['domain', 'domains'],
  ['domain:port', 'domains'],
  ['vm', 'domains'],
  ['source', 'domains'],
  ['destination', 'domains'],
  ['label', 'labels'],
  ['subject', 'subjects'],
  ['class', 'classes'],
  ['event', 'events'],
]);

/** Null: a file, a number, or a text that only the user knows. */
export function valueKind(placeholder: string): ValueKind | null {
  const name = placeholder.replace(/\.\.\.$/, '');
  return KINDS.get(name) ?? KINDS.get(name.replace(/s$/, '')) ?? null;
}
