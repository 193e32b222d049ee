/** What the console's tests share: the built page, and a log in which much happens. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { encodeLine, hashLine } from '../../../broker/audit/chain.ts';
import { bundlePage } from '../../../clients/audit/console/bundle.ts';
import { temporaryDirectory } from '../../support/temp.ts';

let page: Promise<string> | null = null;

/** Built once for a test file, from the sources. */
export function builtPage(): Promise<string> {
  page ??= (async () => {
    const out = join(temporaryDirectory(), 'page');
    await bundlePage(out);
    return out;
  })();
  return page;
}

/** A name that no policy allows, and that a forged log may hold all the same. */
export const HOSTILE_NAME = '<img src=x onerror=alert(1)>\u202e';

const DOMAINS = ['audio-vm', 'net-vm', 'chrome-vm', 'mail-vm', 'zoom-vm', 'rogue-vm', HOSTILE_NAME] as const;

function party(name: string): object {
  const label = name.endsWith('o-vm') || name === 'net-vm' ? '@service' : name.startsWith('<') ? '@untrusted' : '@app';
  return { domain: name, domid: 1, labels: [label] };
}

/** A linked log of so many records, a second apart, the last one at this moment: flows, denials, a grant, hostile names. */
export function livelyLog(directory: string, count: number): string {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const begin = Date.now() - count * 1_000;
  const lines: string[] = [];
  let prev = '0'.repeat(64);
  const add = (fields: object): void => {
    const seq = lines.length + 1;
    const time = new Date(begin + seq * 1_000).toISOString();
    const line = encodeLine(
      seq,
      JSON.stringify({ time, mono: seq, boot: 'b', broker: 'host-1', ...fields }).slice(1, -1),
      prev,
    );
    prev = hashLine(line);
    lines.push(line);
  };
  add({ event: 'broker.start', detail: { version: '0' } });
  add({ event: 'policy.load', revision: 1, policy: '3fa9c1d2e5b60718' });
  for (const name of DOMAINS) add({ event: 'session.open', src: party(name), session: `s-${name.length}` });
  const until = new Date(Date.now() + 600_000).toISOString();
  add({ event: 'grant.add', src: party('zoom-vm'), reason: 'GRANTED', detail: { label: '@mic', until } });
  while (lines.length < count) {
    const turn = lines.length;
    const denied = {
      event: 'send.denied',
      decision: 'deny',
      reason: 'NO_RULE',
      port: turn % 9_000,
      class: 'unclassified',
      permission: 'send',
    };
    const flow = {
      event: 'flow',
      decision: 'allow',
      rule: { file: 'policy.csv', line: 3 },
      port: 4713,
      class: 'audio-playback',
      permission: 'send',
    };
    if (turn % 4 === 0) add({ ...denied, src: party('rogue-vm'), dst: party('net-vm'), count: 3 });
    else if (turn % 9 === 0) add({ ...denied, src: party(HOSTILE_NAME), dst: party('mail-vm') });
    else
      add({
        ...flow,
        src: party(['chrome-vm', 'zoom-vm', 'mail-vm'][turn % 3] ?? ''),
        dst: party('audio-vm'),
        messages: 100,
        bytes: 9_000,
      });
  }
  writeFileSync(join(directory, '00000001.jsonl'), lines.map((line) => `${line}\n`).join(''), { mode: 0o600 });
  return directory;
}

const ATTEMPTS = 600;
const PAUSE_MS = 25;

/** Asks again until it is so; the console is another party, whose turn cannot be awaited otherwise. */
export async function until(isSo: () => Promise<boolean>): Promise<void> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    if (await isSo()) return;
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
  throw new Error('it never became so');
}
