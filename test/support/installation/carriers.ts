/**
 * The carriers that this suite runs on: every rule is a test on each of them.
 *
 *     const stream = onEachCarrier('streams through a broker');
 *     stream('what is sent arrives', (carrier) => withInstallation({ carrier }, async (installation) => { … }));
 *     stream.only('unix', 'the test speaks to a socket itself', 'who is refused is hung up on', …);
 */
import { suite } from 'uvu';
import { needs, type RegisterNeedy } from '../needs.ts';

export type InstallationCarrier = 'unix' | 'nats';

const always: RegisterNeedy = (on, name, handler) => on(name, handler);
const CARRIERS: ReadonlyMap<InstallationCarrier, RegisterNeedy> = new Map<InstallationCarrier, RegisterNeedy>([
  ['unix', always],
  ['nats', needs('nats-server', 'nats-server')],
]);

type Rule = (carrier: InstallationCarrier) => Promise<void>;

export interface CarrierSuite {
  /** `needing`: what the rule needs in addition to its carrier. */
  (name: string, rule: Rule, needing?: RegisterNeedy): void;
  /** A rule that makes sense on one carrier only, and why. */
  only(carrier: InstallationCarrier, reason: string, name: string, rule: Rule): void;
  run(): void;
}

export function onEachCarrier(title: string): CarrierSuite {
  const tests = suite(title);
  const each = (name: string, rule: Rule, needing: RegisterNeedy = always): void => {
    for (const [carrier, needingCarrier] of CARRIERS) {
      // Check the rule's own needs first: if they are missing, the carrier does not matter.
      const register = carrier === 'unix' ? needing : needingCarrier;
      register(tests, `${name} (${carrier})`, () => rule(carrier));
    }
  };
  return Object.assign(each, {
    only: (carrier: InstallationCarrier, reason: string, name: string, rule: Rule): void => {
      CARRIERS.get(carrier)?.(tests, `${name} (${carrier} only: ${reason})`, () => rule(carrier));
    },
    run: () => tests.run(),
  });
}
