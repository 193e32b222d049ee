/**
 * Information flow: from where can data reach where, directly or through relays?
 *
 * An edge is a message that policy lets pass: class `argo` allows the send, the class of the port allows the permission.
 * `flow` of the class says which way the information moves. A path is possible, not certain: each relay would have to pass
 * the data on. The words and the output are those of setools' seinfoflow.
 */
import type { Domain, ServiceClass } from '../contract/index.ts';
import { permissionsMeet, type Work } from '../read/index.ts';
import { type Analysed, isAllowed } from './subject.ts';

export interface FlowStep {
  readonly from: Domain;
  readonly to: Domain;
  /** Classes that carry it, each once. */
  readonly classes: readonly string[];
  /** Those of them of which an `auditallow` row has each message recorded. */
  readonly recorded: readonly string[];
}

export type FlowPath = readonly FlowStep[];

export interface FlowGraph {
  readonly domains: readonly Domain[];
  /** By source index: what leaves it, by destination index. */
  readonly steps: readonly (readonly (FlowStep | undefined)[])[];
}

const ARGO_SEND = 3;

/** @param excluded domains that take no part, by name */
export function* flowGraph(analysed: Analysed, excluded: ReadonlySet<string> = new Set()): Work<FlowGraph> {
  const domains = analysed.domains.all.filter(({ name }) => !excluded.has(name));
  const [argo, ...others] = analysed.classes.all;
  const classesFrom: Map<string, boolean>[][] = domains.map(() => domains.map(() => new Map()));
  const note = (from: number, to: number, name: string, isRecorded: boolean): void => {
    const classes = classesFrom[from]?.[to];
    classes?.set(name, isRecorded || classes.get(name) === true);
  };
  for (const [from, source] of domains.entries()) {
    for (const [to, destination] of domains.entries()) {
      if (from === to || argo === undefined) continue;
      if (!isAllowed(analysed, { source, destination, serviceClass: argo, position: ARGO_SEND })) continue;
      for (const serviceClass of others) {
        if (!isUsable(analysed, source, destination, serviceClass)) continue;
        const isRecorded = [argo, serviceClass].some((each) => hasAuditallow(analysed, source, destination, each));
        if (serviceClass.flow !== 'to-source') note(from, to, serviceClass.name, isRecorded);
        if (serviceClass.flow !== 'to-destination') note(to, from, serviceClass.name, isRecorded);
      }
    }
    yield;
  }
  const steps = domains.map((source, from) =>
    domains.map((destination, to) => {
      const found = [...(classesFrom[from]?.[to] ?? [])];
      const classes = found.map(([name]) => name);
      const recorded = found.filter(([, isRecorded]) => isRecorded).map(([name]) => name);
      return classes.length === 0 ? undefined : { from: source, to: destination, classes, recorded };
    }),
  );
  return { domains, steps };
}

/** For class argo the permission `send` is meant: its other permissions are about no message. */
function hasAuditallow(
  { examined }: Analysed,
  source: Domain,
  destination: Domain,
  serviceClass: ServiceClass,
): boolean {
  const rows = examined.book.audit.covering(source, destination, serviceClass);
  return rows.some(
    ({ kind, permission }) => kind === 'auditallow' && (serviceClass.index > 0 || permissionsMeet(permission, 'send')),
  );
}

/** The classes of a step for a picture; `*`: each message is recorded. */
export function shownClasses({ classes, recorded }: FlowStep): string[] {
  return classes.map((name) => (recorded.includes(name) ? `${name} *` : name));
}

function isUsable(analysed: Analysed, source: Domain, destination: Domain, serviceClass: ServiceClass): boolean {
  return serviceClass.permissions.some((_, position) =>
    isAllowed(analysed, { source, destination, serviceClass, position }),
  );
}

/** All shortest paths from one set of domains to another. */
export function shortestFlows(
  { domains, steps }: FlowGraph,
  sources: ReadonlySet<Domain>,
  targets: ReadonlySet<Domain>,
): FlowPath[] {
  let paths: FlowPath[] = domains.filter((domain) => sources.has(domain)).map(() => []);
  let ends = domains.filter((domain) => sources.has(domain));
  const seen = new Set<Domain>(sources);
  while (paths.length > 0) {
    const next: { readonly path: FlowPath; readonly end: Domain }[] = [];
    for (const [index, path] of paths.entries()) {
      for (const step of steps[domains.indexOf(ends[index] ?? NOWHERE)] ?? []) {
        if (step === undefined || seen.has(step.to)) continue;
        next.push({ path: [...path, step], end: step.to });
      }
    }
    const arrived = next.filter(({ end }) => targets.has(end));
    if (arrived.length > 0) return arrived.map(({ path }) => path);
    for (const { end } of next) seen.add(end);
    // One path to each domain is enough to go on from there.
    const kept = [...new Map(next.map((entry) => [entry.end, entry])).values()];
    paths = kept.map(({ path }) => path);
    ends = kept.map(({ end }) => end);
  }
  return [];
}

const NOWHERE = {} as Domain;

/** All paths of at most `limit` steps that visit no domain twice. */
export function* allFlows(
  { domains, steps }: FlowGraph,
  sources: ReadonlySet<Domain>,
  targets: ReadonlySet<Domain>,
  limit: number,
  most: number,
): Work<FlowPath[]> {
  const found: FlowPath[] = [];
  const path: FlowStep[] = [];
  function* visit(at: Domain, visited: Set<Domain>): Work<void> {
    for (const step of steps[domains.indexOf(at)] ?? []) {
      if (step === undefined || visited.has(step.to) || found.length >= most) continue;
      path.push(step);
      if (targets.has(step.to)) found.push([...path]);
      if (path.length < limit) {
        visited.add(step.to);
        yield* visit(step.to, visited);
        visited.delete(step.to);
      }
      path.pop();
      yield;
    }
  }
  for (const source of sources) yield* visit(source, new Set([source]));
  return found.sort((a, b) => a.length - b.length);
}

/** seinfoflow's text. */
export function formatFlows(paths: readonly FlowPath[]): string {
  const blocks = paths.map((path, index) => {
    const lines = path.map(
      ({ from, to, classes }, step) => `  Step ${step + 1}: ${from.name} -> ${to.name}  (${classes.join(', ')})`,
    );
    return [`Flow ${index + 1}:`, ...lines].join('\n');
  });
  return [...blocks, `${paths.length} information flow(s) found.`].join('\n\n');
}
