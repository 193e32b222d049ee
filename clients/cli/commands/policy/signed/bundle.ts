/** `argus policy bundle` and `unbundle`: a policy as one file that can be signed and sent. */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { Command, InvalidArgumentError } from 'commander';
import {
  type Bundle,
  hashFiles,
  installPolicy,
  makeBundle,
  PolicyError,
  type PolicyFiles,
} from '../../../../../policy/index.ts';
import { parseSeconds } from '../../../durations.ts';
import { printJson } from '../../../output.ts';
import { isoTime } from '../../keys/format.ts';
import { load } from '../directory.ts';
import { readBundle, writeBundle } from './bundle-path.ts';

const DEFAULT_EXPIRY_SECONDS = 90 * 86_400;

interface BundleOptions {
  readonly out: string;
  readonly after?: string;
  readonly number?: number;
  readonly expires: number;
  readonly json?: true;
}

export function bundleCommand(): Command {
  return new Command('bundle')
    .description('check a policy directory and make one file of it, to be signed')
    .argument('<directory>', 'the policy directory')
    .requiredOption('--out <file>', 'the bundle; a file of that name is replaced')
    .option('--after <bundle>', 'the bundle before this one: its version is counted on')
    .option('--number <version>', 'the version (default: one more than that of --after, or 1)', readNumber)
    .option(
      '--expires <duration>',
      'how long brokers accept it: 90d, 12h (default: 90d)',
      parseSeconds,
      DEFAULT_EXPIRY_SECONDS,
    )
    .option('--json', 'print one JSON object')
    .addHelpText(
      'after',
      '\nIf assertions.csv is the same as in the bundle before, its signature is taken over.\n\nExample:\n  argus policy bundle ./policy --after ./policy.bundle --out ./next.bundle',
    )
    .action(async (directory: string, options: BundleOptions) => {
      const { files } = await load(directory);
      const before = options.after === undefined ? null : await readBundle(options.after);
      const version = options.number ?? (before?.terms.version ?? 0) + 1;
      const issuedAt = Math.floor(Date.now() / 1_000);
      const made = makeBundle(files, { version, issuedAt, expiresAt: issuedAt + options.expires });
      const assertions = before === null ? null : carriedSignature(before, files);
      const bundle: Bundle = { ...made, signatures: { policy: null, assertions } };
      await writeBundle(options.out, bundle);
      printBundle(options.out, bundle, options.json === true);
    });
}

export function unbundleCommand(): Command {
  return new Command('unbundle')
    .description('write the files of a bundle into a new directory, to look at them before they are signed')
    .argument('<bundle>', 'the bundle')
    .argument('<directory>', 'a directory that does not exist yet')
    .option('--json', 'print one JSON object')
    .addHelpText('after', '\nNo signature is checked.\n\nExample:\n  argus policy unbundle ./next.bundle ./draft')
    .action(async (path: string, directory: string, { json }: { readonly json?: true }) => {
      const bundle = await readBundle(path);
      if (existsSync(directory)) throw new PolicyError('ERR_POLICY_EXISTS', `"${directory}" exists already`);
      await installPolicy(directory, bundle.files);
      printBundle(path, bundle, json === true);
    });
}

export function printBundle(path: string, { terms, files, signatures }: Bundle, asJson: boolean): void {
  const policy = hashFiles(files);
  const signed = (['policy', 'assertions'] as const).filter((scope) => signatures[scope] !== null);
  if (asJson) {
    printJson({ bundle: path, version: terms.version, policy, expiresAt: isoTime(terms.expiresAt), signed });
    return;
  }
  const by = signed.length === 0 ? 'not signed' : `signed: ${signed.join(', ')}`;
  process.stdout.write(
    `${path}: version ${terms.version}, policy ${policy.slice(0, 12)}, until ${isoTime(terms.expiresAt)}, ${by}\n`,
  );
}

function carriedSignature({ files: before, signatures }: Bundle, files: PolicyFiles): string | null {
  return sha256(before['assertions.csv']) === sha256(files['assertions.csv']) ? signatures.assertions : null;
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

function readNumber(text: string): number {
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('expected a whole number, 1 to 999999999');
}
