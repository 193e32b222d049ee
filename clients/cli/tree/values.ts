/** The words that a shell offers for a value: read from the policy of this host when TAB is pressed. */

import { findConfig, type SearchPlaces } from '../../../broker/config/index.ts';
import { INSPECTORS, readOptions } from '../../../broker/index.ts';
import { AUDIT_EVENTS } from '../../../broker/record/index.ts';
import { loadPolicy } from '../../../policy/index.ts';
import type { ValueKind } from './value-kind.ts';

/** Empty when argus.yaml is missing or the policy does not load: a shell shows no errors. */
export async function knownValues(kind: ValueKind, places?: SearchPlaces): Promise<readonly string[]> {
  if (kind === 'events') return AUDIT_EVENTS;
  const config = findConfig('argus.yaml', places);
  if (config === null) return [];
  try {
    const { domains, labels, classes } = await loadPolicy(readOptions(config).policy.directory, {
      revision: 1,
      inspectors: INSPECTORS,
    });
    const names = domains.all.map(({ name }) => name);
    switch (kind) {
      case 'domains':
        return names;
      case 'labels':
        return [...labels.keys()];
      case 'subjects':
        return [...names, ...labels.keys()];
      case 'classes':
        return classes.all.map(({ name }) => name);
    }
  } catch {
    return [];
  }
}
