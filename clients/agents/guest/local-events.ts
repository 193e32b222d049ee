/**
 * What happens to the session of this machine, as lines for programs in any language:
 *
 *   space DOMID PORT                     a ring that was full has room again
 *   peer-gone DOMID PORT MESSAGES BYTES  a receiver is gone; PORT is * for all; MESSAGES of ours may not have been read
 *   revoked DOMID PORT MESSAGES BYTES    policy took accepted messages back before they were read
 *   revision N                           another policy is in force
 *   session lost, session up             the session with the broker
 */
import type { Socket } from 'node:net';
import type { Undelivered, Vm, VmEvents } from '../../sdk/index.ts';
import { MAX_EVENT_BACKLOG_BYTES } from './limits.ts';

export function serveEvents(vm: Vm, socket: Socket): void {
  const say = (line: string): void => {
    // A program that asked for events and does not read them loses the connection, and with it no event unnoticed.
    if (socket.writableLength > MAX_EVENT_BACKLOG_BYTES) socket.destroy();
    else if (socket.writable) socket.write(`${line}\n`);
  };
  const listen = <Name extends keyof VmEvents>(name: Name, format: (event: VmEvents[Name]) => string): void => {
    const listener = (event: VmEvents[Name]): void => say(format(event));
    vm.on(name, listener);
    socket.once('close', () => vm.off(name, listener));
  };
  listen('space', ({ domid, port }) => `space ${domid} ${port}`);
  listen('peer-gone', (event) => `peer-gone ${undelivered(event)}`);
  listen('revoked', (event) => `revoked ${undelivered(event)}`);
  listen('revision', ({ revision }) => `revision ${revision}`);
  listen('disconnected', () => 'session lost');
  listen('reconnected', () => 'session up');
  socket.once('end', () => socket.destroy());
  socket.resume();
  say('ok');
}

function undelivered({ domid, port, messages, bytes }: Undelivered): string {
  return `${domid} ${port ?? '*'} ${messages} ${bytes}`;
}
