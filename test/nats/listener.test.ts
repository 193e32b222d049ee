/** A domain over NATS opens as many pipes as it has places for strangers; the next one is closed at once. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { PLAIN_FRAGMENT_BYTES } from '../../broker/carrier/nats/limits.ts';
import type { LineHost } from '../../broker/carrier/nats/line/line-host.ts';
import type { LinePace } from '../../broker/carrier/nats/line/line-reader.ts';
import type { ServerConnectionHandlers } from '../../broker/carrier/nats/line/server-connection.ts';
import { NatsListener } from '../../broker/carrier/nats/listen.ts';
import { decodeMessage, MessageKind } from '../../broker/carrier/nats/pipe/message.ts';
import type { Release } from '../../broker/carrier/places.ts';
import { MAX_UNAUTHENTICATED_UNIX } from '../../broker/process/index.ts';
import { Turns } from '../../broker/turns/index.ts';
import { FakeClock } from '../support/clock.ts';
import { messageOf } from './messages.ts';

const listeners = suite('nats listener');

listeners(
  `${MAX_UNAUTHENTICATED_UNIX} strangers at a time, the next one when one of them has proved itself`,
  async () => {
    let handlers: ServerConnectionHandlers | null = null;
    const closed: number[] = [];
    const host: LineHost = {
      connect: async (_options, given) => {
        handlers = given;
        return {
          fragmentBytes: PLAIN_FRAGMENT_BYTES,
          waitingBytes: 0,
          publish: (length, write) => {
            const bytes = new Uint8Array(length);
            write(bytes);
            const message = decodeMessage(bytes);
            if (message?.kind === MessageKind.close && message.id !== 0) closed.push(message.id);
          },
          close: () => {},
        };
      },
      schedule: () => () => {},
      nextTurn: () => {},
    };
    const releases: Release[] = [];
    const end = { host: 'nowhere', tcpPort: 4222, seed: new Uint8Array(0), ca: null };
    const subjects = { up: 'up', down: 'down' };
    const accept = (_carrier: unknown, release: Release): void => void releases.push(release);
    const pace: LinePace = (worker) => new Turns(() => {}, new FakeClock()).job('chrome-vm', worker);
    const fail = (): void => assert.unreachable('there is no trouble');
    const listener = new NatsListener(end, 'host-1', 'chrome-vm', subjects, accept, pace, fail, host);
    await listener.open();
    const come = (id: number): void => handlers?.onMessage(messageOf(MessageKind.open, id, 0, 8));

    for (let id = 1; id <= MAX_UNAUTHENTICATED_UNIX; id++) come(id);
    assert.is(releases.length, MAX_UNAUTHENTICATED_UNIX);
    assert.equal(closed, []);
    come(100);
    assert.equal([releases.length, closed], [MAX_UNAUTHENTICATED_UNIX, [100]]);
    releases[0]?.(false);
    come(101);
    assert.equal([releases.length, closed], [MAX_UNAUTHENTICATED_UNIX + 1, [100]]);
  },
);

listeners.run();
