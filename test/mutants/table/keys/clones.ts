/** Lines that give a domain whose machine is cloned the suite that survives it. */
import type { Mutant } from '../../mutant.ts';

const promise = 'clones of a machine show nothing';

export const CLONES: readonly Mutant[] = [
  {
    in: 'keys/aead/noble.ts',
    find: 'A256GCMSIV: gcmsiv }',
    replace: 'A256GCMSIV: gcm }',
    promise,
    tests: ['test/keys/aead/wycheproof.test.ts'],
  },
  {
    in: 'broker/channel/handshake.ts',
    find: "const own = role === 'domain' ? (context.suitesOf?.(peer.name) ?? null) : null;",
    replace: 'const own = null;',
    promise,
    tests: ['test/channel/handshake.test.ts'],
  },
  {
    in: 'broker/broker.ts',
    find: 'argo.domain(name)?.domain.cloneSafe === true',
    replace: 'false',
    promise,
    tests: ['test/sdk/with-broker.test.ts'],
  },
  {
    in: 'broker/service/adopt.ts',
    find: 'if (state.domain.cloneSafe && !CLONE_SAFE_SUITES.includes(suite))',
    replace: 'if (false)',
    promise,
    tests: ['test/service/sessions.test.ts'],
  },
  {
    in: 'clients/agents/guest/agent.ts',
    find: 'config.cloneSafe ? { suites: CLONE_SAFE_SUITES } : {}',
    replace: '{}',
    promise,
    tests: ['test/agents/guest/local.test.ts'],
  },
  {
    in: 'broker/peer/channel-driver.ts',
    find: 'openUnits(plaintext.length, session?.isSlow === true)',
    replace: 'openUnits(plaintext.length, false)',
    promise: 'nobody starves others',
    tests: ['test/peer/attacks.test.ts'],
  },
];
