/**
 * One word, one meaning, for the names that a file exports and for the names of files.
 *
 * A term is a word that belongs to some rooms. A room that is not in the list needs another word for its own thing.
 * A private word is one that an engineer of this field would not search for; the second column is the word to use.
 */
import { isProduct, type Source } from './source.ts';

export interface Term {
  readonly word: string;
  readonly means: string;
  /** Folders in which an exported name may hold the word. */
  readonly rooms: readonly string[];
}

export const TERMS: readonly Term[] = [
  {
    word: 'link',
    means: 'an Ethernet link between two domains',
    rooms: ['clients/agents/network', 'clients/devices/net'],
  },
  {
    word: 'peer',
    means: 'the domain at the other end of a session; in ivshmem and vsock the other VM, as their specifications say',
    rooms: [
      'broker/peer',
      'clients/devices/ivshmem',
      'clients/devices/vsock',
      'clients/devices/base',
      'clients/devices/host-service',
    ],
  },
  {
    word: 'remote',
    means: 'at home with another broker; in network the far end of a host connection',
    rooms: ['broker/core', 'broker/federation', 'clients/agents/network'],
  },
  {
    word: 'agent',
    means: 'the program that runs in a guest',
    rooms: ['clients/agents/guest', 'clients/cli', 'clients/vm', 'clients/sdk/carriers'],
  },
  { word: 'outbox', means: 'frames for one session that are not sealed yet', rooms: ['broker/peer'] },
  { word: 'chunk', means: 'pooled memory of an outbox', rooms: ['broker/peer', 'broker/process'] },
  { word: 'epoch', means: 'a generation of session keys', rooms: ['broker/channel', 'keys/schedule', 'keys'] },
  { word: 'permit', means: 'proof of an allowing decision', rooms: ['policy'] },
  {
    word: 'credential',
    means: 'a signed key of a domain, broker or admin',
    rooms: ['keys', 'clients', 'broker/channel'],
  },
];

/** Word that is not used -> the field's word. */
export const PRIVATE_WORDS: Readonly<Record<string, string>> = {
  world: 'state, fixture or topology',
  party: 'domain, source or destination',
  elsewhere: 'remote',
  entrance: 'listener',
  loan: 'deferred copy',
  borrower: 'deferred copy',
  outlet: 'sink',
  way: 'path, carrier or setup',
  house: 'fixture or tree',
  scene: 'scenario',
  story: 'scenario',
  judge: 'check or verdict',
  stage: 'fixture or harness',
  actor: 'client or role',
  lane: 'path or worker',
  crew: 'workers',
  bench: 'harness; a benchmark lies in bench/',
};

/** Exported types that two rooms declare under one name, because both are ends of one thing. */
export const SHARED_NAMES: Readonly<Record<string, string>> = {
  Ring: 'the receive buffer of a domain: the broker keeps its account, the SDK its messages',
};

const EXPORTED = /^export (?:abstract |async |declare )*(class|interface|type|const|function\*?) ([A-Za-z_$][\w$]*)/gm;

export interface ExportedName {
  readonly name: string;
  readonly kind: string;
}

export function exportedNames(source: Source): ExportedName[] {
  return [...source.bare.matchAll(EXPORTED)].map(([, kind = '', name = '']) => ({ name, kind }));
}

/** `RingTable` -> ring, table; `MAX_RING_BYTES` -> max, ring, bytes; `open-peer.ts` -> open, peer. Plurals lose their s. */
export function wordsOf(name: string): string[] {
  const words = name.match(/[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+/g) ?? [];
  return words
    .map((word) => word.toLowerCase())
    .flatMap((word) => (word.endsWith('s') ? [word, word.slice(0, -1)] : [word]));
}

/** One line for each exported name that holds the word of another room. */
export function foreignTerms(sources: readonly Source[]): string[] {
  return sources.filter(isProduct).flatMap((source) =>
    exportedNames(source).flatMap(({ name }) => {
      const words = wordsOf(name);
      return TERMS.filter(
        ({ word, rooms }) => words.includes(word) && !rooms.some((room) => isIn(source.path, room)),
      ).map(({ word, means }) => `${source.path}: "${name}": "${word}" means ${means}`);
    }),
  );
}

/** One line for each name, exported or of a file, that holds a private word. */
export function privateWords(sources: readonly Source[]): string[] {
  return sources.flatMap((source) => {
    const file = source.path.replace(/^.*\/|\.[^/]*$/g, '');
    return [file, ...exportedNames(source).map(({ name }) => name)].flatMap((name) =>
      wordsOf(name)
        .filter((word) => Object.hasOwn(PRIVATE_WORDS, word))
        .map((word) => `${source.path}: "${name}": instead of "${word}" say ${PRIVATE_WORDS[word]}`),
    );
  });
}

/** One line for each type that two files of the product declare and export under one name. */
export function sharedNames(sources: readonly Source[]): string[] {
  const places = new Map<string, string[]>();
  for (const source of sources.filter(isProduct)) {
    for (const { name, kind } of exportedNames(source)) {
      // A constant and the type of its values share a name in one file.
      if (!/class|interface|type/.test(kind) || Object.hasOwn(SHARED_NAMES, name)) continue;
      places.set(name, [...(places.get(name) ?? []), source.path]);
    }
  }
  return [...places]
    .filter(([, paths]) => new Set(paths).size > 1)
    .map(([name, paths]) => `"${name}" is exported by ${paths.join(' and ')}`);
}

function isIn(path: string, room: string): boolean {
  return path.startsWith(`${room}/`);
}
