/** Import cycles: the strongly connected components of the import graph with more than one file (Tarjan). */
import type { Source } from './source.ts';

interface Mark {
  readonly order: number;
  low: number;
  isOnStack: boolean;
}

/** Each cycle as the sorted paths of its files; type imports count. */
export function cycles(sources: readonly Source[]): string[][] {
  const edges = new Map(sources.map((source) => [source.path, source.imports.flatMap(({ target }) => target ?? [])]));
  const marks = new Map<string, Mark>();
  const stack: string[] = [];
  const found: string[][] = [];

  const visit = (path: string): Mark => {
    const mark: Mark = { order: marks.size, low: marks.size, isOnStack: true };
    marks.set(path, mark);
    stack.push(path);
    for (const next of edges.get(path) ?? []) {
      if (!edges.has(next)) continue;
      const seen = marks.get(next);
      if (seen === undefined) mark.low = Math.min(mark.low, visit(next).low);
      else if (seen.isOnStack) mark.low = Math.min(mark.low, seen.order);
      if (next === path) found.push([path]);
    }
    if (mark.low === mark.order) {
      const component = stack.splice(stack.indexOf(path));
      for (const member of component) {
        const memberMark = marks.get(member);
        if (memberMark !== undefined) memberMark.isOnStack = false;
      }
      if (component.length > 1) found.push(component.sort());
    }
    return mark;
  };
  for (const path of edges.keys()) if (!marks.has(path)) visit(path);
  return found;
}
