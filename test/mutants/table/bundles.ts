/** Lines of signed policies: what makes a bundle count. */
import type { Mutant } from '../mutant.ts';

const BUNDLES = ['test/policy/bundle/bundle.test.ts'];
const SIGNED = ['test/service/signed-policy.test.ts'];

export const BUNDLE: readonly Mutant[] = [
  {
    in: 'policy/bundle/accept.ts',
    find: 'if (!keys.includes(signed.signer))',
    replace: 'if (false)',
    promise: 'only signed policies count',
    tests: BUNDLES,
  },
  {
    in: 'policy/bundle/accept.ts',
    find: 'if (isRevoked(signed.signer))',
    replace: 'if (false)',
    promise: 'only signed policies count',
    tests: BUNDLES,
  },
  {
    in: 'policy/bundle/accept.ts',
    find: 'if (!covers(signed.manifest, files))',
    replace: 'if (false)',
    promise: 'only signed policies count',
    tests: BUNDLES,
  },
  {
    in: 'policy/bundle/manifest.ts',
    find: 'parsed.data.scope !== scope',
    replace: 'false',
    promise: 'assertions need another person',
    tests: BUNDLES,
  },
  {
    in: 'policy/bundle/accept.ts',
    find: 'if (assertions !== null && assertions.signer === policy.signer)',
    replace: 'if (false)',
    promise: 'assertions need another person',
    tests: BUNDLES,
  },
  {
    in: 'policy/bundle/accept.ts',
    find: 'if (assertionsVersion < before.assertionsVersion)',
    replace: 'if (false)',
    promise: 'an older policy does not come back',
    tests: BUNDLES,
  },
  {
    in: 'policy/bundle/accept.ts',
    find: 'if (version < before.version)',
    replace: 'if (false)',
    promise: 'an older policy does not come back',
    tests: BUNDLES,
  },
  {
    in: 'policy/bundle/accept.ts',
    find: 'if (version === before.version && policy !== before.policy)',
    replace: 'if (false)',
    promise: 'an older policy does not come back',
    tests: BUNDLES,
  },
  {
    in: 'policy/bundle/accept.ts',
    find: 'if (now !== null && accepted.expiresAt <= now) throw expired(accepted);',
    replace: '',
    promise: 'only signed policies count',
    tests: BUNDLES,
  },
  {
    in: 'broker/service/policy/signed-policy.ts',
    find: 'await this.#keep(accepted, bundle);',
    replace: '',
    promise: 'an older policy does not come back',
    tests: SIGNED,
  },
  {
    in: 'broker/service/policy/first-policy.ts',
    find: 'if (signed !== null) return firstBundle(signed, directory, revision, strict);',
    replace: '',
    promise: 'only signed policies count',
    tests: SIGNED,
  },
];
