/**
 * How native code is reached: koffi calls functions of the libraries that this process has loaded already.
 *
 * JavaScript does not check such a call, so each room that needs one makes it in a single file, whose head says why its
 * addresses and lengths are right.
 */
import { createRequire } from 'node:module';
import type * as Koffi from 'koffi';

export type Native = typeof Koffi;

/**
 * A require, because koffi is an optional package, and the guest agent is one file without it.
 *
 * @throws when koffi is not installed, or has no binary for this platform
 */
export function requireKoffi(): Native {
  return createRequire(import.meta.url)('koffi');
}
