/** What the console's tests share: the built page, and a log in which much happens. */
import { appendFileSync, mkdirSync } from 'node:fs';
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

/** Writes linked records as a broker does, in one segment. */
export class Scribe {
  readonly #file: string;
  #seq = 0;
  #prev = '0'.repeat(64);
  #text = '';

  constructor(directory: string) {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    this.#file = join(directory, '00000001.jsonl');
  }

  get count(): number {
    return this.#seq;
  }

  add(time: number, fields: object): void {
    this.#seq += 1;
    const body = { time: new Date(time).toISOString(), mono: this.#seq, boot: 'b', broker: 'host-1', ...fields };
    const line = encodeLine(this.#seq, JSON.stringify(body).slice(1, -1), this.#prev);
    this.#prev = hashLine(line);
    this.#text += `${line}\n`;
  }

  /** What was added is in the file from now on. */
  flush(): void {
    appendFileSync(this.#file, this.#text, { mode: 0o600 });
    this.#text = '';
  }
}

export function domain(name: string, ...labels: readonly string[]): object {
  return { domain: name, domid: 1, labels };
}

export const denied = {
  event: 'send.denied',
  decision: 'deny',
  reason: 'NO_RULE',
  class: 'unclassified',
  permission: 'send',
};
export const flow = {
  event: 'flow',
  decision: 'allow',
  rule: { file: 'policy.csv', line: 3 },
  port: 4713,
  class: 'audio-playback',
  permission: 'send',
};

/** A linked log of so many records, a second apart, the last one at this moment: flows, denials, a grant, hostile names. */
export function livelyLog(directory: string, count: number): string {
  const scribe = new Scribe(directory);
  const begin = Date.now() - count * 1_000;
  const add = (fields: object): void => scribe.add(begin + (scribe.count + 1) * 1_000, fields);
  add({ event: 'broker.start', detail: { version: '0' } });
  add({ event: 'policy.load', revision: 1, policy: '3fa9c1d2e5b60718' });
  for (const name of DOMAINS) add({ event: 'session.open', src: party(name), session: `s-${name.length}` });
  const detail = { label: '@mic', by: 'alice', why: 'weekly call', forMs: count * 1_000 + 590_000, keep: false };
  add({ event: 'grant.add', src: party('zoom-vm'), reason: 'GRANTED', detail });
  while (scribe.count < count) {
    const turn = scribe.count;
    const port = turn % 9_000;
    if (turn % 4 === 0) add({ ...denied, port, src: party('rogue-vm'), dst: party('net-vm'), count: 3 });
    else if (turn % 9 === 0) add({ ...denied, port, src: party(HOSTILE_NAME), dst: party('mail-vm') });
    else
      add({
        ...flow,
        src: party(['chrome-vm', 'zoom-vm', 'mail-vm'][turn % 3] ?? ''),
        dst: party('audio-vm'),
        messages: 100,
        bytes: 9_000,
      });
  }
  scribe.flush();
  return directory;
}

/** Labels of a large host, and how many of its domains each has. */
const CROWD = { '@app': 0.6, '@service': 0.15, '@net': 0.125, '@db': 0.125 } as const;

/** So many domains under four labels, each of which sends to others; one is refused all that it tries. */
export function crowdedLog(directory: string, count: number): string {
  const scribe = new Scribe(directory);
  const begin = Date.now() - 120_000;
  const parties = Object.entries(CROWD).flatMap(([label, share]) =>
    Array.from({ length: Math.round(count * share) }, (_, at) => domain(`${label.slice(1)}-vm-${at + 1}`, label)),
  );
  scribe.add(begin, { event: 'broker.start', detail: { version: '0' } });
  for (const src of parties) scribe.add(begin, { event: 'session.open', src, session: 's' });
  for (let turn = 0; turn < 10; turn++) {
    for (const [at, src] of parties.entries()) {
      const dst = parties[(at * 7 + 13) % parties.length];
      scribe.add(begin + turn * 10_000, { ...flow, src, dst, messages: 10 + at, bytes: 9_000 * (1 + (at % 17)) });
    }
    scribe.add(begin + turn * 10_000, { ...denied, port: turn, src: parties[count - 1], dst: parties[0] });
  }
  scribe.flush();
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
