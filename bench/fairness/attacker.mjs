/** One attacker: a process that runs one attack at a time, and opens its session again when the broker ends it. */
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { attacks } from './attacks.mjs';
import { answerCalls, setup } from './calls.mjs';

const AGAIN_AFTER_MS = 100;
/** How long the start and the end of an attack are waited for: a broker may keep an attacker waiting as long as it likes. */
const PATIENCE_MS = 3_000;

/** Set while an attack runs. */
let running = null;

class Attack {
  isHalted = false;
  bytes = 0;
  sessions = 0;
  #onHalt = [];
  /** Resolves when the attack is under way. */
  begun = new Promise((resolve) => {
    this.begin = resolve;
  });

  /** Writes what `next` makes until halted; null from `next`: there is nothing more to say, and the socket stays open. */
  flood = async (socket, next, cleanUp = () => {}) => {
    this.sessions++;
    // The broker may have kept the session waiting until after the end of the attack.
    if (this.isHalted) socket.destroy();
    this.#onHalt.push(() => socket.destroy(), cleanUp);
    const closed = new Promise((resolve) => socket.once('close', resolve));
    while (!this.isHalted && !socket.destroyed) {
      const chunk = await next();
      if (chunk === null) {
        await closed;
        break;
      }
      this.bytes += chunk.length;
      this.begin();
      if (socket.write(chunk)) await new Promise(setImmediate);
      else await Promise.race([once(socket, 'drain').catch(() => {}), closed]);
    }
    await cleanUp();
  };

  halt() {
    this.isHalted = true;
    for (const act of this.#onHalt) void act();
  }
}

async function run(attack, kind) {
  while (!attack.isHalted) {
    // What the broker refuses is the answer to an attack, and not a failure of the bench.
    await attacks[kind](setup, attack.flood).catch(attack.begin);
    if (!attack.isHalted) await sleep(AGAIN_AFTER_MS);
  }
}

answerCalls({
  open: async () => {},
  go: async ({ kind }) => {
    const attack = new Attack();
    running = { attack, ended: run(attack, kind) };
    await Promise.race([attack.begun, sleep(PATIENCE_MS)]);
  },
  halt: async () => {
    const { attack, ended } = running;
    attack.halt();
    await Promise.race([ended, sleep(PATIENCE_MS)]);
    return { bytes: attack.bytes, sessions: attack.sessions };
  },
});
