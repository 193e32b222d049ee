/** `argus policy sign` and `verify`: the signatures of a bundle. */
import { Command, InvalidArgumentError } from 'commander';
import { loadIdentity } from '../../../../../keys/index.ts';
import { acceptBundle, PolicyError, signBundle } from '../../../../../policy/index.ts';
import { printJson } from '../../../output.ts';
import { isoTime } from '../../keys/format.ts';
import { printBundle } from './bundle.ts';
import { readBundle, writeBundle } from './bundle-path.ts';

interface SignOptions {
  readonly identity: string;
  readonly assertions?: true;
  readonly json?: true;
}

export function signCommand(): Command {
  return new Command('sign')
    .description('sign a bundle with the key of an admin')
    .argument('<bundle>', 'the bundle; the signature is written into it')
    .requiredOption('--identity <dir>', 'directory of the key (argus keys enrol DIR --name NAME --role admin)')
    .option('--assertions', 'sign assertions.csv alone, as the other person of the two-person rule')
    .option('--json', 'print one JSON object')
    .addHelpText(
      'after',
      '\nLook at the files first: argus policy unbundle BUNDLE DIR, argus policy diff OLD DIR.\n\nExample:\n  argus policy sign ./next.bundle --identity ./alice',
    )
    .action(async (path: string, { identity: directory, assertions, json }: SignOptions) => {
      const bundle = await readBundle(path);
      const identity = await loadIdentity(directory);
      if (identity.role !== 'admin')
        throw new PolicyError(
          'ERR_POLICY_BUNDLE_SIGNER',
          `"${directory}" is the identity of a ${identity.role}, not of an admin; enrol one with --role admin`,
        );
      const signed = await signBundle(bundle, assertions === true ? 'assertions' : 'policy', identity);
      await writeBundle(path, signed);
      printBundle(path, signed, json === true);
    });
}

interface VerifyOptions {
  readonly key: readonly string[];
  readonly assertionKey: readonly string[];
  readonly json?: true;
}

export function verifyCommand(): Command {
  return new Command('verify')
    .description('check that a bundle is whole, signed by these keys, and has not expired')
    .argument('<bundle>', 'the bundle')
    .requiredOption(
      '--key <thumbprint...>',
      'keys that may sign policies, as in policy.keys of argus.yaml',
      readKey,
      [],
    )
    .option('--assertion-key <thumbprint...>', 'keys that must sign assertions.csv besides', readKey, [])
    .option('--json', 'print one JSON object')
    .addHelpText(
      'after',
      '\nA broker also refuses a bundle that is older than the last one it accepted. Exit code 1 when a check fails.\n\nExample:\n  argus policy verify ./next.bundle --key 5hGn2Ne8hDPtgDQbMWbKlcXEmwZZZBxUyJXtUyjSUhA',
    )
    .action(async (path: string, { key, assertionKey, json }: VerifyOptions) => {
      const bundle = await readBundle(path);
      const trust = { keys: key, assertionKeys: assertionKey };
      const accepted = await acceptBundle(bundle, trust, null, Math.floor(Date.now() / 1_000));
      const { version, policy, signer, assertionsSigner, expiresAt } = accepted;
      if (json === true) {
        printJson({ version, policy, signer, assertionsSigner, expiresAt: isoTime(expiresAt) });
        return;
      }
      const lines = [
        `version ${version}, policy ${policy.slice(0, 12)}, until ${isoTime(expiresAt)}`,
        `signed by ${signer}`,
        ...(assertionsSigner === null ? [] : [`assertions.csv signed by ${assertionsSigner}`]),
      ];
      process.stdout.write(`${lines.join('\n')}\n`);
    });
}

function readKey(text: string, before: readonly string[]): readonly string[] {
  if (/^[A-Za-z0-9_-]{43}$/.test(text)) return [...before, text];
  throw new InvalidArgumentError('expected the thumbprint of a key, as "argus keys show DIR" prints it');
}
