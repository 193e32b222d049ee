/** Reloads under a hundred grants: one whose new files no longer bear a grant, next to one that keeps all. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { callControl, type GrantStatus } from '../../broker/index.ts';
import { median } from '../figures/stats.ts';
import { LABEL, type PolicySite } from './site.ts';

export const GRANTS = 100;
const DROPPED = 'vm-37';
/** With it the grant of this domain would break an assertion. */
const FORBIDDEN = `neverallow, ${DROPPED}, sink, unclassified, send\n`;

export interface GrantsReloadFigures {
  /** From the request to its answer, milliseconds: medians. */
  readonly keepsAllMs: number;
  readonly dropsOneMs: number;
}

/** The rounds are interleaved, so that other work on the machine slows both alike. */
export async function measureGrantsReload(site: PolicySite, rounds: number): Promise<GrantsReloadFigures> {
  const path = join(site.directory, 'assertions.csv');
  const text = await readFile(path, 'utf8');
  const grant = (domain: string): Promise<void> =>
    ask(site, '/v1/grants', { domain, label: LABEL, by: 'bench', reason: '', forMs: null, keep: true });
  const reload = async (assertions: string, left: number): Promise<number> => {
    await writeFile(path, assertions);
    const from = performance.now();
    await ask(site, '/v1/policy/reload', {});
    const took = performance.now() - from;
    const { grants } = (await callControl(site.control, 'GET', '/v1/grants')).body as { grants: GrantStatus[] };
    if (grants.length !== left) throw new Error(`bench: ${grants.length} grants after a reload, not ${left}`);
    return took;
  };
  // An assertion of the site is about vm-0.
  for (let index = 1; index <= GRANTS; index++) await grant(`vm-${index}`);
  const keeps: number[] = [];
  const drops: number[] = [];
  for (let round = -1; round < rounds; round++) {
    const kept = await reload(`${text}# round ${round}\n`, GRANTS);
    const dropped = await reload(`${text}${FORBIDDEN}`, GRANTS - 1);
    await reload(text, GRANTS - 1);
    await grant(DROPPED);
    // round -1 warms up
    if (round < 0) continue;
    keeps.push(kept);
    drops.push(dropped);
  }
  return { keepsAllMs: median(keeps), dropsOneMs: median(drops) };
}

async function ask(site: PolicySite, path: string, body: object): Promise<void> {
  const { ok, body: answer } = await callControl(site.control, 'POST', path, body);
  if (!ok) throw new Error(`bench: ${path} was refused: ${JSON.stringify(answer)}`);
}
