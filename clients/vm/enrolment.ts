/** The host's half of a first boot: one token, one guest, one credential. */
import { randomBytes } from 'node:crypto';
import { lchown, rm } from 'node:fs/promises';
import { createServer, type Socket } from 'node:net';
import { dirname } from 'node:path';
import { listenPrivately } from '../../broker/files/index.ts';
import { refuseOthersDirectory, uidOf } from '../../broker/index.ts';
import type { Authority } from '../../keys/index.ts';
import {
  answerEnrolment,
  type EnrolAnswer,
  MAX_ENROL_ATTEMPTS,
  MAX_ENROL_LINE_BYTES,
  TOKEN_BYTES,
} from '../agents/guest/index.ts';

const KEEP_GROUP = -1;

export interface EnrolmentTerms {
  readonly name: string;
  readonly ttlSeconds: number;
  /** Unix socket that the guest's port `argus.enrol` leads to. */
  readonly socket: string;
  /** User of the guest's VMM, who connects there; without one, our own. */
  readonly vmm?: string | number;
}

export interface Enrolment {
  /** To be given to that guest and to no other guest. */
  readonly token: string;
  /** The enrolled domain. Null when the attempts are used up. */
  readonly done: Promise<EnrolAnswer | null>;
  close(): Promise<void>;
}

export async function openEnrolment(authority: Authority, terms: EnrolmentTerms): Promise<Enrolment> {
  const token = randomBytes(TOKEN_BYTES);
  const sockets = new Set<Socket>();
  let attempts = 0;
  let finish: (answer: EnrolAnswer | null) => void = () => {};
  const done = new Promise<EnrolAnswer | null>((resolve) => {
    finish = resolve;
  });
  let isUsed = false;
  const answer = async (socket: Socket, line: string): Promise<void> => {
    if (isUsed) return void socket.destroy();
    // Taken before anything is awaited: two lines at once must not both be answered.
    isUsed = true;
    const answered = await answerEnrolment(line, terms.name, token, authority, terms.ttlSeconds).catch(() => null);
    if (answered !== null) {
      socket.end(answered.line, () => finish(answered));
      return;
    }
    socket.destroy();
    attempts++;
    if (attempts >= MAX_ENROL_ATTEMPTS) finish(null);
    else isUsed = false;
  };
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    socket.on('error', () => {}); // the guest went away; it tries again
    let held = Buffer.alloc(0);
    socket.on('data', (chunk: Buffer) => {
      held = Buffer.concat([held, chunk]);
      const end = held.indexOf(0x0a);
      if (end >= 0) {
        socket.removeAllListeners('data');
        void answer(socket, held.toString('utf8', 0, end));
      } else if (held.length > MAX_ENROL_LINE_BYTES) socket.destroy();
    });
  });
  const owner = terms.vmm === undefined ? null : await uidOf(terms.vmm);
  // In another user's directory, the files written below could be redirected to any file.
  refuseOthersDirectory(dirname(terms.socket));
  await rm(terms.socket, { force: true });
  await listenPrivately(server, terms.socket);
  if (owner !== null) await lchown(terms.socket, owner, KEEP_GROUP);
  return {
    token: token.toString('base64url'),
    done,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroySoon();
      }),
  };
}
