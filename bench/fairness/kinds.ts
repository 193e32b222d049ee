/** The attacks that are measured: each by a VM with a genuine key, or by a process that can only open a socket. */

/** One kind for each way in which a VM has once slowed down the others. `attacks.mjs` has a function of each name. */
export const ATTACKS: Readonly<Record<string, string>> = Object.freeze({
  'bad-hellos': 'malformed hellos of 25 bytes on a running session',
  'valid-hellos': 'valid hellos on a running session, whose answers are never read',
  rekeys: 'a new key with every record',
  'tiny-records': 'records that hold one pong each',
  'full-records': 'full records of pongs',
  notify: 'notify with 256 entries',
  registrations: 'a ring registered and unregistered again',
  'audited-sends': 'messages of a class that is recorded one by one',
  'denied-sends': 'messages that policy denies',
  'false-headers': 'headers of hellos, without a key, at the socket of a serial port',
  'deaf-receiver': 'a receiver that fills 64 MiB of rings with empty messages and reads nothing',
  'half-records': 'a record of 16 MiB that never ends',
  'nats-pieces': 'over NATS: records cut into messages of one byte, and credit after 400 000 of them',
  'broker-frames': 'as another broker: records that hold as many frames as they may',
  'broker-records': 'as another broker: records that hold one frame each',
});

/** Sessions that do nothing but answer pings. They are not an attack, and cost others nothing either. */
export const IDLE_SESSIONS = 'idle-sessions';

/** They need a nats-server. */
export const NATS_ATTACKS: readonly string[] = ['nats-pieces', 'broker-frames', 'broker-records'];

export interface Kind {
  readonly name: string;
  /** How many attackers at a time, each in a process of its own. For idle sessions: sessions, all in one process. */
  readonly counts: readonly number[];
}

export const ATTACKER_COUNTS: readonly number[] = [1, 4, 16];
export const IDLE_COUNT = 300;

export const KINDS: readonly Kind[] = [
  ...Object.keys(ATTACKS).map((name) => ({ name, counts: ATTACKER_COUNTS })),
  { name: IDLE_SESSIONS, counts: [IDLE_COUNT] },
];
