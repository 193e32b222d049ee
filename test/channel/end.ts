/** One end of a channel with the I/O that a test gives it, and the handshake between two of them. */
import * as assert from 'uvu/assert';

import { Channel, type ChannelEvent, type ChannelOptions, type ChannelRole } from '../../broker/channel/index.ts';

import { encodeBrokerFrame, Op } from '../../broker/wire/index.ts';
import type { Identity } from '../../keys/index.ts';
import { CONTEXT } from './pair.ts';

/** A channel: bytes go in, events and written bytes come out. */
export class End {
  readonly channel: Channel;
  /** Every event but 'more' and 'waiting'. */
  readonly events: ChannelEvent[] = [];
  readonly frames: string[] = [];
  readonly #written: Uint8Array[] = [];

  constructor(role: ChannelRole, identity: Identity, options: Partial<ChannelOptions> = {}) {
    this.channel = new Channel({
      role,
      identity,
      suites: ['A256GCM'],
      expected: null,
      context: CONTEXT,
      resynchronises: false,
      plaintext: 'lent',
      ...options,
    });
  }

  /** Reads until the channel wants something; 'handshake' is left to the test. */
  hear(bytes: Uint8Array): ChannelEvent {
    const lent = Uint8Array.from(bytes);
    this.channel.push(lent);
    const last = this.read();
    this.channel.keep();
    lent.fill(0xee);
    return last;
  }

  read(): ChannelEvent {
    for (;;) {
      const event = this.channel.next();
      if (event === 'more' || event === 'waiting') return event;
      this.events.push(event);
      if (event === 'frames') this.frames.push(Buffer.from(this.channel.plaintext).toString('latin1'));
      else if (event !== 'proven' || this.channel.candidate !== null) return event;
    }
  }

  take(): Uint8Array {
    this.#written.push(...this.channel.takeOutput());
    return Buffer.concat(this.#written.splice(0));
  }

  say(text: string): Uint8Array {
    const { session } = this.channel;
    if (session === null) throw new Error('nobody is believed');
    return session.seal(Buffer.from(text, 'latin1'));
  }
}

/** Hello, welcome, proof: until the responder has the initiator's proof before it. */
export async function greet(initiator: End, responder: End): Promise<Uint8Array> {
  await initiator.channel.begin();
  assert.is(responder.hear(initiator.take()), 'handshake');
  assert.is(await responder.channel.verify(), 'answered');
  assert.is(initiator.hear(responder.take()), 'handshake');
  assert.is(await initiator.channel.verify(), 'answered');
  return initiator.take();
}

export function welcomeOf(responder: End): Uint8Array {
  const session = responder.channel.session;
  if (session === null) throw new Error('nobody is believed');
  const facts = { domid: 1, revision: 2, name: 'a', broker: 'the-broker' };
  return session.seal(encodeBrokerFrame({ op: Op.welcome, commitment: session.ourCommitment, ...facts }));
}

export async function pair(domain: End, broker: End): Promise<void> {
  const proof = await greet(domain, broker);
  assert.is(broker.hear(proof), 'proven');
  assert.is(broker.channel.admit().peer.name, 'a');
  assert.is(domain.hear(welcomeOf(broker)), 'more');
  assert.is(domain.channel.welcome?.domid, 1);
}
