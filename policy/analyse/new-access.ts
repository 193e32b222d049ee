/** Does a change of policy allow anything that was not allowed before? The question that decides how fast it may come. */
import type { Domain } from '../contract/index.ts';
import type { Work } from '../read/index.ts';
import { type Analysed, isAllowed } from './subject.ts';

/**
 * True when some request is allowed after the change that was denied before it. Both policies must have the same domains and
 * classes; only rows, memberships and grants may differ.
 *
 * @param changed domains whose labels differ; null = any domain may have changed, because the rows did
 */
export function* addsAccess(
  before: Analysed,
  after: Analysed,
  changed: readonly Domain[] | null = null,
): Work<boolean> {
  if (changed === null) return yield* addsAnywhere(before, after);
  for (const domain of changed) {
    for (const other of [...after.domains.all, after.domains.broker]) {
      if (addsBetween(before, after, domain, other) || addsBetween(before, after, other, domain)) return true;
    }
    yield;
  }
  return false;
}

function addsBetween(before: Analysed, after: Analysed, source: Domain, destination: Domain): boolean {
  const [oldSource, oldDestination] = [sameIn(before, source), sameIn(before, destination)];
  if (oldSource === undefined || oldDestination === undefined) return true;
  for (const serviceClass of after.classes.all) {
    for (let position = 0; position < serviceClass.permissions.length; position++) {
      if (!isAllowed(after, { source, destination, serviceClass, position })) continue;
      const cell = { source: oldSource, destination: oldDestination, serviceClass, position };
      if (!isAllowed(before, cell)) return true;
    }
  }
  return false;
}

/** One example domain for each pair of kinds, before and after, that a domain has. */
function* addsAnywhere(before: Analysed, after: Analysed): Work<boolean> {
  const examples = new Map<string, Domain>();
  for (const domain of [...after.domains.all, after.domains.broker]) {
    const old = sameIn(before, domain);
    if (old === undefined) return true;
    examples.set(`${before.examined.placement.kind(old)} ${after.examined.placement.kind(domain)}`, domain);
  }
  for (const source of examples.values()) {
    for (const destination of examples.values()) {
      if (addsBetween(before, after, source, destination)) return true;
      yield;
    }
  }
  return false;
}

function sameIn({ domains }: Analysed, { name }: Domain): Domain | undefined {
  return name === domains.broker.name ? domains.broker : domains.byName(name);
}
